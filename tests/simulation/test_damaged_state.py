"""Damaged and foreign objects in the services' buckets: no service crashes, and sound objects still count.

An object of state is truncated, has a byte changed or is emptied, as a partial write or an operator's mistake leaves
it, or a later version with more fields wrote it. Files without receipts and a source that refuses make each run write
every kind of object of state that a simulation can have.
"""

import json
import random
import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.simulation.checker import check
from tests.simulation.cloud import Bucket, Stored
from tests.simulation.faults import HOUR, MINUTE, Fault, Kind
from tests.simulation.world import Run, World, simulate
from tests.support.examples import examples
from tipoff_common.ports import ObjectInfo

pytestmark = pytest.mark.usefixtures("quiet_module")
Damage = Callable[[bytes, random.Random], bytes]
DRAWN = (Phase.explicit, Phase.reuse, Phase.generate)
FROM, UNTIL = 0.2 * HOUR, 4.0 * HOUR
FAULTS = (
    Fault(0, Kind.PHASE2_DROPS, 0.0, UNTIL, share=0.5),
    Fault(1, Kind.SOURCE_BLOCKS, 0.0, UNTIL, share=0.5),
)
KINDS = {
    "cleanup/files/*/*/*",
    "cleanup/runs/*/*",
    "controller/days/*/schedule/*",
    "controller/days/*/schedule/lock.json",
    "controller/occurrences/*/*/*",
    "controller/open/*/*",
    "controller/settled.json",
    "controller/ticks/*",
    "monitor/memory.json",
    "monitor/sent/*/*/team.claim",
    "monitor/sent/*/*/team.done",
    "runner/claims/*/*",
    "runner/outcomes/*/*",
}
"""The kinds of objects of state: their names, with * for each part that has a digit."""


def cut(body: bytes, draw: random.Random) -> bytes:
    return body[: draw.randrange(len(body))] if body else body


def flipped(body: bytes, draw: random.Random) -> bytes:
    changed = bytearray(body or b"{")
    changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def other(_body: bytes, draw: random.Random) -> bytes:
    return draw.choice((b"", b"null", b"[]", b"{}", b"0", b"\xff\xfe", b"[" * 100_000, b'{"a": 1e999}'))


def retyped(body: bytes, draw: random.Random) -> bytes:
    """Return valid JSON with one value of another type."""
    try:
        found = json.loads(body)
    except ValueError:
        return body
    if isinstance(found, dict) and found:
        found[draw.choice(sorted(found))] = draw.choice((None, 0, -1, "", "x", [], {}, True, 1e300))
    return json.dumps(found).encode()


def newer(body: bytes, _draw: random.Random) -> bytes:
    """Return the object as a later version writes it: with one more field."""
    try:
        found = json.loads(body)
    except ValueError:
        return body
    return json.dumps(
        {**found, "added_later": {"by": "version 2"}} if isinstance(found, dict) else found
    ).encode()


def kind_of(name: str) -> str:
    return re.sub(r"[^/]*\d[^/]*", "*", name)


def damage_state(
    damage: Damage, share: float, seed: int, damaged: set[str] | None = None
) -> Callable[[World], None]:
    """Return an action that damages a share of all objects of state."""

    def action(world: World) -> None:
        draw = random.Random(f"damage {seed}")  # noqa: S311  # no secret
        for name, stored in sorted(world.state.items()):
            if draw.random() < share:
                stored.body = damage(stored.body, draw)
                if damaged is not None:
                    damaged.add(kind_of(name))
        # Record a fault: some laws allow for recorded faults.
        for processes in world.processes.values():
            for process in processes:
                world.log.add(world.hub.now, "fault", process.name, what="objects of state were damaged")

    return action


def unforeseen_failures(run: Run) -> list[str]:
    return [str(it) for it in check(run.log) if it.law == "no_handler_raises_unforeseen"]


# Shrinking takes longer than it is worth: an example is only a seed, a kind and an instant.
@settings(max_examples=examples(40), phases=DRAWN)
@given(
    seed=st.integers(0, 500),
    damage=st.sampled_from((cut, flipped, other, retyped)),
    share=st.sampled_from((0.05, 0.3, 1.0)),
    at=st.floats(FROM, UNTIL),
)
def test_damaged_state_causes_no_unforeseen_failure(
    seed: int, damage: Damage, share: float, at: float
) -> None:
    run = simulate(seed, FAULTS, actions={at: damage_state(damage, share, seed)})
    assert not unforeseen_failures(run)


@settings(max_examples=examples(15), phases=DRAWN)
@given(seed=st.integers(0, 500), at=st.floats(FROM, UNTIL))
def test_state_of_later_version_breaks_no_law(seed: int, at: float) -> None:
    """A deployment is rolled back, and the later version's objects remain."""
    run = simulate(seed, FAULTS, actions={at: damage_state(newer, 1.0, seed)})
    assert not [str(it) for it in check(run.log)]


def test_damage_reaches_every_written_kind_of_state() -> None:
    damaged: set[str] = set()
    action = damage_state(newer, 1.0, 0, damaged)
    run = simulate(0, FAULTS, actions={FROM + n * 10 * MINUTE: action for n in range(23)})
    writes = [it for it in run.log.of("object") if it["bucket"] == "state" and it["op"] != "delete"]
    assert {kind_of(it["name"]) for it in writes} == KINDS
    assert damaged == KINDS


ODD_NAMES = (
    "",
    "notes.txt",
    "2025-01-15",
    "2025-01-15/",
    "2025-01-15/x/y",
    "2025-99-99/x",
    "x/2025-99-99",
    "x/settled/y",
    "x/000099.json",
    "a/b/c/000099.json",
    "x/republish-0001",
    "x/adopted.json",
)
"""Names below the prefix of a listing, as people leave them: "create folder", a copy, a file of their own."""


@settings(max_examples=examples(8), phases=DRAWN)
@given(seed=st.integers(0, 500))
def test_objects_of_other_names_in_every_listing_stop_no_service(seed: int) -> None:
    listing, listed = Bucket.list, set[str]()

    def littered(bucket: Bucket, prefix: str) -> Iterator[ObjectInfo]:
        world = bucket.process.world
        for name in (f"{prefix}{odd}" for odd in ODD_NAMES):
            # Without metadata, as the console copies an object.
            bucket.objects.setdefault(name, Stored(b"", 1, world.instant(), {}))
        listed.add(prefix.split("/")[0])
        return listing(bucket, prefix)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bucket, "list", littered)
        run = simulate(seed, ())
    assert {"controller", "cleanup"} <= listed
    assert not unforeseen_failures(run)
