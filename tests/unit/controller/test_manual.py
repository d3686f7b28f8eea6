"""Tests of manual runs of a workflow."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.controller import (
    DAY,
    SUCCESS,
    World,
    at,
    failed,
    fixture_file,
    ids,
    scrapers,
    slate,
)
from tipoff_common.events import Priority, Source
from tipoff_common.outcomes import FailureKind
from tipoff_common.ports import Unavailable
from tipoff_controller.manual import draft_run, read_run, run_workflow
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.manual_runs import IdempotencyKeyConflict, ManualRun, UnusableRun
from tipoff_planning.progress import State

GAMES = slate(2)


def world(name: str = "plans") -> World:
    made = World(fixture_file(name))
    made.land(GAMES, at("05:00"))
    return made


def request_run(made: World, workflow: str, key: str | None = None, **run: object) -> DecisionBatch:
    body = ManualRun.model_validate({"game_date": DAY, **run})
    return draft_run(
        workflow, body, made.deps, caller="ann@example.com", now=at("15:00"), idempotency_key=key
    )


def test_manual_run_records_caller_and_game_date() -> None:
    made = world()
    decided = run_workflow(request_run(made, "parallel"), made.deps)
    made.release()
    (decision,) = decided.decisions
    assert (decision.reason_code, decision.triggered_by) == ("manual", "ann@example.com")
    assert decision.reason == "Requested by ann@example.com for 2025-01-15."
    assert {item.source for item in made.requests} == {Source.MANUAL}
    assert {item.parameters["game_date"] for item in made.requests} == {"2025-01-15"}


def test_same_key_returns_same_run() -> None:
    made = world()
    first = run_workflow(request_run(made, "parallel", "key-1"), made.deps)
    assert run_workflow(request_run(made, "parallel", "key-1"), made.deps).decisions == first.decisions
    for _ in range(2):
        made.release()
    assert len(ids(made.requests)) == 2, "each request goes out once"


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        ({"game_date": DAY + timedelta(days=1)}, r"game_date \(2025-01-15\)"),
        ({"scrapers": ["digest"]}, "choice of scrapers, steps or games"),
        ({"priority": "LOW"}, "choice of scrapers|priority"),
    ],
)
def test_key_is_refused_for_different_run(other: dict[str, Any], differs: str) -> None:
    """The second request got the first run as its answer."""
    made = world()
    run_workflow(request_run(made, "parallel", "key-1"), made.deps)
    with pytest.raises(IdempotencyKeyConflict, match=differs):
        run_workflow(request_run(made, "parallel", "key-1", **other), made.deps)


def test_a_key_is_refused_for_another_game() -> None:
    one, other = (game.game_id for game in GAMES)
    per_game = world("schedules")
    run_workflow(request_run(per_game, "post_game", "key-1", game_id=one), per_game.deps)
    with pytest.raises(IdempotencyKeyConflict, match="give another key"):
        run_workflow(request_run(per_game, "post_game", "key-1", game_id=other), per_game.deps)
    assert run_workflow(request_run(per_game, "post_game", "key-1", game_id=one), per_game.deps)


def test_other_key_or_no_key_starts_new_run() -> None:
    made = world()
    runs = [request_run(made, "parallel", key) for key in ("key-1", "key-2", None, None)]
    assert len({item.decisions[0].occurrence_id for item in runs}) == 4


def test_same_key_in_two_workflows_starts_two_runs() -> None:
    made = world()
    one, other = (
        request_run(made, name, "key-1").decisions[0].occurrence_id for name in ("parallel", "sequence")
    )
    assert one != other


def test_draft_publishes_and_stores_nothing() -> None:
    made = world()
    request_run(made, "parallel", "key-1")
    assert made.bus.events == []
    assert made.state.bodies == {}


def test_manual_run_refetches_found_data() -> None:
    made = world()
    for key in ("1", "2"):
        run_workflow(request_run(made, "parallel", key), made.deps)
        made.release()
        for request in made.requests[-2:]:
            made.run(request, SUCCESS)
    assert scrapers(made.requests) == ["bulletin", "digest"] * 2


def test_some_of_the_scrapers_may_be_chosen() -> None:
    decided = request_run(world(), "parallel", scrapers=["digest"])
    assert scrapers(decided.requests) == ["digest"]


def test_chosen_child_does_not_wait_for_unchosen_parent() -> None:
    assert scrapers(request_run(world(), "sequence", scrapers=["summary"]).requests) == ["summary"]


def test_scraper_outside_workflow_is_refused() -> None:
    with pytest.raises(
        UnusableRun, match="scrapers: no scraper of parallel 'roster'; there are bulletin, digest"
    ):
        request_run(world(), "parallel", scrapers=["roster"])


def test_fan_out_is_refused_without_its_source_step() -> None:
    with pytest.raises(UnusableRun, match="event_props needs the output of event_list; include that as well"):
        request_run(world(), "props", scrapers=["event_props"])
    chosen = request_run(world(), "props", scrapers=["event_props", "event_list"])
    assert scrapers(chosen.requests) == ["event_list"]


def test_per_game_workflow_requires_game_id() -> None:
    known = GAMES[0].game_id
    with pytest.raises(UnusableRun, match=f"game_id: post_game runs for each game; name one of .*{known}"):
        request_run(world("schedules"), "post_game")
    (request,) = request_run(world("schedules"), "post_game", game_id=known).requests
    assert request.parameters == {"game_date": "2025-01-15", "game_id": known}


def test_game_not_on_date_is_refused_with_games_of_date() -> None:
    with pytest.raises(UnusableRun, match=f"no game 9 on 2025-01-15; its games: .*{GAMES[0].game_id}"):
        request_run(world("schedules"), "post_game", game_id="9")
    with pytest.raises(UnusableRun, match=r"the calendar does not cover 2025-02-14 \(it has games from"):
        request_run(world("schedules"), "post_game", game_date=DAY + timedelta(days=30))


def test_a_game_narrows_a_fan_out() -> None:
    decided = request_run(world(), "games", game_id=GAMES[1].game_id)
    assert [item.parameters.get("game_id") for item in decided.requests if item.scraper == "box_score"] == [
        GAMES[1].game_id
    ]
    assert {item.parameters["team"] for item in decided.requests if item.scraper == "roster"} == set(
        GAMES[1].teams
    )


@pytest.mark.parametrize("run", [{"game_id": "0022499999"}, {"game_date": DAY + timedelta(days=30)}])
def test_run_without_requests_is_refused(run: dict[str, Any]) -> None:
    with pytest.raises(UnusableRun, match="name a day with games"):
        request_run(world(), "games", **run)


def test_manual_run_requests_following_steps() -> None:
    made = world()
    run_workflow(request_run(made, "sequence"), made.deps)
    made.release()
    made.run(made.requests[0])
    assert scrapers(made.requests) == ["bulletin", "event_list"]
    assert {item.source for item in made.requests} == {Source.MANUAL}


def test_an_unknown_field_is_refused() -> None:
    """One date had three names (incident 30)."""
    with pytest.raises(ValidationError, match="gamedate"):
        ManualRun.model_validate({"game_date": "2025-01-15", "gamedate": "2025-01-15"})


def test_steps_can_be_chosen_with_their_games_or_teams() -> None:
    team = GAMES[1].teams[0]
    chosen = request_run(
        world(), "games", steps={"box_score": [GAMES[0].game_id], "roster": [team], "summary": None}
    )
    first = {
        (item.scraper, item.parameters.get("game_id") or item.parameters["team"]) for item in chosen.requests
    }
    assert first == {("box_score", GAMES[0].game_id), ("roster", team)}
    assert [step.name for step in chosen.plans[0].steps] == ["box_score", "roster", "summary"]


@pytest.mark.parametrize(
    ("run", "what"),
    [
        ({"steps": {"boxes": None}}, "steps: no step of props 'boxes'; there are events, props, news, join"),
        ({"steps": {"event": None}}, "steps: no step of props 'event'; did you mean events"),
        ({"scrapers": ["event_lst"]}, "scrapers: no scraper of props 'event_lst'; did you mean event_list"),
        ({"steps": {"props": None}}, "steps: props needs the output of events; include that as well"),
        ({"steps": {}}, "no games or teams to request"),
    ],
)
def test_invalid_choice_of_steps_is_refused(run: dict[str, Any], what: str) -> None:
    with pytest.raises(UnusableRun, match=what):
        request_run(world(), "props", **run)


def test_scrapers_and_steps_are_mutually_exclusive() -> None:
    with pytest.raises(ValidationError, match="give one of them"):
        ManualRun.model_validate({"game_date": DAY, "scrapers": ["digest"], "steps": {"digest": None}})


def test_run_can_supply_its_games() -> None:
    """Such games may belong to a season other than the landed schedule's."""
    day = DAY - timedelta(days=700)
    games = [game.model_dump(mode="json") for game in slate(1, day)]
    decided = request_run(world(), "games", game_date=day, games=games)
    assert decided.decisions[0].target_games == (games[0]["game_id"],)
    assert scrapers(decided.requests) == ["box_score", "roster", "roster"]


