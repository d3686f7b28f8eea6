"""The path from a tick to its rows and files."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime

from stack_harness import INJURIES, SCHEDULE, SCHEDULE_PATH, Driver, summary, until

from tipoff_common.events import FileLanded, FileProcessed, Tick

PHASE_2 = "nba-phase1-scrapers-complete"


def test_tick_becomes_decision_execution_rows_and_file(driver: Driver, day: date) -> None:
    at = driver.tick(Tick.EVALUATE, day, 5)
    (execution,) = driver.executions(day, SCHEDULE)
    (decision,) = driver.decisions("morning_operations", at)
    assert (decision["action"], decision["scrapers_triggered"]) == ("RUN", [SCHEDULE])
    for name in ("decision_id", "occurrence_id", "config_hash", "game_date", "environment"):
        assert execution[name] == decision[name], name
    found = {name: execution[name] for name in ("status", "source", "attempt", "triggered_at", "error_type")}
    expected = {"status": "success", "source": "CONTROLLER", "attempt": 1, "triggered_at": at}
    assert found == {**expected, "error_type": None}

    content = driver.file(execution["gcs_path"])
    result = summary(execution)
    assert len(json.loads(content)["records"]) == result["record_count"] > 0
    assert hashlib.sha256(content).hexdigest() == result["content_sha256"]
    assert b"leagueSchedule" in driver.file(result["raw_path"]), "the payload is kept as it came"


def test_repeated_tick_is_fetched_and_recorded_once(embedded: Driver, day: date) -> None:
    """Incidents 16 and 19: nothing is fetched twice, and no row is written twice."""
    before = embedded.request_count(SCHEDULE_PATH)
    at = embedded.tick(Tick.EVALUATE, day, 5)
    embedded.executions(day, SCHEDULE)
    embedded.tick(Tick.EVALUATE, day, 5)
    embedded.settle()
    for tables in (("scraper_execution_log", "workflow_decisions"), ("v_executions", "v_decisions")):
        assert len(embedded.executions(day, SCHEDULE, tables[0])) == 1
        assert len(embedded.decisions("morning_operations", at, tables[1])) == 1
    assert embedded.request_count(SCHEDULE_PATH) == before + 1


def test_concurrent_ticks_make_a_single_decision(embedded: Driver, day: date) -> None:
    """Incident 19: two controllers, two random ids, two decisions."""
    before = embedded.request_count(SCHEDULE_PATH)
    for _ in range(4):
        at = embedded.tick(Tick.EVALUATE, day, 5)
    embedded.settle()
    assert len(embedded.decisions("morning_operations", at)) == 1
    assert [row["attempt"] for row in embedded.executions(day, SCHEDULE)] == [1]
    # Concurrent deliveries may have fetched too; only the stored outcome counts.
    assert before + 1 <= embedded.request_count(SCHEDULE_PATH) <= before + 4


def test_schedule_locked_twice_has_a_single_set_of_rows_in_view(embedded: Driver, day: date) -> None:
    """Regression (incident 35): locking twice doubled the schedule."""
    for _ in range(2):
        embedded.tick(Tick.LOCK_SCHEDULE, day, 5)
    embedded.settle()
    sql = "SELECT COUNT(*) AS n, COUNT(DISTINCT occurrence_id) AS runs FROM nba_orchestration.{} WHERE date = @day"
    (raw,) = embedded.rows(sql.format("daily_expected_schedule"), day=day)
    (seen,) = embedded.rows(sql.format("v_expected_schedule"), day=day)
    assert seen["n"] == seen["runs"] == raw["runs"] > 0
    assert raw["n"] == 2 * seen["n"]


def test_file_fetched_twice_is_announced_once(embedded: Driver, day: date) -> None:
    with embedded.subscribed(PHASE_2) as take:
        for _ in range(2):
            embedded.run_workflow("morning_operations", day)
        first, second = embedded.executions(day, SCHEDULE, count=2)
        assert first["gcs_path"] == second["gcs_path"]
        (message,) = until(take, "the announcement of the file")
        landed = FileLanded.model_validate_json(message.data)
        assert landed.gcs_path == first["gcs_path"]
        assert landed.execution_id in {first["execution_id"], second["execution_id"]}
        embedded.settle()  # a second announcement would remain on this very subscription
        assert take() == []


def test_lost_file_is_republished_and_recorded(driver: Driver, day: date) -> None:
    """Incident 14: receipts prove processing. A file without one that landed before a file with one is lost."""
    driver.tick(Tick.EVALUATE, day, 5)
    (lost,) = driver.executions(day, SCHEDULE)
    driver.tick(Tick.EVALUATE, day, 11)
    (processed,) = driver.executions(day, INJURIES)
    receipt = FileProcessed(
        gcs_path=processed["gcs_path"],
        processor="test",
        processed_at=processed["completed_at"],
        environment="local",
    )
    driver.stack.publisher.publish([receipt])
    until(
        lambda: driver.rows(
            "SELECT 1 FROM nba_orchestration.file_receipts WHERE gcs_path = @path", path=receipt.gcs_path
        ),
        "the receipt's row",
    )
    with driver.subscribed(PHASE_2) as take:
        at = driver.tick(Tick.CLEANUP, day, 11, 30)
        again: list[FileLanded] = []

        def arrived() -> list[FileLanded]:
            again.extend(FileLanded.model_validate_json(message.data) for message in take())
            return [file for file in again if file.gcs_path == lost["gcs_path"]]

        (landed,) = until(arrived, "the second announcement")
        assert (landed.recovery, landed.republish) == (True, 1)
        # Its first announcement may come as late as this; a second has `recovery` set.
        assert receipt.gcs_path not in {file.gcs_path for file in again if file.recovery}
    sql = "SELECT * FROM nba_orchestration.cleanup_operations WHERE cleanup_time = @at"
    (run,) = until(lambda: driver.rows(sql, at=at), "the run's row")
    assert run["errors"] == []
    missing = {file["gcs_path"]: file["republished"] for file in run["missing_files"]}
    assert missing[lost["gcs_path"]] is True
    assert receipt.gcs_path not in missing


def test_dead_lettered_request_is_a_failed_execution(driver: Driver, day: date) -> None:
    """Pub/Sub forwards such a message unchanged to dead-letters, with attributes that name its subscription."""
    (request,) = driver.run_workflow("morning_operations", day)["requests"]
    driver.executions(day, SCHEDULE)
    dead = {**request, "request_id": f"dead-{day}", "attempt": 9}
    driver.publish_raw(
        "dead-letters",
        json.dumps(dead).encode(),
        **{
            "ce-id": f"dead-{day}",
            "ce-type": "tipoff.scrape.requested.v1",
            "ce-source": "/tipoff/controller",
            "ce-specversion": "1.0",
            "ce-time": datetime.now(UTC).isoformat(),
            "content-type": "application/json",
            "CloudPubSubDeadLetterSourceSubscription": "runner-requests",
            "CloudPubSubDeadLetterSourceDeliveryCount": "100",
        },
    )
    executions = driver.executions(day, SCHEDULE, count=2)
    failed = next(row for row in executions if row["execution_id"] == f"dead-{day}")
    assert (failed["status"], failed["error_type"]) == ("failed", "timeout")
    assert "delivery attempts" in failed["error_message"]
    (letter,) = driver.dead_letters("JSON_VALUE(attributes, '$.\"ce-id\"') = @id", id=f"dead-{day}")
    assert (letter["reason"], letter["delivery_attempts"]) == ("delivery_attempts", 100)
    assert letter["subscription"] == "runner-requests"


def test_message_of_unknown_type_is_a_dead_letter_with_reason(driver: Driver, day: date) -> None:
    payload = json.dumps({"day": day.isoformat()}).encode()
    driver.publish_raw(
        "workflow-decisions",
        payload,
        **{"ce-id": "x", "ce-type": "tipoff.never.heard.v9", "ce-source": "/t", "ce-specversion": "1.0"},
    )
    digest = hashlib.sha256(payload).hexdigest()
    # Google's emulator supports no filters, so the controller receives and rejects the message as well.
    (letter,) = driver.dead_letters("payload_sha256 = @digest AND service = 'logger'", digest=digest)
    assert (letter["reason"], letter["service"]) == ("unknown_type", "logger")
    assert "tipoff.never.heard.v9" in letter["detail"]
    assert letter["payload_head"] == payload.decode()
