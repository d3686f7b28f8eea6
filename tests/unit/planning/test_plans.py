"""Tests of plans: the requests of an occurrence, frozen at its decision."""

import pytest

from tests.support.controller import (
    DAY,
    at,
    at_times,
    calendar,
    configured,
    fixture_file,
    game,
    per_game,
    plan_of,
    slate,
    workflow,
)
from tipoff_common.catalog import Catalog
from tipoff_common.events import Source
from tipoff_planning.context import EvaluationContext
from tipoff_planning.occurrences import occurrences
from tipoff_planning.plans import MAX_LOW_IN_FLIGHT, OutputOf, Plan, Unit, freeze, requests_nothing, units
from tipoff_planning.workflows import Configuration

PLANS = fixture_file("plans")


def test_parents_precede_children_in_any_file_order() -> None:
    assert [step.name for step in plan_of(PLANS, "edges", calendar(*slate(1))).steps] == [
        "first",
        "second",
        "last",
    ]


def test_game_date_is_in_the_parameters() -> None:
    """Parameters and games were of different days (incident 18): no later step derives a date again."""
    configuration = configured(
        one=workflow(
            at_times("06:00", about="yesterday"), {"scraper": "bulletin", "parameters": {"as_of": "{slot}"}}
        )
    )
    (step,) = plan_of(configuration, "one").steps
    assert step.parameters == {"game_date": "2025-01-14", "as_of": "2025-01-15T11:00:00+00:00"}


def test_fan_out_over_games_and_teams_is_fixed_in_the_plan() -> None:
    games = slate(2)
    plan = {step.name: step for step in plan_of(PLANS, "games", calendar(*games)).steps}
    assert plan["box_score"].fan_out == tuple(item.game_id for item in games)
    assert plan["roster"].fan_out == tuple(sorted(team for item in games for team in item.teams))
    assert plan["summary"].parents == ("box_score", "roster")


def test_a_fan_out_over_given_values_needs_no_games() -> None:
    each = {"scraper": "bulletin", "for_each": {"parameter": "market", "values": ["totals", "h2h"]}}
    configuration = configured(one=workflow(at_times("06:00"), each))
    plan = plan_of(configuration, "one", calendar())
    assert configuration.needing_games == frozenset()
    (step,) = plan.steps
    assert step.fan_out == ("totals", "h2h")
    assert [unit.parameters["market"] for unit in units(step, step.fan_out)] == ["totals", "h2h"]


def test_team_with_two_games_is_requested_once() -> None:
    games = calendar(game(1, at("12:00"), home_team="ATL"), game(2, at("20:00"), home_team="ATL"))
    plan = {step.name: step for step in plan_of(PLANS, "games", games).steps}
    assert plan["roster"].fan_out == ("A01", "A02", "ATL")


def test_a_fan_out_over_an_output_names_the_parent() -> None:
    plan = {step.name: step for step in plan_of(PLANS, "props", calendar(*slate(1))).steps}
    assert plan["props"].fan_out == OutputOf(step="events", key="event_id")
    assert plan["props"].parents == ("events",)


def test_per_game_occurrence_fills_in_game_id() -> None:
    configuration = configured(one=workflow(per_game(), "box_score"))
    (step,) = plan_of(configuration, "one", calendar(game(7, at("19:00")))).steps
    assert step.parameters == {"game_date": "2025-01-15", "game_id": "0022400007"}


def test_plan_keeps_only_outstanding_parts() -> None:
    """One of nine games counted as all; one scraper closed a whole workflow (incidents 9 and 33)."""
    games = slate(3)
    missing = games[1].game_id
    only = {"box_score": frozenset({missing}), "summary": None}
    plan = plan_of(PLANS, "games", calendar(*games), only)
    assert [step.name for step in plan.steps] == ["box_score", "summary"]
    assert plan.steps[0].fan_out == (missing,)
    assert plan.steps[1].parents == ("box_score",)  # a parent that is left out counts as settled


def test_max_in_flight_is_the_sources_rate_per_minute() -> None:
    (slow,) = plan_of(PLANS, "waves", calendar(*slate(5))).steps
    (plain,) = plan_of(PLANS, "calendar").steps
    assert (slow.max_in_flight, plain.max_in_flight) == (2, 300)


