"""Deployment of a commit: Terraform's plan, and on demand the images, the application of the plan and the smoke test.

Images are tagged with the commit, and tags in the registry never move. Terraform therefore can show the plan before the
images are built, and apply the same plan after.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from json import dumps
from pathlib import Path

from tipoff_cli.checkout import FLEET, REPOSITORY, service_names
from tipoff_cli.commands.deploy.shell import Shell, ShellFailed, last_line

REPOSITORY_OF_IMAGES = "tipoff"
BUILDER = "tipoff-build"
_PLAN = "deploy.tfplan"
_STATE = "tipoff/platform/default.tfstate"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PROOF_SECONDS = 600  # https://cloud.google.com/iam/docs/access-change-propagation: new grants take minutes


class BuildWith(StrEnum):
    """The builder of images: Cloud Build, or the local docker."""

    CLOUD_BUILD = "cloud-build"
    DOCKER = "docker"


class DeployRefused(Exception):
    """A refusal before any change; the message names every fault with its remedy."""


@dataclass(frozen=True)
class Deployment:
    """The target and the content of a deployment."""

    environment: str
    project: str
    region: str
    build_with: BuildWith = BuildWith.CLOUD_BUILD
    images_from: str | None = None
    """Project whose registry has the tested images; None for this project's images, built where missing."""
    shared: bool = False
    """Whether the project may contain resources of other systems."""
    root: Path = FLEET.folder
    """The repository that is deployed: Tipoff's own, or a fleet's."""
    base_images: str | None = FLEET.base_images
    """The registry of Tipoff's images; set only for a fleet in its own repository."""

    own_fleet: bool = FLEET.folder != REPOSITORY
    """Whether a fleet in its own repository is deployed; its images are built on top of Tipoff's."""

    @property
    def registry(self) -> str:
        """The path of the repository of images."""
        return f"{self.region}-docker.pkg.dev/{self.images_from or self.project}/{REPOSITORY_OF_IMAGES}"

    @property
    def state_bucket(self) -> str:
        """The bucket of Terraform's state."""
        return f"{self.project}-tfstate"

    @property
    def folder(self) -> Path:
        """The folder of Terraform's root."""
        return self.root / "infra/terraform/platform"

    @property
    def variables(self) -> Path:
        """The environment's file of variables."""
        return self.root / "infra/terraform/environments" / self.environment / "platform.tfvars"

    @property
    def lock(self) -> Path:
        """The lock file with the provider's version and hashes."""
        return self.folder / ".terraform.lock.hcl"


def missing_images(deployment: Deployment, tag: str, shell: Shell) -> list[str]:
    """List the services whose image of that tag the registry lacks; none for a commit that was deployed before."""
    return [service for service in service_names() if not _is_built(deployment, service, tag, shell)]


def _is_built(deployment: Deployment, service: str, tag: str, shell: Shell) -> bool:
    """Return whether the registry lists the tag. Describing an image may call Artifact Analysis, which CI may not."""
    image = f"{deployment.registry}/{service}"
    listed = ("gcloud", "artifacts", "docker", "tags", "list", image, "--format=value(tag.basename())")
    try:
        return tag in shell.ask(*listed, "--project", deployment.project).split()
    except ShellFailed:
        return False  # gcloud lists no tags of an image that was never pushed


def digests(deployment: Deployment, tag: str, shell: Shell) -> dict[str, str]:
    """Return the digest of each image, so that exactly the tested images run here. Raises DeployRefused."""
    found, faults = dict[str, str](), list[str]()
    for service in service_names():
        image = f"{deployment.registry}/{service}"
        listed = ("gcloud", "artifacts", "docker", "tags", "list", image, f"--filter=tag:tags/{tag}")
        try:
            digest = shell.ask(
                *listed, "--format=value(version.basename())", "--project", deployment.images_from or ""
            )
        except ShellFailed as error:
            digest = ""
            faults.append(f"- {image} cannot be looked up{last_line(error)}")
            continue
        if _DIGEST.fullmatch(digest):
            found[service] = digest
        else:
            faults.append(f"- {image} has no tag {tag}: deploy this commit to that environment first")
    if faults:
        raise DeployRefused("\n".join(faults))
    return found


