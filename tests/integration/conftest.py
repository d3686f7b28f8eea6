"""The running stacks, on our own Pub/Sub server and on Google's emulator; tests that need our own run on it alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from stack_harness import EMBEDDED, GOOGLE, Driver, game_days, write_scenario

from gcp_emulators.pubsub.google import EmulatorUnavailableError, find_installation
from tipoff_cli.checkout import REPOSITORY, WORKFLOWS
from tipoff_dev.fakes.phase2.behaviour import Behaviour
from tipoff_dev.images.build import build_wheels
from tipoff_dev.stack.layout import Layout
from tipoff_dev.stack.stack import Stack, StackOptions, running_stack
from tipoff_dev.tour.history import EventHistory
from tipoff_dev.tour.loading import load_week

Install = Callable[..., Path]


@contextmanager
def _running(folder: Path, kind: str) -> Iterator[Driver]:
    # The stack on our own server gives each service only the bucket rights that infra/terraform gives it.
    layout = Layout.on_free_ports(event_time=True, own_rights=kind == EMBEDDED)
    with running_stack(
        layout,
        folder,
        StackOptions(
            google_pubsub=kind == GOOGLE,
            minimum_backoff=0.1,
            maximum_backoff=1.0,
            scenario=write_scenario(folder),
            phase2=Behaviour(drop=1),
        ),
    ) as stack:
        yield Driver(stack, kind)


@pytest.fixture(scope="session")
def embedded_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with _running(tmp_path_factory.mktemp("embedded"), EMBEDDED) as driver:
        yield driver


@pytest.fixture(scope="session")
def google_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    try:
        find_installation()
    except EmulatorUnavailableError as error:
        pytest.skip(f"Google's emulator is absent: {error}")
    with _running(tmp_path_factory.mktemp("google"), GOOGLE) as driver:
        yield driver


@pytest.fixture(scope="session")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, EventHistory]]:
    """A stack in wall-clock time with the week of the tour behind it."""
    layout = Layout.on_free_ports(event_time=False, workflows_file=WORKFLOWS)
    with running_stack(layout, tmp_path_factory.mktemp("tour")) as stack:
        yield stack, load_week(stack, datetime.now(UTC), lambda _: None)


@pytest.fixture(params=[EMBEDDED, GOOGLE])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """The stack on each Pub/Sub server (Google's where it is installed).

    Faults that a test injected are removed before the next test.
    """
    driver: Driver = request.getfixturevalue(f"{request.param}_stack")
    yield driver
    driver.heal()
    driver.stack.processes.check()


@pytest.fixture
def embedded(embedded_stack: Driver) -> Iterator[Driver]:
    """The stack on our own server, for tests that read the unacknowledged count, which Google's does not expose."""
    yield embedded_stack
    embedded_stack.heal()
    embedded_stack.stack.processes.check()


@pytest.fixture(scope="session")
def days() -> Mapping[str, Iterator[date]]:
    """Unused game days of each of the two stacks."""
    return {EMBEDDED: game_days(), GOOGLE: game_days()}


@pytest.fixture
def day(days: Mapping[str, Iterator[date]], request: pytest.FixtureRequest) -> date:
    """A game day that no other test on the same stack uses."""
    parameters = getattr(request.node, "callspec", None)
    stack = parameters.params.get("driver", EMBEDDED) if parameters else EMBEDDED
    return next(days[stack])


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build every package of the repository, once for all tests that install them; return the folder."""
    return build_wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="session")
def install_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which each test creates `venv` anew: one path, so that cached bytecode is found again."""
    return tmp_path_factory.mktemp("install")


@pytest.fixture(scope="session")
def install(install_root: Path, wheels: Path) -> Install:
    """Install these packages and their dependencies into an empty environment; return its bin folder."""
    uv = Path(sys.executable).with_name("uv")
    programs = install_root / "venv/bin"
    index = os.environ.get("PIP_INDEX_URL")
    # uv does not read pip's settings.
    settings = {**({"UV_DEFAULT_INDEX": index} if index else {}), **os.environ, "UV_LINK_MODE": "hardlink"}

    def installed(*packages: str) -> Path:
        pins = ("--find-links", wheels, "--constraints", REPOSITORY / "requirements-dev.txt")
        for command in (
            (uv, "venv", "--quiet", "--clear", "--python", sys.executable, install_root / "venv"),
            (uv, "pip", "install", "--quiet", "--python", programs / "python", *pins, *packages),
        ):
            done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return programs

    return installed


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared bytecode cache of the environments that `install` creates."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The embedded cloud and the fake sources without services, so that a test runs only the service it installed."""
    layout = Layout.on_free_ports(event_time=True, own_rights=True)
    with running_stack(
        layout, tmp_path_factory.mktemp("cloud"), StackOptions(services=(), phase2=None)
    ) as stack:
        yield stack
