"""From a commit to what runs: Terraform's plan, and on demand the images, its application and the smoke test.

Whatever can be wrong beforehand is looked for first and told together, each fault with its remedy; nothing is changed
before, and no image is built. Images are named by the commit: the registry's tags never move, so the plan that was
shown before they were built is the very one that Terraform applies after.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from json import dumps
from pathlib import Path
from typing import Any, Protocol

import yaml

from tipoff_cli.checkout import REPOSITORY, SCRAPERS, TOPICS, WORKFLOWS, service_names, ticks
from tipoff_common.catalog import load_catalog
from tipoff_common.events import Tick
from tipoff_common.service_map import load_services, map_faults
from tipoff_common.topics import load_topics
from tipoff_common.yaml_source import ConfigurationError
from tipoff_planning.loading import load_workflows

ENVIRONMENTS = ("dev", "prod")
REPOSITORY_OF_IMAGES = "tipoff"
MAP, APIS = REPOSITORY / "infra/services.yaml", REPOSITORY / "infra/terraform/apis.yaml"
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_PLAN = "deploy.tfplan"
_BUILDER = "tipoff-build"
_PROOF_SECONDS = 600  # https://cloud.google.com/iam/docs/access-change-propagation: new grants take minutes
_EXAMPLES = ("@example.com", "@my-phase2.", "012345-6789AB-CDEF01")  # which Google does not know
_WRITTEN_BY_INIT = ":(exclude,glob)**/.terraform.lock.hcl"


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
        faults = [*_unusable(), *_uncommitted(shell), *_nobody(shell)]
    if not faults:
        faults = [
            *_disabled_apis(deployment, shell),
            *_unreachable(deployment, shell),
            *_missing_accounts(deployment, shell),
            *_secrets_without_value(deployment, shell),
        ]
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
        return
    text = variables.read_text()
    if kept := [it for it in _EXAMPLES if it in text]:
        yield f"{variables} has {', '.join(kept)} of the example still: make it yours, or take the line out"
    for name, given in (("project", deployment.project), ("region", deployment.region)):
        if (said := re.search(rf'^{name}\s*=\s*"([^"]*)"', text, re.MULTILINE)) and said[1] != given:
            yield f"{name.upper()}={given}, and {variables} says {said[1]}: give that one, or correct the file"


def _unusable() -> Iterator[str]:
    """What the services would say at their start of the files that they are built with, and keys that stand twice."""
    files: tuple[Callable[[], object], ...] = (
        lambda: load_services(MAP),
        lambda: load_topics(TOPICS),
        lambda: load_workflows(
            WORKFLOWS, load_catalog(SCRAPERS), timedelta(minutes=ticks()[Tick.EVALUATE].cadence_minutes)
        ),
    )
    faults: list[str] = []
    for load in files:
        try:
            load()
        except ConfigurationError as error:
            faults += error.faults
    yield from faults
    if not faults:
        yield from map_faults(load_services(MAP), load_topics(TOPICS), ticks())


def _uncommitted(shell: Shell) -> Iterator[str]:
    try:
        if changed := shell.ask("git", "status", "--porcelain", "--", ".", _WRITTEN_BY_INIT):
            first = changed.splitlines()[0].strip()
            yield f"uncommitted changes ({first}, ...): commit or stash them; images are named after the commit"
    except CommandFailed as error:
        yield f"this is no git clone: {error}"


def _nobody(shell: Shell) -> Iterator[str]:
    """gcloud and what uses Google's libraries, which are Terraform and the smoke test, have each their own login."""
    for who, login in (("gcloud", ("auth",)), ("Terraform", ("auth", "application-default"))):
        try:
            shell.ask("gcloud", *login, "print-access-token")
        except CommandFailed as error:
            yield f"{who} has nobody who is logged in: gcloud {' '.join(login)} login{_said(error)}"


def _disabled_apis(deployment: Deployment, shell: Shell) -> Iterator[str]:
    list_enabled = ("gcloud", "services", "list", "--enabled", "--format=value(config.name)")
    try:
        enabled = shell.ask(*list_enabled, "--project", deployment.project).split()
    except CommandFailed as error:
        yield f"project {deployment.project} is not there, or does not let you see its services{_said(error)}"
        return
    if missing := sorted(set(_yaml(APIS)) - set(enabled)):
        yield (
            f"project {deployment.project} has {', '.join(missing)} off: apply infra/terraform/bootstrap, or"
            f" gcloud services enable {' '.join(missing)} --project {deployment.project}"
        )


