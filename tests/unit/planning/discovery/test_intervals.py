"""Tests of the intervals of publication that are derived from a search's checks."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tipoff_planning.discovery.intervals import (
    Look,
    PublicationHistory,
    PublicationInterval,
    intervals,
    read_history,
)

DAY = date(2025, 1, 15)
WINDOW = 480.0


def looks(*seen: tuple[float, bool], day: date = DAY) -> list[Look]:
    return [Look(day, minute, found) for minute, found in seen]


def test_interval_spans_last_empty_check_to_first_success() -> None:
    seen = looks((0, False), (60, False), (120, True), (180, True))
    assert intervals(seen, WINDOW) == [PublicationInterval(DAY, 60, 120)]


def test_find_at_first_check_has_no_lower_bound() -> None:
    assert intervals(looks((30, True)), WINDOW) == [PublicationInterval(DAY, None, 30)]


def test_day_without_success_is_censored_at_last_check() -> None:
    assert intervals(looks((0, False), (300, False)), WINDOW) == [PublicationInterval(DAY, 300, None)]


def test_success_after_window_leaves_day_censored() -> None:
    assert intervals(looks((480, False), (900, True)), WINDOW) == [PublicationInterval(DAY, 480, None)]


def test_empty_check_after_success_is_ignored() -> None:
    seen = looks((60, False), (120, True), (125, False))
    assert intervals(seen, WINDOW) == [PublicationInterval(DAY, 60, 120)]


def test_empty_check_at_instant_of_success_is_no_lower_bound() -> None:
    assert intervals(looks((60, False), (60, True)), WINDOW) == [PublicationInterval(DAY, None, 60)]


def test_day_without_check_in_window_is_omitted() -> None:
    assert intervals(looks((900, True)), WINDOW) == []
    assert intervals([], WINDOW) == []


@given(
    published=st.floats(0.5, 479),
    minutes=st.lists(st.integers(0, 480), min_size=1, max_size=20),
    repeats=st.integers(1, 3),
    shuffled=st.randoms(use_true_random=False),
)
def test_interval_contains_publication_for_any_order_and_repetition(
    published: float, minutes: list[int], repeats: int, shuffled: object
) -> None:
    seen = looks(*((minute, minute >= published) for minute in minutes)) * repeats
    shuffled.shuffle(seen)  # type: ignore[attr-defined]
    (found,) = intervals(seen, WINDOW)
    assert found.after is None or found.after < published
    assert found.before is None or published <= found.before


def test_intervals_are_sorted_by_day() -> None:
    later = looks((0, True), day=DAY + timedelta(days=1))
    assert [item.game_date for item in intervals([*later, *looks((0, True))], WINDOW)] == [
        DAY,
        DAY + timedelta(days=1),
    ]


# Days that can be learned from


def test_day_belongs_to_window_if_first_check_was_in_time() -> None:
    seen = looks((135, False), (300, True))
    assert read_history(seen, WINDOW, first_look_by=135).intervals == (PublicationInterval(DAY, 135, 300),)


def test_day_first_checked_at_window_close_belongs_to_another_window() -> None:
    seen = looks((480, False), (900, True))
    assert read_history(seen, WINDOW, first_look_by=135) == PublicationHistory(elsewhere=(DAY,))


@pytest.mark.parametrize(
    ("seen", "contradicts"),
    [
        (((60, True), (200, False), (300, True)), True),
        (((60, True), (480, False)), True),
        (((60, True), (481, False)), False),
        (((60, True), (61, False)), False),
        (((60, True), (61.1, False)), True),
    ],
    ids=["gone for a while", "gone at the end", "gone after the window", "a minute apart", "more than that"],
)
def test_empty_check_in_window_after_find_is_contradictory(
    seen: tuple[tuple[float, bool], ...], contradicts: bool
) -> None:
    assert read_history(looks(*seen), WINDOW, 135).contradictory == ((DAY,) if contradicts else ())


def test_history_before_a_day_excludes_the_day_and_later_days() -> None:
    days = tuple(DAY + timedelta(days=number) for number in range(-2, 2))
    history = PublicationHistory(
        tuple(PublicationInterval(day, 0, 60) for day in days), contradictory=days, elsewhere=days
    )
    before = history.before(DAY)
    assert (before.contradictory, before.elsewhere) == (days[:2], days[:2])
    assert [item.game_date for item in before.intervals] == list(days[:2])
    assert before.days == 6
