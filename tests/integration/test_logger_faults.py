"""The logger under load during faults: each event is in the views exactly once.

Tests marked `slow` run the same faults at full length, some ten minutes: `make soak` runs them and prints the
measurements.
"""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from cable import Cable
from stack_harness import EMBEDDED, PATIENCE_SECONDS, Driver, as_json, push_body, until
from tests.support.samples import cleaned, executed, locked, processed

from tipoff_cli.checkout import TOPICS
from tipoff_common.binding import Envelope, encode
from tipoff_common.ports import RowsRefused
from tipoff_common.rows import execution_row
from tipoff_common.topics import load_topics
from tipoff_dev.stack.layout import Layout
from tipoff_dev.stack.stack import StackOptions, running_stack

COPIES = """
SELECT execution_id, COUNT(*) AS n FROM nba_orchestration.v_executions WHERE workflow = @workflow GROUP BY execution_id
"""
POISON = 2**70
"""A whole number that is too large for a column of BigQuery."""
PACE_EVENTS, PACE_SECONDS, BACKLOG = 50, 0.02, 500
QUEUE_ROWS = 64
"""Fewer than Pub/Sub pushes at once, so that the logger has to refuse some."""
LONG_SECONDS, LONG_BACKLOG = 120.0, 5_000
MEMORY_GROWTH_MEGABYTES = 40

log = logging.getLogger(__name__)


class Load:
    """Executions of one workflow, published in the background or at once."""

    _names = count()
    poisoned: ClassVar[list[str]] = []
    """Ids of the pushed executions that fit no column."""

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

    def push_poisoned(self) -> None:
        """Push one more execution, whose retry_count fits no column, as a producer without our models would."""
        at = datetime.now(UTC)
        name = f"{self.workflow}-{self.published}"
        event = executed(execution_id=name, workflow=self.workflow, triggered_at=at, completed_at=at)
        data, attributes = encode(Envelope(event, event.id, "/tipoff/test", at))
        body = json.dumps(json.loads(data) | {"retry_count": POISON}).encode()
        url = self._driver.stack.layout.push_endpoint("logger")
        # Acknowledged: a retry can never succeed, and it is recorded as a dead letter.
        assert requests.post(url, json=push_body(body, **attributes), timeout=90).status_code == 204
        self.poisoned.append(name)
        self.published += 1

    @contextmanager
    def running(self, backlog: int = BACKLOG) -> Iterator[None]:
        """Publish for as long as the block runs, so that messages always wait, up to `backlog`."""
        ended = threading.Event()

        def trickle() -> None:
            while not ended.wait(PACE_SECONDS):
                if self._driver.waiting("logger-executions") < backlog:
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

    def more_rows(self, rows: int, within: float = PATIENCE_SECONDS) -> None:
        """Wait until the table has so many more rows."""
        before = self.rows("scraper_execution_log")
        until(lambda: self.rows("scraper_execution_log") >= before + rows, "rows to be written", within)


@contextmanager
def over_a_cable(folder: Path, **backoff: float) -> Iterator[tuple[Driver, Cable]]:
    """Run the embedded cloud and a logger that reaches the warehouse over a cable; back-off as of the topic map."""
    layout = Layout.on_free_ports(event_time=False)
    with running_stack(layout, folder, StackOptions(phase2=None, services=("logger",), **backoff)) as stack:
        cable = Cable(layout.ports["bigquery"])
        logger = stack.processes.children["logger"]
        changes = {"BIGQUERY_EMULATOR_HOST": cable.url, "TIPOFF_QUEUE_ROWS": str(QUEUE_ROWS)}
        logger.program = replace(logger.program, environment={**logger.program.environment, **changes})
        stack.restart("logger")
        yield Driver(stack, EMBEDDED), cable
        cable.close()


@pytest.fixture(scope="module")
def cabled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Driver, Cable]]:
    folder = tmp_path_factory.mktemp("logger-faults")
    with over_a_cable(folder, minimum_backoff=0.1, maximum_backoff=1.0) as found:
        yield found


@pytest.fixture
def driver(cabled: tuple[Driver, Cable]) -> Driver:
    return cabled[0]


