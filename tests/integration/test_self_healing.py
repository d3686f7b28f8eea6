"""Self-healing on the running stack: lost messages are republished, and no others.

Files and events are the same as the runner's; each test has a day in a month of its own, in which no other test lands
files.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from stack_harness import Driver, at, until
from tests.support.samples import executed, landed, processed

from tipoff_common.events import FileLanded, ScrapeExecuted, Tick, TickFired
from tipoff_common.files import journal_entry
from tipoff_common.identity import content_hash
from tipoff_dev.stack.layout import DATA_BUCKET

SCRAPER = "nbac_injury_report"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass
class Healing:
    """A day on the stack, with its files, runs and receipts."""

    driver: Driver
    day: date

    def write(self, name: str, when: datetime, **metadata: str) -> tuple[str, str]:
        """Write a file of one record to the bucket and its journal; return its path and its content's hash."""
        content = {"scraper": SCRAPER, "game_date": self.day.isoformat(), "records": [{"of": name}]}
        body = json.dumps(content).encode()
        digest = content_hash(body)
        path = f"nba-com/injury-report/{self.day}/{digest[:16]}.json"
        self.driver.stack.data.create(journal_entry(path, when), b"")
        self.driver.stack.data.put(path, body, content_type="application/json", metadata=metadata)
        return f"gs://{DATA_BUCKET}/{path}", digest

    def land(self, name: str, when: datetime, *, announced: bool = True) -> tuple[ScrapeExecuted, FileLanded]:
        """Write a file as a scrape does; its announcement is lost unless `announced`."""
        path, digest = self.write(name, when)
        own = {"game_date": self.day, "scraper_name": SCRAPER, "execution_id": f"{self.day}-{name}"}
        execution = executed(
            **own,
            request_id=f"{self.day}-{name}",
            outcome={"status": "success", "record_count": 1, "gcs_path": path},
            data_summary={"record_count": 1, "content_sha256": digest},
            triggered_at=when,
            completed_at=when,
            event_time=when,
        )
        announcement = landed(
            **own, gcs_path=path, record_count=1, content_sha256=digest, landed_at=when, event_time=when
        )
        result = [announcement, execution] if announced else [execution]
        self.driver.stack.publisher.publish(result)
        return execution, announcement

    def clean(self, when: datetime) -> dict[str, Any]:
        """Run cleanup once and return its row, without waiting for messages that Phase 2 has yet to acknowledge."""
        self.driver.stack.publisher.publish([TickFired(tick=Tick.CLEANUP, event_time=when)])
        until(self._quiet, "cleanup and the logger to be done")
        sql = "SELECT * FROM nba_orchestration.cleanup_operations WHERE cleanup_time = @at"
        (row,) = self.driver.rows(sql, at=when)
        return row

    def receipts(self) -> dict[str, int]:
        """Return how many receipts each file of the day has, without copies."""
        sql = """
            SELECT gcs_path, COUNT(DISTINCT event_id) AS n FROM nba_orchestration.file_receipts
            WHERE gcs_path LIKE @pattern GROUP BY gcs_path
        """
        return {row["gcs_path"]: row["n"] for row in self.driver.rows(sql, pattern=f"%/{self.day}/%")}

    def _quiet(self) -> bool:
        left = self.driver.stack.backlog()
        return not any(count for name, count in left.items() if not name.endswith("/phase2-files"))


@pytest.fixture
def healing(embedded: Driver, request: pytest.FixtureRequest) -> Healing:
    return Healing(embedded, request.param)


