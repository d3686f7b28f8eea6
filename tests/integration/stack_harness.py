"""Harness of the tests on the running stack: callers, sources, Phase 2 and outages."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests
import yaml
from google.api_core.exceptions import DeadlineExceeded
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from tests.support.scenario import SCENARIO
from typer.testing import CliRunner

from tipoff_cli.main import app
from tipoff_common.clock import local_instant
from tipoff_common.events import Tick, TickFired
from tipoff_dev.fakes.sources.scenario import DEFAULT_SCENARIO
from tipoff_dev.stack.layout import PROJECT
from tipoff_dev.stack.stack import Stack

EMBEDDED, GOOGLE = "embedded", "google"
PATIENCE_SECONDS = 90.0
"""Default timeout of a wait. Google's emulator checks its retries only every three seconds."""

SCHEDULE, INJURIES = "nbac_schedule", "nbac_injury_report"
SCHEDULE_PATH = "cdn.nba.com/static/json/staticData/scheduleLeagueV2.json"

BACKFILLED = [date(2025, 2, 1) + timedelta(days=offset) for offset in range(12)]
"""Consecutive game days that one test backfills; the last has a game without a time."""

_SPECIAL = {
    date(2025, 1, 15),
    date(2025, 1, 25),
    date(2025, 2, 16),
    *BACKFILLED,
}  # a late report, a game after midnight, All-Stars
_PAIRS = [("MIA", "BOS"), ("CHI", "UTA"), ("ORL", "SAC")]
_MORE_DAYS = [date(2025, 3, 1) + timedelta(days=offset) for offset in range(60)]


def write_scenario(folder: Path) -> Path:
    """Write the scenario of the stacks: the default one and days with one game each, so that each test has its own."""
    scenario = yaml.safe_load(DEFAULT_SCENARIO.read_text(encoding="utf-8"))
    for number, day in enumerate(_MORE_DAYS):  # a team on two days in a row reports later
        away, home = _PAIRS[number % len(_PAIRS)]
        scenario["games"][day] = [{"id": f"00224011{number:02}", "away": away, "home": home, "tip": "19:00"}]
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    return path


def game_days() -> Iterator[date]:
    """Return ordinary game days of the scenario: each test has a day of its own, by which it finds its rows."""
    return (day for day in sorted([*SCENARIO.games, *_MORE_DAYS]) if day not in _SPECIAL)


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the condition's first true value. Fails the test when the time is over."""
    deadline, pause = time.monotonic() + seconds, 0.05
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(pause)
        # Each check costs the warehouse a query, and takes CPU time from the processes under test.
        pause = min(0.5, 1.5 * pause)
    return value


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Return the instant of a New York time."""
    return local_instant(day, clock_time(hour, minute))


def last_report(day: date) -> str:
    """Return the path of the day's last injury report, which a manual run requests first."""
    return f"ak-static.cms.nba.com/referee/injury/Injury-Report_{day}_11PM.pdf"


