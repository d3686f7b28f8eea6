"""The queries of the console's calendars: daily results of workflows and scrapers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.dataset_rows import ELEVEN, HOUR, MINUTE, executed, scheduled

if TYPE_CHECKING:
    from conftest import Dataset

NOW = ELEVEN + 6 * HOUR


def run(
    occurrence: str | None, scraper: str, status: str, minutes: int = 0, **changes: Any
) -> dict[str, Any]:
    at = ELEVEN + minutes * MINUTE
    identifier = f"{occurrence}/{scraper}/{minutes}/{changes.get('opts')}"
    return executed(identifier, at, status, occurrence_id=occurrence, scraper_name=scraper, **changes)


@pytest.fixture(scope="module")
def calendar(dataset: Dataset) -> dict[str, tuple[int, ...]]:
    """The counts of each workflow: expected, ran, found, failed and missed."""
    names = ("found", "by_hand", "half", "half_mended", "empty", "missed", "two_games")
    dataset.insert("daily_expected_schedule", *(scheduled(name, workflow_name=name) for name in names))
    dataset.insert(
        "scraper_execution_log",
        run("found", "a", "failed"),
        run("found", "a", "success", 5),
        run("by_hand", "b", "failed"),
        run(None, "b", "success", 20, source="MANUAL"),
        run("half", "c", "success"),
        run("half", "d", "failed", 5),
        run(None, "d", "success", 20, source="LOCAL"),
        run("half_mended", "e", "success"),
        run("half_mended", "f", "failed", 5),
        run(None, "f", "success", 20, source="MANUAL"),
        run("empty", "g", "no_data"),
        run("two_games", "h", "success", opts='{"game_id": "1"}'),
        run("two_games", "h", "failed", opts='{"game_id": "2"}'),
    )
    rows = dataset.ask("workflow_calendar", as_of=NOW)
    return {
        row["workflow_name"]: (row["expected"], row["ran"], row["found"], row["failed"], row["missed"])
        for row in rows
    }


@pytest.mark.parametrize(
    ("workflow", "counts"),
    [
        ("found", (1, 1, 1, 0, 0)),
        ("by_hand", (1, 1, 1, 0, 0)),
        ("half", (1, 1, 0, 1, 0)),
        ("half_mended", (1, 1, 1, 0, 0)),
        ("empty", (1, 1, 0, 0, 0)),
        ("missed", (1, 0, 0, 0, 1)),
        ("two_games", (1, 1, 0, 1, 0)),
    ],
)
def test_workflow_day_counts_outcomes_of_all_steps(
    calendar: dict[str, tuple[int, ...]], workflow: str, counts: tuple[int, ...]
) -> None:
    """A successful manual run counts, and the success of one step does not hide the failure of another."""
    assert calendar[workflow] == counts


def test_scraper_day_has_median_duration(dataset: Dataset) -> None:
    dataset.insert(
        "scraper_execution_log",
        *(
            run(None, "timed", "success", number, duration_seconds=seconds)
            for number, seconds in enumerate((0.5, 20.0, 1.5))
        ),
    )
    (row,) = (row for row in dataset.ask("scraper_days", as_of=NOW) if row["scraper_name"] == "timed")
    assert (row["runs"], row["median_seconds"]) == (3, 1.5)
