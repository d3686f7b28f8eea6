"""Measures of time, CPU and memory for all benches; standard library only, as each peer has its own environment."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.request import urlopen

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
POLL_SECONDS = 0.02


def until(condition: Callable[[], bool], seconds: float, awaited: str, poll: float = POLL_SECONDS) -> float:
    """Wait for the condition; return the seconds that it took. Raises SystemExit when time runs out.

    poll: seconds between two checks, which take CPU from the measured processes.
    """
    begun = time.perf_counter()
    while not condition():
        if time.perf_counter() - begun > seconds:
            raise SystemExit(f"waited {seconds:g} s for {awaited}")
        time.sleep(poll)
    return time.perf_counter() - begun


def is_ready(url: str) -> bool:
    """Return whether a URL answers with status 200."""
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310  # our own server on loopback
            return bool(answer.status == 200)
    except OSError:
        return False


def median_ms(seconds: Sequence[float]) -> float:
    """Return the median in milliseconds."""
    return round(statistics.median(seconds) * 1e3, 2)


def p95_ms(seconds: Sequence[float]) -> float:
    """Return the 95th percentile in milliseconds."""
    cuts = statistics.quantiles(seconds, n=20, method="inclusive") if len(seconds) > 1 else seconds
    return round(cuts[-1] * 1e3, 2)


def loop_seconds() -> float:
    """Return the CPU seconds of a fixed loop: divide by it to compare machines."""
    begun = time.process_time()
    x = 0
    for i in range(20_000_000):
        x += i & 7
    return round(time.process_time() - begun, 2)


# Measures of one process


def cpu_seconds(process: int) -> float:
    """Return the user and system time of a process so far."""
    # The clock of a process counts nanoseconds, but /proc/PID/stat hundredths of a second: clock_getcpuclockid(3).
    return time.clock_gettime(~process << 3 | 2)


def resident_mib(process: int, *, peak: bool = False) -> float:
    """Return the resident memory of a process, current or peak."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:" if peak else "VmRSS:")[2].split()[0]) / 1024


def cpu_seconds_of_children() -> float:
    """Return the user and system time of ended child processes, with their own children."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


# Processes with their descendants


def descendants(roots: Iterable[int]) -> set[int]:
    """Return the processes and their descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue  # the process ended meanwhile
    found = set(roots)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu_seconds_of_all(roots: Iterable[int]) -> float:
    """Return the user and system time of the processes and their descendants, ended ones included."""
    total = 0
    for process in descendants(roots):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / _TICKS_A_SECOND


def memory_mib(roots: Iterable[int]) -> float:
    """Return the proportional set size, in which memory that processes share counts once."""
    total = 0
    for process in descendants(roots):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return round(total / 1024, 1)