def of(year: int, month: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("healing", [date(year, month, 15)], indirect=True, ids=str)


@of(2019, 1)
def test_dropped_announcement_is_healed_by_cleanup(healing: Healing) -> None:
    """Nothing is processed twice."""
    driver, noon = healing.driver, at(healing.day, 12)
    with driver.phase_2(drop=0.1, seed=2):
        files = [healing.land(f"n{number}", noon + number * MINUTE)[1] for number in range(10)]
        driver.settle()
        assert len(healing.receipts()) == 9
        first = healing.clean(noon + HOUR)
        driver.settle()
        second = healing.clean(noon + HOUR + 15 * MINUTE)
    assert (first["files_checked"], first["missing_files_found"], first["republished_count"]) == (10, 1, 1)
    assert (second["missing_files_found"], second["republished_count"], second["errors"]) == (0, 0, [])
    assert healing.receipts() == {file.gcs_path: 1 for file in files}
    (loaded,) = driver.rows(
        f"SELECT COUNT(*) AS n, COUNT(DISTINCT gcs_path) AS files FROM nba_raw.{SCRAPER} WHERE game_date = @day",  # noqa: S608
        day=healing.day,
    )
    assert loaded == {"n": 10, "files": 10}


@of(2019, 3)
def test_six_hour_phase_2_outage_is_reported_and_lost_file_republished(healing: Healing) -> None:
    """Cleanup reports it as behind and republishes nothing. Files lost meanwhile are republished afterwards."""
    driver, noon = healing.driver, at(healing.day, 12)
    with driver.phase_2():
        healing.land("before", noon)
        driver.settle()
        with driver.phase_2(down=True):
            for hour in range(1, 7):
                healing.land(f"n{hour}", noon + hour * HOUR)
            healing.land("never-announced", noon + 90 * MINUTE, announced=False)
            runs = [healing.clean(noon + hours * HOUR) for hours in (3, 5, 6.5)]
        assert [(run["republished_count"], run["phase2_behind"]) for run in runs] == [(0, True)] * 3
        assert [run["behind_since"] for run in runs] == [noon + HOUR] * 3
        driver.settle()
        healed = healing.clean(noon + 7 * HOUR)
        driver.settle()
        last = healing.clean(noon + 7 * HOUR + 15 * MINUTE)
    assert (healed["republished_count"], healed["phase2_behind"], healed["errors"]) == (1, False, [])
    assert (last["missing_files_found"], last["given_up_count"]) == (0, 0)
    assert list(healing.receipts().values()) == [1] * 8
    assert (healed["behind_since"], last["waiting_count"]) == (None, 0)


@of(2019, 5)
def test_logger_twenty_minutes_behind_causes_no_republish(healing: Healing) -> None:
    """Receipts and executions come up to 20 minutes late, the later ones often first."""
    noon, due = at(healing.day, 12), list[tuple[datetime, FileLanded]]()
    for number in range(8):
        when = noon + 5 * number * MINUTE
        _, file = healing.land(f"n{number}", when)
        due.append((when + (1 + number * 7 % 21) * MINUTE, file))
    runs = []
    for quarter in range(2, 6):
        now = noon + quarter * 15 * MINUTE
        come = [file for instant, file in due if instant <= now]
        healing.driver.stack.publisher.publish(
            processed(gcs_path=file.gcs_path, processed_at=file.landed_at + MINUTE) for file in come
        )
        due = [item for item in due if item[0] > now]
        runs.append(healing.clean(now))
    assert [run["republished_count"] for run in runs] == [0] * 4
    assert [run["missing_files_found"] for run in runs] == [0] * 4
    assert [error for run in runs for error in run["errors"]] == []


class Denied(BaseHTTPRequestHandler):
    """A warehouse that denies reads with 403."""

    def do_POST(self) -> None:
        body = json.dumps({"error": {"code": 403, "message": "no permission on file_receipts"}}).encode()
        self.send_response(403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815 - the same

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def denied() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Denied) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def _with_settings(driver: Driver, **environment: str) -> Iterator[None]:
    """Run cleanup with other settings for the length of a block; it need not become ready."""
    child = driver.stack.processes.children["cleanup"]
    before = child.program
    child.program = replace(before, environment={**before.environment, **environment})
    driver.stack.processes.restart("cleanup")
    try:
        yield
    finally:
        driver.stack.processes.children["cleanup"].program = before
        driver.stack.restart("cleanup")


@of(2019, 7)
def test_unreadable_receipts_give_error_row_and_no_republish(healing: Healing, denied: str) -> None:
    """Without permission to read receipts nothing is republished, and the row has the error (incident 15)."""
    noon = at(healing.day, 12)
    healing.land("old", noon)
    with _with_settings(healing.driver, BIGQUERY_EMULATOR_HOST=denied):
        row = healing.clean(noon + 8 * HOUR)
    assert (row["republished_count"], row["missing_files_found"], len(row["errors"])) == (0, 0, 1)
    assert "no permission on file_receipts" in row["errors"][0]


ODD = ("gs://elsewhere/a.json", f"gs://{DATA_BUCKET}/../a.json", f"gs://{DATA_BUCKET}/ünï '\"?#%2F🏀.json")


@of(2019, 9)
def test_foreign_paths_and_unknown_receipts_are_findings_only(healing: Healing) -> None:
    driver, noon = healing.driver, at(healing.day, 12)
    execution, good = healing.land("good", noon)
    for number, odd in enumerate(ODD):
        outcome = {"status": "success", "record_count": 1, "gcs_path": odd}
        own = {"execution_id": f"odd-{number}", "request_id": f"odd-{number}", "outcome": outcome}
        driver.stack.publisher.publish([ScrapeExecuted.model_validate({**execution.model_dump(), **own})])
    _, later = healing.land("later", noon + MINUTE)
    unknown = f"gs://{DATA_BUCKET}/nobody/wrote/this.json"
    driver.stack.publisher.publish(
        processed(gcs_path=path, processed_at=noon + 2 * MINUTE)
        for path in (later.gcs_path, later.gcs_path, unknown)
    )
    driver.settle()
    row = healing.clean(noon + HOUR)
    assert [file["gcs_path"] for file in row["missing_files"] if file["republished"]] == [good.gcs_path]
    found = {(finding["kind"], finding["gcs_path"]) for finding in row["findings"]}
    assert found == {("receipt_unknown_file", unknown), *(("foreign_path", odd) for odd in ODD)}
    assert row["errors"] == []


@of(2019, 11)
def test_file_of_killed_runner_is_adopted_and_processed(healing: Healing) -> None:
    """The controller recorded its request as failed; the log now has its success, once."""
    driver, noon = healing.driver, at(healing.day, 12)
    dead = f"{healing.day}-dead"
    path, _ = healing.write("orphan", noon, **{"execution-id": dead, "fetched-at": noon.isoformat()})
    outcome = {"status": "failed", "kind": "timeout", "message": "the request expired"}
    driver.stack.publisher.publish(
        [
            executed(
                execution_id=dead,
                request_id=dead,
                game_date=healing.day,
                scraper_name=SCRAPER,
                outcome=outcome,
                data_summary={},
                triggered_at=noon + 15 * MINUTE,
                completed_at=noon + 15 * MINUTE,
                event_time=noon,
            )
        ]
    )
    with driver.phase_2():
        first = healing.clean(noon + HOUR)
        driver.settle()
        second = healing.clean(noon + HOUR + 15 * MINUTE)
    assert (first["adopted_count"], second["adopted_count"], second["errors"]) == (1, 0, [])
    assert [(finding["kind"], finding["gcs_path"]) for finding in first["findings"]] == [
        ("orphan_adopted", path)
    ]
    (row,) = driver.rows(
        "SELECT status, source, gcs_path, recovery, occurrence_id FROM nba_orchestration.v_executions"
        " WHERE execution_id = @dead",
        dead=dead,
    )
    assert row == {
        "status": "success",
        "source": "RECOVERY",
        "gcs_path": path,
        "recovery": True,
        "occurrence_id": "occurrence-1",
    }
    assert healing.receipts() == {path: 1}
