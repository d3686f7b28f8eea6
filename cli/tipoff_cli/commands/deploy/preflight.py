"""Checks of a deployment's requirements before anything is built or changed; each stage reports all of its faults."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tipoff_cli.checkout import (
    FLEET,
    REPOSITORY,
    SCRAPERS,
    SERVICES,
    TOPICS,
    WORKFLOWS,
    find_shared,
    ticks,
)
from tipoff_cli.commands.deploy.deployment import (
    BUILDER,
    REPOSITORY_OF_IMAGES,
    BuildWith,
    Deployment,
    DeployRefused,
)
from tipoff_cli.commands.deploy.fleet_terraform import FOLDER, differing
from tipoff_cli.commands.deploy.shell import Shell, ShellFailed, last_line
from tipoff_common import __version__
from tipoff_common.catalog import load_catalog
from tipoff_common.events import Tick
from tipoff_common.fleet_root import MARKER
from tipoff_common.service_map import load_services, map_faults
from tipoff_common.ticks import cadence_of
from tipoff_common.topics import load_topics
from tipoff_common.yaml_source import ConfigurationError
from tipoff_planning.loading import load_workflows

ENVIRONMENTS = ("dev", "prod")
MAP, APIS = SERVICES, find_shared("infra/terraform/apis.yaml", FLEET.folder)
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_EXAMPLES = ("@example.com", "@my-phase2.", "012345-6789AB-CDEF01")  # values that Google rejects
_WRITTEN_BY_INIT = ":(exclude,glob)**/.terraform.lock.hcl"


_FURTHER_APIS = {
    r"^(domains|egress)\s*=": "compute.googleapis.com",
    r"^[^#\n]*\b(iap)\s*=": "iap.googleapis.com",
}
"""Pattern of an environment's variable, with the API of its resources, which is off in some projects."""
_ENABLED = re.compile(r"^enabled_secrets\s*=\s*\[([^\]]*)\]", re.MULTILINE)
_WRITTEN_FOR = re.compile(r'source\s*=\s*"hashicorp/google"\s+version\s*=\s*"~> ([\d.]+)"')
_LOCKED = re.compile(r'provider "registry\.terraform\.io/hashicorp/google" \{\s+version\s*=\s*"([\d.]+)"')
_GOOGLES_OWN = ("container-analysis-", "cloud-builds", "gcr")
"""Prefixes of topics that Google creates when an API is enabled."""


def check(deployment: Deployment, shell: Shell, which: Callable[[str], str | None] = shutil.which) -> str:
    """Check everything that a deployment needs; return the commit, which is its images' tag. Raises DeployRefused."""
    # Report these faults alone: the checks below read the missing files.
    if own := list(_not_deployable(deployment)):
        raise DeployRefused("\n".join(f"- {fault}" for fault in own))
    faults = [*_malformed(deployment), *_missing_tools(deployment, which), *_missing_files(deployment)]
    if not faults:
        faults = [
            *_unusable(deployment),
            *_unlocked(deployment),
            *_uncommitted(shell),
            *_missing_logins(shell),
        ]
    if not faults:
        faults = [
            *_disabled_apis(deployment, shell),
            *_unreachable(deployment, shell),
            *_missing_accounts(deployment, shell),
            *_secrets_without_value(deployment, shell),
            *_other_resources(deployment, shell),
        ]
    if faults:
        raise DeployRefused("\n".join(f"- {fault}" for fault in faults))
    return shell.ask("git", "rev-parse", "--short=12", "HEAD")


def _not_deployable(deployment: Deployment) -> Iterator[str]:
    """Yield faults of the repository: Terraform that differs from this Tipoff's, and missing base images."""
    if not deployment.own_fleet:
        if not (REPOSITORY / FOLDER).is_dir():
            yield f"{FLEET.folder} is neither a fleet nor a checkout of Tipoff: go to a folder that has a {MARKER}"
        return
    try:
        changed = differing(FLEET)
    except ConfigurationError as error:
        yield str(error)
        return
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        yield (
            f"{changed[0]}{more}: not the files of Tipoff {__version__} for this fleet; run `tipoff terraform`,"
            " review the difference, and commit it"
        )
    if deployment.base_images is None:
        yield (
            f"{MARKER}: base_images is missing: name the registry that has Tipoff's own images, SERVICE:{__version__};"
            f" from a checkout of Tipoff, infra/build_images.sh REGISTRY {__version__} builds and pushes them"
        )


def _malformed(deployment: Deployment) -> Iterator[str]:
    if deployment.environment not in ENVIRONMENTS:
        yield f"ENV={deployment.environment}: write ENV=dev or ENV=prod"
    if not _PROJECT.fullmatch(deployment.project):
        yield f"PROJECT={deployment.project}: write a project id; `gcloud projects list` lists them"
    if not _REGION.fullmatch(deployment.region):
        yield f"REGION={deployment.region}: write a region such as us-central1"