def plan(
    deployment: Deployment, images: Mapping[str, str], shell: Shell, *, dry_run: bool, drift: bool = False
) -> None:
    """Show Terraform's plan, and keep it in a file. Raises ShellFailed.

    dry_run: the state is not locked, so that the plan needs no right to change anything.
    drift: any change is a failure, with Terraform's exit code 2.
    """
    terraform = ("terraform", f"-chdir={deployment.folder}")
    # A deployment must not move to another provider than the one that was reviewed.
    locked = ("-lockfile=readonly",) if deployment.lock.exists() else ()
    override = deployment.folder / "no_state_override.tf"
    # Terraform creates a missing state, for which a dry run has no right: plan with an empty local state instead.
    stateless = dry_run and not _has_state(deployment, shell)
    try:
        if stateless:
            override.write_text('terraform {\n  backend "local" {}\n}\n')
            shell.do(*terraform, "init", "-input=false", "-reconfigure", *locked)
        else:
            # -reconfigure: do not migrate the state of an earlier command, which stays in its own bucket.
            bucket = f"-backend-config=bucket={deployment.state_bucket}"
            shell.do(*terraform, "init", "-input=false", "-reconfigure", *locked, bucket)
        variables = {
            "environment": deployment.environment,
            "project": deployment.project,
            "region": deployment.region,
            "images": dumps(images),
            **({"image_project": deployment.images_from} if deployment.images_from else {}),
        }
        given = (
            f"-var-file={deployment.variables}",
            *(f"-var={name}={value}" for name, value in variables.items()),
        )
        options = (*(("-lock=false",) if dry_run else ()), *(("-detailed-exitcode",) if drift else ()))
        # Keep the plan in a file: Terraform applies exactly the plan that was shown.
        shell.do(*terraform, "plan", "-input=false", *options, f"-out={_PLAN}", *given)
    finally:
        # Remove the override also after a failure: with it, the next command would work on an empty state.
        override.unlink(missing_ok=True)


def _has_state(deployment: Deployment, shell: Shell) -> bool:
    state = f"gs://{deployment.state_bucket}/{_STATE}"
    try:
        return bool(shell.ask("gcloud", "storage", "ls", state, "--project", deployment.project))
    except ShellFailed:
        return False


def build(deployment: Deployment, tag: str, services: Sequence[str], shell: Shell) -> None:
    """Build and push the images of these services. Raises ShellFailed."""
    base = deployment.base_images if deployment.own_fleet else None
    if deployment.build_with is BuildWith.DOCKER:
        script = ("bash", "infra/terraform/build_images.sh", base) if base else ("infra/build_images.sh",)
        shell.do(*script, deployment.registry, tag, *services)
    else:
        where = ("--region", deployment.region, "--project", deployment.project)
        values = f"_REGISTRY={deployment.registry},_TAG={tag},_SERVICES={' '.join(services)}"
        values += f",_BASE={base}" if base else ""
        project = deployment.project
        account = f"projects/{project}/serviceAccounts/{BUILDER}@{project}.iam.gserviceaccount.com"
        acting = (f"--service-account={account}", f"--gcs-source-staging-dir=gs://{project}-builds/source")
        steps = "infra/terraform/cloudbuild.yaml" if base else "cloudbuild.yaml"
        submit = ("gcloud", "builds", "submit", ".", f"--config={steps}")
        shell.do(*submit, *where, *acting, f"--substitutions={values}")
    if lost := [service for service in services if not _is_built(deployment, service, tag, shell)]:
        raise ShellFailed(f"built, but missing in {deployment.registry}: {', '.join(lost)}")


def apply(deployment: Deployment, shell: Shell) -> None:
    """Update the dataset, apply the plan that was shown, and run the smoke test. Raises ShellFailed."""
    where = {"TIPOFF_PROJECT": deployment.project, "TIPOFF_ENVIRONMENT": deployment.environment}
    tipoff = (sys.executable, "-m", "tipoff_cli")
    # Add new columns before the services write them; keep columns that are missing in an older commit.
    shell.do(*tipoff, "tables", "deploy", "--project", deployment.project, "--keep-columns")
    shell.do("terraform", f"-chdir={deployment.folder}", "apply", "-input=false", _PLAN)
    shell.do(*tipoff, "smoke", f"--timeout={_PROOF_SECONDS}", environment=where)
