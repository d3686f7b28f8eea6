"""Tests of backfills: runs per date, one request per run, rate limit, resume after an interruption."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.controller import (
    DAY,
    NO_DATA,
    SUCCESS,
    World,
    at,
    calendar,
    fact,
    failed,
    fixture_file,
    slate,
)
from tests.support.examples import examples
from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_cli.commands.backfill import command
from tipoff_cli.commands.backfill.controller_runs import sorted_out
from tipoff_cli.commands.backfill.plan import (
    Backfill,
    BackfillRun,
    BackfillTarget,
    UnusableTarget,
    dates_between,
    find_target,
    needs_games,
    plan_backfill,
)
from tipoff_cli.commands.backfill.results import day_results
from tipoff_cli.commands.backfill.submission import PATIENCE, Asking, Clock, NotNow, NotThis, RunOutcome
from tipoff_cli.service_client import NotAnswered
from tipoff_common.catalog import load_catalog
from tipoff_common.events import Priority, ScrapeRequested, Source
from tipoff_common.outcomes import FailureKind, Outcome
from tipoff_controller.manual import draft_run, read_run, run_workflow
from tipoff_planning.calendar import Game
from tipoff_planning.history import ExecutionFact
from tipoff_planning.loading import load_workflows
from tipoff_planning.manual_runs import RunProgress, UnitProgress, UnusableRun
from tipoff_planning.plans import MAX_LOW_IN_FLIGHT
from tipoff_planning.progress import State

PLANS, SCHEDULES = fixture_file("plans"), fixture_file("schedules")
FLEET = load_workflows(WORKFLOWS, load_catalog(SCRAPERS))
DAYS = dates_between(DAY, DAY + timedelta(days=2))
GAMES = [*slate(2), *slate(3, DAYS[1])]  # no games on the third day
EVENTS = {"event_id": ("e1", "e2", "e3")}


MONTH = dates_between(DAY, DAY + timedelta(days=29))
BUSY = [game for day in MONTH for game in slate(2, day)]


def planned(
    target: str,
    *,
    dates: Sequence[date] = DAYS,
    name: str = "b",
    games: Sequence[Game] = GAMES,
    **more: Any,
) -> Backfill:
    configuration = SCHEDULES if target == "post_game" else PLANS
    found = find_target(target, configuration)
    return plan_backfill(name, found, dates, configuration, calendar(*games), **more)


def busy(target: str, count: int = 30) -> Backfill:
    """Plan a backfill of dates with two games each."""
    return planned(target, dates=MONTH[:count], games=BUSY)


# Planned runs


def test_per_game_workflow_has_one_run_per_game() -> None:
    plan = planned("post_game")
    assert [(day.games, len(day.runs), day.without) for day in plan.days] == [
        (2, 2, None),
        (3, 3, None),
        (None, 0, "not covered by the calendar"),
    ]
    assert [run.body.game_id for run in plan.days[0].runs] == [game.game_id for game in GAMES[:2]]


def test_fan_out_is_one_run_with_requests_per_game_and_team() -> None:
    first, second, third = planned("games").days
    assert [run.requests for run in (*first.runs, *second.runs)] == [2 + 4 + 1, 3 + 6 + 1]
    assert third.without == "not covered by the calendar"


def test_workflow_without_games_has_one_run_per_date() -> None:
    target = find_target("calendar", PLANS)
    assert not needs_games(target, PLANS)
    plan = plan_backfill("b", target, DAYS, PLANS, None)
    assert [(day.games, len(day.runs)) for day in plan.days] == [(None, 1)] * 3


def test_backfill_runs_have_low_priority() -> None:
    assert {run.body.priority for run in planned("games").runs} == {Priority.LOW}


def test_keys_are_a_function_of_content() -> None:
    keys = [run.key for run in planned("post_game").runs]
    assert keys[0] == f"backfill:b:post_game:2025-01-15:{GAMES[0].game_id}"
    assert len(set(keys)) == 5
    assert [run.key for run in planned("post_game", dates=DAYS[1:]).runs] == keys[2:]
    assert not {run.key for run in planned("post_game", name="c").runs} & set(keys)


def test_scraper_target_uses_workflow_with_fewest_required_steps() -> None:
    assert find_target("roster", PLANS) == BackfillTarget("games", ("roster",), "roster")
    assert find_target("summary", PLANS) == BackfillTarget("sequence", ("summary",), "summary")


def test_output_fan_out_target_includes_parent_step() -> None:
    assert find_target("event_props", PLANS).steps == ("events", "props")
    plan = planned("event_props")
    assert (plan.requests, plan.fans_out_over) == (3, ("event_id",))


@pytest.mark.parametrize("name", ["espn_roster", "rosters"])
def test_source_with_only_present_data_cannot_be_backfilled(name: str) -> None:
    """The source's current list would be stored under a past date."""
    with pytest.raises(UnusableTarget, match=f"{name} fetches only the source's present data"):
        find_target(name, FLEET)


