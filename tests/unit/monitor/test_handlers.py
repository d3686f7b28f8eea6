"""Tests of watches and notifications on the monitor's memory: two monitors notify once, no kill loses a change."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.monitor.bench import NINE, TICK, book_of, rules_file
from tipoff_common.events import AlertChanged, AlertState, Tick, TickFired
from tipoff_common.ports import Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_monitor.deps import Deps
from tipoff_monitor.handlers import notify_people, run_watch
from tipoff_monitor.incidents import Memory
from tipoff_monitor.loading import RuleBook
from tipoff_monitor.memory import MonitorState
from tipoff_monitor.notices import Notice

MINUTE = timedelta(minutes=1)


class Killed(BaseException):
    """The end of the process."""


@dataclass
class Channel:
    """A channel that records its notices. A receiver identifies a change by its event id."""

    heard: list[Notice] = field(default_factory=list)
    takes: bool = True

    def send(self, notice: Notice) -> bool:
        if self.takes:
            self.heard.append(notice)
        return self.takes


@dataclass
class World:
    """A bucket, a bus and channels that outlive the monitors."""

    objects: MemoryObjects = field(default_factory=MemoryObjects)
    bus: RecordingBus = field(default_factory=RecordingBus)
    team: Channel = field(default_factory=Channel)
    oncall: Channel = field(default_factory=Channel)
    wrong: bool = True
    subjects: list[str] = field(default_factory=lambda: ["-"])
    warehouse: MemoryWarehouse = field(default_factory=MemoryWarehouse)
    book: RuleBook = field(default_factory=lambda: book_of(rules_file(broken={})))
    writes_left: int | None = None

    def __post_init__(self) -> None:
        self.warehouse.answer = lambda sql, _: self._rows(sql)
        for name in ("create", "replace"):
            self._killable(name)

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        if "expected_vs_actual" in sql or not self.wrong:
            return []
        none = dict.fromkeys(("severity", "workflow", "scraper"))
        same = {"rule": "broken", "since": NINE, "value": 1.0, "summary": "It broke.", **none}
        return [{**same, "subject": subject} for subject in self.subjects]

    def _killable(self, name: str) -> None:
        write = getattr(self.objects, name)

        def killable(*arguments: Any, **options: Any) -> bool:
            if self.writes_left == 0:
                raise Killed
            if self.writes_left is not None:
                self.writes_left -= 1
            done: bool = write(*arguments, **options)
            return done

        setattr(self.objects, name, killable)

    def monitor(self) -> Deps:
        return Deps(
            environment="prod",
            book=self.book,
            version="1",
            config_hash="h",
            levels={},
            sources={},
            names=lambda _: {},
            state=MonitorState(self.objects),
            warehouse=self.warehouse,
            publisher=Publisher("monitor", self.bus),
            senders={"team": self.team, "oncall": self.oncall},
        )

    def deliver(self, now: datetime) -> None:
        """Deliver each published change, up to five times, until the monitor acknowledges it."""
        for event in list(self.bus.of(AlertChanged)):
            for attempt in range(5):
                try:
                    notify_people(event, self.monitor(), now + attempt * 2 * MINUTE)
                    break
                except Unavailable:
                    continue


def tick(at: datetime) -> TickFired:
    return TickFired(tick=Tick.WATCH, cadence_minutes=5, event_time=at)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def one_query(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace the batch query: these rules have no queries, and the rows come from the world."""
    monkeypatch.setattr("tipoff_monitor.handlers.batch_query", lambda *_: ("SELECT", {}))
    yield


def titles(channel: Channel) -> list[str]:
    return [notice.title for notice in channel.heard]


def test_two_monitors_at_the_same_tick_notify_once(world: World) -> None:
    for _ in range(2):
        run_watch(tick(NINE), NINE, world.monitor(), NINE)
    world.deliver(NINE)
    world.deliver(NINE)
    assert titles(world.team) == ["[WARNING] broken (prod)"]


@pytest.mark.parametrize("early", [timedelta(0), timedelta(milliseconds=200), timedelta(seconds=4)])
def test_watch_with_early_tick_is_not_skipped(world: World, early: timedelta) -> None:
    """An early tick counted as the previous one and was skipped, so a new condition was reported a watch later."""
    five, fired = 5 * MINUTE, TickFired(tick=Tick.WATCH, cadence_minutes=5)
    world.wrong = False
    run_watch(fired, NINE + MINUTE / 60, world.monitor(), NINE + MINUTE / 60)
    world.wrong = True
    run_watch(fired, NINE + five - early, world.monitor(), NINE + five - early)
    memory, _ = world.monitor().state.read_or_set_aside()
    assert (memory.tick, memory.watched_at) == (NINE + five, NINE + five)
    assert len(world.bus.of(AlertChanged)) == 1


