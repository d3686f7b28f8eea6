"""Laws that hold for any configuration, calendar, tick times and order of events."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from operator import attrgetter

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.controller import (
    DAY,
    Json,
    World,
    at,
    configured_of,
    decision_inputs,
    fact,
    game,
    slate,
    standing,
    status_of,
    workflow,
)
from tests.support.examples import examples
from tests.support.fleets import (
    AUTUMN,
    SPRING,
    Fleet,
    configurations,
    dailies,
    days,
    discoveries,
    outcomes_by,
    plans,
    seasons,
    times_of_day,
    windows,
    zones,
)
from tipoff_common.clock import business_date
from tipoff_common.events import Action, ScheduleState, ScrapeExecuted, ScrapeRequested, WorkflowDecided
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.decisions import decide
from tipoff_planning.history import History, ReportedCompleteness
from tipoff_planning.occurrences import REPORT_UNFOUND_FOR, Occurrence, agenda, occurrences
from tipoff_planning.workflows import Configuration

CADENCE = timedelta(minutes=45)
seeds = st.integers(0, 2**16)
Ticks = list[tuple[datetime, datetime]]
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""For laws that run whole days: shrinking an example would take minutes."""


def ticks_of(day: date, count: int = 2) -> list[datetime]:
    """Return the ticks of `count` business days; by the end of the second every run of the first is over."""
    start, end = at("00:00", day), at("00:00", day + timedelta(days=count))
    return [start + index * CADENCE for index in range((end - start) // CADENCE)]


@st.composite
def deliveries(draw: st.DrawFn, day: date) -> Ticks:
    """Draw ticks with their firing and handling times: some lost, some late, some twice, in any order."""
    handled = []
    for fired in ticks_of(day):
        for late in draw(st.sampled_from([(0,), (0,), (0,), (0, 2), (), (3,), (1, 1)])):
            handled.append((fired, fired + late * CADENCE))
    return sorted(handled, key=lambda pair: pair[1])


def run(
    configuration: Configuration, games: Sequence[Game], day: date, ticks: Ticks, seed: int
) -> tuple[World, Fleet]:
    """Lock the schedule, handle each tick and answer each request; return the world and its fleet."""
    world = World(configuration)
    if games:
        world.land(games, at("00:00", day))
    world.lock(day)
    fleet = Fleet(world, outcomes_by(seed, "no_data"))
    for fired, handled in ticks:
        world.tick(fired, wall=handled)
        fleet.settle(handled)
    return world, fleet


def expected_around(configuration: Configuration, games: Sequence[Game], day: date) -> dict[str, Occurrence]:
    calendar = Calendar(games, at("00:00", day)) if games else None
    around = [day + timedelta(days=offset) for offset in (-1, 0, 1, 2)]
    found = [item for one in around for item in occurrences(configuration, calendar, one)]
    assert len({item.id for item in found}) == len(found)
    return {item.id: item for item in found}


def runs_of(world: World) -> list[WorkflowDecided]:
    return [item for item in world.decisions if item.action is Action.RUN]


@settings(max_examples=examples(25), phases=NO_SHRINKING)
@given(data=st.data(), day=days, configuration=configurations(), seed=seeds)
def test_every_met_occurrence_is_decided_within_its_window(
    data: st.DataObject, day: date, configuration: Configuration, seed: int
) -> None:
    """Lost, late, doubled and reordered ticks lose no occurrence whose deadline a later tick still meets."""
    games = data.draw(seasons(day))
    ticks = data.draw(deliveries(day))
    world, fleet = run(configuration, games, day, ticks, seed)
    expected = expected_around(configuration, games, day)

    for decision in runs_of(world):  # expected, and within its window
        occurrence = expected[decision.occurrence_id]
        assert occurrence.expected <= decision.decision_time < occurrence.deadline
        assert decision.game_date == occurrence.game_date

    schedule, *later = world.schedules
    assert [item.date for item in later] in ([], [day + timedelta(days=1)])  # by an evaluation
    assert [item.occurrence_id for item in schedule.runs] == [
        item.id for item in occurrences(configuration, world.deps.calendar.current(at("12:00", day)), day)
    ]
    end = at("00:00", day + timedelta(days=2))
    evaluated = dict(reversed(ticks)).values()  # the first delivery decides
    for item in schedule.runs:
        met = any(item.expected_run_time <= instant < item.deadline for instant in evaluated)
        status = status_of(item, world.decisions, end)
        assert status in ({"ON_TIME", "LATE", "SKIPPED_OK"} if met else {"MISSING"})

    for request in fleet.requests.values():
        assert request.attempt <= 1 + configuration.workflows[request.workflow].max_retries
    slots = defaultdict(set)
    for decision in runs_of(world):
        occurrence = expected[decision.occurrence_id]
        slots[occurrence.workflow, occurrence.game_date].add(occurrence.slot)
    for (name, _), used in slots.items():
        budget = getattr(configuration.workflows[name].schedule, "budget", None)
        assert budget is None or len(used) <= budget


@settings(max_examples=examples(12), phases=NO_SHRINKING)
@given(data=st.data(), day=days, configuration=configurations(), seed=seeds)
def test_repeated_ticks_add_nothing(
    data: st.DataObject, day: date, configuration: Configuration, seed: int
) -> None:
    """Ids are a function of content alone; a repeated tick adds nothing."""
    games = data.draw(seasons(day))
    ticks = [(instant, instant) for instant in ticks_of(day)[10:50:3]]
    doubled = sorted([*ticks, *data.draw(st.lists(st.sampled_from(ticks), max_size=4))])
    (world, fleet), (other, others) = (
        run(configuration, games, day, item, seed) for item in (ticks, doubled)
    )
    assert {item.id for item in world.decisions} == {item.id for item in other.decisions}
    assert set(fleet.requests) == set(others.requests)
    assert set(world.state.bodies) == set(other.state.bodies)


@st.composite
def changed(draw: st.DrawFn, games: list[Game]) -> list[Game]:
    """Postpone, reinstate or move one game."""
    if not games:
        return games
    index = draw(st.integers(0, len(games) - 1))
    old = games[index]
    moved = old.tipoff + timedelta(minutes=draw(st.integers(-90, 90))) if old.tipoff else None
    changes: list[Json] = [{"postponed": not old.postponed}, {"tipoff": moved}]
    update = draw(st.sampled_from(changes))
    return [*games[:index], old.model_copy(update=update), *games[index + 1 :]]


@settings(max_examples=examples(20), phases=NO_SHRINKING)
@given(data=st.data(), day=days, configuration=configurations(), seed=seeds)
def test_schedule_follows_slate_changes_and_keeps_past_runs(
    data: st.DataObject, day: date, configuration: Configuration, seed: int
) -> None:
    """After games are postponed, moved and reinstated, the schedule equals the present expectations, and it contains
    every run that took place."""
    world = World(configuration)
    elsewhere = game(99, at("19:00", day - timedelta(days=40)))
    games = data.draw(seasons(day))
    world.land([*games, elsewhere], at("00:00", day))
    world.lock(day, "00:00")
    fleet = Fleet(world, outcomes_by(seed, "no_data"))
    todays: set[str] = set()
    for instant in ticks_of(day, 1):
        if data.draw(st.integers(0, 4)) == 0:
            games = data.draw(changed(games))
            world.land([*games, elsewhere], instant)
        world.tick(instant)
        fleet.settle(instant)
        stands = standing(world.schedules)
        current = occurrences(configuration, world.deps.calendar.current(at("12:00", day)), day)
        todays.update(item.id for item in current)
        for item in current:
            if item.deadline > instant:
                row = stands[item.id]
                assert row.state is not ScheduleState.CANCELLED
                assert (row.expected_run_time, row.deadline) == (item.expected, item.deadline)
        ran = {item.occurrence_id for item in runs_of(world)} & todays
        assert all(stands[identifier].state is not ScheduleState.CANCELLED for identifier in ran)
        for identifier in stands.keys() - {item.id for item in current} - ran:
            row = stands[identifier]
            assert row.state is ScheduleState.CANCELLED or row.deadline <= instant
    rows = [run.schedule_row_id for event in world.schedules for run in event.runs]
    assert len(rows) == len(set(rows))


@settings(max_examples=examples(25))
@given(data=st.data(), schedule=discoveries(), day=days)
def test_success_stops_discovery_for_its_game_date_only(
    data: st.DataObject, schedule: Json, day: date
) -> None:
    """With `until: complete`, an incomplete success does not stop the search."""
    schedule.pop("refresh_after_found", None)
    missing = data.draw(st.sampled_from([(), ("NYK@PHI",)]))
    stops = not missing or schedule.get("until") != "complete"
    configuration = configured_of({"one": workflow(schedule, "bulletin")})
    found = day + timedelta(days=data.draw(st.integers(-2, 1)))
    known = History(
        {
            "r": fact(
                "bulletin",
                game_date=found,
                request_id="r",
                completeness=ReportedCompleteness(missing=missing),
            )
        }
    )
    now = at("00:00", day) + timedelta(minutes=data.draw(st.integers(0, 1439)))
    calendar = Calendar([], now)
    for decision in decide(decision_inputs(configuration, now, games=calendar, history=known)):
        occurrence = decision.occurrence
        if occurrence.expected <= now < occurrence.deadline and occurrence.subject == "-":
            stopped = stops and occurrence.game_date == found
            assert decision.action is (Action.SKIP if stopped else Action.RUN)


@settings(max_examples=examples(20))
@given(data=st.data(), day=days, configuration=configurations())
def test_decisions_do_not_depend_on_order_of_facts(
    data: st.DataObject, day: date, configuration: Configuration
) -> None:
    """The order of the facts does not matter."""
    games = data.draw(seasons(day))
    subjects = [
        "-",
        "s0",
        *(item.game_id for item in games),
        *(team for item in games for team in item.teams),
    ]
    facts = [
        fact(
            data.draw(st.sampled_from(["bulletin", "digest", "box_score", "roster", "summary"])),
            data.draw(st.sampled_from(subjects)),
            game_date=day + timedelta(days=data.draw(st.integers(-1, 0))),
            request_id=str(number),
        )
        for number in range(data.draw(st.integers(0, 8)))
    ]
    now = at("00:00", day) + timedelta(minutes=data.draw(st.integers(0, 1439)))
    once, again = (
        decide(
            decision_inputs(
                configuration,
                now,
                games=Calendar(games, now),
                history=History({item.request_id: item for item in order}),
            )
        )
        for order in (facts, data.draw(st.permutations(facts)))
    )
    assert once == again


@settings(max_examples=examples(30))
@given(data=st.data(), made=plans, seed=seeds)
def test_follow_ups_are_the_same_for_every_order_and_after_a_restart(
    data: st.DataObject, made: Json, seed: int
) -> None:
    configuration = configured_of({"one": made})
    straight, mixed = (begun(configuration, seed) for _ in range(2))
    straight.settle(at("06:01"))

    waiting: list[ScrapeExecuted] = mixed.work(at("06:01"))
    received: list[ScrapeExecuted] = []
    while waiting:
        event = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
        received.append(event)
        if data.draw(st.booleans()):
            mixed.world.restart()
        mixed.world.note(event)
        if data.draw(st.booleans()):
            mixed.world.note(data.draw(st.sampled_from(received)))
        waiting.extend(mixed.work(at("06:01")))

    assert set(mixed.requests) == set(straight.requests)
    assert skipped(mixed) == skipped(straight)
    for fleet in (straight, mixed):  # the next tick requests nothing more
        fleet.world.tick(at("06:03"))
        assert fleet.world.take(ScrapeRequested) == []


def begun(configuration: Configuration, seed: int) -> Fleet:
    world = World(configuration)
    world.land(slate(2), at("05:00"))
    world.tick(at("06:00"))
    return Fleet(world, outcomes_by(seed))


def skipped(fleet: Fleet) -> set[tuple[str, str]]:
    decisions = (item for item in fleet.world.decisions if item.reason_code == "parent_unfruitful")
    return {(item.decision_id, item.reason) for item in decisions}


# Clock changes

MORNING, DAYTIME = (0, 59), (3 * 60, 1439)
"""Minutes of the day that neither clock change skips, repeats or moves."""
changes = st.sampled_from([SPRING, AUTUMN])
still = st.one_of(
    dailies(windows(*DAYTIME)),
    discoveries(windows(*DAYTIME, least=120)),
    times_of_day(*MORNING),
    times_of_day(*DAYTIME),
)
inside = st.one_of(dailies(windows(120, 179, 10)), times_of_day(120, 179))


def by_the_clock(schedule: Json, day: date) -> list[str]:
    configuration = configured_of({"one": workflow(schedule, "bulletin")})
    found = occurrences(configuration, None, day)
    assert {item.day for item in found} <= {day}
    assert {item.game_date for item in found} <= {day, day - timedelta(days=1)}
    assert all(item.expected < item.deadline for item in found)
    return [f"{item.expected.astimezone(configuration.zone):%m-%d %H:%M:%S}"[6:] for item in found]


@settings(max_examples=examples(25))
@given(schedule=still, day=changes)
def test_a_clock_change_shifts_loses_and_doubles_nothing(schedule: Json, day: date) -> None:
    """The day has as many runs at the same times as the day before."""
    schedule.pop("days", None)
    assert by_the_clock(schedule, day) == by_the_clock(schedule, day - timedelta(days=1))


@settings(max_examples=examples(20))
@given(schedule=inside, day=changes)
def test_schedule_in_skipped_or_repeated_hour_keeps_its_occurrences(schedule: Json, day: date) -> None:
    schedule.pop("days", None)
    assert len(by_the_clock(schedule, day)) == len(by_the_clock(schedule, day - timedelta(days=1))) > 0


@settings(max_examples=examples(20))
@given(
    schedule=st.one_of(dailies(), times_of_day(), discoveries().filter(lambda found: "budget" in found)),
    day=changes,
)
def test_clock_change_keeps_number_of_occurrences(schedule: Json, day: date) -> None:
    """A clock change may move or stretch the window, but never adds or removes an occurrence."""
    schedule.pop("days", None)
    assert len(by_the_clock(schedule, day)) == len(by_the_clock(schedule, day + timedelta(days=1)))


anything = st.one_of(dailies(), times_of_day(), discoveries())


@settings(max_examples=examples(60))
@given(schedule=anything, day=changes, fleet=zones, zone=zones)
def test_occurrence_in_another_zone_has_a_single_fleet_day(
    schedule: Json, day: date, fleet: str, zone: str
) -> None:
    """The workflow has the same occurrences as in a fleet of its own zone; the fleet's zone only decides their day."""
    elsewhere = configured_of({"one": workflow(schedule, "bulletin", timezone=zone)}, fleet)
    own = configured_of({"one": workflow(schedule, "bulletin")}, zone)
    around = [day + timedelta(days=offset) for offset in range(-4, 5)]
    found = [item for one in around for item in occurrences(elsewhere, None, one)]
    assert len({item.id for item in found}) == len(found)
    by_id = {item.id: item for item in found}
    for local in (day - timedelta(days=1), day, day + timedelta(days=1)):
        for item in occurrences(own, None, local):
            twin = by_id[item.id]
            assert (twin.expected, twin.deadline, twin.game_date) == (
                item.expected,
                item.deadline,
                item.game_date,
            )
            if schedule["kind"] == "at":
                assert twin.expected.astimezone(elsewhere.zone).date() == twin.day


@settings(max_examples=examples(60))
@given(schedule=anything, day=changes, fleet=zones, zone=zones, minute=st.integers(0, 1439))
def test_agenda_contains_all_due_occurrences_at_any_instant(
    schedule: Json, day: date, fleet: str, zone: str, minute: int
) -> None:
    """This holds across midnight, across zones and on days of clock changes."""
    configuration = configured_of({"one": workflow(schedule, "bulletin", timezone=zone)}, fleet)
    around = [day + timedelta(days=offset) for offset in range(-4, 5)]
    found = [item for one in around for item in occurrences(configuration, None, one)]
    now = at("00:00", day) + timedelta(minutes=minute)
    today = now.astimezone(configuration.zone).date()
    looked_at = {item.id for _, expected in agenda(configuration, None, today) for item in expected}
    assert {item.id for item in found if item.expected <= now < item.deadline} <= looked_at
    # The end of a search is considered too, as long as an empty search is reported.
    last = {(item.day, item.subject): item for item in sorted(found, key=attrgetter("expected"))}
    reported = {it.id for it in last.values() if it.deadline <= now < it.deadline + REPORT_UNFOUND_FOR}
    assert reported <= looked_at


def test_late_search_in_another_zone_stays_on_agenda_after_its_end() -> None:
    """By then its day is two days ago, in a fleet whose zone is half a day away."""
    window = {"start": "13:00", "end": "23:30"}  # in Tokyo: from 23:00 in New York
    schedule: Json = {"kind": "discovery", "window": window, "every": "24h"}
    configuration = configured_of({"one": workflow(schedule, "bulletin", timezone="Asia/Tokyo")})
    last = occurrences(configuration, None, DAY)[-1]
    found = {
        item.id
        for _, expected in agenda(configuration, None, business_date(last.deadline + timedelta(hours=5)))
        for item in expected
    }
    assert last.id in found
