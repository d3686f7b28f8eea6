"""What the tests on the running stack stand on: a stack as a caller, a source and an outage see it."""

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
"""How long to wait for what must happen. Google's emulator looks at its retries only every three seconds."""

SCHEDULE, INJURIES = "nbac_schedule", "nbac_injury_report"
SCHEDULE_PATH = "cdn.nba.com/static/json/staticData/scheduleLeagueV2.json"

BACKFILLED = [date(2025, 2, 1) + timedelta(days=offset) for offset in range(12)]
"""Game days in a row that one test asks for; the last has a game without a time."""

_SPECIAL = {
    date(2025, 1, 15),
    date(2025, 1, 25),
    date(2025, 2, 16),
    *BACKFILLED,
}  # a late report, a game after midnight, All-Stars
_PAIRS = [("MIA", "BOS"), ("CHI", "UTA"), ("ORL", "SAC")]
_MORE_DAYS = [date(2025, 3, 1) + timedelta(days=offset) for offset in range(60)]


def write_scenario(folder: Path) -> Path:
    """The scenario of the stacks: the usual one, and days with one game each, so that each test has its own."""
    scenario = yaml.safe_load(DEFAULT_SCENARIO.read_text(encoding="utf-8"))
    for number, day in enumerate(_MORE_DAYS):  # no team on two days in a row, which would be told of later
        away, home = _PAIRS[number % len(_PAIRS)]
        scenario["games"][day] = [{"id": f"00224011{number:02}", "away": away, "home": home, "tip": "19:00"}]
    path = folder / "scenario.yaml"
    path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    return path


def game_days() -> Iterator[date]:
    """Ordinary game days of the scenario: the facts of a test are told from another's by their day."""
    return (day for day in sorted([*SCENARIO.games, *_MORE_DAYS]) if day not in _SPECIAL)


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """The condition's first true value. Fails the test when there is none in time."""
    deadline, pause = time.monotonic() + seconds, 0.05
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(pause)
        # To ask costs the warehouse a query, and the processor that what is awaited needs.
        pause = min(0.5, 1.5 * pause)
    return value


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """The instant of a New York time."""
    return local_instant(day, clock_time(hour, minute))


def last_report(day: date) -> str:
    """The path of the day's last injury report, which a manual run asks for first."""
    return f"ak-static.cms.nba.com/referee/injury/Injury-Report_{day}_11PM.pdf"


