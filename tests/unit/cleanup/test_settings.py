"""Tests of cleanup's settings: limits that must fit each other."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.samples import NOON
from tests.unit.cleanup.bench import HOUR, MINUTE, QUARTER
from tipoff_cleanup.losses import Attempts, NextStep, next_step
from tipoff_cleanup.settings import CleanupSettings


def settings_of(**changes: Any) -> CleanupSettings:
    given = {"environment": "local", "project": "p", "data_bucket": "data", "state_bucket": "state"}
    return CleanupSettings(**{**given, "development_key": "k", **changes})


def shortest_lookback(lost_after: int, cap: int, backoff: int) -> CleanupSettings:
    """Return the settings with the shortest lookback that is accepted."""
    for hours in count(lost_after):
        try:
            return settings_of(
                lookback_hours=hours,
                lost_after_hours=lost_after,
                max_republishes=cap,
                backoff_minutes=backoff,
            )
        except ValidationError as error:
            assert "TIPOFF_LOOKBACK_HOURS is" in str(error)  # for every lookback that is too short
    raise AssertionError


@given(
    st.integers(1, 10),
    st.integers(1, 3),
    st.integers(1, 300),
    st.timedeltas(timedelta(0), QUARTER),
    st.lists(st.integers(1, 60), min_size=1, max_size=20),
    st.integers(0, 100),
)
def test_lost_file_is_given_up_before_leaving_the_lookback(
    lost_after: int, cap: int, backoff: int, landed: timedelta, late: list[int], missing: int
) -> None:
    """The landing time is arbitrary, each run starts some seconds after its tick, and one run is missing."""
    settings = shortest_lookback(lost_after, cap, backoff)
    attempts, landed_at = Attempts(), NOON + landed
    for number in count():
        now = NOON + number * QUARTER + timedelta(seconds=late[number % len(late)])
        assert now - landed_at <= settings.lookback
        if now - landed_at < settings.rule.lost_after or number == 4 * lost_after + missing:
            continue
        match next_step(attempts, now, settings.rule):
            case NextStep.REPUBLISH:
                announced = (*attempts.announced, now)
                attempts = Attempts(len(announced), announced)
            case NextStep.GIVE_UP:
                return


@pytest.mark.parametrize(("hours", "accepted"), [(10, False), (11, True)])
def test_lookback_includes_the_interval_between_runs(hours: int, accepted: bool) -> None:
    """Six hours plus the waits are 9.5 hours; with a lookback of ten, a file left it before it was given up."""
    rule = settings_of().rule
    assert rule.lost_after + rule.patience == 9 * HOUR + 30 * MINUTE
    if accepted:
        settings_of(lookback_hours=hours)
        return
    with pytest.raises(ValidationError, match="may be given up only 10:45:00 after it landed"):
        settings_of(lookback_hours=hours)
