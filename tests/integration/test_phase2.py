"""Phase 2's fake on the running stack: landed files become rows and receipts, and bad receipts become rows."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from google.cloud.pubsub_v1 import SubscriberClient
from stack_harness import INJURIES, SCHEDULE, Driver, as_json, at, push_body, until
from tests.support.samples import landed as sample_landed

from tipoff_cli.checkout import REPOSITORY
from tipoff_common.binding import STRUCTURED
from tipoff_common.events import FileLanded, FileProcessed, Tick
from tipoff_common.executions import build_file_landed
from tipoff_common.identity import content_hash
from tipoff_dev.stack.layout import DATA_BUCKET, PROJECT

TOPIC, FILES = "nba-phase1-scrapers-complete", "phase2-files"
DAY = date(2024, 11, 1)
"""The day of files that the test writes without a scraper."""


def _receipts(driver: Driver, path: str) -> list[dict[str, Any]]:
    sql = "SELECT * FROM nba_orchestration.file_receipts WHERE gcs_path = @path"
    return driver.rows(sql, path=path)


def _awaited(driver: Driver, path: str, count: int = 1) -> list[dict[str, Any]]:
    def enough() -> list[dict[str, Any]]:
        rows = _receipts(driver, path)
        return rows if len(rows) >= count else []

    rows: list[dict[str, Any]] = until(enough, f"{count} receipt(s) for {path}")
    return rows


def _loaded(driver: Driver, scraper: str, path: str) -> list[dict[str, Any]]:
    sql = f"SELECT * FROM nba_raw.{scraper} WHERE gcs_path = @path ORDER BY record_index"  # noqa: S608
    return driver.rows(sql, path=path)


def _land(driver: Driver, name: str, **changes: Any) -> FileLanded:
    """Write a file of two records to the bucket and announce it at 06:00."""
    body = json.dumps({"records": [{"of": name}, {"and": DAY.isoformat()}]}).encode()
    path = f"standin/{DAY}/{name}/{content_hash(body)[:16]}.json"
    driver.stack.data.put(path, body, content_type="application/json")
    landed = sample_landed(
        gcs_path=f"gs://{DATA_BUCKET}/{path}",
        scraper_name="standin",
        game_date=DAY,
        record_count=2,
        content_sha256=content_hash(body),
        landed_at=at(DAY, 6),
        event_time=at(DAY, 6),
    ).model_copy(update=changes)
    driver.stack.publisher.publish([landed])
    return landed


def test_file_announced_twice_has_a_single_set_of_rows_and_receipt_id(driver: Driver, day: date) -> None:
    """Regression (incident 16): redelivery multiplied the rows."""
    with driver.phase_2():
        driver.tick(Tick.EVALUATE, day, 5)
        (execution,) = driver.executions(day, SCHEDULE)
        path = execution["gcs_path"]
        # More than one where Pub/Sub delivered the file more than once.
        first = _awaited(driver, path)
        receipt = first[0]
        found = {name: receipt[name] for name in ("processor", "processed_at", "environment")}
        assert found == {
            "processor": "fake",
            "processed_at": execution["completed_at"],  # the replay's instant, not the clock's
            "environment": "local",
        }
        driver.stack.publisher.publish([_announced(execution)])
        again = _awaited(driver, path, count=len(first) + 1)
    assert {row["event_id"] for row in again} == {receipt["event_id"]}
    records = json.loads(driver.file(path))["records"]
    rows = _loaded(driver, SCHEDULE, path)
    assert [as_json(row["record"]) for row in rows] == records
    assert {row["row_count"] for row in again} == {len(records)}


def _announced(execution: dict[str, Any]) -> FileLanded:
    result = as_json(execution["data_summary"])
    return build_file_landed(
        gcs_path=execution["gcs_path"],
        scraper_name=execution["scraper_name"],
        workflow=execution["workflow"],
        game_date=execution["game_date"],
        execution_id=execution["execution_id"],
        record_count=result["record_count"],
        content_sha256=result["content_sha256"],
        landed_at=execution["completed_at"],
        event_time=execution["completed_at"],
    )


def test_fake_drops_fails_and_delays_as_configured(embedded: Driver) -> None:
    with embedded.phase_2(drop=1, paths="*/dropped/*"):
        dropped, processed = (_land(embedded, name) for name in ("dropped", "processed"))
        embedded.settle()
    assert [len(_receipts(embedded, file.gcs_path)) for file in (dropped, processed)] == [0, 1]

    with embedded.phase_2(fail=1, fail_times=2):
        failed = _land(embedded, "failed")
        embedded.settle()
    assert len(_receipts(embedded, failed.gcs_path)) == 1

    with embedded.phase_2(delay=1, delay_seconds=7200):
        held = _land(embedded, "held")
        embedded.settle()  # a held message is acknowledged, so the replay continues
        assert embedded.release(at(DAY, 7)) == 0
        assert _receipts(embedded, held.gcs_path) == []
        assert embedded.release(at(DAY, 9)) == 1
        embedded.settle()
    (receipt,) = _receipts(embedded, held.gcs_path)
    assert receipt["processed_at"] == at(DAY, 6) + timedelta(hours=2), (
        "when it was due, not when it was let go"
    )


def test_message_waits_until_phase_2_is_up_again(embedded: Driver) -> None:
    with embedded.phase_2():
        with embedded.phase_2(down=True):
            waiting = _land(embedded, "waiting")
            until(lambda: embedded.waiting(FILES) == 1, "the message to wait")
        embedded.settle()
    assert len(_receipts(embedded, waiting.gcs_path)) == 1


BAD_FILES: dict[str, tuple[dict[str, str], str]] = {
    "another bucket": ({"gcs_path": "gs://somebody-elses/a.json"}, "is not in gs://"),
    "a path upwards": ({"gcs_path": f"gs://{DATA_BUCKET}/../secrets/a.json"}, "not a path that a scraper"),
    "odd characters": (
        {"gcs_path": f"gs://{DATA_BUCKET}/a'; DROP ?#%2F/é.json"},
        "not a path that a scraper",
    ),
    "no such object": ({"gcs_path": f"gs://{DATA_BUCKET}/nowhere/0123456789abcdef.json"}, "no object"),
    "other content": ({"content_sha256": "0" * 64}, "differs from its announcement"),
    "a table of its own": ({"scraper_name": "x; DROP TABLE y"}, "not a table name"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_invalid_announcement_is_rejected_with_reason(embedded: Driver, name: str) -> None:
    changes, why = BAD_FILES[name]
    with embedded.phase_2():
        landed = _land(embedded, name.replace(" ", "-"), **changes)
        (letter,) = embedded.dead_letters(
            "service = 'phase2' AND JSON_VALUE(attributes, '$.\"ce-id\"') = @id", id=landed.id
        )
    assert letter["reason"] == "invalid_payload"
    assert why in letter["detail"]


RECORDED = {
    "of an unknown file": {"gcs_path": f"gs://{DATA_BUCKET}/nobody/wrote/this.json"},
    "for another bucket": {"gcs_path": "gs://somebody-elses/a.json"},
    "with a path upwards": {"gcs_path": f"gs://{DATA_BUCKET}/../../a.json"},
    "with odd characters": {"gcs_path": "gs://b/ünï côde 🏀?#%2F'\"\\ \u202e\x00.json"},
    "from the future": {"processed_at": "2099-12-31T23:59:59Z"},
}
REFUSED = {
    "without a path": ({"gcs_path": "http://x"}, "invalid_payload", "gcs_path"),
    "with a line break": ({"gcs_path": "gs://b/a\nb"}, "invalid_payload", "gcs_path"),
    "with an unpaired surrogate": ({"gcs_path": "gs://b/\ud800"}, "undecodable", "hex escape"),
    "without a zone": ({"processed_at": "2025-01-15T12:00:00"}, "invalid_payload", "processed_at"),
    "before all time": ({"processed_at": "0001-01-01T00:00:00+14:00"}, "invalid_payload", "processed_at"),
    "after all time": ({"processed_at": "9999-12-31T23:59:59Z"}, "invalid_payload", "processed_at"),
    "with less than no rows": ({"row_count": -1}, "invalid_payload", "row_count"),
    "with more rows than fit": ({"row_count": 2**63}, "invalid_payload", "row_count"),
    "of nobody": ({"processor": ""}, "invalid_payload", "processor"),
}


def _push_receipt(driver: Driver, name: str, changes: dict[str, Any]) -> str:
    """Push a receipt as Pub/Sub would, twice; return its messageId.

    The response is never an error, which would have it redelivered forever.
    """
    receipt = {
        "gcs_path": f"gs://{DATA_BUCKET}/a.json",
        "processor": name,
        "processed_at": "2025-01-15T12:00:00Z",
        "environment": "local",
    }
    context = {"ce-id": name, "ce-type": FileProcessed.TYPE, "ce-source": "/t", "ce-specversion": "1.0"}
    body = push_body(json.dumps({**receipt, **changes}).encode(), **context)
    for _ in range(2):
        answer = driver.post("logger", "/events", json=body)
        assert answer.status_code == 204, answer.text
    message_id: str = body["message"]["messageId"]
    return message_id


@pytest.mark.parametrize("name", RECORDED)
def test_unusual_receipt_is_recorded_unchanged(embedded: Driver, name: str) -> None:
    changes = RECORDED[name]
    _push_receipt(embedded, name, changes)
    rows = embedded.rows("SELECT * FROM nba_orchestration.file_receipts WHERE processor = @name", name=name)
    assert len(rows) == 2
    assert len({row["event_id"] for row in rows}) == 1, "two rows of one receipt"
    if "gcs_path" in changes:
        assert {row["gcs_path"] for row in rows} == {changes["gcs_path"]}


@pytest.mark.parametrize("name", REFUSED)
def test_invalid_receipt_is_a_dead_letter(embedded: Driver, name: str) -> None:
    changes, reason, field = REFUSED[name]
    message_id = _push_receipt(embedded, name, changes)
    letters = embedded.dead_letters("message_id = @id", id=message_id)
    assert {letter["reason"] for letter in letters} == {reason}
    assert field in letters[0]["detail"]


GUIDE = (REPOSITORY / "docs/how-to/acknowledge-files.md").read_text()


def _block(language: str) -> str:
    return GUIDE.split(f"```{language}\n")[1].split("```")[0]


def test_guide_example_acknowledges_file(embedded: Driver) -> None:
    """Run unchanged, as a program whose only setting is the emulator's address."""
    loaded: list[str] = []
    names: dict[str, Any] = {"load": lambda path: loaded.append(path) or 30}
    with embedded.stack.clients():
        subscriber = SubscriberClient()
        subscription = subscriber.subscription_path(PROJECT, "injuries")
        subscriber.create_subscription(name=subscription, topic=subscriber.topic_path(PROJECT, TOPIC))
        exec(compile(_block("python"), "acknowledge-files.md", "exec"), names)  # noqa: S102
    landed = _land(embedded, "by-the-guide")
    try:
        (receipt,) = _awaited(embedded, landed.gcs_path)
        embedded.settle()
    finally:
        names["consuming"].cancel()
        names["consuming"].result(timeout=90)
        subscriber.delete_subscription(subscription=subscription)
        subscriber.close()
    assert loaded == [landed.gcs_path]
    result = (receipt["processor"], receipt["row_count"], receipt["environment"])
    assert result == ("injuries", 30, "prod")