def test_follow_ups_inherit_priority_of_run() -> None:
    made = world()
    decided = run_workflow(request_run(made, "sequence", priority="LOW"), made.deps)
    made.release()
    made.run(made.requests[0])
    assert {item.priority for item in made.requests} == {Priority.LOW}
    assert (decided.decisions[0].priority, len(made.requests)) == (Priority.LOW, 2)


def test_read_run_reports_progress() -> None:
    made = world()
    assert read_run("sequence", "k", made.deps) is None
    run_workflow(request_run(made, "sequence", "k"), made.deps)
    made.release()
    progress = read_run("sequence", "k", made.deps)
    assert progress is not None
    assert (progress.settled, progress.stalled, progress.game_date) == (False, False, DAY)
    assert [(unit.scraper, unit.state) for unit in progress.units] == [("bulletin", State.UNDER_WAY)]
    made.run(made.requests[0], failed(FailureKind.BLOCKED))
    progress = read_run("sequence", "k", made.deps)
    assert progress is not None
    assert progress.settled
    assert [(unit.state, unit.kind) for unit in progress.units] == [(State.GIVEN_UP, FailureKind.BLOCKED)]
    assert progress.skipped == {"event_list": "bulletin failed", "summary": "bulletin failed"}


def test_run_returns_before_requests_are_published() -> None:
    made = world()
    answer = run_workflow(request_run(made, "parallel", "k"), made.deps)
    assert (made.requests, len(answer.requests)) == ([], 2)
    progress = read_run("parallel", "k", made.deps)
    assert progress is not None
    assert {unit.state for unit in progress.units} == {State.OPEN}
    made.release()
    assert ids(made.requests) == ids(answer.requests)


def test_unannounced_run_is_stalled_until_requested_again() -> None:
    made = world()
    made.bus.capacity = 0
    with pytest.raises(Unavailable):
        run_workflow(request_run(made, "parallel", "k"), made.deps)
    progress = read_run("parallel", "k", made.deps)
    assert progress is not None
    assert progress.stalled
    made.bus.capacity = None
    run_workflow(request_run(made, "parallel", "k"), made.deps)
    made.release()
    progress = read_run("parallel", "k", made.deps)
    assert progress is not None
    assert not progress.stalled


def test_run_above_fan_out_limit_is_refused_with_limit() -> None:
    made = world()
    file = made.configuration.file.model_copy(update={"max_fan_out": 3})
    made.restart(replace(made.configuration, file=file))
    with pytest.raises(UnusableRun, match=r"roster would fan out into 4 requests; the limit is 3"):
        request_run(made, "games")
