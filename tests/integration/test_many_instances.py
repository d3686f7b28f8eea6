"""A fan-out with many instances, or with one suspended instance: nothing is lost and nothing is done twice.

The incident: 22 requests became 67 fetches while the controller was stopped (docs/explanation/incidents.md).
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from socket import SHUT_RDWR, create_connection, create_server, socket

import pytest
import requests

from gcp_emulators.testing import free_port
from tipoff_dev.stack.layout import HOST, SERVICES, Layout, free_ports
from tipoff_dev.stack.processes import Program
from tipoff_dev.stack.stack import Stack, StackOptions, running_stack

pytestmark = pytest.mark.slow

UNITS = 60
INSTANCES = 4
SHARED = ("controller", "scraper-runner", "logger")
PAUSE_SECONDS = 30
DAY = "2025-01-15"
SCRAPER = '''
"""`noop`: finds one record without asking anybody."""

import os
import time

from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters


class Parameters(ScrapeParameters):
    """`unit` tells one request from another."""

    unit: str


class Row(Record):
    unit: str


def fetch(parameters: Parameters, http: Http) -> Payload:
    with open(os.path.join(os.path.dirname(__file__), "fetches"), "a") as counted:
        counted.write(f"{parameters.unit}\\n")
    time.sleep(0.2)
    return Payload(parameters.unit.encode(), "https://noop.example", "txt")


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    return Parsed(records=[Row(unit=payload.decode())])
'''
SPEC = """
name: {name}
description: Finds one record without asking anybody
source: noop
parameters:
  game_date: {{type: date, required: true, description: the day}}
  unit: {{type: string, required: true, description: tells one request from another}}
output: noop/{name}
timeout_seconds: 60
rate_limit: {{per_second: 50}}
assertions: {{min: 1, max: 10}}
not_published: never
needs_games: false
"""
ROWS = """
SELECT execution_id, status, opts FROM nba_orchestration.scraper_execution_log WHERE occurrence_id = @occurrence
"""


@dataclass(frozen=True)
class Balanced(Layout):
    """A stack with a fleet of one scraper; its services are called through a balancer where they have one."""

    fleet: str = ""
    doors: tuple[tuple[str, int], ...] = ()

    def push_endpoint(self, service: str) -> str:
        port = dict(self.doors).get(service, self.ports[service])
        return f"http://{HOST}:{port}/events?token={self.development_key}"

    def _own_settings(self) -> dict[str, dict[str, str]]:
        own = super()._own_settings()
        return {name: {**settings, "TIPOFF_SCRAPERS": self.fleet} for name, settings in own.items()}


class Balancer:
    """A load balancer that hands each connection to the next port in turn."""

    def __init__(self) -> None:
        self.ports: Iterator[int] = iter(())
        self._listener = create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = create_connection((HOST, next(self.ports)))
                self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._forward, args=pair, daemon=True).start()

    @staticmethod
    def _forward(source: socket, sink: socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(SHUT_RDWR)


def write_fleet(folder: Path) -> Path:
    """Write a fleet and its workflow of so many units; return the file in which the scraper counts its fetches."""
    for name in ("noop", "games"):  # a calendar is needed, and never lands
        place = folder / "fleet/noop" / name
        place.mkdir(parents=True)
        (place / "scraper.py").write_text(SCRAPER)
        (place / "scraper.yaml").write_text(SPEC.format(name=name))
    step = {
        "scraper": "noop",
        "for_each": {"parameter": "unit", "values": [f"unit-{number}" for number in range(UNITS)]},
    }
    schedule = {"kind": "at", "times": ["23:00"], "days": ["sun"]}
    (folder / "workflows.yaml").write_text(
        json.dumps(
            {
                "version": 1,
                "timezone": "America/New_York",
                "calendar": {"scraper": "games"},
                "workflows": {"fan": {"description": "all", "schedule": schedule, "steps": [step]}},
            }
        )
    )
    return folder / "fleet/noop/noop/fetches"


@contextmanager
def many(folder: Path, instances: int) -> Iterator[tuple[Stack, Path, list[str]]]:
    """Run so many instances of each shared service; yield the stack, its fetches and the instances' names."""
    # Balancers listen first: the chosen ports stay unbound until the stack has started.
    fetches, balancers = write_fleet(folder), {name: Balancer() for name in SHARED}
    further = {name: [free_port() for _ in range(instances - 1)] for name in SHARED}
    ports = free_ports()
    for name, balancer in balancers.items():
        balancer.ports = cycle([ports[name], *further[name]])
    layout = Balanced(
        ports,
        False,
        "key",
        folder / "workflows.yaml",
        fleet=str(folder / "fleet"),
        doors=tuple((name, balancer.port) for name, balancer in balancers.items()),
    )
    names = list(SHARED)
    with running_stack(layout, folder, StackOptions(phase2=None, services=SHARED)) as stack:
        for name, others in further.items():
            for number, port in enumerate(others, start=2):
                environment = {**layout.service_environment(name), "PORT": str(port)}
                child = f"{name}-{number}"
                stack.processes.start(child, Program(SERVICES[name], (), environment, folder))
                names.append(child)
        for others in further.values():
            for port in others:
                stack.wait_for(stack._http(f"http://{HOST}:{port}/readyz"), "all instances", 120)
        try:
            yield stack, fetches, names
        finally:
            for balancer in balancers.values():
                balancer.close()


def trigger(stack: Stack) -> str:
    """Start a run; return the id of its occurrence."""
    answer = requests.post(
        f"{stack.layout.url('controller')}/workflows/fan/runs",
        json={"game_date": DAY},
        headers={"Authorization": f"Bearer {stack.layout.development_key}", "Idempotency-Key": "once"},
        timeout=60,
    )
    answer.raise_for_status()
    return str(answer.json()["decisions"][0]["occurrence_id"])


def check(stack: Stack, fetches: Path, occurrence: str) -> None:
    """Check that every unit was fetched once, logged once and succeeded, and that the occurrence is settled."""
    stack.wait_until_quiet(300)
    fetched = Counter(fetches.read_text().split())
    assert fetched == Counter(f"unit-{number}" for number in range(UNITS))
    rows = stack.warehouse.query(ROWS, {"occurrence": occurrence})
    assert Counter(row["status"] for row in rows) == {"success": UNITS}
    assert len({row["execution_id"] for row in rows}) == UNITS


def busy(stack: Stack, name: str) -> float:
    """Return the CPU seconds of a process so far."""
    fields = (
        Path(f"/proc/{stack.processes.children[name].process.pid}/stat")
        .read_text()
        .rpartition(")")[2]
        .split()
    )
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_four_instances_share_fan_out_and_fetch_each_unit_once(tmp_path: Path) -> None:
    with many(tmp_path, INSTANCES) as (stack, fetches, names):
        before = {name: busy(stack, name) for name in names}
        check(stack, fetches, trigger(stack))
        worked = [name for name in names if busy(stack, name) > before[name]]
    assert len([name for name in worked if name.startswith("scraper-runner")]) > 1, "the work was shared"


@pytest.mark.parametrize("service", ["controller", "logger"])
def test_service_suspended_during_fan_out_causes_no_second_fetch(tmp_path: Path, service: str) -> None:
    """test_outages has the case of the runner."""
    with many(tmp_path, 1) as (stack, fetches, _):
        occurrence = trigger(stack)
        stack.wait_for(lambda: fetches.exists(), "the fan-out to be under way")
        process = stack.processes.children[service].process
        process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(PAUSE_SECONDS)
        finally:
            process.send_signal(signal.SIGCONT)
        check(stack, fetches, occurrence)