def _missing_tools(deployment: Deployment, which: Callable[[str], str | None]) -> Iterator[str]:
    sources = {
        "git": "install it with your package manager",
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
    variables = deployment.variables
    if not variables.exists():
        yield f"{variables} is missing: copy platform.tfvars.example beside it and edit the copy"
        return
    text = variables.read_text()
    if kept := [it for it in _EXAMPLES if it in text]:
        yield f"{variables} still has {', '.join(kept)} of the example: edit the line, or remove it"
    for name, given in (("project", deployment.project), ("region", deployment.region)):
        if (found := re.search(rf'^{name}\s*=\s*"([^"]*)"', text, re.MULTILINE)) and found[1] != given:
            yield f"{name.upper()}={given}, but {variables} has {found[1]}: pass that, or correct the file"


def _unusable(deployment: Deployment) -> Iterator[str]:
    """Load the configuration files as the services do at start, and yield their faults."""
    files: tuple[Callable[[], object], ...] = (
        lambda: load_services(_map(deployment)),
        lambda: load_topics(TOPICS),
        lambda: load_workflows(
            WORKFLOWS,
            load_catalog(SCRAPERS),
            cadence_of(ticks(), Tick.EVALUATE),
            cadence_of(ticks(), Tick.DISCOVER),
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
        yield from map_faults(load_services(_map(deployment)), load_topics(TOPICS), ticks())


def _unlocked(deployment: Deployment) -> Iterator[str]:
    """Compare the locked version of the provider with versions.tf; in CI, a missing lock is a fault."""
    lock_again = (
        f"terraform -chdir={deployment.folder} providers lock -platform=linux_amd64 -platform=darwin_arm64, and commit"
        f" {deployment.lock.name}"
    )
    if not deployment.lock.exists():
        if os.environ.get("CI"):
            yield f"{deployment.lock} is missing, so CI would take the newest provider: {lock_again}"
        return
    wanted = _WRITTEN_FOR.search((deployment.folder / "versions.tf").read_text())
    locked = _LOCKED.search(deployment.lock.read_text())
    if wanted and (locked is None or not _is_within(locked[1], wanted[1])):
        has = f"version {locked[1]}" if locked else "no version"
        yield f"{deployment.lock} has {has} of hashicorp/google, but versions.tf requires ~> {wanted[1]}: {lock_again}"


def _is_within(version: str, floor: str) -> bool:
    """Return whether `~> floor`, of a major and a minor version, takes a version."""
    major, minor = (int(part) for part in floor.split(".")[:2])
    parts = [int(part) for part in version.split(".")[:2]]
    return parts[0] == major and parts[1] >= minor


def _other_resources(deployment: Deployment, shell: Shell) -> Iterator[str]:
    """Yield resources of other systems in the project: some of CI's rights apply to the whole project."""
    if deployment.shared:
        return
    # Select by label: resources that this deployment will delete are Tipoff's too.
    listings = {
        "Cloud Run services": (
            ["gcloud", "run", "services", "list", "--format=value(metadata.name)", "--filter"],
            ("NOT metadata.labels.app=tipoff", "--region", deployment.region),
        ),
        "Pub/Sub topics": (
            ["gcloud", "pubsub", "topics", "list", "--format=value(name.basename())", "--filter"],
            ("NOT labels.app=tipoff",),
        ),
    }
    for kind, (command, options) in listings.items():
        try:
            names = shell.ask(*command, *options, "--project", deployment.project).split()
            found = {it for it in names if not it.startswith(_GOOGLES_OWN)}
        except ShellFailed as error:
            yield f"cannot list the {kind} of project {deployment.project}{last_line(error)}"
            continue
        if found:
            yield (
                f"project {deployment.project} has other {kind} than Tipoff's ({', '.join(sorted(found))}), which"
                " deployments may change; give Tipoff a project of its own, or pass --shared (SHARED=yes)"
            )


def _uncommitted(shell: Shell) -> Iterator[str]:
    try:
        if changed := shell.ask("git", "status", "--porcelain", "--", ".", _WRITTEN_BY_INIT):
            first = changed.splitlines()[0].strip()
            yield f"uncommitted changes ({first}, ...): commit or stash them; images are named after the commit"
    except ShellFailed as error:
        yield f"this is not a git clone: {error}"


def _missing_logins(shell: Shell) -> Iterator[str]:
    """Check both logins: gcloud's own, and that of Google's libraries, which Terraform and the smoke test use."""
    for client, login in (("gcloud", ("auth",)), ("Terraform", ("auth", "application-default"))):
        try:
            shell.ask("gcloud", *login, "print-access-token")
        except ShellFailed as error:
            yield f"{client} is not logged in: run gcloud {' '.join(login)} login{last_line(error)}"


def _disabled_apis(deployment: Deployment, shell: Shell) -> Iterator[str]:
    list_enabled = ("gcloud", "services", "list", "--enabled", "--format=value(config.name)")
    try:
        enabled = shell.ask(*list_enabled, "--project", deployment.project).split()
    except ShellFailed as error:
        yield f"project {deployment.project} does not exist, or you may not list its services{last_line(error)}"
        return
    variables = deployment.variables.read_text()
    for pattern, api in _FURTHER_APIS.items():
        if (setting := re.search(pattern, variables, re.MULTILINE)) and api not in enabled:
            yield (
                f"{deployment.variables.name}: {setting[1]} needs an API that is disabled in {deployment.project}: add"
                f' it to bootstrap.tfvars, extra_apis = ["{api}"], and apply'
                " infra/terraform/bootstrap"
            )
    if missing := sorted(set(_yaml(APIS)) - set(enabled)):
        yield (
            f"project {deployment.project} has {', '.join(missing)} disabled: apply infra/terraform/bootstrap, or"
            f" gcloud services enable {' '.join(missing)} --project {deployment.project}"
        )


def _missing_accounts(deployment: Deployment, shell: Shell) -> Iterator[str]:
    """Yield missing accounts of services, pushes, Scheduler and Cloud Build; a deployment creates none."""
    project = deployment.project
    try:
        there = shell.ask(
            "gcloud", "iam", "service-accounts", "list", "--format=value(email)", "--project", project
        ).split()
    except ShellFailed as error:
        yield f"cannot list the service accounts of project {project}{last_line(error)}"
        return
    names = [
        f"tipoff-{name}{suffix}"
        for name, it in _yaml(_map(deployment))["services"].items()
        for suffix in ("", f"-push{it.get('push_generation', '')}")
    ]
    names.append("tipoff-scheduler")
    if deployment.build_with is BuildWith.CLOUD_BUILD and deployment.images_from is None:
        names.append(BUILDER)
    if missing := [it for it in names if f"{it}@{project}.iam.gserviceaccount.com" not in there]:
        yield (
            f"project {project} lacks the service accounts {', '.join(missing)}, which services in"
            " infra/services.yaml or Cloud Build need: an owner of the project has to apply infra/terraform/bootstrap,"
            " which creates them (docs/DEPLOYMENT_GUIDE.md)"
        )


def _secrets_without_value(deployment: Deployment, shell: Shell) -> Iterator[str]:
    """Yield secrets of the services whose latest version is absent, disabled or destroyed."""
    enabled = _ENABLED.search(deployment.variables.read_text())
    optional = re.findall(r'"(\w+)"', enabled[1]) if enabled else []
    given = {name for it in _yaml(_map(deployment))["services"].values() for name in it.get("secrets", ())}
    for name in sorted(given.union(optional)):
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
            state, detail = shell.ask(*describe, "--project", deployment.project), ""
        except ShellFailed as error:
            state, detail = "missing", last_line(error)
        if state.lower() != "enabled":
            yield (
                f"secret {name}, which a service needs, has no value (its latest version is {state}): apply"
                f" infra/terraform/bootstrap if the secret does not exist, then printf %s VALUE |"
                f" gcloud secrets versions add {name} --project {deployment.project} --data-file=-{detail}"
            )


def _unreachable(deployment: Deployment, shell: Shell) -> Iterator[str]:
    project, location = ("--project", deployment.project), ("--location", deployment.region)
    needed = [
        (
            ("gcloud", "storage", "buckets", "describe", f"gs://{deployment.state_bucket}", *project),
            f"the bucket of Terraform's state, gs://{deployment.state_bucket}: apply infra/terraform/bootstrap"
            " (docs/DEPLOYMENT_GUIDE.md)",
        ),
        (
            ("gcloud", "artifacts", "repositories", "describe", REPOSITORY_OF_IMAGES, *location, *project),
            "the repository of images: apply infra/terraform/bootstrap (docs/DEPLOYMENT_GUIDE.md)",
        ),
    ]
    for command, remedy in needed:
        try:
            shell.ask(*command)
        except ShellFailed as error:
            yield f"project {deployment.project} lacks, or does not let you see, {remedy}{last_line(error)}"


def _map(deployment: Deployment) -> Path:
    """Return the map of services that Terraform reads."""
    return deployment.root / FOLDER / "maps/services.yaml" if deployment.own_fleet else MAP


def _yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text())