def test_workflow_target_leaves_out_scrapers_without_past_data() -> None:
    steps = {step for name in FLEET.workflows if name != "rosters" for step in _backfilled(name)}
    assert {"nbac_scoreboard", "nbac_injury_report"} <= steps
    assert not {"espn_roster", "bdl_injuries", "nbac_player_movement"} & steps


def _backfilled(workflow: str) -> set[str]:
    try:
        target = find_target(workflow, FLEET)
    except UnusableTarget:
        return set()
    return {FLEET.workflows[workflow].plan[name].scraper for name in target.steps}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("rooster", "no workflow or scraper 'rooster'; did you mean roster?"),
        ("zzz", "no workflow or scraper 'zzz'; there are calendar,"),
        ("team_sheet", "no workflow requests team_sheet, which would set its game_id, team;"),
    ],
)
def test_unusable_target_is_refused_with_reason(name: str, what: str) -> None:
    with pytest.raises(UnusableTarget) as refused:
        find_target(name, PLANS)
    assert str(refused.value).startswith(what)


def test_duration_is_computed_from_rate() -> None:
    assert planned("post_game").duration(4) == timedelta(minutes=1)


# Missing outputs only


def scored(*games: int, scraper: str = "box_score", **changes: Any) -> list[ExecutionFact]:
    return [fact(scraper, GAMES[n].game_id, **{"game_date": GAMES[n].game_date, **changes}) for n in games]


def test_only_games_without_success_are_requested() -> None:
    one, other = planned("post_game", found=scored(0, 2, 3)).runs
    assert [one.body.game_id, other.body.game_id] == [GAMES[1].game_id, GAMES[4].game_id]
    first, *_ = planned("post_game", found=scored(0, 1)).days
    assert (first.runs, first.without) == ((), "found before")


def test_fan_out_requests_only_missing_games_teams_and_steps() -> None:
    teams = sorted({team for game in GAMES[:2] for team in game.teams})
    known = [*scored(0), fact("summary"), *(fact("roster", team) for team in teams[1:])]
    (run,) = planned("games", dates=DAYS[:1], found=known).runs
    assert run.body.steps == {"box_score": (GAMES[1].game_id,), "roster": (teams[0],)}
    assert run.requests == 2


@pytest.mark.parametrize("changes", [{"outcome": NO_DATA}, {"outcome": failed()}, {"source": Source.LOCAL}])
def test_no_data_failures_and_local_runs_count_as_missing(changes: dict[str, Any]) -> None:
    assert len(planned("post_game", dates=DAYS[:1], found=scored(0, 1, **changes)).runs) == 2


@pytest.mark.parametrize(
    ("props", "missing"),
    [
        ([], True),
        ([("e1", SUCCESS), ("e2", failed())], True),
        ([("e1", SUCCESS), ("e2", SUCCESS)], False),
    ],
)
def test_output_fan_out_is_missing_unless_every_request_succeeded(
    props: list[tuple[str, Outcome]], missing: bool
) -> None:
    known = [fact("event_list"), *(fact("event_props", key, outcome) for key, outcome in props)]
    assert bool(planned("event_props", dates=DAYS[:1], found=known).runs) == missing