@pytest.fixture
def cable(cabled: tuple[Driver, Cable]) -> Cable:
    return cabled[1]


@pytest.fixture
def load(driver: Driver) -> Load:
    return Load(driver)


def dead_letters(driver: Driver) -> int:
    return int(driver.rows("SELECT COUNT(*) AS n FROM nba_orchestration.dead_letters")[0]["n"])


def test_poisoned_event_among_500_is_a_single_dead_letter(driver: Driver, load: Load) -> None:
    load.publish(250)
    load.push_poisoned()
    load.publish(249)
    driver.settle()
    assert load.rows() == 499
    letters = driver.dead_letters("payload_head LIKE @mark", mark=f"%{load.workflow}-250%")
    assert [(letter["reason"], letter["service"]) for letter in letters] == [("invalid_payload", "logger")]
    assert letters[0]["payload_path"].startswith("gs://")


def test_append_refuses_only_the_poisoned_row(driver: Driver, load: Load) -> None:
    at = datetime.now(UTC)
    rows = [
        execution_row(executed(execution_id=str(place), workflow=load.workflow, triggered_at=at), at)
        for place in range(500)
    ]
    rows[250]["retry_count"] = POISON  # no event model accepts it
    with pytest.raises(RowsRefused) as refused:
        driver.stack.warehouse.append(
            "scraper_execution_log", rows, [str(row["execution_id"]) for row in rows]
        )
    assert list(refused.value.errors) == [250]
    assert load.rows() == 499


def test_unknown_field_of_newer_producer_is_stored_in_row(driver: Driver, load: Load) -> None:
    load.publish(1, weather={"sky": "snow"})
    driver.settle()
    (row,) = driver.rows(
        "SELECT data_summary FROM nba_orchestration.v_executions WHERE workflow = @name", name=load.workflow
    )
    assert as_json(row["data_summary"])["unknown_fields"] == {"weather": {"sky": "snow"}}


def test_tables_without_json_column_store_unknown_fields_as_extra(driver: Driver) -> None:
    added = {"weather": {"sky": "snow"}}
    driver.stack.publisher.publish([locked(**added), cleaned(**added), processed(**added)])
    driver.settle()
    for table, rows in (("daily_expected_schedule", 2), ("cleanup_operations", 1), ("file_receipts", 1)):
        kept = [as_json(row["extra"]) for row in driver.rows(f"SELECT extra FROM nba_orchestration.{table}")]  # noqa: S608
        assert kept == [{"unknown_fields": added}] * rows


def test_warehouse_cuts_under_load_lose_no_row(driver: Driver, cable: Cable, load: Load) -> None:
    """The connection is cut repeatedly during appends: some rows are stored without a response."""
    load.publish(200)
    load.more_rows(50)
    before = driver.megabytes("logger")
    with load.running():
        for _ in range(3):
            load.more_rows(50)
            with cable.cut():
                until(lambda: driver.waiting("logger-executions") >= BACKLOG, "events to wait")
    driver.settle()
    assert load.rows() == load.published
    assert driver.megabytes("logger", "VmHWM") < before + MEMORY_GROWTH_MEGABYTES


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_minute_warehouse_outage_under_load_loses_no_row(tmp_path: Path) -> None:
    """With the back-off of the topic map, as in production."""
    with over_a_cable(tmp_path) as (driver, cable):
        load = Load(driver)
        load.publish(200)
        load.more_rows(50)
        before = driver.megabytes("logger")
        with load.running(LONG_BACKLOG):
            load.more_rows(500)
            with cable.cut():
                time.sleep(LONG_SECONDS)
                waiting = driver.waiting("logger-executions")
            back = time.monotonic()
            # The table may have no new rows by then, and waiting messages come again after their back-off.
            load.more_rows(1, within=300)
            first = time.monotonic() - back
        driver.stack.wait_until_quiet(300)
        recovered = time.monotonic() - back
        peak = driver.megabytes("logger", "VmHWM")
        log.info(
            "%g s without the warehouse: %d published, %d in the view, %d rows; %d waited at the end; first row after"
            " %.1f s, all after %.1f s; memory %.0f MB before, %.0f MB at most",
            *(LONG_SECONDS, load.published, load.rows(), load.rows("scraper_execution_log"), waiting),
            *(first, recovered, before, peak),
        )
        assert waiting >= LONG_BACKLOG
        assert load.rows() == load.published
        assert dead_letters(driver) == 0
        assert peak < before + MEMORY_GROWTH_MEGABYTES