def test_guide_json_message_is_recorded_as_receipt(driver: Driver) -> None:
    event = json.loads(_block("json"))
    path = event["data"]["gcs_path"]
    driver.publish_raw("phase2-receipts", _block("json").encode(), **{"content-type": STRUCTURED})
    (receipt,) = _awaited(driver, path)
    assert (receipt["processor"], receipt["row_count"]) == ("injuries", 30)


def test_files_command_shows_waiting_republished_and_processed_file(embedded: Driver, day: date) -> None:
    embedded.tick(Tick.EVALUATE, day, 5)
    (execution,) = embedded.executions(day, SCHEDULE)
    path = execution["gcs_path"]
    about = ("--since", f"{day} 04:00", "--as-of", f"{day} 10:00")
    output = embedded.tipoff("files", "show", path, *about)
    assert execution["execution_id"] in output
    assert "waiting: no receipt yet" in output
    assert path in embedded.tipoff("files", "list", "--missing", *about)

    embedded.tick(Tick.EVALUATE, day, 11)
    with embedded.phase_2():
        embedded.stack.publisher.publish([_announced(embedded.executions(day, INJURIES)[0])])
        embedded.settle()
    embedded.tick(Tick.CLEANUP, day, 11, 45)
    embedded.settle()
    later = ("--since", f"{day} 04:00", "--as-of", f"{day} 12:00")
    lost = json.loads(embedded.tipoff("files", "show", path, *later, "--json"))
    assert (lost["state"], [item["republished"] for item in lost["sightings"]]) == ("republished", [True])

    name = path.rpartition("/")[2]
    with embedded.phase_2():
        embedded.stack.publisher.publish([_announced(execution)])
        embedded.settle()
    output = embedded.tipoff("files", "show", name[:12], *later)
    assert "processed: " in output
    assert "of fake" in output
    assert path not in embedded.tipoff("files", "list", "--missing", *later)
    wrong = embedded.tipoff("files", "show", f"{path}x", *later, code=1)
    assert path in wrong
