"""Tests of drafts: events, plans and requests of decisions."""

from datetime import timedelta

from tests.support.controller import (
    DAY,
    at,
    at_times,
    calendar,
    configured,
    decided,
    fact,
    failed,
    plan_of,
    slate,
    workflow,
)
from tipoff_common.events import AlertLevel, Source
from tipoff_common.identity import decision_id
from tipoff_planning.context import EvaluationContext
from tipoff_planning.drafts import DecisionBatch, draft, skip
from tipoff_planning.history import History
from tipoff_planning.plans import units
from tipoff_planning.progress import SkippedStep

GAMES = slate(2)
CONFIGURATION = configured(
    one=workflow(
        at_times("06:00"),
        {"scraper": "box_score", "for_each": "game"},
        "digest",
        priority="HIGH",
        max_retries=1,
    )
)
TICK = at("06:15")


def context(tick_at: str = "06:15", wall: str = "06:15") -> EvaluationContext:
    return EvaluationContext(at(tick_at), at(tick_at), at(wall), "tick", Source.CONTROLLER, "local")


def drafted(when: EvaluationContext | None = None) -> DecisionBatch:
    games = calendar(*GAMES)
    return draft([decided(CONFIGURATION, TICK, games=games)], CONFIGURATION, when or context())


def test_a_run_freezes_its_plan_and_makes_its_requests() -> None:
    made = drafted()
    (decision,), (plan,) = made.decisions, made.plans
    assert decision.scrapers_triggered == ("box_score", "digest")
    assert decision.target_games == tuple(item.game_id for item in GAMES)
    assert [request.parameters.get("game_id") for request in made.requests] == [
        GAMES[0].game_id,
        GAMES[1].game_id,
        None,
    ]
    assert {request.occurrence_id for request in made.requests} == {plan.occurrence_id}
    assert {request.decision_id for request in made.requests} == {decision.decision_id}
    assert {request.priority.value for request in made.requests} == {"HIGH"}


def test_a_skip_makes_neither_plan_nor_request() -> None:
    made = draft([decided(CONFIGURATION, at("05:00"), games=calendar(*GAMES))], CONFIGURATION, context())
    assert (made.plans, made.requests) == ((), ())
    assert made.decisions[0].target_games == ()


def test_decision_id_is_a_function_of_occurrence_and_tick() -> None:
    """Two controllers decided twice (incident 19)."""
    first, same, next_tick = drafted(), drafted(context(wall="07:00")), drafted(context("06:30"))
    (decision,) = first.decisions
    assert decision.decision_id == decision_id(decision.occurrence_id, TICK)
    assert decision.id == same.decisions[0].id
    assert decision.id != next_tick.decisions[0].id
    assert decision.occurrence_id == next_tick.decisions[0].occurrence_id


def test_request_ids_do_not_depend_on_the_tick() -> None:
    assert [item.id for item in drafted().requests] == [
        item.id for item in drafted(context("06:30")).requests
    ]


def test_requests_are_stamped_with_the_wall_clock_from_which_leases_run() -> None:
    assert {item.requested_at for item in drafted(context(wall="09:00")).requests} == {at("09:00")}


def test_later_run_retries_under_plan_of_first_run() -> None:
    (plan,) = drafted().plans
    retried = [item for item in drafted().requests if item.scraper == "digest"]
    (unit,) = units(plan.steps[1], ())
    down = fact("digest", outcome=failed(), request_id=retried[0].request_id)
    known = History({down.request_id: down}, {item.request_id: TICK for item in drafted().requests})
    later = decided(
        CONFIGURATION, at("06:30"), games=calendar(*GAMES), history=known, plans={plan.occurrence_id: plan}
    )
    made = draft([later], CONFIGURATION, context("06:30"))
    assert made.plans == ()
    assert [item.request_id for item in made.requests] == [unit.request_id(plan.occurrence_id, 2)]
    assert made.requests[0].decision_id == plan.decision_id
    assert made.decisions[0].scrapers_triggered == ("digest",)


def test_config_hash_is_on_all_drafted_events() -> None:
    made = drafted()
    hashes = [item.config_hash for item in made.decisions]
    hashes += [item.config_hash for item in made.plans]
    hashes += [item.config_hash or "" for item in made.requests]
    assert set(hashes) == {CONFIGURATION.hash}


def test_decision_batch_survives_json_round_trip() -> None:
    made = drafted()
    assert DecisionBatch.model_validate_json(made.model_dump_json()) == made


def test_skipped_step_is_a_decision_with_reason_and_stable_id() -> None:
    plan = plan_of(CONFIGURATION, "one", calendar(*GAMES))
    skipped = SkippedStep("join", "summary", "events", "events has no data yet")
    once = skip(plan, skipped, "local", at("06:20"))
    later = skip(plan, skipped, "local", at("06:20") + timedelta(hours=1))
    assert once.reason == "join is not requested: events has no data yet."
    assert (once.reason_code, once.alert_level) == ("parent_unfruitful", AlertLevel.NONE)
    assert once.context == {"step": "join", "scraper": "summary", "parent": "events"}
    assert once.id == later.id
    assert once.game_date == DAY