def test_hanging_warehouse_fills_queue_and_loses_no_row(driver: Driver, load: Load) -> None:
    """No push is answered or rejected for good: messages beyond the queue's bound come again later."""
    log = driver.stack.processes.children["logger"].log
    with driver.paused("bigquery"):
        load.publish(1_000)
        until(lambda: "are already queued for append" in log.read_text(), "the logger to turn pushes away")
    driver.settle()
    assert load.rows() == 1_000


@pytest.mark.slow
def test_push_is_answered_503_before_deadline_while_warehouse_hangs(driver: Driver, load: Load) -> None:
    """Connections stay open without responses: the logger fails the push in time, and it comes again."""
    subscriptions = {name: settings for _, name, settings in load_topics(TOPICS).subscriptions()}
    at = datetime.now(UTC)
    event = executed(execution_id=f"{load.workflow}-hung", workflow=load.workflow, triggered_at=at)
    data, attributes = encode(Envelope(event, event.id, "/tipoff/test", at))
    url = driver.stack.layout.push_endpoint("logger")
    with driver.paused("bigquery"):
        begun = time.monotonic()
        answer = requests.post(url, json=push_body(data, **attributes), timeout=120)
        took = time.monotonic() - begun
        load.publish(500)
    back = time.monotonic()
    driver.settle()
    log.info(
        "a warehouse that hangs: %d after %.1f s; all rows %.1f s after it went on",
        *(answer.status_code, took, time.monotonic() - back),
    )
    assert answer.status_code == 503
    assert took < subscriptions["logger-executions"].ack_deadline_seconds
    assert {row["n"] for row in driver.rows(COPIES, workflow=load.workflow)} <= {1}
    assert load.rows() in (500, 501), "the push was made manually: nobody makes it again"


def test_logger_killed_during_batches_loses_no_row(driver: Driver, load: Load) -> None:
    _kill(driver, load, 5, BACKLOG)
    driver.settle()
    assert load.rows() == load.published


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_logger_killed_twenty_times_loses_no_row(tmp_path: Path) -> None:
    """With the back-off of the topic map: a short one uses up the attempts of messages that are refused repeatedly."""
    with over_a_cable(tmp_path) as (driver, _):
        load = Load(driver)
        _kill(driver, load, 20, LONG_BACKLOG)
        back = time.monotonic()
        driver.stack.wait_until_quiet(700)
        log.info(
            "20 kills: %d published, %d in the view, %d rows; all %.1f s after the last; memory %.0f MB at most",
            *(load.published, load.rows(), load.rows("scraper_execution_log"), time.monotonic() - back),
            driver.megabytes("logger", "VmHWM"),
        )
        assert dead_letters(driver) == 0
        assert load.rows() == load.published


def _kill(driver: Driver, load: Load, times: int, backlog: int) -> None:
    with load.running(backlog):
        for _ in range(times):
            load.more_rows(50)
            driver.kill("logger")
            driver.stack.restart("logger")


def test_logger_stopped_by_sigterm_leaves_no_duplicate_rows(driver: Driver, load: Load) -> None:
    """No appended row is delivered again, so the table has no copies."""
    load.publish(1_000)
    load.more_rows(100)
    driver.signal("logger", signal.SIGTERM)
    assert driver.ended("logger") in (0, -signal.SIGTERM)  # uvicorn ends as the signal would have ended it
    driver.stack.restart("logger")
    driver.settle()
    assert load.rows() == load.rows("scraper_execution_log") == 1_000


def test_only_poisoned_events_are_dead_letters_after_all_faults(driver: Driver) -> None:
    """Run as the last test: the faults of all tests above gave up no other event."""
    letters = driver.rows("SELECT reason, payload_head FROM nba_orchestration.dead_letters")
    assert [letter["reason"] for letter in letters] == ["invalid_payload"] * len(Load.poisoned)
    assert all(any(name in letter["payload_head"] for letter in letters) for name in Load.poisoned)
