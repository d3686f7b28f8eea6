"""`python -m tests.simulation`: simulate seeds, check each run, shrink what fails."""

import argparse
import logging
import multiprocessing
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.checker import check
from tests.simulation.shrinking import shrink
from tests.simulation.world import DURATION, simulate

SHOWN = 3
"""Breaches of a run that are printed whole."""


@dataclass(frozen=True)
class Result:
    """What came of one seed, small enough to be sent between processes."""

    seed: int
    entries: int
    faults: Counter[str]
    breaches: tuple[str, ...]


def try_seed(seed: int) -> Result:
    """Simulate one seed and check it."""
    run = simulate(seed)
    breaches = tuple(str(violation) for violation in check(run.log))
    counts = Counter({str(kind): count for kind, count in run.world.fates.counts.items()})
    return Result(seed, len(run.log.entries), counts, breaches)


def main() -> int:
    """Return 0 when every law held in every run."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--workers", type=int, default=2, help="processes that run them")
    parser.add_argument("--seed", type=int, help="run this one alone, and print its whole log")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.seed is not None:
        return _one(arguments.seed)
    return _many(range(arguments.first, arguments.first + arguments.seeds), arguments.workers)


def _one(seed: int) -> int:
    run = simulate(seed)
    for entry in run.log.entries:
        print(entry)
    breaches = check(run.log)
    print(f"\n{where(seed)}, trace {run.log.digest()}")
    for fault in run.faults:
        print(f"  {fault}")
    for breach in breaches:
        print(f"\n{breach}")
    return 1 if breaches else 0


def _many(seeds: range, workers: int) -> int:
    began, done, entries, faults = time.monotonic(), 0, 0, Counter[str]()
    failed: list[Result] = []
    for result in _results(seeds, workers):
        done, entries, faults = done + 1, entries + result.entries, faults + result.faults
        if result.breaches:
            failed.append(result)
            print(f"{where(result.seed)}: {len(result.breaches)} breaches")
        if done % 500 == 0:
            print(f"{done:,} of {len(seeds):,} seeds, {len(failed)} failed, {time.monotonic() - began:.0f} s")
    hours = done * DURATION / 3600
    print(f"{done:,} seeds, {hours:,.0f} hours, {entries:,} events, {sum(faults.values()):,} faults:")
    for kind, count in faults.most_common():
        print(f"  {count:>9,} {kind}")
    for result in sorted(failed, key=lambda it: it.seed)[:5]:
        print(f"\n{explain(result)}")
    print(f"{len(failed)} of {done:,} seeds broke a law, in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def _results(seeds: range, workers: int) -> Iterator[Result]:
    if workers == 1:
        yield from map(try_seed, seeds)
        return
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        yield from pool.imap_unordered(try_seed, seeds, chunksize=10)


def explain(result: Result) -> str:
    """Return where a failing seed is, what it broke, and the fewest faults with which it fails the same way."""
    laws = {breach.partition(":")[0] for breach in result.breaches}
    faults = simulate(result.seed).faults
    fewest = shrink(result.seed, faults, laws)
    return "\n".join(
        [
            where(result.seed),
            *(f"  {breach}" for breach in result.breaches[:SHOWN]),
            f"  of {len(faults)} faults these are enough:",
            *(f"    {fault!r}" for fault in fewest),
            f"  again: python -m tests.simulation --seed {result.seed}",
        ]
    )


def where(seed: int) -> str:
    """Name a run: it is a function of the commit and the seed."""
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return f"(commit {commit or 'unknown'}, seed {seed})"


if __name__ == "__main__":
    sys.exit(main())