def _missing_accounts(deployment: Deployment, shell: Shell) -> Iterator[str]:
    """Of those that services run as, pushes come from and Cloud Build is; a deployment makes none."""
    project = deployment.project
    try:
        there = shell.ask(
            "gcloud", "iam", "service-accounts", "list", "--format=value(email)", "--project", project
        ).split()
    except CommandFailed as error:
        yield f"project {project} does not let you see its service accounts{_said(error)}"
        return
    names = [
        f"tipoff-{name}{suffix}"
        for name, it in _yaml(MAP)["services"].items()
        for suffix in ("", f"-push{it.get('push_generation', '')}")
    ]
    if deployment.build_with is BuildWith.CLOUD_BUILD:
        names.append(_BUILDER)
    if missing := [it for it in names if f"{it}@{project}.iam.gserviceaccount.com" not in there]:
        yield (
            f"project {project} lacks the service accounts {', '.join(missing)}, which services in"
            " infra/services.yaml or Cloud Build need: an owner of the project has to apply infra/terraform/bootstrap,"
            " which makes them (docs/DEPLOYMENT_GUIDE.md)"
        )


def _secrets_without_value(deployment: Deployment, shell: Shell) -> Iterator[str]:
    """Of those that services are given, whose latest version cannot be read."""
    for name in sorted({name for it in _yaml(MAP)["services"].values() for name in it.get("secrets", ())}):
        describe = (
            "gcloud",
            "secrets",
            "versions",
            "describe",
            "latest",
            "--secret",
            name,
            "--format=value(state)",
        )
        try:
            state, said = shell.ask(*describe, "--project", deployment.project), ""
        except CommandFailed as error:
            state, said = "missing", _said(error)
        if state.lower() != "enabled":
            yield (
                f"secret {name}, which a service needs, has no value (its latest version is {state}): apply"
                f" infra/terraform/bootstrap where the secret is not there yet, then printf %s VALUE |"
                f" gcloud secrets versions add {name} --project {deployment.project} --data-file=-{said}"
            )


def _unreachable(deployment: Deployment, shell: Shell) -> Iterator[str]:
    project, location = ("--project", deployment.project), ("--location", deployment.region)
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
            yield f"project {deployment.project} lacks, or does not let you see, {remedy}{_said(error)}"


def _said(error: CommandFailed) -> str:
    return f"\n  ({str(error).splitlines()[-1]})"


def _yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def missing_images(deployment: Deployment, tag: str, shell: Shell) -> list[str]:
    """The services whose image of that tag the registry lacks; a commit that was deployed before has them all."""
    return [service for service in service_names() if not _is_built(deployment, service, tag, shell)]


def _is_built(deployment: Deployment, service: str, tag: str, shell: Shell) -> bool:
    """By the tags: to describe an image gcloud asks Artifact Analysis too where that is on, which CI may not."""
    image = f"{deployment.registry}/{service}"
    listed = ("gcloud", "artifacts", "docker", "tags", "list", image, "--format=value(tag.basename())")
    try:
        return tag in shell.ask(*listed, "--project", deployment.project).split()
    except CommandFailed:
        return False  # of an image that was never pushed there is no list


def plan(deployment: Deployment, tag: str, shell: Shell, *, dry_run: bool) -> None:
    """Shows what Terraform would change, and keeps the plan. Raises CommandFailed.

    dry_run: the state is not even locked, so that it takes no right to change anything.
    """
    terraform = ("terraform", f"-chdir={deployment.folder}")
    shell.do(*terraform, "init", "-input=false", f"-backend-config=bucket={deployment.state_bucket}")
    variables = {
        "project": deployment.project,
        "region": deployment.region,
        "images": dumps(dict.fromkeys(service_names(), tag)),
    }
    given = (f"-var={name}={value}" for name, value in variables.items())
    unlocked = ("-lock=false",) if dry_run else ()
    shell.do(*terraform, "plan", "-input=false", *unlocked, f"-out={_PLAN}", *given)


def build(deployment: Deployment, tag: str, services: Sequence[str], shell: Shell) -> None:
    """Builds and pushes the images of these services. Raises CommandFailed."""
    if deployment.build_with is BuildWith.DOCKER:
        shell.do("infra/build_images.sh", deployment.registry, tag, *services)
    else:
        where = ("--region", deployment.region, "--project", deployment.project)
        values = f"_REGISTRY={deployment.registry},_TAG={tag},_SERVICES={' '.join(services)}"
        project = deployment.project
        account = f"projects/{project}/serviceAccounts/{_BUILDER}@{project}.iam.gserviceaccount.com"
        acting = (f"--service-account={account}", f"--gcs-source-staging-dir=gs://{project}-builds/source")
        submit = ("gcloud", "builds", "submit", ".", "--config=cloudbuild.yaml")
        shell.do(*submit, *where, *acting, f"--substitutions={values}")
    if lost := [service for service in services if not _is_built(deployment, service, tag, shell)]:
        raise CommandFailed(f"built, and not in {deployment.registry}: {', '.join(lost)}")


def apply(deployment: Deployment, shell: Shell) -> None:
    """Applies the plan that was shown, and sends real events through. Raises CommandFailed."""
    shell.do("terraform", f"-chdir={deployment.folder}", "apply", "-input=false", _PLAN)
    where = {"TIPOFF_PROJECT": deployment.project, "TIPOFF_ENVIRONMENT": deployment.environment}
    shell.do(sys.executable, "-m", "tipoff_cli", "smoke", f"--timeout={_PROOF_SECONDS}", environment=where)
