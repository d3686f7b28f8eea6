"""Tests of the reads of pauses."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tipoff_common.events import PauseTarget
from tipoff_common.testing import MemoryWarehouse
from tipoff_planning.pause_log import read_pauses
from tipoff_planning.pauses import NO_PAUSES, Pause

NOON = datetime(2025, 1, 15, 17, tzinfo=UTC)


def row(**changed: Any) -> dict[str, Any]:
    return {
        "id": "p",
        "target": "scraper",
        "name": "lines",
        "since": NOON,
        "until": NOON + timedelta(hours=3),
        "changed_by": "ann@example.com",
        "why": "it moved",
        "ended_at": None,
        **changed,
    }


def test_a_row_is_a_pause() -> None:
    assert read_pauses(MemoryWarehouse(), "local", NOON) == NO_PAUSES
    (pause,) = read_pauses(MemoryWarehouse(answer=lambda *_: [row()]), "local", NOON).items
    assert pause == Pause(
        id="p",
        target=PauseTarget.SCRAPER,
        name="lines",
        since=NOON,
        until=NOON + timedelta(hours=3),
        by="ann@example.com",
        why="it moved",
    )


def test_ended_pause_is_over_at_its_end_by_unknown_person() -> None:
    ended = row(ended_at=NOON + timedelta(hours=1), changed_by=None)
    (pause,) = read_pauses(MemoryWarehouse(answer=lambda *_: [ended]), "local", NOON).items
    assert (pause.over_at, pause.by) == (NOON + timedelta(hours=1), "an unknown person")
