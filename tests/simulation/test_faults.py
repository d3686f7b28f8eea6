"""Every kind of fault: it strikes, is counted, and has an effect that a run without faults lacks."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from tests.simulation.__main__ import count_effects
from tests.simulation.checker import EXECUTED
from tests.simulation.faults import HOUR, MINUTE, Fault, Kind
from tests.simulation.fleet import Shape
from tests.simulation.world import DAYS, Run, simulate

pytestmark = pytest.mark.usefixtures("quiet")
ALL_DAY = (0.0, 4 * HOUR)
NEW_YORK = ZoneInfo("America/New_York")


def logs_fault(run: Run, text: str) -> bool:
    return any(text in entry["what"] for entry in run.log.of("fault"))


def effect_counts(run: Run) -> Counter[str]:
    return count_effects(run.world, run.log)


def kinds(run: Run) -> Counter[str]:
    return Counter(entry.kind for entry in run.log.entries)


def has_second_acknowledgement(run: Run) -> bool:
    return max(Counter(entry["message"] for entry in run.log.of("ack")).values()) > 1


def has_overtaking(run: Run) -> bool:
    """Return whether a message was delivered over a minute before an earlier one; latencies differ by less."""
    delivered = {entry["message"]: entry.at for entry in run.log.of("deliver") if entry["attempt"] == 1}
    return any(
        at > delivered[later] + MINUTE
        for message, at in delivered.items()
        for later in delivered
        if later > message
    )


def has_late_rows(run: Run) -> bool:
    """Return whether a row was stored before queries could read it."""
    return any(
        entry["row"] not in run.world.rows.visible_rows(entry.at)[entry["table"]]
        for entry in run.log.of("row")
    )


def configurations(run: Run) -> int:
    decided = [row for entry, row in ((it, it["row"]) for it in run.log.of("row")) if "decision_id" in row]
    return len({row["config_hash"] for row in decided})


def has_unknown_fields(run: Run) -> bool:
    return any("added_later" in str(entry["row"]) for entry in run.log.of("row"))


def is_blocked(run: Run) -> bool:
    return any(entry["type"] == EXECUTED and '"blocked"' in entry["data"] for entry in run.log.of("publish"))


@cache
def run_without_faults() -> Run:
    return simulate(1, ())


def fault(kind: Kind, target: str = "", share: float = 1.0, size: float = 0.0) -> Fault:
    return Fault(0, kind, *ALL_DAY, target, share, size)


FAULT_EFFECTS: Mapping[str, tuple[Fault, Callable[[Run], object]]] = {
    "a bucket that fails": (
        fault(Kind.ERROR_BEFORE, "bucket", 0.3),
        lambda run: logs_fault(run, "bucket fails before"),
    ),
    "a warehouse that fails after its effect": (
        fault(Kind.ERROR_AFTER, "warehouse", 0.5),
        lambda run: logs_fault(run, "warehouse fails after"),
    ),
    "a part of the events": (
        fault(Kind.PARTIAL, "bus", 0.5),
        lambda run: logs_fault(run, "a part of the events"),
    ),
    "a part of the rows": (
        fault(Kind.PARTIAL, "warehouse", 0.5),
        lambda run: logs_fault(run, "a part of the rows"),
    ),
    "a slow bus": (fault(Kind.SLOW, "bus", 0.1, 90), lambda run: logs_fault(run, "bus fails after")),
    "a crash before a call": (
        fault(Kind.CRASH, "controller-0", size=6),
        lambda run: any(entry["where"].startswith("before") for entry in run.log.of("crash")),
    ),
    "a crash after a call": (
        fault(Kind.CRASH, "controller-0", size=7),
        lambda run: any(entry["where"].startswith("after") for entry in run.log.of("crash")),
    ),
    "a process that stands still": (fault(Kind.PAUSE, "logger-0", size=700), lambda run: kinds(run)["pause"]),
    "copies of messages": (
        fault(Kind.DUPLICATE),
        lambda run: any(entry["attempt"] == 0 for entry in run.log.of("deliver")),
    ),
    "messages in another order": (fault(Kind.DELAY, share=0.5, size=900), has_overtaking),
    "pushes that never arrive": (
        fault(Kind.LOST_DELIVERY, share=0.3),
        lambda run: any(entry["attempt"] > 1 for entry in run.log.of("deliver")),
    ),
    "acknowledgements that get lost": (fault(Kind.LOST_ACK, share=0.3), has_second_acknowledgement),
    "rows that are seen late": (fault(Kind.LATE_ROWS, size=600), has_late_rows),
    "ticks that do not fire": (fault(Kind.LOST_TICK), lambda run: kinds(run)["lost"]),
    "a clock that is wrong": (fault(Kind.SKEW, "monitor-1", size=180), lambda run: kinds(run)["skew"]),
    "a deployment of the next configuration": (
        fault(Kind.DEPLOY, "controller", size=1),
        lambda run: configurations(run) == 2,
    ),
    "a deployment of the next version": (fault(Kind.DEPLOY, "scraper-runner", size=2), has_unknown_fields),
    "files that Phase 2 drops": (fault(Kind.PHASE2_DROPS), lambda run: kinds(run)["dropped"]),
    "a source that refuses": (fault(Kind.SOURCE_BLOCKS), is_blocked),
}


@pytest.mark.parametrize("name", FAULT_EFFECTS)
def test_fault_is_counted_and_only_its_run_shows_its_effect(name: str) -> None:
    given, has_effect = FAULT_EFFECTS[name]
    run = simulate(1, (given,))
    assert run.world.injector.counts[given.kind] > 0
    assert has_effect(run)
    assert not has_effect(run_without_faults())


def test_insert_id_deduplicates_only_within_its_window() -> None:
    """A second append within the window adds no row; afterwards, or without deduplication, it adds a copy."""
    failing_warehouse = fault(Kind.ERROR_AFTER, "warehouse", 0.6)
    deduplicated = effect_counts(simulate(1, (failing_warehouse,)))
    without_deduplication = simulate(1, (failing_warehouse, Fault(1, Kind.NO_DEDUPLICATION, *ALL_DAY)))
    rows = "rows appended again, with their insertId forgotten"
    assert without_deduplication.world.injector.counts[Kind.NO_DEDUPLICATION] > 0
    assert 0 < deduplicated[rows] < effect_counts(without_deduplication)[rows]


def test_concurrent_writes_lose_races() -> None:
    """412: another process created the object, or overwrote it since the read."""
    run = simulate(1, (fault(Kind.DUPLICATE),))
    lost = {entry["op"] for entry in run.log.of("object") if not entry["won"]}
    assert lost == {"create", "replace"}
    assert effect_counts(run)["writes that lost a race (412)"] > 5


def test_process_restarts_after_crash_at_work() -> None:
    """Regression: with more than one running handler it did not come back, and its service stayed one process short."""
    shape = Shape(events=12, instances=1)
    for size in range(30, 60, 6):
        log = simulate(1, (fault(Kind.CRASH, "scraper-runner-0", size=size),), shape=shape).log
        started = Counter(entry.by for entry in log.of("start"))
        assert started["scraper-runner-0"] == 1 + len(list(log.of("crash")))


@pytest.mark.parametrize(("seed", "changes"), [(0, False), (1, True), (2, True)])
def test_simulated_night_can_include_dst_change(seed: int, changes: bool) -> None:
    night = simulate(seed, (), shape=Shape(night=True)).world
    assert night.day == DAYS[seed]
    ends = night.start + timedelta(seconds=night.duration)
    offsets = {instant.astimezone(NEW_YORK).utcoffset() for instant in (night.start, ends)}
    assert (len(offsets) == 2) is changes


def test_every_fault_kind_is_tested() -> None:
    tried = {given.kind for given, _ in FAULT_EFFECTS.values()}
    assert tried | {Kind.NO_DEDUPLICATION} == set(Kind)
