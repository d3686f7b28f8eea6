"""The work of every side of the comparison; standard library only: each peer has its own environment."""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import measures

WORKFLOWS = (10, 100, 500)
"""Numbers of workflows in an evaluation; each workflow is hourly and none is due."""
TRIGGERS = 10
IDLE_SECONDS = 5


def arguments() -> argparse.Namespace:
    """Return the command line that `__main__` starts each peer's script with."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True, help="postgresql:// URL of an empty database")
    parser.add_argument("--postgres", type=int, required=True, help="process id of its server")
    parser.add_argument("--folder", type=Path, required=True, help="folder for the peer's files")
    parser.add_argument("--tasks", type=int, default=500)
    return parser.parse_args()


@contextmanager
def running(*commands: Sequence[str | Path], **options: Any) -> Iterator[list[int]]:
    """Run programs for the length of a block; yield their process ids. options: those of Popen."""
    processes = [subprocess.Popen(command, **options) for command in commands]
    try:
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def idle_mib(roots: Iterable[int]) -> float:
    """Return the memory of all processes after some seconds without work."""
    time.sleep(IDLE_SECONDS)
    return measures.memory_mib(roots)


def trigger_ms(call: Callable[[int], object], times: int = TRIGGERS) -> float:
    """Return the median time of a call, which gets its number, after a first call that does not count."""
    call(-1)
    taken = []
    for number in range(times):
        begun = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - begun)
    return measures.median_ms(taken)


def batch(run: Callable[[], object], tasks: int, roots: Iterable[int]) -> dict[str, float]:
    """Measure the rate and CPU of a run of so many tasks. roots: every process that takes part."""
    roots = list(roots)
    before, begun = measures.cpu_seconds_of_all(roots), time.perf_counter()
    run()
    seconds = time.perf_counter() - begun
    return {
        "seconds": round(seconds, 2),
        "per_second": round(tasks / seconds, 1),
        "cpu_ms_a_task": round((measures.cpu_seconds_of_all(roots) - before) / tasks * 1e3, 2),
    }


def report(known: Mapping[str, object], evaluation: Callable[[int], float]) -> None:
    """Print the known results as one line, and again with the evaluations: `__main__` reads the last line, also when an
    evaluation fails.

    evaluation: returns the CPU milliseconds of one evaluation of so many workflows.
    """
    print(json.dumps(known), flush=True)
    evaluations = {str(count): evaluation(count) for count in WORKFLOWS}
    print(json.dumps({**known, "evaluation_cpu_ms": evaluations}), flush=True)
