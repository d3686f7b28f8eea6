"""The faults of a run, as a list of values: drawn from the seed, listed in the report, and shrunk one by one."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MINUTE, HOUR = 60.0, 3600.0


class Kind(StrEnum):
    """The kinds of faults."""

    ERROR_BEFORE = "error before"  # a call fails without effect
    ERROR_AFTER = "error after"  # a call fails after its effect
    PARTIAL = "partial"  # a call with many items does some of them and fails
    SLOW = "slow"  # a call takes minutes
    CRASH = "crash"  # a process crashes at one of its calls, before or after its effect
    PAUSE = "pause"  # a process is suspended, and continues later unchanged
    DUPLICATE = "duplicate"  # a message is delivered twice at once
    DELAY = "delay"  # messages come late, and hence in another order
    LOST_DELIVERY = "lost delivery"  # a push never arrives
    LOST_ACK = "lost ack"  # a push was handled, and its acknowledgement is lost
    LATE_ROWS = "late rows"  # rows are durable, but not yet visible to queries
    NO_DEDUPLICATION = "no deduplication"  # the warehouse forgets insertIds
    LOST_TICK = "lost tick"  # the scheduler does not fire
    SKEW = "skew"  # a process's clock is wrong
    DEPLOY = "deploy"  # a process restarts with another configuration, or another version
    PHASE2_DROPS = "phase 2 drops"  # Phase 2 acknowledges files and does not process them
    SOURCE_BLOCKS = "source blocks"  # the source blocks requests


@dataclass(frozen=True)
class Fault:
    """One fault between two instants, in seconds of the simulation."""

    number: int
    """Seeds the fault's own random numbers, so that removing other faults does not change them."""
    kind: Kind
    start: float
    end: float
    target: str = ""
    """The target: a service, a process, or a part of the cloud."""
    share: float = 1.0
    """The share of the calls or messages that it hits in that time."""
    size: float = 0.0
    """Seconds, calls or another unit of the kind."""

    def __str__(self) -> str:
        share = f" {self.share:.0%}" if self.share < 1 else ""
        size = f" size {self.size:.0f}" if self.size else ""
        return (
            f"{clock(self.start)}-{clock(self.end)} {self.kind} {self.target}{share}{size} (#{self.number})"
        )


def clock(seconds: float) -> str:
    """Return seconds as hours, minutes and seconds since the simulation began."""
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


PARTS = ("bucket", "bus", "warehouse", "source")
_PROCESSES = ("controller", "scraper-runner", "logger", "cleanup", "monitor")
_WEIGHTS: Mapping[Kind, int] = {
    Kind.ERROR_BEFORE: 6,
    Kind.ERROR_AFTER: 6,
    Kind.PARTIAL: 4,
    Kind.SLOW: 3,
    Kind.CRASH: 12,
    Kind.PAUSE: 5,
    Kind.DUPLICATE: 4,
    Kind.DELAY: 3,
    Kind.LOST_DELIVERY: 3,
    Kind.LOST_ACK: 3,
    Kind.LATE_ROWS: 2,
    Kind.NO_DEDUPLICATION: 2,
    Kind.LOST_TICK: 2,
    Kind.SKEW: 3,
    Kind.DEPLOY: 3,
    Kind.PHASE2_DROPS: 3,
    Kind.SOURCE_BLOCKS: 2,
}


def draw_faults(
    random_numbers: random.Random, until: float, max_faults: int = 14, instances: int = 2
) -> tuple[Fault, ...]:
    """Draw faults before an instant, for this many processes of each service.

    One run in twelve has no fault.
    """
    if random_numbers.random() < 1 / 12:
        return ()
    count = random_numbers.randint(1, max_faults)
    kinds = random_numbers.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count)
    return tuple(_draw(number, kind, random_numbers, until, instances) for number, kind in enumerate(kinds))


def _draw(number: int, kind: Kind, draw: random.Random, until: float, instances: int) -> Fault:
    start = draw.uniform(0, until - HOUR / 2)
    length = draw.choice((2, 10, 30, 50)) * MINUTE
    share = draw.choice((0.1, 0.3, 0.6, 1.0))
    target, size = "", 0.0
    match kind:
        # No call succeeds and fails every time: each repetition would repeat the effect, for as long as the fault
        # lasts.
        case Kind.ERROR_BEFORE:
            target = draw.choice((*PARTS, "channel"))
        case Kind.ERROR_AFTER:
            target, share = draw.choice((*PARTS, "channel")), min(share, 0.6)
        case Kind.PARTIAL:
            target, share = draw.choice(("bus", "warehouse")), min(share, 0.6)
        case Kind.SLOW:
            target, size = draw.choice(PARTS), draw.choice((20.0, 90.0, 200.0))
        case Kind.CRASH:
            # At one call of the process; an odd number crashes after the effect, an even one before.
            target, size = (
                f"{draw.choice(_PROCESSES)}-{draw.randrange(instances)}",
                float(draw.randint(1, 60)),
            )
        case Kind.PAUSE:
            target = f"{draw.choice(_PROCESSES)}-{draw.randrange(instances)}"
            size = draw.choice((40.0, 150.0, 700.0))
        case Kind.SKEW:
            target, size = (
                f"{draw.choice(_PROCESSES)}-{draw.randrange(instances)}",
                draw.choice((-180.0, 180.0)),
            )
            start = 0.0
        case Kind.DEPLOY:
            target, size = draw.choice(_PROCESSES), float(draw.randint(1, 3))
        case Kind.DELAY:
            size = draw.choice((30.0, 300.0, 900.0))
        case Kind.LATE_ROWS:
            size = draw.choice((20.0, 120.0, 600.0))
        case _:
            pass
    return Fault(number, kind, round(start, 1), round(start + length, 1), target, share, size)


@dataclass
class FaultInjector:
    """Decides for each call and each message whether a fault hits it."""

    seed: int
    faults: tuple[Fault, ...]
    on_hit: Callable[[Fault], None]
    """Called with each fault that strikes."""
    counts: dict[Kind, int] = field(default_factory=dict)
    """How often each kind struck."""
    _draws: dict[int, random.Random] = field(default_factory=dict)
    _by_kind: dict[Kind, list[Fault]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for fault in self.faults:
            self._by_kind.setdefault(fault.kind, []).append(fault)
            # A text seeds the same numbers in every process; a tuple of texts would not.
            self._draws[fault.number] = random.Random(f"{self.seed}/{fault.number}")  # noqa: S311  # no secret

    def hit(self, kind: Kind, now: float, target: str = "") -> Fault | None:
        """Return the fault of a kind that hits a target now, and count it."""
        for fault in self._by_kind.get(kind, ()):
            if fault.start <= now < fault.end and fault.target in ("", target) and self._is_drawn(fault):
                self.counts[kind] = self.counts.get(kind, 0) + 1
                self.on_hit(fault)
                return fault
        return None

    def of(self, *kinds: Kind) -> Iterable[Fault]:
        """Return the faults of some kinds, for kinds that are scheduled ahead."""
        return [fault for kind in kinds for fault in self._by_kind.get(kind, ())]

    def draw(self, fault: Fault) -> random.Random:
        """Return the random numbers of one fault."""
        return self._draws[fault.number]

    def _is_drawn(self, fault: Fault) -> bool:
        return fault.share >= 1 or self._draws[fault.number].random() < fault.share
