"""The whole stack while its processes are killed and suspended, its disk is full and one call in five fails.

`make soak MINUTES=n` runs the same for that long, with other seeds.
"""

import logging
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.chaos.proxy import NO_FAULTS, CallFault, FaultProfile
from tests.chaos.world import PROGRESS_SECONDS, ChaosWorld, chaos_world
from tipoff_common.events import Tick
from tipoff_dev.stack.layout import SERVICES

log = logging.getLogger(__name__)

FIRST_DAY = date(2025, 1, 6)
# A call without a response blocks its caller until the timeout, so these are few.
HTTP_FAULTS = FaultProfile(
    0.2,
    (*(fault for fault in CallFault if fault is not CallFault.HANG),) * 4 + (CallFault.HANG,),
    max_delay=0.3,
)
GRPC_FAULTS = FaultProfile(0.02, (CallFault.DELAY, CallFault.CUT, CallFault.HALF), max_delay=0.3)
"""Each chunk of a protocol that the proxy does not parse may be hit, and a call has several chunks."""
SECONDS = 6.0
"""The minimum duration of the short run."""
ACTIONS = ("kill", "kill", "pause", "store", "disk")


def enable_faults(world: ChaosWorld, share: float = HTTP_FAULTS.share) -> None:
    """Set faults on every link."""
    world.proxies.set_profile(replace(HTTP_FAULTS, share=share), "bigquery", "storage", "source", "push")
    world.proxies.set_profile(GRPC_FAULTS, "pubsub")


def draw_actions(draw: random.Random) -> Iterator[str]:
    """Yield actions on a process in a drawn order, each kind once before any is repeated."""
    while True:
        yield from draw.sample(ACTIONS, len(ACTIONS))


def run_action(world: ChaosWorld, action: str, draw: random.Random) -> None:
    """Run one action on one process."""
    match action:
        case "kill":
            world.kill(draw.choice(list(SERVICES)))
        case "pause":
            with world.paused(draw.choice((*SERVICES, "bigquery", "storage"))):
                time.sleep(draw.uniform(0.5, 2.0))
        case "store":
            # The store claims that every acknowledged write survives a crash.
            world.kill("storage")
        case _:
            with world.full_disk():
                time.sleep(draw.uniform(0.3, 1.0))


def run_under_faults(world: ChaosWorld, seed: int, seconds: float, watch_share: float = 0.3) -> None:
    """Keep faults and new work coming for so long; then let the system heal.

    watch_share: the share of days with a watch of the monitor. Its first queries cost the emulator four seconds.
    """
    draw = random.Random(f"actions {seed}")  # noqa: S311  # no secret
    ends, day, reported_at = time.monotonic() + seconds, FIRST_DAY, time.monotonic()
    enable_faults(world)
    for number, action in enumerate(draw_actions(draw)):
        if time.monotonic() >= ends and number >= len(ACTIONS):
            break
        world.day(day)
        day += timedelta(days=1)
        run_action(world, action, draw)
        if draw.random() < watch_share:
            world.tick(Tick.WATCH, day, 12)
        if time.monotonic() > reported_at + PROGRESS_SECONDS:
            reported_at = time.monotonic()
            log.info("%.0f s more under faults; %s", ends - reported_at, report(world, seed))
        time.sleep(draw.uniform(0.2, 1.0))
    world.proxies.set_profile(NO_FAULTS)
    world.wait_until_ready("storage", *SERVICES)
    world.settle(60)
    # A replay's days pass faster than its files are processed: an earlier cleanup would consider them lost.
    world.tick(Tick.CLEANUP, day, 12)
    world.settle(60)


def report(world: ChaosWorld, seed: int) -> str:
    """Return a summary of the actions and events."""
    return f"seed {seed}: {world.ticks} ticks, {len(world.recorder.messages)} events; {counted(world.record.counts)}"


def counted(counts: Counter[str]) -> str:
    """List counts by name."""
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "nothing"


def test_nothing_is_lost_doubled_or_invented(tmp_path: Path) -> None:
    with chaos_world(tmp_path, seed=1) as world:
        run_under_faults(world, 1, SECONDS, watch_share=0)
        breaches = world.verdict()
        summary = report(world, 1)
    log.info(summary)
    assert not breaches, "\n".join([summary, *map(str, breaches[:5])])
    assert {"kill", "pause", "full disk"} <= world.record.counts.keys()
    assert len(list(world.record.log.of("fault"))) > 20, "hardly anything went wrong"


@pytest.mark.slow
@pytest.mark.timeout(24 * 3600)
def test_nothing_is_lost_doubled_or_invented_over_repeated_rounds(tmp_path: Path) -> None:
    """Run rounds of two minutes, each on a new stack with a seed of its own."""
    begins, seed = time.monotonic(), int(time.time())
    ends = begins + 60 * float(os.environ.get("MINUTES") or 5)
    rounds, ticks, events, action_counts, law_counts = 0, 0, 0, Counter[str](), Counter[str]()
    failures: list[str] = []
    while time.monotonic() < ends:
        with chaos_world(tmp_path / str(seed), seed) as world:
            run_under_faults(world, seed, 120)
            breaches = world.verdict()
            summary = report(world, seed)
        log.info(summary)
        rounds, ticks, events = rounds + 1, ticks + world.ticks, events + len(world.recorder.messages)
        action_counts += world.record.counts
        law_counts += Counter(breach.law for breach in breaches)
        failures += [summary, *map(str, breaches[:5])] if breaches else []
        seed += 1
    log.info(
        "%d rounds in %.0f minutes: %s ticks, %s events; %s; lost %d, doubled %d, invented %d, laws broken: %s",
        *(rounds, (time.monotonic() - begins) / 60, f"{ticks:,}", f"{events:,}", counted(action_counts)),
        *(law_counts[f"nothing_is_{outcome}"] for outcome in ("lost", "doubled", "invented")),
        counted(law_counts),
    )
    assert not failures, "\n".join(failures)
    assert action_counts["kill"] >= rounds, "hardly anything went wrong"