def test_key_does_not_depend_on_missing_outputs() -> None:
    """A resumed backfill, whose first outputs exist by now, must not repeat a run."""
    (half,) = planned("games", dates=DAYS[:1], found=scored(0)).runs
    (whole,) = planned("games", dates=DAYS[:1]).runs
    assert half.key == whole.key


# Execution


@dataclass
class Fleet:
    """An in-memory controller and runner with a clock; each second completes `answers` requests."""

    world: World
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Outcomes by scraper; success is the default."""
    interrupt: float | None = None
    """Seconds of sleep before Ctrl-C."""
    answers: int = 2
    seconds: float = 0.0
    waiting: list[ScrapeRequested] = field(default_factory=list)
    executed: list[ScrapeRequested] = field(default_factory=list)
    asked_at: list[tuple[float, int]] = field(default_factory=list)
    most: int = 0

    def ask(self, run: BackfillRun) -> None:
        try:
            drafted = draft_run(
                run.workflow,
                run.body,
                self.world.deps,
                caller="ann",
                now=at("15:00"),
                idempotency_key=run.key,
            )
        except UnusableRun as error:
            raise NotThis(str(error)) from error
        run_workflow(drafted, self.world.deps)
        self.world.release()
        self.asked_at.append((self.seconds, run.requests))
        self._take()

    def look(self, run: BackfillRun) -> RunProgress | None:
        return read_run(run.workflow, run.key, self.world.deps)

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 60
        self.seconds += seconds
        for _ in range(self.answers):
            if self.waiting:
                request = self.waiting.pop(0)
                self.executed.append(request)
                keys = EVENTS if request.scraper == "event_list" else {}
                self.world.run(request, self.outcomes.get(request.scraper, SUCCESS), keys=keys)
                self._take()
        if self.interrupt is not None and self.seconds >= self.interrupt:
            raise KeyboardInterrupt

    def _take(self) -> None:
        self.waiting += self.world.take(ScrapeRequested)
        self.most = max(self.most, len(self.waiting))

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, self.sleep)


def fleet(**more: Any) -> Fleet:
    made = World(PLANS)
    made.land(BUSY, at("05:00"))
    return Fleet(made, **more)


def carry_out(plan: Backfill, made: Fleet, per_minute: float | None = None) -> dict[str, RunOutcome]:
    asking = Asking(made, per_minute, made.clock)
    asking.carry_out(plan.runs)
    return asking.outcomes


def ids(requests: Sequence[ScrapeRequested]) -> list[str]:
    return [item.request_id for item in requests]


def test_each_date_is_requested_once_and_reported() -> None:
    made, plan = fleet(), busy("parallel")
    results = day_results(plan, carry_out(plan, made))
    assert len(made.executed) == 2 * 30
    assert [(item.date, item.success, item.complete) for item in results] == [(day, 2, True) for day in MONTH]
    assert all(len(item.occurrences) == 1 for item in results)


@settings(max_examples=examples(25))
@given(st.lists(st.floats(0.5, 20), max_size=4), st.sampled_from(["parallel", "sequence", "props", "games"]))
def test_interrupted_backfill_resumes_without_repeated_requests(moments: list[float], target: str) -> None:
    plan = busy(target, 6)
    straight = fleet()
    expected = carry_out(plan, straight)
    made = fleet()
    for moment in moments:
        made.interrupt = made.seconds + moment
        asking = Asking(made, None, made.clock)
        try:
            asking.carry_out(plan.runs)
        except KeyboardInterrupt:
            assert set(asking.outcomes) <= {run.key for run in plan.runs}
    made.interrupt = None
    assert carry_out(plan, made) == expected
    assert len(set(ids(made.executed))) == len(made.executed)
    assert sorted(ids(made.executed)) == sorted(ids(straight.executed))


def test_repeated_backfill_requests_nothing_and_has_same_outcomes() -> None:
    made, plan = fleet(), planned("games")
    first = carry_out(plan, made)
    count = len(made.executed)
    assert carry_out(plan, made) == first
    assert len(made.executed) == count


TEAMS = sorted({team for game in GAMES[:2] for team in game.teams})
FOUND = [*scored(0, 1), fact("summary"), *(fact("roster", team) for team in TEAMS)]
subsets_of_found = st.lists(st.booleans(), min_size=len(FOUND), max_size=len(FOUND)).map(
    lambda kept: [it for it, keep in zip(FOUND, kept, strict=True) if keep]
)


@settings(max_examples=examples(25))
@given(subsets_of_found, subsets_of_found)
def test_outputs_lacking_from_earlier_run_leave_date_incomplete(
    before: list[ExecutionFact], now: list[ExecutionFact]
) -> None:
    """Both runs have the same key, so nothing is posted; a comparison finds the outputs that the first run lacks."""
    made = fleet()
    carry_out(planned("games", dates=DAYS[:1], found=before), made)
    earlier = ids(made.executed)
    plan = planned("games", dates=DAYS[:1], found=now)
    (day,) = day_results(plan, carry_out(plan, made))
    wanted = {(it.scraper, it.subject) for it in FOUND if it not in now}
    lacking = wanted & {(it.scraper, it.subject) for it in before} if earlier else set()
    assert (day.not_asked, day.complete) == (len(lacking), not lacking)
    assert bool(day.notes and "give another --name" in day.notes[-1]) == bool(lacking)
    assert ids(made.executed)[: len(earlier)] == earlier
    assert len(made.executed) == (len(earlier) or len(wanted))


def test_fan_out_step_lacking_from_earlier_run_leaves_date_incomplete() -> None:
    made = fleet()
    whole = planned("event_props", dates=DAYS[:1])
    (run,) = whole.runs
    events = replace(run, body=run.body.model_copy(update={"steps": {"events": None}}))
    made.ask(events)
    (day,) = day_results(whole, carry_out(whole, made))
    assert (day.success, day.not_asked, day.complete) == (1, 1, False)


@pytest.mark.parametrize("target", ["parallel", "props", "games"])
def test_requests_in_flight_stay_within_limit(target: str) -> None:
    made = fleet(answers=1)
    carry_out(busy(target), made)
    assert made.most <= MAX_LOW_IN_FLIGHT


def test_run_larger_than_limit_completes_in_batches() -> None:
    made = World(PLANS)
    made.land(slate(14), at("05:00"))
    fleet = Fleet(made)
    plan = plan_backfill("b", find_target("box_score", PLANS), DAYS[:1], PLANS, calendar(*slate(14)))
    assert plan.requests == 14
    carry_out(plan, fleet)
    assert (fleet.most, len(fleet.executed)) == (MAX_LOW_IN_FLIGHT, 14)


def test_rate_limit_holds_between_consecutive_runs() -> None:
    made = fleet(answers=10)
    carry_out(busy("parallel"), made, per_minute=20)
    instants = [instant for instant, _ in made.asked_at]
    assert all(later - earlier >= 6 - 1e-6 for earlier, later in pairwise(instants))
    assert made.seconds <= 60 * 3 + 10


def test_fan_out_requests_count_toward_rate() -> None:
    made = fleet(answers=10)
    carry_out(busy("event_props", 4), made, per_minute=20)
    instants = [instant for instant, _ in made.asked_at]
    assert all(later - earlier >= 4 * 3 - 1 for earlier, later in pairwise(instants))


def test_failed_and_no_data_units_are_noted_with_reason() -> None:
    made = fleet(outcomes={"bulletin": failed(FailureKind.BLOCKED), "digest": NO_DATA})
    plan = planned("parallel", dates=DAYS[:1])
    (day,) = day_results(plan, carry_out(plan, made))
    assert (day.success, day.no_data, day.failed, day.unanswered, day.complete) == (0, 1, 1, 0, False)
    assert day.notes == (
        "bulletin failed: blocked: it failed: blocked",
        "digest no_data: 404: not published yet",
    )


def test_unrequested_step_leaves_date_incomplete() -> None:
    made = fleet(outcomes={"event_list": NO_DATA})
    plan = planned("event_props", dates=DAYS[:1])
    (day,) = day_results(plan, carry_out(plan, made))
    assert (day.no_data, day.complete) == (1, False)
    assert day.notes == (
        "event_list no_data: 404: not published yet",
        "props is not requested: events has no data yet",
    )


def test_run_without_change_is_given_up_and_noted() -> None:
    made, plan = fleet(answers=0), planned("parallel", dates=DAYS[:1])
    (day,) = day_results(plan, carry_out(plan, made))
    assert (day.unanswered, day.notes) == (2, (f"no change within {PATIENCE}",))
    assert PATIENCE.total_seconds() <= made.seconds < PATIENCE.total_seconds() + 60


@pytest.mark.parametrize("state", State)
def test_request_is_counted_once_in_each_state(state: State) -> None:
    """This includes a request whose retry was still due when the backfill stopped waiting."""
    plan = planned("sequence", dates=DAYS[:1])
    (run,) = plan.days[0].runs
    unit = UnitProgress(
        step="summary", scraper="summary", parameters={}, state=state, attempt=2, kind=None, records=None
    )
    progress = RunProgress(
        occurrence_id="one",
        game_date=DAY,
        settled=False,
        stalled=False,
        units=(unit,) * run.requests,
        skipped={},
    )
    (day,) = day_results(plan, {run.key: RunOutcome(progress, "no change")})
    assert day.success + day.no_data + day.failed + day.unanswered == run.requests
    assert (day.unanswered > 0) == (state in (State.OPEN, State.WAITING, State.UNDER_WAY))


def test_unrequested_games_share_one_note_per_date() -> None:
    day, *_ = day_results(planned("games"), {})
    assert (day.games > 1, day.notes, day.complete) == (True, ("not requested",), False)


def test_refused_run_does_not_stop_other_runs() -> None:
    """The controller's calendar has no games on the second day."""
    made = World(PLANS)
    made.land(GAMES[:2], at("05:00"))
    plan = planned("games")
    first, second, third = day_results(plan, carry_out(plan, Fleet(made)))
    assert (first.complete, second.complete, third.complete) == (True, False, True)
    assert "the calendar does not cover 2025-01-16" in second.notes[0]
    assert (second.unanswered, second.not_asked) == (0, 10)


