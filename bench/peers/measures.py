"""What every side of the comparison is measured by; standard library only, as each peer has its own environment."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
WORKFLOWS = (10, 100, 500)
"""How many workflows an evaluation looks at; each is scheduled hourly and none is due."""
TRIGGERS = 10
POLL_SECONDS = 0.02


def arguments() -> argparse.Namespace:
    """Return the command line that `__main__` starts each peer's script with."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True, help="postgresql:// URL of an empty database")
    parser.add_argument("--postgres", type=int, required=True, help="process id of its server")
    parser.add_argument("--folder", type=Path, required=True, help="for whatever the peer keeps in files")
    parser.add_argument("--tasks", type=int, default=500)
    return parser.parse_args()


def descendants(roots: Iterable[int]) -> set[int]:
    """Return the processes and all that came from them."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue  # it ended meanwhile
    found = set(roots)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of the processes and all that came from them, those that have ended included."""
    total = 0
    for process in descendants(roots):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / _TICKS_A_SECOND


def memory_mib(roots: Iterable[int]) -> float:
    """Proportional set size: memory that processes share counts once."""
    total = 0
    for process in descendants(roots):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return round(total / 1024, 1)


def until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for the condition; return how long it took. Raises SystemExit when time runs out."""
    begun = time.perf_counter()
    while not condition():
        if time.perf_counter() - begun > seconds:
            raise SystemExit(f"waited {seconds:g} s for {what}")
        time.sleep(POLL_SECONDS)
    return time.perf_counter() - begun


def median_ms(call: Callable[[int], object], times: int = TRIGGERS) -> float:
    """Return the median time of a call, which is given its number, after one that does not count."""
    call(-1)
    taken = []
    for number in range(times):
        begun = time.perf_counter()
        call(number)
        taken.append((time.perf_counter() - begun) * 1e3)
    return round(statistics.median(taken), 1)


def batch(run: Callable[[], object], tasks: int, roots: Iterable[int]) -> dict[str, float]:
    """Rate and CPU of a run of so many tasks. roots: every process that takes part."""
    roots = list(roots)
    before, begun = cpu_seconds(roots), time.perf_counter()
    run()
    seconds = time.perf_counter() - begun
    return {
        "seconds": round(seconds, 2),
        "per_second": round(tasks / seconds, 1),
        "cpu_ms_a_task": round((cpu_seconds(roots) - before) / tasks * 1e3, 2),
    }


def loop_seconds() -> float:
    """CPU seconds of a loop that every machine can run."""
    begun = time.process_time()
    x = 0
    for i in range(20_000_000):
        x += i & 7
    return round(time.process_time() - begun, 2)


def report(found: dict[str, object]) -> None:
    """Print what is known so far as one line; `__main__` reads the last one, also when the script fails later."""
    print(json.dumps(found), flush=True)
