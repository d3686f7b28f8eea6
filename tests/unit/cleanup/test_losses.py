"""Which landed files are lost."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import GAME_DATE, NOON
from tipoff_cleanup.losses import Landed, lost, without_receipt

SIX_HOURS = timedelta(hours=6)


def landed(path: str, minutes_ago: float) -> Landed:
    return Landed(path, "lines", "w", GAME_DATE, "e", 3, "hash", NOON - timedelta(minutes=minutes_ago))


def paths(files: list[Landed]) -> list[str]:
    return [file.gcs_path for file in files]


@pytest.mark.parametrize(
    ("files", "receipts", "expected"),
    [
        ({"old": 30, "new": 10}, {"new"}, ["old"]),
        ({"old": 30, "new": 10}, {"old"}, []),
        ({"old": 30, "new": 10}, {"old", "new"}, []),
        ({"old": 30, "new": 10}, set(), []),
        ({"old": 359, "new": 10}, {"elsewhere"}, []),
        ({"old": 360, "new": 10}, {"elsewhere"}, ["old"]),
        ({"a": 500, "b": 400, "c": 390}, {"c"}, ["a", "b"]),
        ({"twin": 30, "other": 30}, {"other"}, []),
    ],
    ids=[
        "a later one was processed",
        "Phase 2 is behind",
        "all processed",
        "no receipts at all",
        "before six hours",
        "after six hours",
        "oldest first",
        "landed together",
    ],
)
def test_a_file_is_lost_when_it_was_overtaken_or_after_six_hours(
    files: dict[str, float], receipts: set[str], expected: list[str]
) -> None:
    known = dict.fromkeys(receipts, NOON)
    assert paths(lost([landed(*item) for item in files.items()], known, NOON, SIX_HOURS)) == expected


def test_without_receipts_nothing_is_lost_however_old() -> None:
    """Incidents 14, 15: nothing to compare with is not "nothing was processed"."""
    assert lost([landed("old", 60 * 24 * 30)], {}, NOON, SIX_HOURS) == []


files = st.lists(
    st.builds(landed, st.sampled_from("abcdefgh"), st.integers(0, 1000)), unique_by=lambda file: file.gcs_path
)
receipts = st.dictionaries(st.sampled_from("abcdefghxyz"), st.just(NOON))


@given(files, receipts)
def test_a_processed_file_is_never_lost(files: list[Landed], receipts: dict[str, datetime]) -> None:
    assert not set(paths(lost(files, receipts, NOON, SIX_HOURS))) & set(receipts)


@given(files, receipts, st.sampled_from("abcdefgh"))
def test_a_receipt_takes_its_own_file_off_the_list(
    files: list[Landed], receipts: dict[str, datetime], path: str
) -> None:
    assert path not in paths(lost(files, {**receipts, path: NOON}, NOON, SIX_HOURS))


@given(files, receipts, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_what_is_lost_stays_lost_until_its_receipt_comes(
    files: list[Landed], receipts: dict[str, datetime], later: timedelta
) -> None:
    now = set(paths(lost(files, receipts, NOON, SIX_HOURS)))
    assert now <= set(paths(lost(files, receipts, NOON + later, SIX_HOURS)))


@given(files, receipts)
def test_the_lost_are_among_those_without_receipt_in_their_order(
    files: list[Landed], receipts: dict[str, datetime]
) -> None:
    open_ones = without_receipt(files, receipts)
    found = lost(files, receipts, NOON, SIX_HOURS)
    assert found == [file for file in open_ones if file in found]
    assert [file.landed_at for file in open_ones] == sorted(file.landed_at for file in open_ones)


@given(files, receipts)
def test_once_lost_everything_older_is_lost_too(files: list[Landed], receipts: dict[str, datetime]) -> None:
    found = lost(files, receipts, NOON, SIX_HOURS)
    if found:
        newest = max(file.landed_at for file in found)
        assert {file for file in without_receipt(files, receipts) if file.landed_at <= newest} == set(found)