def test_games_unknown_to_controller_are_sent_with_run() -> None:
    made = World(PLANS)
    plan = planned("games", own_games=True)
    assert all(item.complete for item in day_results(plan, carry_out(plan, Fleet(made))))


@dataclass
class Flaky(Fleet):
    """A fleet in which every third call fails, or all calls from some moment on."""

    calls: int = 0
    gone: bool = False

    def look(self, run: BackfillRun) -> RunProgress | None:
        self.calls += 1
        if self.gone or self.calls % 3 == 0:
            raise NotNow("the controller does not answer")
        return super().look(run)


def test_temporarily_unavailable_controller_is_retried() -> None:
    made = Flaky(fleet().world)
    plan = busy("parallel", 5)
    assert all(item.complete for item in day_results(plan, carry_out(plan, made)))
    assert len(made.executed) == 10


def test_unavailable_controller_ends_backfill_after_retries() -> None:
    made = Flaky(fleet().world, gone=True)
    with pytest.raises(NotNow):
        carry_out(planned("parallel"), made)
    assert made.seconds == 30


def test_stored_but_unpublished_run_is_requested_again() -> None:
    """A controller may crash between storing its decision and publishing the request."""
    made, plan = fleet(), planned("parallel", dates=DAYS[:1])
    made.world.bus.capacity = 0
    with pytest.raises(Exception, match="bus is down"):
        carry_out(plan, made)
    made.world.bus.capacity = None
    (day,) = day_results(plan, carry_out(plan, made))
    assert day.complete
    assert len(made.executed) == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [(None, NotNow), (429, NotNow), (503, NotNow), (422, NotThis), (401, NotAnswered)],
)
def test_status_code_selects_retry_refusal_or_error(status: int | None, kind: type[Exception]) -> None:
    """The controller answers 429 above its limit of calls per minute."""
    assert type(sorted_out(NotAnswered("said", status))) is kind


@pytest.mark.parametrize(
    ("count", "message"), [(0, ""), (5, "0; 1; 2; 3; 4"), (7, "0; 1; 2; 3; 4; 2 more, see --json")]
)
def test_only_first_five_notes_are_shown(count: int, message: str) -> None:
    assert command._why([str(number) for number in range(count)]) == message
