"""Tests of gcp_emulators in another project: from its README, without Tipoff's packages."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import gcp_emulators
from gcp_emulators.testing import HOST, DidNotStartError, free_port, running

FOLDER = Path(gcp_emulators.__file__).parent
README = FOLDER.parent / "README.md"
NAMES = ("pubsub", "bigquery", "storage")


def test_emulator_package_does_not_mention_tipoff() -> None:
    named = [path.name for path in FOLDER.rglob("*.py") if "tipoff" in path.read_text().lower()]
    assert named == []


@pytest.mark.parametrize("name", NAMES)
def test_each_emulator_has_help_and_a_readme_line(name: str) -> None:
    command = [sys.executable, "-m", f"gcp_emulators.{name}", "--help"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert "--port" in output.stdout
    assert f"python -m gcp_emulators.{name}" in README.read_text()


def test_emulator_that_does_not_start_reports_the_reason() -> None:
    with (
        running("storage") as first,
        pytest.raises(DidNotStartError, match=f"port {first.port} of 127.0.0.1 is taken"),
        running("storage", port=first.port),
    ):
        pass
    with (
        pytest.raises(DidNotStartError, match="unrecognized arguments: --nothing"),
        running("storage", "--nothing"),
    ):
        pass


@pytest.mark.parametrize("name", NAMES)
def test_readme_names_the_variable_of_googles_client(name: str) -> None:
    with running(name) as emulator:
        variable, value = emulator.variable
        # Google's client of Pub/Sub expects no scheme.
        assert value == (emulator.url.removeprefix("http://") if name == "pubsub" else emulator.url)
        shown = value.replace(str(emulator.port), "")
        assert f"export {variable}={shown}" in README.read_text()
    assert emulator.process.returncode == 0


def test_free_ports_are_distinct_and_below_the_ephemeral_range() -> None:
    chosen_by_the_system = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    ports = [free_port() for _ in range(100)]
    assert max(ports) < int(chosen_by_the_system[0])
    assert len(set(ports)) == len(ports)


def test_occupied_port_is_skipped() -> None:
    last = free_port()
    with socket.create_server((HOST, last + 1)):
        assert free_port() not in (last, last + 1)
