"""The logger under load while things around it break: each event is in the views exactly once, whatever happened."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from stack_harness import EMBEDDED, Driver, until
from tests.support.samples import executed

from tipoff_common.ports import RowsRefused
from tipoff_common.rows import execution_row
from tipoff_local.stack.layout import HOST, Layout
from tipoff_local.stack.stack import running_stack

POISON = 2**70
"""A whole number, so an event may carry it, and too large for a column of BigQuery."""
KILLS = 5
PACE_EVENTS, PACE_SECONDS, BACKLOG = 50, 0.02, 500
QUEUE_ROWS = 64
"""Fewer than Pub/Sub pushes at once, so that the logger has to turn some away."""


class Cable:
    """A TCP connection to the warehouse that can be cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._ends: set[socket.socket] = set()
        self._whole = True
        self._listener = socket.create_server((HOST, 0))
        self.url = f"http://{HOST}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Nothing gets through for the length of a block, and what was under way is lost."""
        self._whole = False
        for end in list(self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        try:
            yield
        finally:
            self._whole = True

    def close(self) -> None:
        with self.cut():
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection((HOST, self._target))
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        self._ends.add(source)
        with suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.discard(source)
        source.close()


class Load:
    """Executions of one workflow, published in the background or at once."""

    _names = count()

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.workflow = f"faults_{next(self._names)}"
        self.published = 0

    def publish(self, events: int, **changes: Any) -> None:
        at = datetime.now(UTC)
        names = [f"{self.workflow}-{self.published + place}" for place in range(events)]
        self._driver.stack.publisher.publish(
            [
                executed(
                    execution_id=name, workflow=self.workflow, triggered_at=at, completed_at=at, **changes
                )
                for name in names
            ]
        )
        self.published += events

    @contextmanager
    def running(self) -> Iterator[None]:
        """Publishes for as long as the block runs, so that there is always something waiting."""
        ended = threading.Event()

        def trickle() -> None:
            while not ended.wait(PACE_SECONDS):
                if self._driver.waiting("logger-executions") < BACKLOG:
                    self.publish(PACE_EVENTS)

        publisher = threading.Thread(target=trickle)
        publisher.start()
        try:
            yield
        finally:
            ended.set()
            publisher.join()

    def rows(self, table: str = "v_executions") -> int:
        sql = f"SELECT COUNT(*) AS n FROM nba_orchestration.{table} WHERE workflow = @workflow"  # noqa: S608
        return int(self._driver.rows(sql, workflow=self.workflow)[0]["n"])

    def more_rows(self, rows: int) -> None:
        """Waits until so many more are in the table."""
        before = self.rows("scraper_execution_log")
        until(lambda: self.rows("scraper_execution_log") >= before + rows, "rows to be written")


@pytest.fixture(scope="module")
def cabled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Driver, Cable]]:
    """The embedded cloud and a logger that reaches the warehouse over a cable."""
    layout = Layout.on_free_ports(event_time=False)
    folder: Path = tmp_path_factory.mktemp("logger-faults")
    with running_stack(
        layout, folder, phase2=None, services=("logger",), minimum_backoff=0.1, maximum_backoff=1.0
    ) as stack:
        cable = Cable(layout.ports["bigquery"])
        logger = stack.processes.children["logger"]
        changes = {"BIGQUERY_EMULATOR_HOST": cable.url, "TIPOFF_QUEUE_ROWS": str(QUEUE_ROWS)}
        logger.program = replace(logger.program, environment={**logger.program.environment, **changes})
        stack.restart("logger")
        yield Driver(stack, EMBEDDED), cable
        cable.close()


@pytest.fixture
def driver(cabled: tuple[Driver, Cable]) -> Driver:
    return cabled[0]


@pytest.fixture
def cable(cabled: tuple[Driver, Cable]) -> Cable:
    return cabled[1]


@pytest.fixture
def load(driver: Driver) -> Load:
    return Load(driver)