class Driver:
    """A running stack and its Pub/Sub server's kind."""

    def __init__(self, stack: Stack, kind: str) -> None:
        self.stack, self.kind = stack, kind

    # Asking for something

    def tick(self, tick: Tick, day: date, hour: int, minute: int = 0) -> datetime:
        """Fires a tick for a New York time and returns the instant."""
        instant = at(day, hour, minute)
        self.stack.publisher.publish([TickFired(tick=tick, cadence_minutes=15, event_time=instant)])
        return instant

    def post(self, service: str, path: str, *, key: str | None = None, **options: Any) -> requests.Response:
        """A call with the development key, or with another one, or with "" without any."""
        key = self.stack.layout.development_key if key is None else key
        headers = {**options.pop("headers", {}), **({"Authorization": f"Bearer {key}"} if key else {})}
        url = f"{self.stack.layout.url(service)}{path}"
        return requests.post(url, headers=headers, timeout=PATIENCE_SECONDS, **options)

    def run_workflow(self, name: str, day: date, **headers: str) -> Any:
        """A manual run: the decision and its requests."""
        body = {"game_date": day.isoformat()}
        answer = self.post("controller", f"/workflows/{name}/runs", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def publish_raw(self, topic: str, data: bytes, **attributes: str) -> str:
        """A message as anybody may publish one; its id."""
        with self.stack.clients():
            client = PublisherClient()
        path = client.topic_path(PROJECT, topic)
        message_id = str(client.publish(path, data, **attributes).result(timeout=PATIENCE_SECONDS))
        client.stop()
        client.transport.close()
        return message_id

    @property
    def command_environment(self) -> dict[str, str]:
        """Where the command line finds the stack."""
        layout = self.stack.layout
        return {
            **layout.shared_environment(),
            "TIPOFF_CONTROLLER_URL": layout.url("controller"),
            "TIPOFF_MONITOR_URL": layout.url("monitor"),
        }

    def tipoff(self, *arguments: str, code: int = 0) -> str:
        """What the command line prints beside the stack, on stdout if all is well; it has to end with `code`."""
        with patch.dict(os.environ, self.command_environment):
            result = CliRunner().invoke(app, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result.stdout if code == 0 else result.output

    # What came of it

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return self.stack.warehouse.query(sql, parameters)

    def executions(
        self, day: date, scraper: str, table: str = "v_executions", count: int = 1
    ) -> list[dict[str, Any]]:
        """The executions about a day by attempt, once there are at least so many."""
        sql = f"""
            SELECT * FROM nba_orchestration.{table} WHERE game_date = @day AND scraper_name = @scraper
            ORDER BY attempt, triggered_at
        """  # noqa: S608 - a table of our own
        return self._enough(sql, count, day=day, scraper=scraper)

    def decisions(
        self, workflow: str, at: datetime, table: str = "v_decisions", count: int = 1
    ) -> list[dict[str, Any]]:
        """The decisions about a workflow at a tick, once there are at least so many."""
        sql = f"""
            SELECT * FROM nba_orchestration.{table} WHERE decision_time = @at AND workflow_name = @workflow
        """  # noqa: S608 - a table of our own
        return self._enough(sql, count, at=at, workflow=workflow)

    def dead_letters(self, where: str, **parameters: Any) -> list[dict[str, Any]]:
        """The dead letters that a condition holds for, once there is one."""
        sql = f"SELECT * FROM nba_orchestration.dead_letters WHERE {where}"  # noqa: S608
        return self._enough(sql, 1, **parameters)

    def _enough(self, sql: str, count: int, **parameters: Any) -> list[dict[str, Any]]:
        def found() -> list[dict[str, Any]]:
            rows = self.rows(sql, **parameters)
            return rows if len(rows) >= count else []

        rows: list[dict[str, Any]] = until(found, f"{count} row(s) of {sql} for {parameters}")
        return rows

    def settle(self) -> None:
        """Waits until nothing is unacknowledged; on the embedded server only."""
        self.stack.wait_until_quiet(PATIENCE_SECONDS)

    def waiting(self, subscription: str) -> int:
        """How many messages of a subscription are unacknowledged; on the embedded server only."""
        return self.stack.backlog()[f"projects/{PROJECT}/subscriptions/{subscription}"]

    def file(self, gcs_path: str) -> bytes:
        """The content of an object in the data bucket."""
        body = self.stack.data.get(gcs_path.removeprefix(f"gs://{self.stack.data.bucket}/"))
        assert body is not None, f"{gcs_path} is not there"
        return body

    @contextmanager
    def subscribed(self, topic: str) -> Iterator[Callable[[], list[Any]]]:
        """A pull subscription for the length of a block: a function that takes what is there now."""
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

    # What the sources do

    def fault(self, path: str, **settings: Any) -> None:
        """Makes the fake sources' answers for a path go wrong until the test ends."""
        answer = requests.post(
            self._control("faults"), json={"path": path, **settings}, timeout=PATIENCE_SECONDS
        )
        assert answer.status_code == 201, answer.text

    def heal(self) -> None:
        requests.delete(self._control("faults"), timeout=PATIENCE_SECONDS).raise_for_status()

    def asked(self, path: str) -> int:
        """How often the source was asked for a path since the stack started."""
        paths: dict[str, int] = requests.get(self._control("requests"), timeout=PATIENCE_SECONDS).json()[
            "paths"
        ]
        return paths.get(path, 0)

    def paths_asked(self, prefix: str) -> dict[str, int]:
        """How often the source was asked since the stack started, by each path that begins so."""
        paths: dict[str, int] = requests.get(self._control("requests"), timeout=PATIENCE_SECONDS).json()[
            "paths"
        ]
        return {path: count for path, count in paths.items() if path.startswith(prefix)}

    def _control(self, what: str) -> str:
        return f"{self.stack.layout.url('fake-sources')}/control/{what}"

    # What Phase 2 does

    @contextmanager
    def phase_2(self, **behaviour: Any) -> Iterator[None]:
        """Phase 2's fake behaves so for the length of a block, by default as it should; at other times it drops
        every message, so that a test has the receipts that it publishes itself. See tipoff_dev.fakes.phase2."""
        before = requests.get(self._phase_2("behaviour"), timeout=PATIENCE_SECONDS).json()
        self._behave(behaviour)
        try:
            yield
        finally:
            self._behave(before)

    def release(self, until: datetime) -> int:
        """Lets the fake process what it holds and is due; how many messages that were."""
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

    # What becomes of its processes

    def megabytes(self, name: str, what: str = "VmRSS") -> float:
        """What a process holds now, or as VmHWM the most that it ever held."""
        status = Path(f"/proc/{self.stack.processes.children[name].process.pid}/status").read_text()
        return int(status.partition(f"{what}:")[2].split()[0]) / 1024

    def signal(self, name: str, number: signal.Signals) -> None:
        self.stack.processes.children[name].process.send_signal(number)

    def ended(self, name: str) -> int:
        """Waits until a process has ended; its exit code."""
        return self.stack.processes.children[name].process.wait(PATIENCE_SECONDS)

    def kill(self, name: str) -> None:
        self.signal(name, signal.SIGKILL)
        self.ended(name)

    @contextmanager
    def down(self, name: str) -> Iterator[None]:
        """Kills a process for the length of a block; afterwards it is back, with nothing in its memory."""
        self.kill(name)
        try:
            yield
        finally:
            self.stack.restart(name)

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Stops a process in its tracks for the length of a block: connections stay open and nothing is answered."""
        self.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(name, signal.SIGCONT)


def push_body(data: bytes | str, **attributes: str) -> dict[str, Any]:
    """A wrapped push as Pub/Sub sends it; text stands for data that is encoded already."""
    encoded = data if isinstance(data, str) else base64.b64encode(data).decode()
    message = {
        "data": encoded,
        "attributes": attributes,
        "messageId": f"test-{time.monotonic_ns()}",
        "publishTime": "2025-01-15T12:00:00Z",
    }
    return {"message": message, "subscription": f"projects/{PROJECT}/subscriptions/test"}


def as_json(column: Any) -> Any:
    """The value of a JSON column, whichever way the client read it."""
    return json.loads(column) if isinstance(column, str) else column


def summary(execution: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = as_json(execution["data_summary"])
    return found
