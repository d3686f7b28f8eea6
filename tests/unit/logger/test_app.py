"""Tests of the logger as its settings wire it, on an in-memory cloud."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from unittest.mock import patch

import pytest

from tests.support.pushes import AUTHORIZED, client, local_settings, pushed
from tests.support.samples import NOON, executed
from tipoff_common.binding import Envelope
from tipoff_common.cloud import Cloud
from tipoff_common.events import Event, Tick, TickFired
from tipoff_common.ports import Parameter
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_logger.app import create_app
from tipoff_logger.settings import LoggerSettings


def one_execution(sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
    """Answer the archive's queries from a log of one row."""
    if "scraper_execution_log" not in sql:
        return []
    return [{"execution_id": "r-1"}] if "day" in parameters else [{"day": date(2025, 1, 14), "row_count": 1}]


class Logger:
    """The service on an in-memory cloud."""

    def __init__(self, **changes: object) -> None:
        self.warehouse = MemoryWarehouse(answer=one_execution)
        self.buckets: dict[str, MemoryObjects] = {}
        settings = local_settings().model_dump(exclude_unset=True)
        with (
            patch.object(Cloud, "bus", RecordingBus()),
            patch.object(Cloud, "warehouse", self.warehouse),
            patch.object(
                Cloud, "objects", lambda _, name: self.buckets.setdefault(name, MemoryObjects(name))
            ),
        ):
            self.app = create_app(LoggerSettings.model_validate({**settings, **changes}))

    def push(self, event: Event) -> int:
        with client(self.app) as http:
            body = pushed(Envelope(event, event.id, "/tipoff/test", NOON))
            return http.post("/events", content=body, headers=AUTHORIZED).status_code


def test_an_event_that_is_pushed_becomes_its_row() -> None:
    logger = Logger()
    assert logger.push(executed()) == 204
    assert [row["execution_id"] for row in logger.warehouse.tables["scraper_execution_log"]] == [
        executed().execution_id
    ]


@pytest.mark.parametrize(
    ("settings", "bucket"), [({}, "data"), ({"archive_bucket": "archive"}, "archive")], ids=["shared", "own"]
)
def test_rows_are_archived_in_their_own_bucket_or_with_the_files(
    settings: dict[str, str], bucket: str
) -> None:
    logger = Logger(**settings)
    assert logger.push(TickFired(tick=Tick.ARCHIVE, cadence_minutes=1440)) == 204
    archived = {name: list(objects.bodies) for name, objects in logger.buckets.items() if objects.bodies}
    assert archived == {bucket: ["logs/scraper_execution_log/2025-01-14/000000001.json"]}
