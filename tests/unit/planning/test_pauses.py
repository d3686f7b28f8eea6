"""Tests of pauses: when a pause stands, the decisions it holds back, and the event of its end."""

from datetime import datetime, timedelta

import pytest

from tests.support.controller import at, at_times, configured, plan_of, workflow
from tipoff_common.events import PauseChanged, PauseState, PauseTarget, Source
from tipoff_planning.outstanding import Outstanding
from tipoff_planning.paused_steps import without_paused
from tipoff_planning.pauses import RETENTION, Pause, Pauses, begin_pause, end_pause, expire
from tipoff_planning.progress import NOTHING_HELD

WORKFLOW, SCRAPER = PauseTarget.WORKFLOW, PauseTarget.SCRAPER


def pause(
    name: str = "one",
    target: PauseTarget = WORKFLOW,
    since: str = "08:00",
    until: str = "10:00",
    ended: str | None = None,
) -> Pause:
    return Pause(
        id=f"{target}-{name}-{since[:2]}",
        target=target,
        name=name,
        since=at(since),
        until=at(until),
        by="ann@example.com",
        why="it moved",
        ended_at=at(ended) if ended else None,
    )


def begin(
    pauses: Pauses, now: str = "08:00", until: str = "10:00", by: str = "ann@example.com"
) -> tuple[Pauses, Pause, tuple[PauseChanged, ...]]:
    return begin_pause(
        pauses, WORKFLOW, "one", until=at(until), by=by, why="it moved", now=at(now), environment="prod"
    )


@pytest.mark.parametrize(
    ("ended", "clock", "stands"),
    [
        (None, "07:59", False),
        (None, "08:00", True),
        (None, "09:59", True),
        (None, "10:00", False),
        ("09:00", "08:59", True),
        ("09:00", "09:00", False),
        ("11:00", "10:30", False),  # ended by an operator when it was over
    ],
)
def test_a_pause_stands_from_its_beginning_until_before_its_end(
    ended: str | None, clock: str, stands: bool
) -> None:
    assert pause(ended=ended).stands(at(clock)) is stands


def test_standing_pauses_are_sorted_by_end() -> None:
    pauses = Pauses(
        items=(
            pause("b", until="12:00"),
            pause("z"),
            pause("a"),
            pause("over", until="08:30"),
            pause("a", SCRAPER),
        )
    )
    found = [(item.target, item.name) for item in pauses.standing(at("09:00"))]
    assert found == [(SCRAPER, "a"), (WORKFLOW, "a"), (WORKFLOW, "z"), (WORKFLOW, "b")]


def test_workflow_and_scraper_of_same_name_are_paused_separately() -> None:
    pauses = Pauses(items=(pause("lines", SCRAPER),))
    assert pauses.of_workflow("lines", at("09:00")) is None
    assert list(pauses.of_scrapers(["lines", "other", "lines"], at("09:00"))) == ["lines"]
    assert pauses.of_scrapers(["lines"], at("10:00")) == {}
    held = pauses.held("lines", at("09:00"))
    assert (held.everything, held.scrapers) == (False, {"lines"})


def test_hold_ends_with_the_pause() -> None:
    pauses = Pauses(items=(pause(), pause("lines", SCRAPER)))
    assert pauses.held("one", at("09:00")).everything
    assert not pauses.held("other", at("09:00")).everything
    assert pauses.held("one", at("10:00")) == NOTHING_HELD


def test_a_manual_run_is_not_held() -> None:
    """An operator may start a manual run to test whether the reason of the pause is fixed."""
    plan = plan_of(configured(one=workflow(at_times("06:00"), "bulletin")), "one")
    pauses = Pauses(items=(pause(),))
    assert pauses.held_of(plan, at("09:00")).everything
    manual = plan.model_copy(update={"source": Source.MANUAL})
    assert pauses.held_of(manual, at("09:00")) == NOTHING_HELD


BOTH = ["bulletin", "digest"]


@pytest.mark.parametrize(
    ("items", "kept"),
    [
        ([], None),
        ([pause()], "one"),
        ([pause("other")], None),
        ([pause(since="09:30", until="11:00")], "one"),  # overlaps the slot's end
        ([pause(since="06:00", until="08:31")], "one"),  # overlaps the slot's beginning
        ([pause(since="09:45", until="11:00")], None),  # begins at the slot's end
        ([pause(since="06:00", until="08:30")], None),  # ends at the slot's beginning
        ([pause(since="06:00", until="11:00", ended="08:30")], None),
        ([pause("bulletin", SCRAPER)], None),  # digest was not paused
        ([pause("bulletin", SCRAPER), pause("digest", SCRAPER)], "bulletin"),
        ([pause("bulletin", SCRAPER), pause()], "one"),
    ],
)
def test_occurrence_is_kept_back_by_pause_of_workflow_or_all_its_scrapers(
    items: list[Pause], kept: str | None
) -> None:
    found = Pauses(items=tuple(items)).holding_pause("one", BOTH, at("08:30"), at("09:45"))
    assert (found.name if found else None) == kept


def test_occurrence_without_scrapers_is_not_kept_back() -> None:
    assert (
        Pauses(items=(pause("bulletin", SCRAPER),)).holding_pause("one", [], at("08:30"), at("09:45")) is None
    )


def changes(events: tuple[PauseChanged, ...]) -> list[tuple[PauseState, datetime, str]]:
    return [(event.state, event.changed_at, event.by) for event in events]


