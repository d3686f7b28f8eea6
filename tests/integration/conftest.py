"""The running stack, one on our own Pub/Sub server and one on Google's: what does not need the former runs on both."""

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
    # On one of the two each service has the rights on buckets that infra/terraform gives it, and no others.
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
    """The stack on each Pub/Sub server, Google's where it is installed. Whatever a test broke is whole again when the
    next one begins."""
    driver: Driver = request.getfixturevalue(f"{request.param}_stack")
    yield driver
    driver.heal()
    driver.stack.processes.check()


@pytest.fixture
def embedded(embedded_stack: Driver) -> Iterator[Driver]:
    """The stack on our own server, for tests that have to know what is unacknowledged: Google's does not tell."""
    yield embedded_stack
    embedded_stack.heal()
    embedded_stack.stack.processes.check()


@pytest.fixture(scope="session")
def days() -> Mapping[str, Iterator[date]]:
    """The days left on each of the two stacks."""
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
    """The folder whose environment, `venv`, one test after another makes anew: bytecode is found again by the path of
    its source."""
    return tmp_path_factory.mktemp("install")


@pytest.fixture(scope="session")
def install(install_root: Path, wheels: Path) -> Install:
    """Install these packages and what they need into an empty environment; returns its folder of programs."""
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
    """Where the bytecode of what is installed in these environments is kept."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The embedded cloud and the fake sources without a service: what was installed is tried on it alone."""
    layout = Layout.on_free_ports(event_time=True, own_rights=True)
    with running_stack(
        layout, tmp_path_factory.mktemp("cloud"), StackOptions(services=(), phase2=None)
    ) as stack:
        yield stack