def resident_megabytes(driver: Driver) -> float:
    status = Path(f"/proc/{driver.stack.processes.children['logger'].process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def test_one_poisoned_row_among_500_is_one_dead_letter(driver: Driver, load: Load) -> None:
    load.publish(250)
    load.publish(1, retry_count=POISON)
    load.publish(249)
    driver.settle()
    assert load.rows() == 499
    letters = driver.dead_letters("payload_head LIKE @mark", mark=f"%{load.workflow}-250%")
    assert [(letter["reason"], letter["service"]) for letter in letters] == [("invalid_payload", "logger")]
    assert letters[0]["payload_path"].startswith("gs://")


def test_the_warehouse_names_the_poisoned_row_of_an_append_and_takes_the_others(
    driver: Driver, load: Load
) -> None:
    at = datetime.now(UTC)
    rows = [
        execution_row(
            executed(
                execution_id=str(place),
                workflow=load.workflow,
                triggered_at=at,
                retry_count=POISON if place == 250 else 0,
            ),
            at,
        )
        for place in range(500)
    ]
    with pytest.raises(RowsRefused) as refused:
        driver.stack.warehouse.append(
            "scraper_execution_log", rows, [str(row["execution_id"]) for row in rows]
        )
    assert list(refused.value.errors) == [250]
    assert load.rows() == 499


def test_a_field_of_a_newer_producer_is_in_the_row(driver: Driver, load: Load) -> None:
    load.publish(1, weather={"sky": "snow"})
    driver.settle()
    (row,) = driver.rows(
        "SELECT data_summary FROM nba_orchestration.v_executions WHERE workflow = @name", name=load.workflow
    )
    found = row["data_summary"]
    kept = json.loads(found) if isinstance(found, str) else found
    assert kept["unknown_fields"] == {"weather": {"sky": "snow"}}


def test_the_warehouse_gone_under_load_and_back(driver: Driver, cable: Cable, load: Load) -> None:
    """Cut again and again while appends are under way: some are durable and nobody learned of it."""
    load.publish(200)
    load.more_rows(50)
    before = resident_megabytes(driver)
    with load.running():
        for _ in range(3):
            load.more_rows(50)
            with cable.cut():
                until(lambda: driver.waiting("logger-executions") >= BACKLOG, "events to wait")
    driver.settle()
    assert load.rows() == load.published
    assert resident_megabytes(driver) < before + 40


def test_a_warehouse_that_hangs_is_not_waited_for_without_bound(driver: Driver, load: Load) -> None:
    """Nothing is answered and nothing refused: what is over the queue's bound comes again later."""
    log = driver.stack.processes.children["logger"].log
    with driver.paused("bigquery"):
        load.publish(1_000)
        until(lambda: "wait to be appended" in log.read_text(), "the logger to turn pushes away")
    driver.settle()
    assert load.rows() == 1_000


def test_a_logger_killed_in_the_middle_of_batches(driver: Driver, load: Load) -> None:
    with load.running():
        for _ in range(KILLS):
            load.more_rows(50)
            driver.kill("logger")
            driver.stack.restart("logger")
    driver.settle()
    assert load.rows() == load.published


def test_a_logger_told_to_stop_answers_what_it_took(driver: Driver, load: Load) -> None:
    """Nothing that was appended comes again, so the table has no copies."""
    load.publish(1_000)
    load.more_rows(100)
    driver.signal("logger", signal.SIGTERM)
    assert driver.ended("logger") in (0, -signal.SIGTERM)  # uvicorn ends as the signal would have ended it
    driver.stack.restart("logger")
    driver.settle()
    assert load.rows() == load.rows("scraper_execution_log") == 1_000


def test_no_event_was_given_up(driver: Driver) -> None:
    """Of all the faults above, only the poison is a dead letter."""
    since = datetime.now(UTC) - timedelta(hours=1)
    letters = driver.rows(
        "SELECT reason FROM nba_orchestration.dead_letters WHERE rejected_at > @since", since=since
    )
    assert {letter["reason"] for letter in letters} <= {"invalid_payload"}
