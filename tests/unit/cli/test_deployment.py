"""Tests of deployments: preflight checks, order of steps, no change without `--apply`."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tipoff_cli.checkout import REPOSITORY, find_fleet
from tipoff_cli.commands.deploy import command, preflight
from tipoff_cli.commands.deploy.deployment import (
    BuildWith,
    Deployment,
    DeployRefused,
    apply,
    build,
    digests,
    missing_images,
    plan,
)
from tipoff_cli.commands.deploy.fleet_terraform import write_terraform
from tipoff_cli.commands.deploy.preflight import APIS, check
from tipoff_cli.commands.deploy.shell import ShellFailed
from tipoff_cli.main import app
from tipoff_dev.fleet.repository import init_fleet
from tipoff_dev.stack.layout import SERVICES

DIGEST = f"sha256:{'0' * 64}"
LOCK = """provider "registry.terraform.io/hashicorp/google" {
  version     = "%s"
  constraints = "~> 8.7"
}
"""


@dataclass
class FakeShell:
    """A shell that answers by a command's first words; commands in `refused` fail, and built images exist."""

    answers: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    images: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)

    def ask(self, *command: str) -> str:
        text = " ".join(command)
        if text.startswith("gcloud artifacts docker tags list"):
            if command[5].rsplit("/", 1)[1] not in self.images:
                raise ShellFailed(f"{text}: NOT_FOUND")
            return DIGEST if "version.basename()" in text else "abc\n0123456789ab"
        self._maybe_fail(text)
        return next((answer for start, answer in self.answers.items() if text.startswith(start)), "")

    def do(self, *command: str, environment: Mapping[str, str] = {}) -> None:
        text = " ".join(command)
        self.done.append(text)
        self.environment = environment
        self._maybe_fail(text)
        if "builds submit" in text or "build_images.sh" in text:
            self.images |= {service for service in SERVICES if service in text}

    def _maybe_fail(self, text: str) -> None:
        if any(part in text for part in self.refused):
            raise ShellFailed(f"{text}: denied")


ACCOUNTS = "\n".join(
    f"tipoff-{name}@my-tipoff-dev.iam.gserviceaccount.com"
    for name in ("build", "scheduler", *SERVICES, *(f"{service}-push" for service in SERVICES))
)
READY = {
    "gcloud iam service-accounts list": ACCOUNTS,
    "git rev-parse": "0123456789ab",
    "gcloud services list": "\n".join(yaml.safe_load(APIS.read_text())),
    "gcloud secrets versions describe": "ENABLED",
}


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    deployment = Deployment("dev", "my-tipoff-dev", "us-central1", root=tmp_path)
    deployment.folder.mkdir(parents=True)
    deployment.variables.parent.mkdir(parents=True)
    deployment.variables.touch()
    versions = REPOSITORY / "infra/terraform/platform/versions.tf"
    (deployment.folder / "versions.tf").write_text(versions.read_text())
    return deployment


@pytest.fixture(autouse=True)
def _somebodys_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def there(tool: str) -> str:
    return f"/usr/bin/{tool}"


