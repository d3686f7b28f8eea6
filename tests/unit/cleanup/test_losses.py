"""Tests of the loss rules: which landed files are lost, and the next step for each."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import NOON
from tests.unit.cleanup.bench import DAY, HOUR, MINUTE, RULE, file
from tipoff_cleanup.losses import (
    Attempts,
    LoggedFile,
    NextStep,
    Overview,
    behind_since,
    is_storm,
    lost,
    next_step,
    overtaken,
)


def known(
    landed: list[LoggedFile], receipts: dict[str, datetime], now: datetime = NOON
) -> tuple[Overview, list[LoggedFile]]:
    """Return the overview and the waiting files, given receipts by file name."""
    done = {item for item in landed if item.execution_id.removeprefix("e-") in receipts}
    proofs = [
        item.landed_at
        for item in done
        if max(receipts[item.execution_id.removeprefix("e-")], item.landed_at) <= now - RULE.grace
    ]
    waiting = [item for item in landed if item not in done]
    return Overview(len(landed), len(waiting), len(receipts), max(proofs, default=None), None), waiting


def found(landed: list[LoggedFile], receipts: dict[str, datetime], now: datetime = NOON) -> list[str]:
    overview, waiting = known(landed, receipts, now)
    return [item.execution_id.removeprefix("e-") for item in lost(waiting, overview, now, RULE)]


@pytest.mark.parametrize(
    ("landed", "receipts", "expected"),
    [
        ({"old": 90, "new": 60}, {"new": 31}, ["old"]),
        ({"old": 90, "new": 60}, {"new": 29}, []),
        ({"old": 90, "new": 10}, {"new": 50}, []),
        ({"old": 90, "new": 60}, {"old": 40}, []),
        ({"old": 90, "new": 60}, {"old": 50, "new": 40}, []),
        ({"old": 90, "new": 60}, {}, []),
        ({"old": 359, "new": 10}, {"elsewhere": 40}, []),
        ({"old": 360, "new": 10}, {"elsewhere": 40}, ["old"]),
        ({"b": 400, "a": 500, "c": 390}, {"c": 380}, ["a", "b"]),
        ({"twin": 90, "other": 90}, {"other": 40}, []),
    ],
    ids=[
        "a later one was processed",
        "its receipt is too young to prove anything",
        "a receipt dated before its file landed proves nothing before that",
        "Phase 2 is behind",
        "all processed",
        "no receipts at all",
        "before six hours",
        "after six hours",
        "oldest first",
        "landed together",
    ],
)
def test_file_is_lost_when_overtaken_or_after_six_hours(
    landed: dict[str, float], receipts: dict[str, float], expected: list[str]
) -> None:
    at = {name: NOON - timedelta(minutes=minutes) for name, minutes in receipts.items()}
    assert found([file(*item) for item in landed.items()], at) == expected


def test_without_receipts_nothing_is_lost_however_old() -> None:
    """An empty set of receipts does not prove that no file was processed (incidents 14 and 15)."""
    assert found([file("old", 60 * 23)], {}) == []


names = st.sampled_from("abcdefgh")
files = st.lists(st.builds(file, names, st.integers(0, 1000)), unique_by=lambda item: item.gcs_path)
receipts = st.dictionaries(
    st.sampled_from("abcdefghxyz"), st.integers(0, 1000).map(lambda ago: NOON - timedelta(minutes=ago))
)


@given(files, receipts, names)
def test_file_with_a_receipt_is_not_lost(
    landed: list[LoggedFile], receipts: dict[str, datetime], name: str
) -> None:
    assert name not in found(landed, {**receipts, name: NOON})


@given(files, receipts, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_lost_file_stays_lost_as_time_passes(
    landed: list[LoggedFile], receipts: dict[str, datetime], later: timedelta
) -> None:
    assert set(found(landed, receipts)) <= set(found(landed, receipts, NOON + later))


@given(files, receipts)
def test_every_waiting_file_older_than_a_lost_file_is_lost(
    landed: list[LoggedFile], receipts: dict[str, datetime]
) -> None:
    overview, waiting = known(landed, receipts)
    gone = lost(waiting, overview, NOON, RULE)
    if gone:
        newest = max(item.landed_at for item in gone)
        assert {item for item in waiting if item.landed_at <= newest} == set(gone)


@given(files, receipts)
def test_a_file_before_six_hours_is_lost_only_with_proof(
    landed: list[LoggedFile], receipts: dict[str, datetime]
) -> None:
    """A loss needs proof: a later file that was processed before the time by which rows may be late."""
    overview, waiting = known(landed, receipts)
    for item in lost(waiting, overview, NOON, RULE):
        if NOON - item.landed_at < RULE.lost_after:
            assert any(
                other.landed_at > item.landed_at and receipts[name] <= NOON - RULE.grace
                for other in landed
                if (name := other.execution_id.removeprefix("e-")) in receipts
            )


@given(files, st.dictionaries(names, st.integers(0, 29)))
def test_rows_that_are_late_within_the_grace_make_nothing_lost(
    landed: list[LoggedFile], late: dict[str, int]
) -> None:
    """Phase 2 processed all files in order, but the logger is up to 29 minutes behind: any receipt of that time may be
    missing."""
    in_order = {item.execution_id.removeprefix("e-"): min(item.landed_at + MINUTE, NOON) for item in landed}
    seen = {name: at for name, at in in_order.items() if at + timedelta(minutes=late.get(name, 0)) <= NOON}
    assert set(found(landed, {**seen, "x": NOON - HOUR})) == set()


@given(files, receipts)
def test_file_waiting_too_long_is_lost_or_puts_phase_2_behind(
    landed: list[LoggedFile], receipts: dict[str, datetime]
) -> None:
    overview, waiting = known(landed, receipts)
    old = [item for item in waiting if NOON - item.landed_at >= RULE.behind_after]
    since = behind_since(waiting, overview, NOON, RULE)
    expected = [item.landed_at for item in old if not overtaken(item, overview)]
    assert since == min(expected, default=None)


@given(files, receipts)
def test_phase_2_is_not_behind_when_all_waiting_files_were_overtaken(
    landed: list[LoggedFile], receipts: dict[str, datetime]
) -> None:
    """Overtaken files count as lost, not as waiting."""
    overview, waiting = known(landed, receipts)
    left_behind = [item for item in waiting if overtaken(item, overview)]
    assert behind_since(left_behind, overview, NOON, RULE) is None
    assert set(left_behind) <= set(lost(waiting, overview, NOON, RULE))


@pytest.mark.parametrize(
    ("missing", "of", "storm"),
    [(50, 60, False), (51, 60, True), (51, 204, False), (51, 203, True), (0, 0, False)],
)
def test_storm_needs_a_large_number_and_a_large_share(missing: int, of: int, storm: bool) -> None:
    assert is_storm(missing, of, RULE) is storm


def attempted(*minutes_ago: float, given_up: bool = False) -> Attempts:
    instants = tuple(NOON - timedelta(minutes=ago) for ago in minutes_ago)
    return Attempts(len(instants), instants, given_up)


@pytest.mark.parametrize(
    ("attempts", "step"),
    [
        (attempted(), NextStep.REPUBLISH),
        (attempted(29), NextStep.WAIT),
        (attempted(30), NextStep.REPUBLISH),
        (attempted(90, 59), NextStep.WAIT),
        (attempted(90, 60), NextStep.REPUBLISH),
        (attempted(300, 200, 119), NextStep.WAIT),
        (attempted(300, 200, 120), NextStep.GIVE_UP),
        (attempted(300, 200, 120, given_up=True), NextStep.NOTHING),
        (Attempts(0, (NOON - 29 * MINUTE,)), NextStep.WAIT),
        (Attempts(0, (NOON - 30 * MINUTE,)), NextStep.REPUBLISH),
    ],
)
def test_wait_doubles_with_each_republish(attempts: Attempts, step: NextStep) -> None:
    """A file was republished forever (incident 17). In the last two cases an adoption announced the file, which is no
    republish."""
    assert next_step(attempts, NOON, RULE) is step


@given(
    st.integers(1, 10),
    st.integers(1, 120),
    st.lists(st.integers(1, 60), min_size=1, max_size=200),
)
def test_lost_file_is_republished_with_back_off_up_to_the_cap_then_given_up(
    cap: int, backoff: int, gaps: list[int]
) -> None:
    """The gaps between runs are arbitrary."""
    rule = replace(RULE, max_republishes=cap, backoff=timedelta(minutes=backoff))
    attempts, now, at = Attempts(), NOON, list[datetime]()
    for gap in gaps:
        now += timedelta(minutes=gap)
        match next_step(attempts, now, rule):
            case NextStep.REPUBLISH:
                at.append(now)
                attempts = Attempts(len(at), tuple(at))
            case NextStep.GIVE_UP:
                attempts = replace(attempts, given_up=True)
    waits = [later - earlier for earlier, later in pairwise(at)]
    assert at[0] == NOON + timedelta(minutes=gaps[0])
    assert len(at) <= cap
    assert all(wait >= rule.wait(number) for number, wait in enumerate(waits, start=1))
    longest = timedelta(minutes=60)
    if now - NOON > rule.patience + (cap + 2) * longest:
        assert (len(at), attempts.given_up) == (cap, True)
    if attempts.given_up:
        assert next_step(attempts, now + DAY, rule) is NextStep.NOTHING
