"""Tests of pauses: no new requests, no lost work in progress, published author, reason and end."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.controller import (
    NO_DATA,
    SUCCESS,
    World,
    at,
    at_times,
    configured,
    daily,
    discovery,
    failed,
    scrapers,
    slate,
    standing,
    status_of,
    workflow,
)
from tests.support.controller_app import in_memory_controller
from tests.support.examples import examples
from tests.support.pushes import AUTHORIZED
from tipoff_common.clock import EASTERN
from tipoff_common.events import (
    Action,
    AlertLevel,
    PauseChanged,
    PauseState,
    PauseTarget,
    ScrapeRequested,
    Source,
)
from tipoff_common.outcomes import FailureKind
from tipoff_common.ports import Unavailable
from tipoff_controller.manual import begin_manual_run, draft_run, run_workflow
from tipoff_controller.manual_pauses import UnknownName, UnusablePause, pause, resume
from tipoff_planning.manual_runs import ManualRun
from tipoff_planning.pauses import Pause, PauseRequest

HOURLY = configured(one=workflow(at_times(*(f"{hour:02}:00" for hour in range(6, 20))), "bulletin"))
BY = "ann@example.com"


def world(configuration: Any = HOURLY) -> World:
    made = World(configuration)
    made.land(slate(2), at("04:55"))
    return made


def stop(made: World, name: str = "one", until: str = "09:30", now: str = "05:30", **more: Any) -> Pause:
    made.now(at(now))
    asked = PauseRequest(name=name, until=at(until), why="the source moved", **more)
    return pause(asked, made.deps, by=BY, now=at(now))


def go_on(made: World, name: str = "one", now: str = "08:10", target: PauseTarget | None = None) -> Pause:
    return resume(name, target, made.deps, by="bob@example.com", now=at(now))


def ticks(made: World, first: str, last: str, outcome: Any = SUCCESS) -> dict[str, list[str]]:
    """Tick every quarter of an hour and answer each request; return the requested scrapers by New York time."""
    instant, asked = at(first), dict[str, list[str]]()
    while instant <= at(last):
        made.tick(instant)
        clock = f"{instant.astimezone(EASTERN):%H:%M}"
        while requests := made.take(ScrapeRequested):
            asked.setdefault(clock, []).extend(scrapers(requests))
            for request in requests:
                made.run(request, outcome, instant=instant)
        instant += timedelta(minutes=15)
    return asked


def states(made: World) -> list[PauseState]:
    return [event.state for event in made.bus.of(PauseChanged)]


class TestWorkflow:
    def test_paused_workflow_is_not_requested_until_pause_expires(self) -> None:
        made = world()
        stop(made)
        assert list(ticks(made, "06:00", "11:00")) == ["09:30", "10:00", "11:00"]

    def test_pause_skip_names_author_end_and_reason_without_alert(self) -> None:
        made = world()
        stop(made)
        made.tick(at("06:00"))
        (decision,) = made.decisions
        assert (decision.action, decision.reason_code, decision.alert_level) == (
            Action.SKIP,
            "paused",
            AlertLevel.NONE,
        )
        assert decision.reason == f"Paused by {BY} until 2025-01-15 09:30 EST: the source moved"

    def test_resume_ends_pause_early(self) -> None:
        made = world()
        stop(made, until="18:00")
        assert ticks(made, "06:00", "08:00") == {}
        go_on(made)
        assert list(ticks(made, "08:15", "10:00")) == ["08:15", "09:00", "10:00"]

    def test_paused_runs_count_as_paused_not_missing(self) -> None:
        made = world()
        made.lock()
        stop(made)
        ticks(made, "06:00", "12:00")
        runs = sorted(standing(made.schedules).values(), key=lambda run: run.expected_run_time)
        found = [status_of(run, made.decisions, at("12:00")) for run in runs[:6]]
        assert found == ["PAUSED"] * 3 + ["ON_TIME"] * 3

    def test_window_closed_during_pause_raises_no_alert_afterwards(self) -> None:
        made = world(configured(one=workflow(discovery("05:00", "09:00"), "bulletin")))
        stop(made, until="10:00", now="04:50")
        ticks(made, "05:00", "12:00", NO_DATA)
        assert {decision.alert_level for decision in made.decisions} == {AlertLevel.NONE}

    def test_failure_before_pause_raises_no_alert_during_pause(self) -> None:
        made = world(configured(one=workflow(daily("05:00", "10:00"), "bulletin", max_retries=1)))
        ticks(made, "05:00", "05:45", failed(FailureKind.HTTP))
        assert made.decisions[-1].alert_level is AlertLevel.WARNING
        stop(made, until="12:00", now="05:50")
        before = len(made.decisions)
        ticks(made, "06:00", "11:00")
        assert {decision.alert_level for decision in made.decisions[before:]} == {AlertLevel.NONE}

    def test_window_failing_long_after_short_pause_is_source_failing(self) -> None:
        made = world(configured(one=workflow(daily("05:00", "10:00"), "bulletin", max_retries=1)))
        stop(made, until="05:20", now="04:50")
        ticks(made, "05:00", "11:00", failed(FailureKind.HTTP))
        assert made.decisions[-1].reason_code == "source_failing"

    def test_paused_workflow_can_be_run_manually(self) -> None:
        made = world()
        stop(made)
        drafted = draft_run(
            "one",
            ManualRun(game_date=at("06:00").date()),
            made.deps,
            caller=BY,
            now=at("06:00"),
            idempotency_key="k",
        )
        run_workflow(drafted, made.deps)
        begin_manual_run(made.decisions[-1], made.deps, at("06:00"))
        (request,) = made.take(ScrapeRequested)
        assert request.source is Source.MANUAL
        made.run(request, failed(FailureKind.TIMEOUT), instant=at("06:00"))
        assert scrapers(made.requests) == ["bulletin"], "its retry is not held"


class TestScraper:
    TWO = configured(
        one=workflow(
            at_times("06:00", "07:00", "08:00"),
            "bulletin",
            {"scraper": "digest", "after": ["bulletin"]},
            {"scraper": "summary"},
        )
    )

    def test_paused_scraper_and_dependents_are_left_out_while_others_run(self) -> None:
        made = world(self.TWO)
        stop(made, "bulletin", until="07:30")
        assert ticks(made, "06:00", "08:00") == {
            "06:00": ["summary"],
            "07:00": ["summary"],
            "08:00": ["bulletin", "summary", "digest"],
        }
        assert "Without bulletin, paused by ann@example.com" in made.decisions[0].reason

    def test_workflow_with_all_scrapers_paused_is_skipped(self) -> None:
        made = world()
        stop(made, "bulletin")
        made.tick(at("06:00"))
        (decision,) = made.decisions
        assert (decision.action, decision.reason_code) == (Action.SKIP, "paused")
        assert decision.reason.startswith("bulletin is paused by")

    def test_retries_of_paused_scraper_wait_until_pause_ends(self) -> None:
        made = world(configured(one=workflow(daily("05:00", "10:00"), "bulletin", max_retries=3)))
        made.tick(at("05:00"))
        (request,) = made.take(ScrapeRequested)
        stop(made, "bulletin", until="06:00", now="05:05")
        made.run(request, failed(FailureKind.HTTP), instant=at("05:06"))
        assert made.requests == []
        assert list(ticks(made, "05:15", "06:15")) == ["06:00"]

    def test_calendar_is_not_refetched_while_its_scraper_is_paused(self) -> None:
        made = world(configured(one=workflow(daily("05:00", "06:00"), "slate")))
        stop(made, "slate", until="12:00", now="04:50")
        assert ticks(made, "05:00", "11:45") == {}
        assert list(ticks(made, "12:00", "12:00")) == ["12:00"]


class TestPublished:
    def test_pause_and_resume_are_published_with_author(self) -> None:
        made = world()
        stop(made, until="18:00")
        go_on(made)
        began, ended = made.bus.of(PauseChanged)
        assert (began.state, began.by, began.until, began.why) == (
            PauseState.PAUSED,
            BY,
            at("18:00"),
            "the source moved",
        )
        assert (ended.state, ended.by, ended.pause_id) == (
            PauseState.RESUMED,
            "bob@example.com",
            began.pause_id,
        )

    def test_expiry_of_pause_is_published_once(self) -> None:
        made = world()
        stop(made)
        ticks(made, "06:00", "12:00")
        assert states(made) == [PauseState.PAUSED, PauseState.EXPIRED]
        assert made.bus.of(PauseChanged)[-1].changed_at == at("09:30")

    def test_new_pause_replaces_current_pause(self) -> None:
        made = world()
        first, second = stop(made), stop(made, until="12:00", now="06:00")
        assert states(made) == [PauseState.PAUSED, PauseState.RESUMED, PauseState.PAUSED]
        assert made.deps.pauses.read(at("06:00")).standing(at("06:00")) == (second,)
        assert first.id != second.id

    def test_repeated_pause_request_is_idempotent(self) -> None:
        made = world()
        assert stop(made) == stop(made, now="05:40")
        assert states(made) == [PauseState.PAUSED]

    def test_unpublished_pause_is_published_by_next_evaluation(self) -> None:
        made = world()
        made.bus.capacity = 0
        with pytest.raises(Unavailable):
            stop(made)
        made.bus.capacity = None
        assert ticks(made, "06:00", "06:00") == {}, "it is written down, and so stands"
        assert states(made) == [PauseState.PAUSED]

    def test_concurrent_pauses_are_both_kept(self) -> None:
        made, meanwhile = world(), []
        replace, create = made.state.replace, made.state.create

        def overtaken(*arguments: Any, **more: Any) -> bool:
            if not meanwhile:
                meanwhile.append("bulletin")
                stop(made, "bulletin")
            return bool(replace(*arguments, **more) if "generation" in more else create(*arguments, **more))

        made.state.create = made.state.replace = overtaken  # type: ignore[method-assign]
        stop(made)
        names = {item.name for item in made.deps.pauses.read(at("05:30")).standing(at("05:30"))}
        assert names == {"one", "bulletin"}


class TestRefused:
    def test_past_or_distant_end_of_pause_is_refused(self) -> None:
        made = world()
        with pytest.raises(UnusablePause, match="give a future instant"):
            stop(made, until="05:00")
        far = PauseRequest(name="one", until=at("05:30") + timedelta(days=31), why="w")
        with pytest.raises(UnusablePause, match="more than 30 days away"):
            pause(far, made.deps, by=BY, now=at("05:30"))

    def test_unknown_name_is_refused_with_suggestion(self) -> None:
        with pytest.raises(UnknownName, match="did you mean one"):
            stop(world(), "onne")

    def test_resume_without_pause_is_refused(self) -> None:
        with pytest.raises(UnknownName, match="'one' is not paused; pauses: none"):
            go_on(world())

    def test_ambiguous_name_requires_target(self) -> None:
        made = world(configured(bulletin=workflow(at_times("06:00"), "bulletin")))
        with pytest.raises(UnusablePause, match="bulletin is a workflow and a scraper"):
            stop(made, "bulletin")
        for target in PauseTarget:
            stop(made, "bulletin", target=target)
        with pytest.raises(UnusablePause, match="target: a workflow and a scraper bulletin are paused"):
            go_on(made, "bulletin")
        assert go_on(made, "bulletin", target=PauseTarget.SCRAPER).target is PauseTarget.SCRAPER
        # One pause is left, so the name alone selects it.
        assert go_on(made, "bulletin").target is PauseTarget.WORKFLOW
        assert states(made) == [PauseState.PAUSED, PauseState.PAUSED, PauseState.RESUMED, PauseState.RESUMED]

    def test_http_error_names_misspelt_or_missing_target(self) -> None:
        made = world(configured(bulletin=workflow(at_times("06:00"), "bulletin")))
        with in_memory_controller(made.deps) as client:
            client.headers.update(AUTHORIZED)
            body = {"name": "bulletin", "why": "w"}
            answers = [
                client.post("/pauses", json={**body, "target": "scrapper"}),
                client.delete("/pauses/bulletin", params={"target": "scrapper"}),
            ]
            for answer in answers:
                assert answer.status_code == 422, answer.text
                assert "unknown value 'scrapper'; use one of workflow, scraper" in answer.text
            for target in PauseTarget:
                assert client.post("/pauses", json={**body, "target": target.value}).status_code == 201
            blank = client.post("/pauses", json={**body, "why": " "})
            assert (blank.status_code, "empty; write a value" in blank.text) == (422, True)
            unclear = client.post("/pauses", json=body)
            assert (unclear.status_code, "--target workflow or --target scraper" in unclear.text) == (
                422,
                True,
            )
            refused = client.delete("/pauses/bulletin")
            assert (refused.status_code, "choose the pause to end" in refused.text) == (422, True)
            ended = client.delete("/pauses/bulletin", params={"target": "workflow"})
            assert ended.json()["target"] == "workflow"

    def test_unreadable_pause_store_pauses_nothing(self) -> None:
        made = world()
        made.state.bodies["controller/pauses.json"] = b"{"
        assert list(ticks(made, "06:00", "06:00")) == ["06:00"]
        stop(made, now="06:10")
        assert ticks(made, "07:00", "07:00") == {}


CHAIN = configured(
    one=workflow(
        at_times("06:00", "08:00", "10:00", "12:00", "17:00"),
        "bulletin",
        {"scraper": "digest", "after": ["bulletin"]},
        max_retries=2,
    )
)
OUTCOMES = (SUCCESS, NO_DATA, failed(FailureKind.HTTP), None)
"""None: the runner crashed during the request."""


@settings(max_examples=examples(20))  # each is a day of ticks
@given(
    pauses=st.lists(
        st.tuples(st.integers(0, 23), st.integers(1, 240), st.sampled_from(["one", "bulletin", "digest"])),
        max_size=3,
    ),
    seed=st.integers(0, 1000),
)
def test_pauses_hold_requests_and_every_begun_plan_finishes(
    pauses: list[tuple[int, int, str]], seed: int
) -> None:
    """Request nothing of a paused target; finish every plan that has begun; run later occurrences.

    pauses: start in steps of 15 minutes from 06:00, duration in minutes, and target of each; the last ends at 16:00.
    """
    made, luck = world(CHAIN), Random(seed)  # noqa: S311  # luck, not a secret
    for step in range(12 * 4 + 5):
        instant = at("06:00") + timedelta(minutes=15 * step)
        made.now(instant)
        for began, length, name in pauses:
            if began == step:
                asked = PauseRequest(name=name, until=instant + timedelta(minutes=length), why="w")
                pause(asked, made.deps, by=BY, now=instant)
        made.tick(instant)
        made.hear()
        while requests := made.take(ScrapeRequested):
            stopped = {item.name for item in made.deps.pauses.read(instant).standing(instant)}
            assert not stopped & {"one", *scrapers(requests)}
            for request in requests:
                if (outcome := luck.choice(OUTCOMES)) is not None:
                    made.run(request, outcome, instant=instant)
                    assert request.request_id in made.state_of(request).executions
        if instant == at("17:00"):
            runs = [item for item in made.decisions if item.action is Action.RUN]
            assert runs[-1].decision_time == instant, "what comes after the pauses runs"
    assert list(made.deps.occurrences.opened()) == [], "what was begun is finished"