def test_own_fleet_needs_terraform_base_images_and_variables(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A deployment of the checkout's images would run another fleet."""
    init_fleet(tmp_path / "rivers", None, "Asia/Tokyo")
    fleet = find_fleet(tmp_path / "rivers")
    monkeypatch.setattr(preflight, "FLEET", fleet)
    own = replace(deployment, root=fleet.folder, own_fleet=True, base_images=None)
    shell = FakeShell(READY)
    with pytest.raises(DeployRefused) as refused:
        check(own, shell, lambda _: None)
    assert "run `tipoff terraform`" in str(refused.value)
    assert "tipoff.toml: base_images is missing" in str(refused.value)
    write_terraform(fleet)
    own = replace(own, base_images="example.com/tipoff")
    with pytest.raises(DeployRefused, match=r"copy platform\.tfvars\.example"):
        check(own, shell, there)
    own.variables.write_text("")
    # Two of the checkout's secrets are not required: the fleet's scrapers use none.
    assert check(own, shell, there) == "0123456789ab"
    assert shell.done == []


@pytest.mark.parametrize(
    ("build_with", "command"),
    [
        (BuildWith.DOCKER, "bash infra/terraform/build_images.sh example.com/tipoff REGISTRY abc logger"),
        (BuildWith.CLOUD_BUILD, "--config=infra/terraform/cloudbuild.yaml"),
    ],
)
def test_own_fleet_images_are_built_on_base_images(
    deployment: Deployment, build_with: BuildWith, command: str
) -> None:
    own = replace(deployment, own_fleet=True, base_images="example.com/tipoff", build_with=build_with)
    shell = FakeShell({})
    build(own, "abc", ["logger"], shell)
    assert command.replace("REGISTRY", own.registry) in shell.done[0]


def test_commit_is_image_tag(deployment: Deployment) -> None:
    assert check(deployment, FakeShell(READY), there) == "0123456789ab"


@pytest.mark.parametrize(
    ("variables", "setting", "api"),
    [
        ("domains = {}", "domains", "compute.googleapis.com"),
        ("egress = {}", "egress", "compute.googleapis.com"),
        ('x = { iap = ["group:a@b.c"] }', "iap", "iap.googleapis.com"),
    ],
)
def test_variable_that_needs_disabled_api_is_refused(
    deployment: Deployment, variables: str, setting: str, api: str
) -> None:
    deployment.variables.write_text(f"{variables}\n")
    with pytest.raises(
        DeployRefused, match=rf'{setting} needs an API that is disabled .* extra_apis = \["{api}"\]'
    ):
        check(deployment, FakeShell(READY), there)
    on = f"{READY['gcloud services list']}\n{api}"
    assert check(deployment, FakeShell({**READY, "gcloud services list": on}), there) == "0123456789ab"


def test_malformed_input_and_missing_tools_are_reported_together(tmp_path: Path) -> None:
    wrong = Deployment("qa", "X", "here", BuildWith.DOCKER, root=tmp_path)
    shell = FakeShell(READY, refused=("",))
    with pytest.raises(DeployRefused) as refused:
        check(wrong, shell, lambda _: None)
    for named in ("ENV=qa", "PROJECT=X", "REGION=here", "gcloud is not", "terraform is not", "docker is not"):
        assert named in str(refused.value)


def test_missing_variables_are_named_with_the_file_to_copy(deployment: Deployment) -> None:
    deployment.variables.unlink()
    with pytest.raises(DeployRefused, match=r"copy platform\.tfvars\.example"):
        check(deployment, FakeShell(READY), there)


def test_unedited_example_variables_are_refused(deployment: Deployment) -> None:
    """Google refuses unknown members, and only after half of the resources exist."""
    example = REPOSITORY / "infra/terraform/environments/dev/platform.tfvars.example"
    deployment.variables.write_text(example.read_text())
    shell = FakeShell(READY)
    with pytest.raises(DeployRefused, match=r"has @example\.com, @my-phase2\., 012345-6789AB-CDEF01 of"):
        check(deployment, shell, there)


def test_project_or_region_differing_from_variables_is_refused(deployment: Deployment) -> None:
    """The command's values would take precedence and deploy dev into prod's project."""
    deployment.variables.write_text('project = "my-tipoff-prod"\nregion  = "europe-west1"\n')
    with pytest.raises(DeployRefused) as refused:
        check(deployment, FakeShell(READY), there)
    assert "PROJECT=my-tipoff-dev, but" in str(refused.value)
    assert "has europe-west1: pass that" in str(refused.value)


@pytest.mark.parametrize(
    ("answers", "refused", "remedy"),
    [
        ({"git status": " M Makefile"}, (), "uncommitted changes"),
        ({}, ("auth print-access-token",), "gcloud auth login"),
        ({}, ("application-default print-access-token",), "gcloud auth application-default login"),
        ({}, ("storage buckets",), "gs://my-tipoff-dev-tfstate: apply infra/terraform/bootstrap"),
        ({}, ("artifacts repositories",), "infra/terraform/bootstrap"),
        ({}, ("services list",), "does not exist, or you may not list its services"),
        (
            {"gcloud services list": "run.googleapis.com"},
            (),
            "gcloud services enable .*pubsub.googleapis.com",
        ),
        ({}, ("service-accounts list",), "cannot list the service accounts of project"),
        (
            {"gcloud iam service-accounts list": ACCOUNTS.replace("logger-push", "old-push")},
            (),
            "lacks the service accounts tipoff-logger-push, which .* apply infra/terraform/bootstrap",
        ),
        ({}, ("--secret ODDS_API_KEY",), "gcloud secrets versions add ODDS_API_KEY --project my-tipoff-dev"),
        ({"gcloud secrets versions describe": "DISABLED"}, (), "its latest version is DISABLED"),
        (
            {"gcloud run services list": "their-shop"},
            (),
            r"other Cloud Run services than Tipoff's \(their-shop\)",
        ),
        ({"gcloud pubsub topics list": "orders"}, (), r"other Pub/Sub topics than Tipoff's \(orders\)"),
    ],
)
def test_failed_preflight_check_is_refused_with_remedy(
    deployment: Deployment, answers: Mapping[str, str], refused: tuple[str, ...], remedy: str
) -> None:
    shell = FakeShell({**READY, **answers}, refused)
    with pytest.raises(DeployRefused, match=remedy):
        check(deployment, shell, there)
    assert shell.done == []


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        # YAML keeps the last duplicate, so the first subscription would be deleted with its backlog.
        ("      cleanup-ticks:", "      controller-ticks:", "key 'controller-ticks' is duplicated; keep one"),
        # Without its filter a subscription receives every event, and services refuse to start.
        ("        filter: ", "        filters: ", "unknown key 'topics.*filters'"),
    ],
)
def test_invalid_topic_map_is_refused(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, right: str, wrong: str, message: str
) -> None:
    topics = deployment.root / "topics.yaml"
    topics.write_text(preflight.TOPICS.read_text().replace(right, wrong, 1))
    monkeypatch.setattr(preflight, "TOPICS", topics)
    with pytest.raises(DeployRefused, match=message):
        check(deployment, FakeShell(READY), there)