def test_low_priority_caps_max_in_flight() -> None:
    plain, low = (
        plan_of(configured(one=workflow(at_times("06:00"), "bulletin", priority=priority)), "one")
        for priority in ("MEDIUM", "LOW")
    )
    assert plain.steps[0].max_in_flight > low.steps[0].max_in_flight == MAX_LOW_IN_FLIGHT


def test_plan_survives_json_round_trip() -> None:
    plan = plan_of(PLANS, "props", calendar(*slate(1)))
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_request_ids_are_a_function_of_content() -> None:
    """Two controllers decided twice (incident 19)."""
    unit = Unit("step", "bulletin", {"game_date": "2025-01-15", "market": "h2h"})
    same = Unit("step", "bulletin", {"market": "h2h", "game_date": "2025-01-15"})
    assert unit.request_id("occurrence", 1) == same.request_id("occurrence", 1)
    different = {
        unit.request_id("occurrence", 1),
        unit.request_id("occurrence", 2),
        unit.request_id("other", 1),
        Unit("other", "bulletin", unit.parameters).request_id("occurrence", 1),
        Unit("step", "digest", unit.parameters).request_id("occurrence", 1),
        Unit("step", "bulletin", {"game_date": "2025-01-16", "market": "h2h"}).request_id("occurrence", 1),
    }
    assert len(different) == 6


def test_duplicate_value_is_a_single_unit() -> None:
    (step, *_) = plan_of(PLANS, "games", calendar(*slate(1))).steps
    assert [unit.parameters["game_id"] for unit in units(step, ["1", "2", "1"])] == ["1", "2"]


@pytest.mark.parametrize(
    ("steps", "nothing"),
    [
        ([{"scraper": "roster", "for_each": "team"}], True),
        ([{"scraper": "roster", "for_each": "team"}, {"scraper": "summary", "after": ["roster"]}], True),
        ([{"scraper": "roster", "for_each": "team"}, "bulletin"], False),
        ([{"scraper": "box_score", "for_each": "game"}], False),
        (["bulletin"], False),
    ],
)
def test_plan_with_undecided_teams_at_all_roots_requests_nothing(steps: list[object], nothing: bool) -> None:
    configuration = configured(one=workflow(at_times("06:00"), *steps))  # type: ignore[arg-type]
    undecided = calendar(game(1, at("19:00"), home_team=None, away_team=None))
    (item,) = occurrences(configuration, undecided, DAY)
    assert requests_nothing(item, configuration.workflows["one"]) is nothing


def test_whole_day_scraper_gets_no_game_id_in_per_game_workflow() -> None:
    configuration = configured(one=workflow(per_game(), "box_score", "bulletin"))
    steps = plan_of(configuration, "one", calendar(game(7, at("19:00")))).steps
    assert [step.parameters.get("game_id") for step in steps] == ["0022400007", None]


def test_game_id_comes_from_fan_out_outside_per_game_workflow() -> None:
    each = {"scraper": "box_score", "for_each": "game"}
    (step,) = plan_of(configured(one=workflow(at_times("06:00"), each)), "one", calendar(*slate(2))).steps
    assert step.parameters == {"game_date": "2025-01-15"}


@pytest.mark.parametrize(("source", "spread"), [(Source.CONTROLLER, True), (Source.MANUAL, False)])
def test_manual_plan_has_no_deadline(source: Source, spread: bool) -> None:
    configuration = configured(one=workflow(at_times("06:00"), "bulletin"))
    (occurrence,) = occurrences(configuration, None, DAY)
    context = EvaluationContext(at("06:00"), at("06:00"), at("06:00"), "somebody", source, "local")
    assert freeze(occurrence, configuration, context).deadline == (occurrence.deadline if spread else None)


def test_max_in_flight_is_at_least_a_single_request() -> None:
    configuration = configured(one=workflow(at_times("06:00"), "bulletin"))
    slow = configuration.catalog["bulletin"]
    slow = slow.model_copy(update={"rate_limit": slow.rate_limit.model_copy(update={"per_second": 0.001})})
    slowed = Configuration(configuration.file, Catalog({"bulletin": slow}), configuration.hash)
    assert [step.max_in_flight for step in plan_of(slowed, "one").steps] == [1]
