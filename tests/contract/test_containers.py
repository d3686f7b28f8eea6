"""The services' Dockerfile, compose file and Cloud Build configuration, compared with the services' requirements."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from gcp_emulators.bigquery import __main__ as bigquery_main
from gcp_emulators.storage import __main__ as storage
from tests.support.dockerfiles import read_stages
from tipoff_cli.checkout import REPOSITORY
from tipoff_common.settings import SettingsError, load_settings, variable
from tipoff_dev.generate.settings_reference import SERVICES as MODELS
from tipoff_dev.images.build import FILES
from tipoff_dev.stack import compose as containers
from tipoff_dev.stack.layout import FIXED_PORTS, PROJECT, SERVICES

DOCKERFILE = REPOSITORY / "Dockerfile"
LOCAL_DOCKERFILE = REPOSITORY / "infra/local/Dockerfile"
COMPOSE: Mapping[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8"))
CONTAINERS: Mapping[str, Any] = COMPOSE["services"]
DIGEST = re.compile(r"@\$\{\w+(:-sha256:[0-9a-f]{64})?\}")


def values_of(stage: str, instruction: str, dockerfile: Path = DOCKERFILE) -> list[str]:
    return [value for name, value in read_stages(dockerfile)[stage] if name == instruction]


def environment_of(service: str) -> dict[str, str]:
    return {name: str(value) for name, value in CONTAINERS[service]["environment"].items()}


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for model in MODELS.values():
        for name in model.model_fields:
            monkeypatch.delenv(variable(name, model), raising=False)
    return monkeypatch


# Dockerfiles


@pytest.mark.parametrize("dockerfile", [DOCKERFILE, LOCAL_DOCKERFILE], ids=["services", "local"])
def test_every_base_image_is_pinned_by_overridable_digest(dockerfile: Path) -> None:
    lines = dockerfile.read_text(encoding="utf-8").splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    stages = [name for name in read_stages(dockerfile) if name]
    assert [base for base in bases if base not in stages and not DIGEST.search(base)] == []
    assert any(re.fullmatch(r"ARG PYTHON_DIGEST=sha256:[0-9a-f]{64}", line) for line in lines)


@pytest.mark.parametrize("dockerfile", [DOCKERFILE, LOCAL_DOCKERFILE], ids=["services", "local"])
def test_every_pip_install_uses_hashes_or_no_index(dockerfile: Path) -> None:
    for instructions in read_stages(dockerfile).values():
        for name, value in instructions:
            for command in value.split("&&") if name == "RUN" else ():
                if re.search(r"pip install", command):
                    assert "--require-hashes" in command or "--no-index" in command, command


@pytest.mark.parametrize("dockerfile", [DOCKERFILE, LOCAL_DOCKERFILE], ids=["services", "local"])
def test_final_stage_installs_nothing_and_is_not_root(dockerfile: Path) -> None:
    for command in values_of("", "RUN", dockerfile):
        assert " install " not in command
    user, _, group = values_of("", "USER", dockerfile)[-1].partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_exposed_port_is_default_port_of_services() -> None:
    ports = {model.model_fields["port"].default for model in MODELS.values()}
    assert {int(value) for value in values_of("", "EXPOSE")} == ports == {containers.SERVICE_PORT}


def test_image_has_health_check_and_exec_command() -> None:
    assert len(values_of("", "HEALTHCHECK")) == 1
    assert "exec " in values_of("", "CMD")[0]


def test_smoke_test_has_same_files_as_image() -> None:
    copied = {
        source.rstrip("/")
        for value in values_of("", "COPY")
        if not value.startswith("--from=")
        for source in shlex.split(value)[:-1]
    }
    assert copied == set(FILES)


def test_both_dockerfiles_pin_the_same_base() -> None:
    pins = [
        {line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("ARG PYTHON_")}
        for file in (DOCKERFILE, LOCAL_DOCKERFILE)
    ]
    assert pins[0] == pins[1]


@pytest.mark.parametrize(
    ("file", "dockerfile"),
    [(".dockerignore", DOCKERFILE), (".dockerignore", LOCAL_DOCKERFILE), (".gcloudignore", DOCKERFILE)],
)
def test_copied_files_are_not_ignored(file: str, dockerfile: Path) -> None:
    let_in = _let_in(file)
    sources = [source.rstrip("/") for source in _copied(dockerfile)]
    assert sources
    assert [it for it in sources if not any(_matches(it, pattern) for pattern in let_in)] == []


def _let_in(file: str) -> list[str]:
    lines = (REPOSITORY / file).read_text(encoding="utf-8").splitlines()
    return [line.lstrip("!/").removesuffix("/**") for line in lines if line.startswith("!")]


def _copied(dockerfile: Path) -> Iterator[str]:
    for instructions in read_stages(dockerfile).values():
        for name, value in instructions:
            if name == "COPY" and not value.startswith("--from="):
                yield from shlex.split(value)[:-1]


def _matches(source: str, pattern: str) -> bool:
    """Return whether a pattern matches the source, a folder above it or a path below it."""
    return fnmatch(source, pattern) or source.startswith(f"{pattern}/") or pattern.startswith(f"{source}/")


def test_build_tool_pins_match_development_requirements() -> None:
    pin = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
    tools = pin.findall((REPOSITORY / "services/build-requirements.txt").read_text(encoding="utf-8"))
    ours = pin.findall((REPOSITORY / "requirements-dev.txt").read_text(encoding="utf-8"))
    assert tools
    assert set(tools) <= set(ours)


# docker-compose.yaml


def test_every_service_runs_from_its_own_image() -> None:
    built = {
        name: it["build"]["args"]["SERVICE"]
        for name, it in CONTAINERS.items()
        if "args" in it.get("build", {})
    }
    assert built == {service: service for service in SERVICES}
    assert {path.parent.name for path in REPOSITORY.glob("services/*/pyproject.toml")} == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_container_environment_satisfies_settings(
    service: str, clean_environment: pytest.MonkeyPatch
) -> None:
    for name, value in environment_of(service).items():
        clean_environment.setenv(name, value)
    settings = load_settings(MODELS[service])
    assert settings.project == PROJECT


@pytest.mark.parametrize("service", SERVICES)
def test_every_container_variable_affects_settings(
    service: str, clean_environment: pytest.MonkeyPatch
) -> None:
    """Without any of its variables it refuses to start or has other settings; so none is unknown or superfluous."""
    for name, value in environment_of(service).items():
        clean_environment.setenv(name, value)
    whole = load_settings(MODELS[service])
    for name, value in environment_of(service).items():
        clean_environment.delenv(name)
        try:
            assert load_settings(MODELS[service]) != whole, name
        except SettingsError as error:
            assert name in str(error)
        clean_environment.setenv(name, value)


@pytest.mark.parametrize("service", SERVICES)
def test_addresses_point_to_listening_container_ports(service: str) -> None:
    addresses = [value for name, value in environment_of(service).items() if name.endswith(("_HOST", "_URL"))]
    assert len(addresses) >= 3
    for address in addresses:
        host, _, port = address.removeprefix("http://").partition(":")
        assert f"127.0.0.1:{port}:{port}" in CONTAINERS[host]["ports"]
        assert port in " ".join(CONTAINERS[host]["command"])


@pytest.mark.parametrize("service", SERVICES)
def test_container_is_confined_and_published_on_fixed_port(service: str) -> None:
    it = CONTAINERS[service]
    assert it["read_only"] is True
    assert it["cap_drop"] == ["ALL"]
    assert it["stop_grace_period"] == "10s"
    assert it["ports"] == [f"127.0.0.1:{FIXED_PORTS[service]}:{containers.SERVICE_PORT}"]


def test_push_endpoints_address_containers_with_development_key() -> None:
    for service in SERVICES:
        endpoint = containers.push_endpoint(service, environment_of(service)["TIPOFF_DEVELOPMENT_KEY"])
        assert endpoint == f"http://{service}:8080/events?token=development-key"


def test_emulator_commands_are_valid_for_their_launchers() -> None:
    parsers = {"bigquery": bigquery_main.parse_arguments, "storage": storage.parse_arguments}
    for name, parse in parsers.items():
        python, _, module, *arguments = CONTAINERS[name]["command"]
        assert (python, module) == ("python", f"gcp_emulators.{name}")
        assert parse(arguments).host == "0.0.0.0"  # noqa: S104
    assert bigquery_main.parse_arguments(CONTAINERS["bigquery"]["command"][3:]).project == PROJECT


def test_pubsub_container_is_google_emulator_pinned_by_digest() -> None:
    image = CONTAINERS["pubsub"]["image"]
    assert image.startswith("gcr.io/google.com/cloudsdktool/google-cloud-cli:")
    assert DIGEST.search(image)


# cloudbuild.yaml


def test_cloud_build_runs_build_script_for_all_services() -> None:
    build = yaml.safe_load((REPOSITORY / "cloudbuild.yaml").read_text(encoding="utf-8"))
    assert build["substitutions"]["_SERVICES"] == "", "the script builds all when none is named"
    (step,) = build["steps"]
    assert shlex.split(step["args"][1])[0] == "infra/build_images.sh"


def test_cloud_build_upload_includes_build_files() -> None:
    assert {"Dockerfile", ".dockerignore", "infra/build_images.sh"} <= set(_let_in(".gcloudignore"))


def test_github_workflow_runs_same_build_script_for_all_services() -> None:
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/deploy.yaml").read_text(encoding="utf-8"))
    commands = [step.get("run", "") for step in workflow["jobs"]["build"]["steps"]]
    (build,) = [shlex.split(command) for command in commands if command.startswith("infra/build_images.sh")]
    assert build[1] == "--no-push"
    assert build[4:] == [], "the script builds all when none is named"