def test_begun_pause_is_published_with_all_details() -> None:
    pauses, made, events = begin(Pauses())
    (event,) = events
    assert pauses.items == (made,)
    assert (made.since, made.until, made.ended_at) == (at("08:00"), at("10:00"), None)
    assert changes(events) == [(PauseState.PAUSED, at("08:00"), "ann@example.com")]
    assert (event.pause_id, event.name, event.target, event.why) == (made.id, "one", WORKFLOW, "it moved")
    assert (event.since, event.until, event.environment) == (at("08:00"), at("10:00"), "prod")


def test_repeated_request_for_same_pause_changes_nothing() -> None:
    pauses, made, _ = begin(Pauses())
    assert begin(pauses, now="08:30") == (pauses, made, ())


@pytest.mark.parametrize("changed", [{"until": "11:00"}, {"by": "bob@example.com"}])
def test_pause_with_other_end_or_operator_replaces_earlier_pause(changed: dict[str, str]) -> None:
    before, first, _ = begin(Pauses(items=(pause("other"),)))
    after, second, events = begin(before, now="08:30", **changed)
    by = changed.get("by", "ann@example.com")
    assert changes(events) == [(PauseState.RESUMED, at("08:30"), by), (PauseState.PAUSED, at("08:30"), by)]
    assert {it.id for it in after.standing(at("08:30"))} == {pause("other").id, second.id}
    assert [it.ended_at for it in after.items if it.id == first.id] == [at("08:30")]


def test_ending_a_pause_leaves_other_pauses_standing() -> None:
    pauses, events = end_pause(
        Pauses(items=(pause(), pause("other"))),
        pause(),
        by="bob@example.com",
        now=at("09:00"),
        environment="prod",
    )
    assert [item.name for item in pauses.standing(at("09:00"))] == ["other"]
    assert changes(events) == [(PauseState.RESUMED, at("09:00"), "bob@example.com")]


@pytest.mark.parametrize(
    ("since", "now", "published"),
    [
        (None, "09:59", False),
        (None, "10:00", True),
        ("09:45", "10:00", True),
        ("10:00", "10:15", False),  # reported by the previous tick
        ("09:59", "10:15", True),
    ],
)
def test_expiry_of_pause_is_published_once(since: str | None, now: str, published: bool) -> None:
    pauses, events = expire(
        Pauses(items=(pause(),)), now=at(now), since=at(since) if since else None, environment="prod"
    )
    assert changes(events) == ([(PauseState.EXPIRED, at("10:00"), "ann@example.com")] if published else [])
    assert pauses.items == (pause(),)


def test_ended_pause_does_not_expire() -> None:
    _, events = expire(Pauses(items=(pause(ended="09:00"),)), now=at("10:00"), since=None, environment="prod")
    assert events == ()


@pytest.mark.parametrize(("after", "kept"), [(RETENTION - timedelta(seconds=1), True), (RETENTION, False)])
def test_expired_pause_is_kept_for_limited_time(after: timedelta, kept: bool) -> None:
    now = at("10:00") + after
    pauses, _ = expire(Pauses(items=(pause(),)), now=now, since=now, environment="prod")
    assert bool(pauses.items) is kept


# Unpaused parts of a workflow

CHAIN = configured(
    one=workflow(
        at_times("06:00"),
        "bulletin",
        {"scraper": "digest", "after": ["bulletin"]},
        {"scraper": "slate", "after": ["digest"]},
        "summary",
    )
).workflows["one"]


def left(*items: Pause, outstanding: Outstanding | None = None) -> tuple[list[str] | None, list[str]]:
    found = without_paused(outstanding or Outstanding(), "one", CHAIN, Pauses(items=items), at("09:00"))
    steps = found.outstanding.steps if found.outstanding else None
    return (list(steps) if steps is not None else None), [item.name for item in found.pauses]


def test_paused_scraper_is_omitted_with_its_dependents() -> None:
    assert left(pause("bulletin", SCRAPER)) == (["summary"], ["bulletin"])
    assert left(pause("digest", SCRAPER)) == (["bulletin", "summary"], ["digest"])
    assert left(pause("summary", SCRAPER)) == (["bulletin", "digest", "slate"], ["summary"])


def test_a_pause_of_the_whole_workflow_leaves_nothing() -> None:
    assert left(pause(), pause("summary", SCRAPER)) == (None, ["one"])


def test_nothing_remains_when_all_outstanding_parts_are_paused() -> None:
    only = Outstanding({"summary": None})
    assert left(pause("summary", SCRAPER), outstanding=only) == (None, ["summary"])
    assert left(pause("bulletin", SCRAPER), outstanding=only) == (["summary"], [])


def test_unpaused_workflow_remains_fully_outstanding() -> None:
    found = without_paused(Outstanding(), "one", CHAIN, Pauses(items=(pause("x", SCRAPER),)), at("09:00"))
    assert (found.outstanding, found.pauses) == (Outstanding(), ())


def test_paused_parts_are_named_with_operator_and_end() -> None:
    found = without_paused(
        Outstanding(), "one", CHAIN, Pauses(items=(pause("summary", SCRAPER),)), at("09:00")
    )
    zone = configured(one=workflow(at_times("06:00"), "bulletin")).zone
    assert found.describe(zone) == "summary, paused by ann@example.com until 2025-01-15 10:00 EST"
