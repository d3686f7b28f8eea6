"""Tests that constants and parameters agree with the times of infra/ticks.yaml."""

from datetime import timedelta
from pathlib import Path

from tipoff_cleanup import settings as cleanup
from tipoff_common.events import Tick
from tipoff_common.ticks import load_ticks, lock_time
from tipoff_dataset.files import QUERIES
from tipoff_monitor.loading import load_rules
from tipoff_planning.verdict import LOCK_GRACE, LOCKS_AT, SILENT_AFTER

REPOSITORY = Path(__file__).parents[2]
TICKS = load_ticks(REPOSITORY / "infra/ticks.yaml")


def test_default_lock_time_is_that_of_the_tick() -> None:
    assert lock_time(TICKS) == LOCKS_AT


def test_rule_expects_the_schedule_by_the_time_at_which_it_is_locked() -> None:
    """A fleet that moves the tick sets the rule's `minutes`."""
    book = load_rules(REPOSITORY / "config/alerts.yaml", QUERIES)
    query = book.queries["schedule-not-locked"]
    (declared,) = [it.default for it in query.parameters if it.name == "minutes"]
    minutes = book.rules["schedule-not-locked"].parameters.get("minutes", declared)
    at = lock_time(TICKS)
    assert timedelta(minutes=int(minutes)) == timedelta(hours=at.hour, minutes=at.minute) + LOCK_GRACE


def test_silence_is_longer_than_two_evaluations() -> None:
    assert timedelta(minutes=2 * TICKS[Tick.EVALUATE].cadence_minutes) < SILENT_AFTER


def test_cleanup_assumes_the_cadence_of_its_tick() -> None:
    assert timedelta(minutes=TICKS[Tick.CLEANUP].cadence_minutes) == cleanup._CADENCE
