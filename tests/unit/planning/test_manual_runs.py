"""Tests of manual runs: accepted requests, and the comparison of two requests under one key."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.controller import (
    DAY,
    at,
    at_times,
    calendar,
    configured,
    per_game,
    plan_of,
    slate,
    workflow,
)
from tipoff_common.events import Priority
from tipoff_planning.manual_runs import ManualRun, UnusableRun, difference, manual_occurrence, outstanding_of
from tipoff_planning.occurrences import Occurrence

CONFIGURATION = configured(
    one=workflow(
        at_times("06:00"),
        {"scraper": "event_list", "name": "events"},
        {"scraper": "event_props", "name": "props", "for_each": {"step": "events", "key": "event_id"}},
        {"scraper": "bulletin", "name": "late", "after": ["events"]},
    ),
    games=workflow(per_game("2h"), "box_score"),
    of_games=workflow(at_times("06:00"), {"scraper": "box_score", "for_each": "game"}),
    of_teams=workflow(at_times("06:00"), {"scraper": "roster", "for_each": "team"}),
)
GAMES = slate(2)
FIRST, SECOND = (item.game_id for item in GAMES)


def run(**body: Any) -> ManualRun:
    return ManualRun.model_validate({"game_date": DAY.isoformat(), **body})


def occurrence(name: str, games: Any = GAMES, **body: Any) -> Occurrence:
    return manual_occurrence(name, run(**body), games, CONFIGURATION, at("15:00"), "key")


def test_scrapers_and_steps_are_mutually_exclusive() -> None:
    assert run(scrapers=["bulletin"]).scrapers == ("bulletin",)
    assert run(steps={"late": None}).steps == {"late": None}
    with pytest.raises(ValidationError, match="give one of them"):
        run(scrapers=["bulletin"], steps={})


# Subject of a run


def test_a_workflow_about_the_day_runs_for_all_of_its_games() -> None:
    made = occurrence("one")
    assert (made.subject, made.games, made.slot) == ("-", tuple(GAMES), 0)
    assert (made.day, made.game_date, made.expected, made.deadline) == (DAY, DAY, at("15:00"), at("15:00"))


@pytest.mark.parametrize("name", ["of_games", "of_teams"])
def test_fan_out_workflow_accepts_a_single_game(name: str) -> None:
    assert occurrence(name, game_id=SECOND).games == (GAMES[1],)


@pytest.mark.parametrize("game_id", [SECOND, "7"])
def test_a_game_for_a_workflow_without_games_is_refused(game_id: str) -> None:
    """The game was dropped, and the run was reported as if it were for the game."""
    with pytest.raises(UnusableRun, match=r"game_id: one does not run per game; omit game_id \(--game-id"):
        occurrence("one", game_id=game_id)


def test_per_game_workflow_runs_for_named_game() -> None:
    made = occurrence("games", game_id=SECOND)
    assert (made.subject, made.games) == (SECOND, (GAMES[1],))


@pytest.mark.parametrize(
    ("games", "body", "message"),
    [
        (GAMES, {}, f"name one of {FIRST}, {SECOND}"),
        ((), {}, "no game is known on 2025-01-15"),
        (GAMES, {"game_id": "7"}, f"no game 7 on 2025-01-15; its games: {FIRST}, {SECOND}"),
    ],
)
def test_missing_or_unknown_game_is_refused(games: Any, body: dict[str, str], message: str) -> None:
    with pytest.raises(UnusableRun, match=message):
        occurrence("games", games, **body)


def test_named_game_is_accepted_on_date_without_calendar() -> None:
    assert occurrence("games", (), game_id="7").subject == "7"


# Parts of the workflow


def steps(**body: Any) -> Mapping[str, frozenset[str] | None] | None:
    return outstanding_of("one", run(**body), CONFIGURATION).steps


def test_run_without_choice_is_the_whole_workflow() -> None:
    assert steps() is None


def test_scrapers_and_steps_choose_parts_of_workflow() -> None:
    assert steps(scrapers=["event_list", "event_props"]) == {"events": None, "props": None}
    assert steps(scrapers=["bulletin"]) == {"late": None}, "its parent counts as settled"
    assert steps(steps={"events": None, "props": ["a"]}) == {"events": None, "props": frozenset("a")}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"scrapers": ["bulletin", "slate"]}, "scrapers: .*slate"),
        ({"steps": {"events": None, "bulletin": None}}, "steps: .*bulletin"),
        (
            {"scrapers": ["event_props"]},
            "scrapers: event_props needs the output of event_list; include that as well",
        ),
        ({"steps": {"props": None}}, "steps: props needs the output of events; include that as well"),
    ],
)
def test_unknown_part_or_part_without_its_input_is_refused(body: dict[str, Any], message: str) -> None:
    with pytest.raises(UnusableRun, match=message):
        steps(**body)


# Two requests under one key


def test_difference_of_plans_is_named_by_request_field() -> None:
    plan = plan_of(CONFIGURATION, "one", calendar(*GAMES))
    part = plan_of(CONFIGURATION, "one", calendar(*GAMES), {"late": None})
    assert difference(plan, plan) is None
    assert difference(plan, part) == "choice of scrapers, steps or games"
    assert difference(plan, plan.model_copy(update={"priority": Priority.LOW})) == "priority"
    other = part.model_copy(update={"game_date": DAY.replace(day=16)})
    assert difference(plan, other) == "game_date (2025-01-15)"
