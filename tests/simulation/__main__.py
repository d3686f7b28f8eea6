"""`python -m tests.simulation`: simulate seeds, check each run, shrink each failure."""

import argparse
import logging
import multiprocessing
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from tests.simulation.checker import check
from tests.simulation.fleet import USUAL, Shape
from tests.simulation.record import EventLog
from tests.simulation.shrinking import shrink
from tests.simulation.world import World, simulate

MAX_PRINTED = 3
"""Violations of a run that are printed in full."""


@dataclass(frozen=True)
class Result:
    """The result of one seed, small enough to be sent between processes."""

    seed: int
    hours: float
    entries: int
    faults: Counter[str]
    effects: Counter[str]
    breaches: tuple[str, ...]


def try_seed(seed: int, shape: Shape | None = USUAL) -> Result:
    """Simulate one seed and check it; without a shape, in a world of a size that the seed draws."""
    run = simulate(seed, shape=shape or Shape.draw(seed))
    breaches = tuple(str(violation) for violation in check(run.log))
    faults = Counter({str(kind): count for kind, count in run.world.injector.counts.items()})
    hours = run.world.duration / 3600
    return Result(seed, hours, len(run.log.entries), faults, count_effects(run.world, run.log), breaches)


def count_effects(world: World, log: EventLog) -> Counter[str]:
    """Count the effects of faults and of chance, and the kind of the day."""
    counts = Counter({f"days of {world.day}{' before dawn' if world.shape.night else ''}": 1})
    rows: set[tuple[str, str]] = set()
    for entry in log.entries:
        match entry.kind:
            case "object" if not entry["won"]:
                counts["writes that lost a race (412)"] += 1
            case "deliver" if entry["attempt"] != 1:
                counts["deliveries of a message that had come before"] += 1
            case "row" if (entry["table"], entry["row_id"]) in rows:
                counts["rows appended again, with their insertId forgotten"] += 1
            case "row":
                rows.add((entry["table"], entry["row_id"]))
            case "deploy":
                counts[f"processes deployed: {DEPLOYED[entry['version']]}"] += 1
            case "notice":
                counts["messages to people"] += 1
    return counts


DEPLOYED = {1: "the next configuration", 2: "a version with fields of its own", 3: "the same again"}


def main() -> int:
    """Return 0 when every law held in every run."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--workers", type=int, default=2, help="processes that run them")
    parser.add_argument("--seed", type=int, help="run this one alone, and print its whole log")
    parser.add_argument(
        "--varied",
        action="store_true",
        help="draw the world's size too: games, fan-out, instances, faults, and days that begin before dawn",
    )
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    shape = None if arguments.varied else USUAL
    if arguments.seed is not None:
        return _run_one(arguments.seed, shape)
    return _run_many(range(arguments.first, arguments.first + arguments.seeds), arguments.workers, shape)


def _run_one(seed: int, shape: Shape | None) -> int:
    run = simulate(seed, shape=shape or Shape.draw(seed))
    for entry in run.log.entries:
        print(entry)
    breaches = check(run.log)
    print(f"\n{run_name(seed)}, {run.world.shape}, trace {run.log.digest()}")
    for fault in run.faults:
        print(f"  {fault}")
    for breach in breaches:
        print(f"\n{breach}")
    return 1 if breaches else 0


def _run_many(seeds: range, workers: int, shape: Shape | None) -> int:
    began, done, entries, hours = time.monotonic(), 0, 0, 0.0
    faults, effects = Counter[str](), Counter[str]()
    failed: list[Result] = []
    for result in _results(seeds, workers, shape):
        done, entries, hours = done + 1, entries + result.entries, hours + result.hours
        faults, effects = faults + result.faults, effects + result.effects
        if result.breaches:
            failed.append(result)
            print(f"{run_name(result.seed)}: {len(result.breaches)} breaches", flush=True)
        if done % 500 == 0:
            elapsed = time.monotonic() - began
            print(f"{done:,} of {len(seeds):,} seeds, {len(failed)} failed, {elapsed:.0f} s", flush=True)
    print(f"(commit {commit()}, seeds {seeds.start} to {seeds.stop - 1}{'' if shape else ', varied'})")
    print(f"{done:,} seeds, {hours:,.0f} hours, {entries:,} events, {sum(faults.values()):,} faults:")
    for kind, count in faults.most_common():
        print(f"  {count:>9,} {kind}")
    print("and what came of them:")
    for kind, count in sorted(effects.items()):
        print(f"  {count:>9,} {kind}")
    for result in sorted(failed, key=lambda it: it.seed)[:5]:
        print(f"\n{explain(result, shape)}")
    print(f"{len(failed)} of {done:,} seeds broke a law, in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def _results(seeds: range, workers: int, shape: Shape | None) -> Iterator[Result]:
    attempt = partial(try_seed, shape=shape)
    if workers == 1:
        yield from map(attempt, seeds)
        return
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        yield from pool.imap_unordered(attempt, seeds, chunksize=10)


def explain(result: Result, shape: Shape | None = USUAL) -> str:
    """Return the place of a failing seed, its violations, and the fewest faults with which it fails the same way."""
    laws = {breach.partition(":")[0] for breach in result.breaches}
    world = shape or Shape.draw(result.seed)
    faults = simulate(result.seed, shape=world).faults
    fewest = shrink(result.seed, faults, laws, shape=world)
    return "\n".join(
        [
            run_name(result.seed),
            *(f"  {breach}" for breach in result.breaches[:MAX_PRINTED]),
            f"  of {len(faults)} faults these are enough:",
            *(f"    {fault!r}" for fault in fewest),
            f"  again: python -m tests.simulation --seed {result.seed}{'' if shape else ' --varied'}",
        ]
    )


def run_name(seed: int) -> str:
    """Name a run: it is a function of the commit and the seed."""
    return f"(commit {commit()}, seed {seed})"


def commit() -> str:
    """Return the current commit, as git names it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
