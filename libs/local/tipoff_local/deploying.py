"""From a commit to what runs: images, Terraform's plan, and on demand its application and the smoke test.

Whatever can be wrong beforehand is looked for first and told together, each fault with its remedy; nothing is changed
before. Terraform applies the very plan that was shown.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from json import dumps
from pathlib import Path
from typing import Protocol

from tipoff_local.stack.layout import REPOSITORY, SERVICES

ENVIRONMENTS = ("dev", "prod")
REPOSITORY_OF_IMAGES = "tipoff"
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_PLAN = "deploy.tfplan"


class BuildWith(StrEnum):
    """What builds images: Cloud Build, or the docker that is here."""

    CLOUD_BUILD = "cloud-build"
    DOCKER = "docker"


class DeployRefused(Exception):
    """Nothing was changed; the message names every fault with its remedy."""


class CommandFailed(Exception):
    """A command ended with another exit code than 0; the message has the command and what it said."""


class Shell(Protocol):
    """How commands are run. Both raise CommandFailed."""

    def ask(self, *command: str) -> str:
        """What the command prints on stdout."""

    def do(self, *command: str, environment: Mapping[str, str] = {}) -> None:
        """Runs the command before the person's eyes."""


class LocalShell:
    """Commands in the repository's folder."""

    def ask(self, *command: str) -> str:
        done = subprocess.run(  # noqa: S603  # our own commands
            command, cwd=REPOSITORY, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise CommandFailed(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def do(self, *command: str, environment: Mapping[str, str] = {}) -> None:
        print("+", *command, flush=True)  # noqa: T201
        told = {**os.environ, **environment}
        done = subprocess.run(command, cwd=REPOSITORY, env=told, check=False)  # noqa: S603  # our own commands
        if done.returncode:
            raise CommandFailed(f"{' '.join(command)}: exit code {done.returncode}")


@dataclass(frozen=True)
class Deployment:
    """What is deployed where."""

    environment: str
    project: str
    region: str
    build_with: BuildWith = BuildWith.CLOUD_BUILD
    root: Path = REPOSITORY

    @property
    def registry(self) -> str:
        return f"{self.region}-docker.pkg.dev/{self.project}/{REPOSITORY_OF_IMAGES}"

    @property
    def state_bucket(self) -> str:
        return f"{self.project}-tfstate"

    @property
    def folder(self) -> Path:
        return self.root / "infra/terraform/environments" / self.environment


def check(deployment: Deployment, shell: Shell, which: Callable[[str], str | None] = shutil.which) -> str:
    """The commit that is deployed, which is its images' tag. Raises DeployRefused."""
    faults = [*_malformed(deployment), *_missing_tools(deployment, which), *_missing_files(deployment)]
    if not faults:
        faults = [*_uncommitted(shell), *_unreachable(deployment, shell)]
    if faults:
        raise DeployRefused("\n".join(f"- {fault}" for fault in faults))
    return shell.ask("git", "rev-parse", "--short=12", "HEAD")


def _malformed(deployment: Deployment) -> Iterator[str]:
    if deployment.environment not in ENVIRONMENTS:
        yield f"ENV={deployment.environment}: write ENV=dev or ENV=prod"
    if not _PROJECT.fullmatch(deployment.project):
        yield f"PROJECT={deployment.project}: write a project id; `gcloud projects list` shows those that there are"
    if not _REGION.fullmatch(deployment.region):
        yield f"REGION={deployment.region}: write a region such as us-central1"


def _missing_tools(deployment: Deployment, which: Callable[[str], str | None]) -> Iterator[str]:
    sources = {
        "git": "your package manager has it",
        "gcloud": "install the Google Cloud CLI, https://cloud.google.com/sdk/docs/install",
        "terraform": "install Terraform 1.11 or newer, https://developer.hashicorp.com/terraform/install",
    }
    if deployment.build_with is BuildWith.DOCKER:
        sources["docker"] = "install it, or leave BUILD out: Cloud Build needs none here"
    for tool, source in sources.items():
        if which(tool) is None:
            yield f"{tool} is not installed: {source}"


def _missing_files(deployment: Deployment) -> Iterator[str]:
    if deployment.environment not in ENVIRONMENTS:
        return
    variables = deployment.folder / "terraform.tfvars"
    if not variables.exists():
        yield f"{variables} is missing: copy terraform.tfvars.example beside it and make it yours"


def _uncommitted(shell: Shell) -> Iterator[str]:
    try:
        if changed := shell.ask("git", "status", "--porcelain"):
            first = changed.splitlines()[0].strip()
            yield f"uncommitted changes ({first}, ...): commit or stash them; images are named after the commit"
    except CommandFailed as error:
        yield f"this is no git clone: {error}"


def _unreachable(deployment: Deployment, shell: Shell) -> Iterator[str]:
    project, location = ("--project", deployment.project), ("--location", deployment.region)
    try:
        shell.ask("gcloud", "auth", "print-access-token")
    except CommandFailed as error:
        said = str(error).splitlines()[-1]
        yield f"nobody is logged in: gcloud auth login && gcloud auth application-default login\n  ({said})"
        return
    needed = [
        (
            ("gcloud", "storage", "buckets", "describe", f"gs://{deployment.state_bucket}", *project),
            f"the bucket of Terraform's state: gcloud storage buckets create gs://{deployment.state_bucket}"
            f" --project {deployment.project} --location {deployment.region} --uniform-bucket-level-access",
        ),
        (
            ("gcloud", "artifacts", "repositories", "describe", REPOSITORY_OF_IMAGES, *location, *project),
            "the repository of images: apply infra/terraform/bootstrap (docs/DEPLOYMENT_GUIDE.md)",
        ),
    ]
    for command, remedy in needed:
        try:
            shell.ask(*command)
        except CommandFailed as error:
            said = str(error).splitlines()[-1]
            yield f"project {deployment.project} lacks, or does not let you see, {remedy}\n  ({said})"


def build(deployment: Deployment, tag: str, shell: Shell) -> Mapping[str, str]:
    """The digest of each service's image; those that are not in the registry yet are built. Raises CommandFailed."""
    found = {service: _digest(deployment, service, tag, shell) for service in SERVICES}
    if missing := [service for service, digest in found.items() if digest is None]:
        if deployment.build_with is BuildWith.DOCKER:
            shell.do("infra/build_images.sh", deployment.registry, tag, *missing)
        else:
            values = f"_REGISTRY={deployment.registry},_TAG={tag},_SERVICES={' '.join(missing)}"
            command = (
                "gcloud",
                "builds",
                "submit",
                ".",
                "--config=cloudbuild.yaml",
                "--region",
                deployment.region,
            )
            shell.do(*command, "--project", deployment.project, f"--substitutions={values}")
    digests = {
        service: digest or _digest(deployment, service, tag, shell) for service, digest in found.items()
    }
    if lost := [service for service, digest in digests.items() if digest is None]:
        raise CommandFailed(f"built, and not in {deployment.registry}: {', '.join(lost)}")
    return {service: digest for service, digest in digests.items() if digest is not None}


def _digest(deployment: Deployment, service: str, tag: str, shell: Shell) -> str | None:
    image = f"{deployment.registry}/{service}:{tag}"
    describe = ("gcloud", "artifacts", "docker", "images", "describe", image, "--project", deployment.project)
    try:
        return shell.ask(*describe, "--format=value(image_summary.digest)") or None
    except CommandFailed:
        return None


def plan(deployment: Deployment, digests: Mapping[str, str], shell: Shell) -> None:
    """Shows what Terraform would change, and keeps the plan. Raises CommandFailed."""
    terraform = ("terraform", f"-chdir={deployment.folder}")
    shell.do(*terraform, "init", "-input=false", f"-backend-config=bucket={deployment.state_bucket}")
    variables = {"project": deployment.project, "region": deployment.region, "images": dumps(dict(digests))}
    given = (f"-var={name}={value}" for name, value in variables.items())
    shell.do(*terraform, "plan", "-input=false", f"-out={_PLAN}", *given)


def apply(deployment: Deployment, shell: Shell) -> None:
    """Applies the plan that was shown, and sends real events through. Raises CommandFailed."""
    shell.do("terraform", f"-chdir={deployment.folder}", "apply", "-input=false", _PLAN)
    where = {"TIPOFF_PROJECT": deployment.project, "TIPOFF_ENVIRONMENT": deployment.environment}
    shell.do(sys.executable, "-m", "tipoff_local", "smoke", environment=where)
