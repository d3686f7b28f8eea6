"""A bucket of 100,000 files on the running stack: a cleanup run reads only new files, in constant memory."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cable import Cable
from stack_harness import EMBEDDED, Driver
from tests.support.samples import executed, processed

from tipoff_common.clock import business_date
from tipoff_common.events import Tick, TickFired
from tipoff_common.files import journal_entry
from tipoff_common.identity import content_hash
from tipoff_common.rows import execution_row, receipt_row
from tipoff_dev.stack.layout import DATA_BUCKET, Layout
from tipoff_dev.stack.stack import StackOptions, running_stack

FILES, NEW, BATCH = 100_000, 100, 500
NOON = datetime(2025, 1, 15, 17, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SCRAPER, FOLDER = "nbac_injury_report", "nba-com/injury-report"
MEMORY_GROWTH_MEGABYTES = 40

log = logging.getLogger(__name__)


class Fleet:
    """The results of many scrapes: files, journal, executions and receipts."""

    def __init__(self, driver: Driver) -> None:
        self.driver, self.files = driver, 0

    def land(self, instants: Sequence[datetime]) -> None:
        """Write files at these instants, each processed a minute later."""
        first, self.files = self.files, self.files + len(instants)
        with ThreadPoolExecutor(4) as pool:
            written = list(pool.map(self.write, range(first, self.files), instants))
        appended = self.driver.stack.warehouse.append
        for start in range(0, len(written), BATCH):
            part = list(zip(written[start : start + BATCH], instants[start : start + BATCH], strict=True))
            ids = [path for path, _ in part]
            appended("scraper_execution_log", [_execution(path, at) for path, at in part], ids)
            receipts = (processed(gcs_path=path, processed_at=at + MINUTE) for path, at in part)
            appended("file_receipts", [receipt_row(event, NOON) for event in receipts], ids)

    def write(self, number: int, at: datetime) -> str:
        """Write a file of one record; return its path."""
        day, data = business_date(at), self.driver.stack.data
        body = json.dumps({"scraper": SCRAPER, "game_date": day.isoformat(), "records": [number]}).encode()
        name = f"{FOLDER}/{day}/{content_hash(body)[:16]}.json"
        data.create(journal_entry(name, at), b"")
        data.put(name, body, content_type="application/json")
        return f"gs://{DATA_BUCKET}/{name}"

    def clean(self, at: datetime) -> dict[str, Any]:
        self.driver.stack.publisher.publish([TickFired(tick=Tick.CLEANUP, event_time=at)])
        self.driver.stack.wait_until_quiet(300)
        sql = "SELECT * FROM nba_orchestration.cleanup_operations WHERE cleanup_time = @at"
        (row,) = self.driver.rows(sql, at=at)
        return row


def _execution(path: str, at: datetime) -> Any:
    outcome = {"status": "success", "record_count": 1, "gcs_path": path}
    id_ = path.rpartition("/")[2].removesuffix(".json")
    own = {"execution_id": id_, "request_id": id_, "scraper_name": SCRAPER, "game_date": business_date(at)}
    return execution_row(executed(**own, outcome=outcome, triggered_at=at, completed_at=at), NOON)


@contextmanager
def over_a_cable(folder: Path) -> Iterator[tuple[Driver, Cable]]:
    """Run cleanup, which reaches the buckets over a cable, and the logger."""
    layout = Layout.on_free_ports(event_time=True)
    with running_stack(layout, folder, StackOptions(phase2=None, services=("cleanup", "logger"))) as stack:
        cable = Cable(layout.ports["storage"])
        child = stack.processes.children["cleanup"]
        changes = {"STORAGE_EMULATOR_HOST": cable.url}
        child.program = replace(child.program, environment={**child.program.environment, **changes})
        stack.restart("cleanup")
        yield Driver(stack, EMBEDDED), cable
        cable.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_cleanup_of_100_000_files_reads_only_new_files(tmp_path: Path) -> None:
    with over_a_cable(tmp_path) as (driver, cable):
        fleet = Fleet(driver)
        fleet.land(
            [NOON - timedelta(hours=1) - number * timedelta(hours=22) / FILES for number in range(FILES)]
        )
        before = driver.megabytes("cleanup")

        def run(at: datetime, what: str) -> tuple[dict[str, Any], int]:
            received = cable.received
            row = fleet.clean(at)
            read = cable.received - received
            log.info(
                "%s: %d files compared, %d bytes read from the buckets, %.1f s, %.0f MB before, %.0f MB at most",
                *(what, row["files_checked"], read, row["duration_seconds"], before),
                driver.megabytes("cleanup", "VmHWM"),
            )
            assert (row["missing_files_found"], row["errors"], row["storm_guard"]) == (0, [], False)
            return row, read

        first, all_of_it = run(NOON, "the first run")
        _, nothing = run(NOON + 15 * MINUTE, "nothing new")
        fleet.land([NOON + 20 * MINUTE] * NEW)
        orphan = fleet.write(FILES + NEW, NOON + 20 * MINUTE)
        last, new = run(NOON + 60 * MINUTE, f"{NEW} new files and an orphan")
        assert first["files_checked"] == FILES
        assert [finding["gcs_path"] for finding in last["findings"]] == [orphan]
        assert nothing < all_of_it / 1_000
        assert new < nothing + (NEW + 1) * all_of_it / FILES * 2
        assert driver.megabytes("cleanup", "VmHWM") < before + MEMORY_GROWTH_MEGABYTES