def test_cloud_build_api_is_required(deployment: Deployment) -> None:
    enabled = READY["gcloud services list"].replace("cloudbuild.googleapis.com", "")
    with pytest.raises(DeployRefused, match=r"gcloud services enable cloudbuild\.googleapis\.com"):
        check(deployment, FakeShell({**READY, "gcloud services list": enabled}), there)


def test_build_account_is_required_only_with_cloud_build(deployment: Deployment) -> None:
    shell = FakeShell({**READY, "gcloud iam service-accounts list": ACCOUNTS.replace("tipoff-build", "x")})
    with pytest.raises(DeployRefused, match="lacks the service accounts tipoff-build, which"):
        check(deployment, shell, there)
    by_docker = replace(deployment, build_with=BuildWith.DOCKER)
    assert check(by_docker, shell, there)


def test_push_account_of_new_generation_is_required(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = deployment.root / "services.yaml"
    services.write_text(preflight.MAP.read_text().replace("  logger:", "  logger:\n    push_generation: 2"))
    monkeypatch.setattr(preflight, "MAP", services)
    with pytest.raises(DeployRefused, match="lacks the service accounts tipoff-logger-push2, which"):
        check(deployment, FakeShell(READY), there)


def test_all_failed_preflight_checks_are_reported_together(deployment: Deployment) -> None:
    shell = FakeShell({**READY, "gcloud services list": ""}, ("storage buckets", "secrets versions"))
    with pytest.raises(DeployRefused) as refused:
        check(deployment, shell, there)
    for named in ("pubsub.googleapis.com", "tfstate", "ODDS_API_KEY", "BALLDONTLIE_API_KEY"):
        assert named in str(refused.value)


def test_only_missing_images_are_built(deployment: Deployment) -> None:
    """A rollback to a commit that was deployed before builds nothing."""
    shell = FakeShell(READY, images={"controller", "logger"})
    missing = missing_images(deployment, "abc", shell)
    assert missing == ["scraper-runner", "cleanup", "monitor"]
    build(deployment, "abc", missing, shell)
    (submitted,) = shell.done
    assert "_SERVICES=scraper-runner cleanup monitor" in submitted
    assert "_TAG=abc" in submitted
    assert (
        "--service-account=projects/my-tipoff-dev/serviceAccounts/tipoff-build@my-tipoff-dev.iam" in submitted
    )
    assert "--gcs-source-staging-dir=gs://my-tipoff-dev-builds/source" in submitted
    assert missing_images(deployment, "abc", shell) == []
    assert missing_images(deployment, "ab", shell) == list(SERVICES)


def test_image_missing_after_build_is_reported(deployment: Deployment) -> None:
    shell = FakeShell(READY)
    with pytest.raises(ShellFailed, match=r"built, but missing in .*: elsewhere"):
        build(deployment, "abc", ["elsewhere"], shell)


def test_docker_builds_with_build_images_script(deployment: Deployment) -> None:
    shell = FakeShell(READY)
    by_docker = replace(deployment, build_with=BuildWith.DOCKER)
    build(by_docker, "abc", list(SERVICES), shell)
    registry = "us-central1-docker.pkg.dev/my-tipoff-dev/tipoff"
    assert shell.done == [f"infra/build_images.sh {registry} abc {' '.join(SERVICES)}"]


IMAGES = dict.fromkeys(SERVICES, "abc")
STATE = {"gcloud storage ls": "gs://my-tipoff-dev-tfstate/tipoff/platform/default.tfstate"}


def test_google_managed_topics_are_accepted(deployment: Deployment) -> None:
    there_too = {"gcloud pubsub topics list": "container-analysis-notes-v1"}
    assert check(deployment, FakeShell({**READY, **there_too}), there)


def test_shared_option_accepts_other_services_in_project(deployment: Deployment) -> None:
    shell = FakeShell({**READY, "gcloud run services list": "their-shop"})
    assert check(replace(deployment, shared=True), shell, there)


def test_shown_plan_is_applied_and_followed_by_smoke_test(deployment: Deployment) -> None:
    shell = FakeShell({**READY, **STATE})
    plan(deployment, IMAGES, shell, dry_run=False)
    apply(deployment, shell)
    init, planned, tables, applied, smoke = shell.done
    assert init.endswith("init -input=false -reconfigure -backend-config=bucket=my-tipoff-dev-tfstate")
    assert json.loads(planned.partition("-var=images=")[2]) == IMAGES
    assert f"-var-file={deployment.variables} -var=environment=dev" in planned
    assert "-lock=false" not in planned
    assert "-out=deploy.tfplan" in planned
    assert tables.endswith("tables deploy --project my-tipoff-dev --keep-columns")
    assert applied.endswith("apply -input=false deploy.tfplan")
    assert smoke.endswith("-m tipoff_cli smoke --timeout=600")
    assert shell.environment == {"TIPOFF_PROJECT": "my-tipoff-dev", "TIPOFF_ENVIRONMENT": "dev"}


def test_a_dry_run_does_not_lock_the_state(deployment: Deployment) -> None:
    shell = FakeShell({**READY, **STATE})
    plan(deployment, IMAGES, shell, dry_run=True)
    assert "-lock=false" in shell.done[-1]


def test_a_dry_run_before_the_first_deployment_writes_no_state(deployment: Deployment) -> None:
    """Terraform's backend writes an empty state where none exists, and a planner has no write permission."""
    overrides: list[str] = []

    class Watching(FakeShell):
        def do(self, *command: str, environment: Mapping[str, str] = {}) -> None:
            overrides.extend(path.read_text() for path in deployment.folder.glob("*_override.tf"))
            super().do(*command, environment=environment)

    shell = Watching(READY)
    plan(deployment, IMAGES, shell, dry_run=True)
    assert "bucket" not in shell.done[0]
    assert len(overrides) == 2
    assert all('backend "local"' in text for text in overrides)
    assert list(deployment.folder.glob("*_override.tf")) == []


def test_a_first_deployment_writes_its_state(deployment: Deployment) -> None:
    shell = FakeShell(READY)
    plan(deployment, IMAGES, shell, dry_run=False)
    assert "-backend-config=bucket=my-tipoff-dev-tfstate" in shell.done[0]


def test_drift_plans_with_detailed_exit_code(deployment: Deployment) -> None:
    shell = FakeShell({**READY, **STATE})
    plan(deployment, IMAGES, shell, dry_run=True, drift=True)
    assert "-detailed-exitcode" in shell.done[-1]


def test_provider_lock_file_is_read_only_in_init(deployment: Deployment) -> None:
    deployment.lock.write_text(LOCK % "8.9.1")
    shell = FakeShell({**READY, **STATE})
    assert check(deployment, shell, there)
    plan(deployment, IMAGES, shell, dry_run=False)
    assert "-lockfile=readonly" in shell.done[0]


@pytest.mark.parametrize("version", ["7.9.0", "8.6.2", "9.0.0"])
def test_lock_file_with_unsupported_provider_version_is_refused(deployment: Deployment, version: str) -> None:
    deployment.lock.write_text(LOCK % version)
    with pytest.raises(
        DeployRefused, match=rf"has version {version} of hashicorp/google, .* requires ~> 8\.7"
    ):
        check(deployment, FakeShell(READY), there)


def test_ci_requires_provider_lock_file(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(DeployRefused, match=r"\.terraform\.lock\.hcl is missing.*providers lock"):
        check(deployment, FakeShell(READY), there)


def test_enabled_secret_requires_value(deployment: Deployment) -> None:
    deployment.variables.write_text('enabled_secrets = ["TIPOFF_PROXY_URL"]\n')
    with pytest.raises(DeployRefused, match="secret TIPOFF_PROXY_URL, which a service needs, has no value"):
        check(deployment, FakeShell(READY, ("--secret TIPOFF_PROXY_URL",)), there)


def test_promotion_deploys_digests_of_source_project(deployment: Deployment) -> None:
    promoting = replace(deployment, environment="prod", project="my-prod", images_from="my-tipoff-dev")
    shell = FakeShell({**READY, **STATE}, images=set(SERVICES))
    found = digests(promoting, "abc", shell)
    assert found == dict.fromkeys(SERVICES, DIGEST)
    plan(promoting, found, shell, dry_run=True)
    assert "-var=image_project=my-tipoff-dev" in shell.done[-1]


def test_missing_source_image_is_not_promoted(deployment: Deployment) -> None:
    promoting = replace(deployment, images_from="my-tipoff-dev")
    with pytest.raises(DeployRefused) as refused:
        digests(promoting, "abc", FakeShell(READY, images=set(SERVICES) - {"logger"}))
    assert "my-tipoff-dev/tipoff/logger cannot be looked up" in str(refused.value)


def test_registry_tags_are_immutable() -> None:
    """A plan names images by tag before the build."""
    registry = (REPOSITORY / "infra/terraform/bootstrap/main.tf").read_text()
    assert "immutable_tags = true" in registry


PLANNED = ["check", "plan", "missing_images"]


class Terminal:
    """`sys` of an interactive terminal."""

    class stdin:  # noqa: N801
        @staticmethod
        def isatty() -> bool:
            return True


@dataclass
class Steps:
    taken: list[str] = field(default_factory=list)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    steps = Steps()

    def step(name: str, answer: object) -> None:
        def take(*_: object, **__: object) -> object:
            steps.taken.append(name)
            return answer

        monkeypatch.setattr(command, name, take)

    answers = {
        "check": "abc",
        "digests": {"logger": DIGEST},
        "plan": None,
        "missing_images": ["logger"],
        "build": None,
        "apply": None,
    }
    for name, answer in answers.items():
        step(name, answer)
    return steps


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ("terraform plan: exit code 2", "the project differs from the last deployment"),
        ("terraform plan: exit code 1", "terraform plan: exit code 1"),
    ],
)
def test_drift_reports_a_difference_apart_from_a_failed_plan(
    steps: Steps, monkeypatch: pytest.MonkeyPatch, failure: str, told: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ShellFailed(failure)

    monkeypatch.setattr(command, "plan", fail)
    done = CliRunner().invoke(app, ["deploy", "dev", "--project", "my-tipoff-dev", "--drift"])
    assert done.exit_code == 1
    assert done.stderr.startswith(told)
    assert steps.taken == ["check"]


@pytest.mark.parametrize(
    ("options", "code", "taken"),
    [
        ([], 0, PLANNED),
        (["--dry-run"], 0, PLANNED),
        (["--apply"], 2, []),
        (["--apply", "--confirm", "prod"], 2, []),
        (["--apply", "--confirm", "dev"], 0, [*PLANNED, "build", "apply"]),
        (["--apply", "--confirm", "dev", "--images-from", "p"], 0, ["check", "digests", "plan", "apply"]),
        (["--drift"], 0, PLANNED),
        (["--drift", "--apply", "--confirm", "dev"], 2, []),
    ],
)
def test_build_and_apply_require_apply_option_and_confirmation(
    steps: Steps, options: list[str], code: int, taken: list[str]
) -> None:
    done = CliRunner().invoke(app, ["deploy", "dev", "--project", "my-tipoff-dev", *options])
    assert done.exit_code == code, done.output
    assert steps.taken == taken


@pytest.mark.parametrize(
    ("typed", "code", "taken"), [("dev", 0, [*PLANNED, "build", "apply"]), ("prod", 2, PLANNED)]
)
def test_interactive_apply_requires_typed_environment_after_plan(
    steps: Steps, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, taken: list[str]
) -> None:
    monkeypatch.setattr(command, "sys", Terminal)
    arguments = ["deploy", "dev", "--project", "my-tipoff-dev", "--apply"]
    assert CliRunner().invoke(app, arguments, input=f"{typed}\n").exit_code == code
    assert steps.taken == taken


SCRIPT = Path(__file__).parents[3] / "infra/build_images.sh"


def build_images(folder: Path, *arguments: str) -> tuple[int, str, list[str]]:
    """Run the script with a docker that only records its commands; return exit code, stderr and those commands."""
    log, docker = folder / "log", folder / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    docker.chmod(0o755)
    log.touch()
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(
        [str(SCRIPT), *arguments], env={"PATH": path}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr, log.read_text().splitlines()


def test_all_images_are_built_before_first_push(tmp_path: Path) -> None:
    code, _, output = build_images(tmp_path, "r/tipoff", "abc", "logger", "cleanup")
    assert code == 0
    assert output == [
        "build --platform linux/amd64 --build-arg SERVICE=logger --build-arg COMMIT=abc --tag r/tipoff/logger:abc .",
        "build --platform linux/amd64 --build-arg SERVICE=cleanup --build-arg COMMIT=abc --tag r/tipoff/cleanup:abc .",
        "push r/tipoff/logger:abc",
        "push r/tipoff/cleanup:abc",
    ]


def test_an_unknown_service_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    code, output, built = build_images(tmp_path, "--no-push", "r/tipoff", "abc", "logger", "loger")
    assert (code, built) == (2, [])
    assert f"no service 'loger'; there are: {' '.join(SERVICES)}" in output


def test_all_services_are_built_by_default(tmp_path: Path) -> None:
    _, _, commands = build_images(tmp_path, "--no-push", "tipoff", "abc")
    assert [re.findall(r"SERVICE=(\S+)", line) for line in commands] == [[name] for name in SERVICES]