class Driver:
    """A running stack and its Pub/Sub server's kind."""

    def __init__(self, stack: Stack, kind: str) -> None:
        self.stack, self.kind = stack, kind

    # Requests

    def tick(self, tick: Tick, day: date, hour: int, minute: int = 0) -> datetime:
        """Fire a tick for a New York time; return the instant."""
        instant = at(day, hour, minute)
        self.stack.publisher.publish([TickFired(tick=tick, cadence_minutes=15, event_time=instant)])
        return instant

    def post(self, service: str, path: str, *, key: str | None = None, **options: Any) -> requests.Response:
        """Send a POST with the development key, with another key, or without a key for ""."""
        key = self.stack.layout.development_key if key is None else key
        headers = {**options.pop("headers", {}), **({"Authorization": f"Bearer {key}"} if key else {})}
        url = f"{self.stack.layout.url(service)}{path}"
        return requests.post(url, headers=headers, timeout=PATIENCE_SECONDS, **options)

    def run_workflow(self, name: str, day: date, **headers: str) -> Any:
        """Start a manual run; return the decision and its requests."""
        body = {"game_date": day.isoformat()}
        answer = self.post("controller", f"/workflows/{name}/runs", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def publish_raw(self, topic: str, data: bytes, **attributes: str) -> str:
        """Publish a message of any content; return its id."""
        with self.stack.clients():
            client = PublisherClient()
        path = client.topic_path(PROJECT, topic)
        message_id = str(client.publish(path, data, **attributes).result(timeout=PATIENCE_SECONDS))
        client.stop()
        client.transport.close()
        return message_id

    @property
    def command_environment(self) -> dict[str, str]:
        """The environment by which the command line finds the stack."""
        layout = self.stack.layout
        return {
            **layout.shared_environment(),
            "TIPOFF_CONTROLLER_URL": layout.url("controller"),
            "TIPOFF_MONITOR_URL": layout.url("monitor"),
        }

    def tipoff(self, *arguments: str, code: int = 0) -> str:
        """Return the command's stdout, or all output for a failure; it has to exit with `code`."""
        with patch.dict(os.environ, self.command_environment):
            result = CliRunner().invoke(app, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result.stdout if code == 0 else result.output

    # Results

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return self.stack.warehouse.query(sql, parameters)

    def executions(
        self, day: date, scraper: str, table: str = "v_executions", count: int = 1
    ) -> list[dict[str, Any]]:
        """Return the executions about a day by attempt, once there are at least `count`."""
        sql = f"""
            SELECT * FROM nba_orchestration.{table} WHERE game_date = @day AND scraper_name = @scraper
            ORDER BY attempt, triggered_at
        """  # noqa: S608 - a table of our own
        return self._enough(sql, count, day=day, scraper=scraper)

    def decisions(
        self, workflow: str, at: datetime, table: str = "v_decisions", count: int = 1
    ) -> list[dict[str, Any]]:
        """Return the decisions about a workflow at a tick, once there are at least `count`."""
        sql = f"""
            SELECT * FROM nba_orchestration.{table} WHERE decision_time = @at AND workflow_name = @workflow
        """  # noqa: S608 - a table of our own
        return self._enough(sql, count, at=at, workflow=workflow)

    def dead_letters(self, where: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return the dead letters that a condition holds for, once there is one."""
        sql = f"SELECT * FROM nba_orchestration.dead_letters WHERE {where}"  # noqa: S608
        return self._enough(sql, 1, **parameters)

    def _enough(self, sql: str, count: int, **parameters: Any) -> list[dict[str, Any]]:
        def found() -> list[dict[str, Any]]:
            rows = self.rows(sql, **parameters)
            return rows if len(rows) >= count else []

        rows: list[dict[str, Any]] = until(found, f"{count} row(s) of {sql} for {parameters}")
        return rows

    def settle(self) -> None:
        """Wait until no message is unacknowledged; on the embedded server only."""
        self.stack.wait_until_quiet(PATIENCE_SECONDS)

    def waiting(self, subscription: str) -> int:
        """Return how many messages of a subscription are unacknowledged; on the embedded server only."""
        return self.stack.backlog()[f"projects/{PROJECT}/subscriptions/{subscription}"]

    def file(self, gcs_path: str) -> bytes:
        """Return the content of an object in the data bucket."""
        body = self.stack.data.get(gcs_path.removeprefix(f"gs://{self.stack.data.bucket}/"))
        assert body is not None, f"{gcs_path} is not there"
        return body

    @contextmanager
    def subscribed(self, topic: str) -> Iterator[Callable[[], list[Any]]]:
        """Create a pull subscription for the length of a block; yield a function that takes its current messages."""
        with self.stack.clients():
            client = SubscriberClient()
        name = client.subscription_path(PROJECT, f"test-{time.monotonic_ns()}")
        client.create_subscription(name=name, topic=client.topic_path(PROJECT, topic))

        def take() -> list[Any]:
            try:
                pulled = client.pull(subscription=name, max_messages=100, timeout=0.5).received_messages
            except DeadlineExceeded:
                return []
            if pulled:
                client.acknowledge(subscription=name, ack_ids=[item.ack_id for item in pulled])
            return [item.message for item in pulled]

        try:
            yield take
        finally:
            client.delete_subscription(subscription=name)
            client.close()

    # Fake sources

    def fault(self, path: str, **settings: Any) -> None:
        """Inject a fault into the fake sources' responses for a path until the test ends."""
        answer = requests.post(
            self._control("faults"), json={"path": path, **settings}, timeout=PATIENCE_SECONDS
        )
        assert answer.status_code == 201, answer.text

    def heal(self) -> None:
        requests.delete(self._control("faults"), timeout=PATIENCE_SECONDS).raise_for_status()

    def request_count(self, path: str) -> int:
        """Return how many requests the source received for a path since the stack started."""
        paths: dict[str, int] = requests.get(self._control("requests"), timeout=PATIENCE_SECONDS).json()[
            "paths"
        ]
        return paths.get(path, 0)

    def requested_paths(self, prefix: str) -> dict[str, int]:
        """Return how many requests the source received since the stack started, by each path that begins so."""
        paths: dict[str, int] = requests.get(self._control("requests"), timeout=PATIENCE_SECONDS).json()[
            "paths"
        ]
        return {path: count for path, count in paths.items() if path.startswith(prefix)}

    def _control(self, what: str) -> str:
        return f"{self.stack.layout.url('fake-sources')}/control/{what}"

    # Phase 2's fake

    @contextmanager
    def phase_2(self, **behaviour: Any) -> Iterator[None]:
        """Set the behaviour of Phase 2's fake for the length of a block, by default the normal one.

        At other times it drops every message, so that a test has only the receipts that it publishes itself. See
        tipoff_dev.fakes.phase2.
        """
        before = requests.get(self._phase_2("behaviour"), timeout=PATIENCE_SECONDS).json()
        self._behave(behaviour)
        try:
            yield
        finally:
            self._behave(before)

    def release(self, until: datetime) -> int:
        """Let the fake process the due messages that it holds; return how many these were."""
        answer = requests.post(
            self._phase_2("release"), params={"until": until.isoformat()}, timeout=PATIENCE_SECONDS
        )
        answer.raise_for_status()
        released: int = answer.json()["released"]
        return released

    def _behave(self, behaviour: dict[str, Any]) -> None:
        answer = requests.put(self._phase_2("behaviour"), json=behaviour, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, answer.text

    def _phase_2(self, what: str) -> str:
        return f"{self.stack.layout.url('phase2')}/control/{what}"

    # Processes

    def megabytes(self, name: str, what: str = "VmRSS") -> float:
        """Return the memory of a process in MB: current by default, its peak as VmHWM."""
        status = Path(f"/proc/{self.stack.processes.children[name].process.pid}/status").read_text()
        return int(status.partition(f"{what}:")[2].split()[0]) / 1024

    def signal(self, name: str, number: signal.Signals) -> None:
        self.stack.processes.children[name].process.send_signal(number)

    def ended(self, name: str) -> int:
        """Wait until a process has ended; return its exit code."""
        return self.stack.processes.children[name].process.wait(PATIENCE_SECONDS)

    def kill(self, name: str) -> None:
        self.signal(name, signal.SIGKILL)
        self.ended(name)

    @contextmanager
    def down(self, name: str) -> Iterator[None]:
        """Kill a process for the length of a block; then start it again, with empty memory."""
        self.kill(name)
        try:
            yield
        finally:
            self.stack.restart(name)

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Suspend a process for the length of a block: its connections stay open without responses."""
        self.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(name, signal.SIGCONT)


def push_body(data: bytes | str, **attributes: str) -> dict[str, Any]:
    """Return a wrapped push as Pub/Sub sends it; a `str` is data that is encoded already."""
    encoded = data if isinstance(data, str) else base64.b64encode(data).decode()
    message = {
        "data": encoded,
        "attributes": attributes,
        "messageId": f"test-{time.monotonic_ns()}",
        "publishTime": "2025-01-15T12:00:00Z",
    }
    return {"message": message, "subscription": f"projects/{PROJECT}/subscriptions/test"}


def as_json(column: Any) -> Any:
    """Return the value of a JSON column, whether the client parsed it or not."""
    return json.loads(column) if isinstance(column, str) else column


def summary(execution: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = as_json(execution["data_summary"])
    return found
