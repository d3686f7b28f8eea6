"""Tests of the made-up week of `tipoff up --tour`, without a stack."""

from datetime import UTC, datetime

import pytest

from scrapers.nbacom.nbac_player_movement import scraper as player_movement
from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_common.catalog import load_catalog
from tipoff_common.events import ScrapeExecuted, WorkflowDecided
from tipoff_common.outcomes import Failed
from tipoff_common.testing import MemoryObjects
from tipoff_dev.fakes.sources.players_json import write_player_movement
from tipoff_dev.tour.faults import MARK
from tipoff_dev.tour.history import EventHistory, past_week
from tipoff_dev.tour.loading import schedule_rows
from tipoff_planning.calendar import Game
from tipoff_planning.loading import load_workflows
from tipoff_scraper_runner.previous_edition import previous_edition

NOW = datetime(2026, 12, 1, 17, 20, tzinfo=UTC)
"""An instant after that morning's windows."""


@pytest.fixture(scope="module")
def week() -> EventHistory:
    configuration = load_workflows(WORKFLOWS, load_catalog(SCRAPERS))
    rows = schedule_rows(configuration, NOW)
    return past_week(configuration, [Game.model_validate(row) for row in rows], rows, NOW, "data")


def test_every_fault_of_the_tour_is_marked_as_made_up(week: EventHistory) -> None:
    """Decisions contained "source_changed: no message" for failures whose rows named the tour."""
    failures = [
        event.outcome.message for event in week.of(ScrapeExecuted) if isinstance(event.outcome, Failed)
    ]
    assert failures
    assert [message for message in failures if MARK not in message] == []
    decisions = [event.reason for event in week.of(WorkflowDecided)]
    assert any(MARK in reason for reason in decisions)
    assert [reason for reason in decisions if "no message" in reason] == []


def test_the_first_list_after_the_week_is_not_compared_with_made_up_rows(week: EventHistory) -> None:
    """The next scrape failed: "1 of the 1 transactions of the previous edition are missing"."""
    today = NOW.date()
    bucket = MemoryObjects()
    for name, file in week.files.items():
        if "player-movement" in name:
            bucket.create(name, file.body, content_type="application/json", metadata=file.metadata)
    spec = load_catalog(SCRAPERS)["nbac_player_movement"]
    previous = previous_edition(spec, today, NOW, bucket)
    assert previous
    parsed = player_movement.parse(write_player_movement(today), player_movement.Parameters(game_date=today))
    assert player_movement.lost(parsed, previous) == ""
