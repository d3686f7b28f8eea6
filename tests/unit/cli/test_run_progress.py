"""Tests of the progress of a manual run: reports and timeout."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from tipoff_cli.run_progress import NothingComes, follow, line
from tipoff_cli.service_client import NotAnswered
from tipoff_common.outcomes import FailureKind
from tipoff_planning.manual_runs import RunProgress, UnitProgress
from tipoff_planning.progress import State


def unit(
    state: State, attempt: int = 1, message: str = "", kind: FailureKind | None = None, **changes: Any
) -> UnitProgress:
    return UnitProgress(
        step="odds",
        scraper="odds",
        parameters={"market": "h2h"},
        state=state,
        attempt=attempt,
        kind=kind,
        message=message,
        **changes,
    )


def at(*units: UnitProgress, settled: bool = False) -> RunProgress:
    return RunProgress(
        occurrence_id="run-1",
        game_date=date(2025, 1, 15),
        settled=settled,
        stalled=False,
        units=units,
        skipped={},
    )


def looks(*answers: RunProgress | Exception) -> Callable[[], RunProgress]:
    """Return a function that gives these answers in order and then repeats the last."""
    left: Iterator[RunProgress | Exception] = iter(answers)
    last: list[RunProgress | Exception] = []

    def look() -> RunProgress:
        last[:] = [next(left, *last)]
        if isinstance(last[0], Exception):
            raise last[0]
        return last[0]

    return look


def followed(*answers: RunProgress | Exception) -> tuple[RunProgress, list[str]]:
    result: list[str] = []
    progress = follow(looks(*answers), lambda item: result.append(" ".join(line(item))), sleep=lambda _: None)
    return progress, result


def test_each_settled_unit_is_reported_once() -> None:
    done = unit(State.SUCCESS)
    _, result = followed(at(unit(State.UNDER_WAY)), at(done), at(done), at(done, settled=True))
    assert result == ["✔ odds market=h2h success"]


@pytest.mark.parametrize(
    ("brought", "message"),
    [
        ({}, "success"),  # a controller of an earlier version
        ({"records": 1}, "success, 1 record"),
        ({"records": 3, "set_aside": 2}, "success, 3 records, 2 set aside"),
    ],
)
def test_success_is_reported_with_record_counts(brought: dict[str, int], message: str) -> None:
    assert line(unit(State.SUCCESS, 2, **brought)) == ("✔", f"odds market=h2h {message}")


def test_failed_attempt_is_reported_before_retry_ends() -> None:
    _, result = followed(
        at(unit(State.UNDER_WAY)),
        at(unit(State.UNDER_WAY, 2, "timed out")),
        at(unit(State.GIVEN_UP, 3, "timed out again", FailureKind.TIMEOUT), settled=True),
    )
    assert result == [
        "! odds market=h2h failed: timed out; attempt 2 follows",
        "✘ odds market=h2h failed: timeout: timed out again",
    ]


def test_brief_controller_outage_is_waited_out() -> None:
    away = NotAnswered("the controller does not answer")
    progress, _ = followed(away, away, at(unit(State.NO_DATA), settled=True))
    assert progress.settled


@pytest.mark.parametrize(
    "answers",
    [[NotAnswered("gone")], [NotAnswered("503", 503)], [NotAnswered("403: may not call this", 403)]],
)
def test_lasting_controller_outage_or_refusal_is_raised(answers: list[Any]) -> None:
    with pytest.raises(NotAnswered):
        followed(*answers)


def test_silent_run_is_given_up_with_remedy() -> None:
    with pytest.raises(NothingComes, match=r"15 minutes.*tipoff trace run-1"):
        followed(at(unit(State.UNDER_WAY)))
