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

from tests.chaos.proxy import FAIR, Harm, Weather
from tests.chaos.world import TELL_EVERY, Battlefield, battlefield
from tipoff_common.events import Tick
from tipoff_dev.stack.layout import SERVICES

log = logging.getLogger(__name__)

FIRST_DAY = date(2025, 1, 6)
# A call without a response blocks its caller until the timeout, so these are few.
STORM = Weather(0.2, (*(harm for harm in Harm if harm is not Harm.HANG),) * 4 + (Harm.HANG,), longest=0.3)
GRPC = Weather(0.02, (Harm.DELAY, Harm.CUT, Harm.HALF), longest=0.3)
"""Each chunk of a protocol that the proxy does not parse may be hit, and a call has several chunks."""
SECONDS = 6.0
"""The minimum duration of the short run."""
KINDS = ("kill", "kill", "pause", "store", "disk")


def storm(field: Battlefield, share: float = STORM.share) -> None:
    """Set faults on every link."""
    field.proxies.weather(replace(STORM, share=share), "bigquery", "storage", "source", "push")
    field.proxies.weather(GRPC, "pubsub")


def volleys(draw: random.Random) -> Iterator[str]:
    """Yield actions on a process in a drawn order, each kind once before any is repeated."""
    while True:
        yield from draw.sample(KINDS, len(KINDS))


def volley(field: Battlefield, kind: str, draw: random.Random) -> None:
    """Run one action on one process."""
    match kind:
        case "kill":
            field.kill(draw.choice(list(SERVICES)))
        case "pause":
            with field.paused(draw.choice((*SERVICES, "bigquery", "storage"))):
                time.sleep(draw.uniform(0.5, 2.0))
        case "store":
            # The store claims that every acknowledged write survives a crash.
            field.kill("storage")
        case _:
            with field.full_disk():
                time.sleep(draw.uniform(0.3, 1.0))


def fire(field: Battlefield, seed: int, seconds: float, watches: float = 0.3) -> None:
    """Keep faults and new work coming for so long; then let the system heal.

    watches: the share of days with a watch of the monitor. Its first queries cost the emulator four seconds.
    """
    draw = random.Random(f"volleys {seed}")  # noqa: S311  # no secret
    ends, day, told = time.monotonic() + seconds, FIRST_DAY, time.monotonic()
    storm(field)
    for number, kind in enumerate(volleys(draw)):
        if time.monotonic() >= ends and number >= len(KINDS):
            break
        field.day(day)
        day += timedelta(days=1)
        volley(field, kind, draw)
        if draw.random() < watches:
            field.tick(Tick.WATCH, day, 12)
        if time.monotonic() > told + TELL_EVERY:
            told = time.monotonic()
            log.info("%.0f s more under fire; %s", ends - told, report(field, seed))
        time.sleep(draw.uniform(0.2, 1.0))
    field.proxies.weather(FAIR)
    field.wait_until_ready("storage", *SERVICES)
    field.settle(60)
    # A replay's days pass faster than its files are processed: an earlier cleanup would consider them lost.
    field.tick(Tick.CLEANUP, day, 12)
    field.settle(60)


def report(field: Battlefield, seed: int) -> str:
    """Return a summary of the actions and events."""
    return (
        f"seed {seed}: {field.ticks} ticks, {len(field.ear.messages)} events; {counted(field.record.counts)}"
    )


def counted(counts: Counter[str]) -> str:
    """List counts by name."""
    return ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items())) or "nothing"


def test_nothing_is_lost_doubled_or_invented(tmp_path: Path) -> None:
    with battlefield(tmp_path, seed=1) as field:
        fire(field, 1, SECONDS, watches=0)
        breaches = field.verdict()
        told = report(field, 1)
    log.info(told)
    assert not breaches, "\n".join([told, *map(str, breaches[:5])])
    assert {"kill", "pause", "full disk"} <= field.record.counts.keys()
    assert len(list(field.record.log.of("fault"))) > 20, "hardly anything went wrong"


@pytest.mark.slow
@pytest.mark.timeout(24 * 3600)
def test_nothing_is_lost_doubled_or_invented_over_repeated_rounds(tmp_path: Path) -> None:
    """Run rounds of two minutes, each on a new stack with a seed of its own."""
    begins, seed = time.monotonic(), int(time.time())
    ends = begins + 60 * float(os.environ.get("MINUTES") or 5)
    rounds, ticks, events, happened, broken = 0, 0, 0, Counter[str](), Counter[str]()
    shown: list[str] = []
    while time.monotonic() < ends:
        with battlefield(tmp_path / str(seed), seed) as field:
            fire(field, seed, 120)
            breaches = field.verdict()
            told = report(field, seed)
        log.info(told)
        rounds, ticks, events = rounds + 1, ticks + field.ticks, events + len(field.ear.messages)
        happened += field.record.counts
        broken += Counter(breach.law for breach in breaches)
        shown += [told, *map(str, breaches[:5])] if breaches else []
        seed += 1
    log.info(
        "%d rounds in %.0f minutes: %s ticks, %s events; %s; lost %d, doubled %d, invented %d, laws broken: %s",
        *(rounds, (time.monotonic() - begins) / 60, f"{ticks:,}", f"{events:,}", counted(happened)),
        *(broken[f"nothing_is_{fate}"] for fate in ("lost", "doubled", "invented")),
        counted(broken),
    )
    assert not shown, "\n".join(shown)
    assert happened["kill"] >= rounds, "hardly anything went wrong"
