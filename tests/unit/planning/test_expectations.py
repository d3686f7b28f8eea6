"""What the dataset tells of a day's schedule."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from tipoff_common.testing import MemoryWarehouse
from tipoff_planning.expectations import read_locked

MONDAY, TUESDAY, WEDNESDAY = (date(2025, 1, day) for day in (13, 14, 15))
NIGHT = datetime(2025, 1, 15, 8, tzinfo=UTC)


def locked(*rows: tuple[date, str]) -> Mapping[date, frozenset[str]]:
    warehouse = MemoryWarehouse(
        answer=lambda *_: [{"date": day, "occurrence_id": occurrence} for day, occurrence in rows]
    )
    return read_locked(warehouse, "prod", MONDAY, WEDNESDAY, NIGHT)


def test_a_day_before_one_that_was_locked_expects_what_has_a_row() -> None:
    assert locked((TUESDAY, "a"), (TUESDAY, "b")) == {MONDAY: frozenset(), TUESDAY: frozenset("ab")}


def test_a_day_that_is_not_locked_yet_is_left_out() -> None:
    """At night, before its lock, its windows are reported as the controller does: by what was configured."""
    assert WEDNESDAY not in locked((TUESDAY, "a"))


def test_without_any_row_nothing_is_known() -> None:
    assert locked() == {}