def test_memory_read_by_two_monitors_is_written_once(world: World) -> None:
    first, second = world.monitor(), world.monitor()
    memory, generation = first.state.read_or_set_aside()
    run_watch(tick(NINE), NINE, second, NINE)
    assert not first.state.write(memory, generation)
    assert len({event.id for event in world.bus.of(AlertChanged)}) == 1


def test_watch_overwritten_by_concurrent_writes_is_handled_on_redelivery(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor, write = world.monitor(), MonitorState.write

    def overtaken(state: MonitorState, memory: Memory, generation: int | None) -> bool:
        # A concurrent write notes a failing channel, as an acknowledgement or a silence would.
        before, found = state.read_or_set_aside()
        failing = {"team": (before.failing_channels.get("team") or NINE) + MINUTE}
        write(state, before.model_copy(update={"failing_channels": failing}), found)
        return write(state, memory, generation)

    with monkeypatch.context() as patched:
        patched.setattr(MonitorState, "write", overtaken)
        with pytest.raises(Unavailable, match="handled when it is redelivered"):
            run_watch(tick(NINE), NINE, monitor, NINE)
    assert world.bus.of(AlertChanged) == []
    run_watch(tick(NINE), NINE, monitor, NINE)
    assert "broken" in [event.rule for event in world.bus.of(AlertChanged)]


def test_repeated_or_backdated_tick_publishes_nothing(world: World) -> None:
    run_watch(tick(NINE), NINE, world.monitor(), NINE)
    before = len(world.bus.published)
    for at in (NINE, NINE - 3 * TICK):
        run_watch(tick(at), at, world.monitor(), at)
    assert len(world.bus.published) == before


def test_temporarily_fast_clock_does_not_suppress_later_alerts(world: World) -> None:
    """Ticks carry Pub/Sub's time; the instance's clock was three hours ahead for one watch."""

    def watch_at(published_at: datetime, now: datetime) -> list[AlertChanged]:
        before = len(world.bus.of(AlertChanged))
        run_watch(TickFired(tick=Tick.WATCH, cadence_minutes=5), published_at, world.monitor(), now)
        return list(world.bus.of(AlertChanged))[before:]

    world.wrong = False
    watch_at(NINE, NINE + 180 * MINUTE)
    world.wrong = True
    (event,) = watch_at(NINE + TICK, NINE + TICK)
    assert (event.state, event.changed_at) == (AlertState.FIRING, NINE + TICK)
    assert watch_at(NINE + 2 * TICK, NINE + 2 * TICK) == []


def test_bus_outage_loses_no_change(world: World) -> None:
    world.bus.capacity = 0
    with pytest.raises(Unavailable):
        run_watch(tick(NINE), NINE, world.monitor(), NINE)
    world.bus.capacity = None
    run_watch(tick(NINE), NINE, world.monitor(), NINE)
    world.deliver(NINE)
    assert titles(world.team) == ["[WARNING] broken (prod)"]


def test_repeated_watches_without_logger_notify_once(world: World) -> None:
    """The monitor keeps the sent notifications in its own memory and does not read alert_events."""
    for number in range(10):
        run_watch(tick(NINE + number * TICK), NINE, world.monitor(), NINE)
        world.deliver(NINE + number * TICK)
    assert len(world.team.heard) == 1


def test_failing_channel_is_retried_and_reported_on_another(world: World) -> None:
    world.book = book_of(rules_file({"routes": [{"channels": ["team", "oncall"]}]}, broken={}))
    world.team.takes = False
    run_watch(tick(NINE), NINE, world.monitor(), NINE)
    (event,) = world.bus.of(AlertChanged)
    with pytest.raises(Unavailable, match="not sent yet to team"):
        notify_people(event, world.monitor(), NINE)
    run_watch(tick(NINE + TICK), NINE, world.monitor(), NINE)
    result = [it for it in world.bus.of(AlertChanged) if it.rule == "channel-failing"]
    notify_people(result[0], world.monitor(), NINE + TICK)
    assert titles(world.oncall) == ["[WARNING] broken (prod)", "[CRITICAL] channel-failing team (prod)"]
    world.team.takes = True
    notify_people(event, world.monitor(), NINE + 2 * TICK)
    assert titles(world.team) == ["[WARNING] broken (prod)"]
    assert world.monitor().state.read_or_set_aside()[0].failing_channels == {}


def test_watch_runs_two_queries_and_a_failure_changes_no_incident(world: World) -> None:
    asked: list[str] = []
    answer = world.warehouse.answer
    world.warehouse.answer = lambda sql, given: asked.append(sql) or answer(sql, given)  # type: ignore[func-returns-value]
    run_watch(tick(NINE), NINE, world.monitor(), NINE)
    assert len(asked) == 2
    world.warehouse.down = True
    run_watch(tick(NINE + TICK), NINE, world.monitor(), NINE)
    memory, _ = world.monitor().state.read_or_set_aside()
    assert memory.blind_since == NINE + TICK
    assert memory.incidents["broken/-"].state is AlertState.FIRING


def notified_events(world: World, *wrong_at: bool) -> list[AlertChanged]:
    """Run a watch at each tick and return the notifying events, none of them delivered yet."""
    for number, world.wrong in enumerate(wrong_at):
        at = NINE + number * TICK
        run_watch(tick(at), at, world.monitor(), at)
    return [event for event in world.bus.of(AlertChanged) if event.notify]


HOLDS, GONE = [True] * 2, [False] * 4
IN_COOL_DOWN, COOLED_DOWN = [True] * 3, [True] * 16


@pytest.mark.parametrize(
    "later",
    [
        pytest.param([], id="resolved"),
        pytest.param([False] * 20, id="forgotten"),
        pytest.param(IN_COOL_DOWN, id="back within its cool-down, not told"),
        pytest.param([*IN_COOL_DOWN, *GONE], id="back and gone again, not told"),
    ],
)
def test_firing_delivered_after_its_resolution_is_not_sent(world: World, later: list[bool]) -> None:
    firing, resolved = notified_events(world, *HOLDS, *GONE, *later)
    for event in (resolved, firing):
        notify_people(event, world.monitor(), NINE + 30 * MINUTE)
    assert titles(world.team) == ["[RESOLVED] broken (prod)"]


def test_resolution_delivered_after_the_next_firing_is_not_sent(world: World) -> None:
    _, resolved, again = notified_events(world, *HOLDS, *GONE, *COOLED_DOWN)
    for event in (again, resolved):
        notify_people(event, world.monitor(), again.changed_at)
    assert [(event.alert_id, event.state) for event in (resolved, again)] == [
        (again.alert_id, AlertState.RESOLVED),
        (again.alert_id, AlertState.FIRING),
    ]
    assert titles(world.team) == ["[WARNING] broken (prod)"]


def test_firing_is_sent_after_its_lead_resolved_while_others_hold(world: World) -> None:
    world.subjects = ["a", "b"]
    (firing,) = notified_events(world, *HOLDS)
    world.subjects = [subject for subject in world.subjects if subject != firing.about]
    *_, resolved = notified_events(world, *HOLDS, *[True] * 4)
    assert (resolved.alert_id, resolved.state) == (firing.alert_id, AlertState.RESOLVED)
    notify_people(firing, world.monitor(), resolved.changed_at)
    assert titles(world.team) == [f"[WARNING] broken {firing.about} (prod)"]


def whole_story(world: World, kill_after: int | None) -> None:
    """Let a condition fire and resolve, with a kill after `kill_after` writes and redelivery by Pub/Sub."""
    world.writes_left = kill_after
    for number in range(8):
        at = NINE + number * TICK
        world.wrong = number < 3
        for _ in range(3):
            try:
                run_watch(tick(at), at, world.monitor(), at)
                world.deliver(at)
                break
            except Killed:
                world.writes_left = None


def test_kill_at_any_write_loses_no_change_and_adds_no_event_id() -> None:
    whole_story(unharmed := World(), None)
    story = titles(unharmed.team)
    assert story == ["[WARNING] broken (prod)", "[RESOLVED] broken (prod)"]
    more_than_once = 0
    for boundary in range(40):
        world = World()
        whole_story(world, boundary)
        identities = [notice.event_id for notice in world.team.heard]
        assert titles(world.team)[-1] == story[-1], boundary
        assert list(dict.fromkeys(titles(world.team))) == story, boundary
        assert len(dict.fromkeys(identities)) == 2, boundary
        more_than_once += len(identities) - 2
    # A kill between a channel's answer and its mark sends the message again with the same event id.
    assert more_than_once <= 2
