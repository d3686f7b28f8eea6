"""The logger's group commit under pushes of one row each, beside what it is made of, in one run.

    python bench/logger_throughput.py [--rows 100000] [--round 10000] [--connections 64] [--json]

On one embedded stack, in turn: the logger as it runs; the same service with batches of one row, which is one append a
push; its push endpoint with nothing behind it; and the warehouse's own appends of 500 rows. Told are rows a second,
push latency, CPU time of the service a row, and the logger's resident memory while its rows add up, from /proc. For the
ratio of CPU times the logger and the endpoint with nothing behind it get the same pushes at the same time: a busy
neighbour on the other hyperthread makes the same work cost more, and so both have the same one.
Exit code 1 when an aim is missed.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import requests

import push_load
from arguments import bench_parser
from tipoff_cli.checkout import REPOSITORY
from tipoff_common.rows import execution_row
from tipoff_dev.stack.layout import HOST, PROJECT, Layout, free_ports
from tipoff_dev.stack.processes import Program
from tipoff_dev.stack.stack import Stack, running_stack

AIM_ROWS_PER_SECOND = 1_000.0
AIM_CPU_RATIO = 1.5
AIM_MEMORY_GROWTH = 1.1
"""Resident memory after the last round over that after the first."""
WARM_UP_ROWS = 500
MIRRORED, MIRRORED_ROWS = 5, 3_000
ALONE_ROWS, APPEND_ROWS, APPENDS = 2_000, 500, 20
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/bench"
READY_SECONDS = 30.0


@dataclass(frozen=True)
class LoggerFigures:
    """One load on one service. cpu_ms: CPU time of the service a row."""

    rows_per_second: float
    p50_ms: float
    p95_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class PushedService:
    """A process that takes pushes."""

    pid: int
    endpoint: str


def cpu_seconds(pid: int) -> float:
    """Read the CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    """Read the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def measure(service: PushedService, rows: int, connections: int) -> LoggerFigures:
    """Measure one service alone."""
    load, (spent,) = push([service], rows, connections)
    cuts = statistics.quantiles(load.latencies, n=100)
    return LoggerFigures(load.per_second, cuts[49] * 1000, cuts[94] * 1000, spent)


def push(
    services: Sequence[PushedService], rows: int, connections: int
) -> tuple[push_load.Load, list[float]]:
    """Push to each of the services at the same time; return the load, and each service's CPU milliseconds a row."""
    before = [cpu_seconds(service.pid) for service in services]
    bodies = push_load.pushes((f"bench-{uuid4().hex}" for _ in range(rows)), SUBSCRIPTION)
    load = asyncio.run(push_load.send([service.endpoint for service in services], bodies, connections))
    spent = [cpu_seconds(service.pid) - was for service, was in zip(services, before, strict=True)]
    assert load.refused == 0, f"{load.refused} pushes were refused"
    assert len(load.latencies) == rows
    return load, [seconds / rows * 1000 for seconds in spent]


def median(rounds: list[LoggerFigures]) -> LoggerFigures:
    """Take the median of each figure."""
    return LoggerFigures(
        *(statistics.median(values) for values in zip(*(asdict(one).values() for one in rounds), strict=True))
    )


def start(stack: Stack, name: str, module: str, folder: Path, **settings: str) -> PushedService:
    """Another service beside the stack's."""
    port = free_ports()["logger"]
    environment = {**stack.layout.service_environment("logger"), "PORT": str(port), **settings}
    child = stack.processes.start(name, Program(module, (), environment, folder))
    url = f"http://{HOST}:{port}"

    def ready() -> bool:
        try:
            return requests.get(f"{url}/readyz", timeout=10).ok
        except requests.RequestException:
            return False

    stack.wait_for(ready, f"{name} to be ready", READY_SECONDS)
    return PushedService(child.process.pid, f"{url}/events?token={stack.layout.development_key}")


def own_appends(stack: Stack) -> float:
    """Return rows a second that the warehouse takes, 500 at a time, from one client."""
    at = datetime.now(UTC)

    def batches() -> Iterator[tuple[list[str], list[dict[str, object]]]]:
        for _ in range(APPENDS):
            names = [f"own-{uuid4().hex}" for _ in range(APPEND_ROWS)]
            yield names, [dict(execution_row(push_load.execution(name, at), at)) for name in names]

    spent = 0.0
    for names, rows in batches():
        began = time.perf_counter()
        stack.warehouse.append("scraper_execution_log", rows, names)
        spent += time.perf_counter() - began
    return APPENDS * APPEND_ROWS / spent


def stored(stack: Stack, prefix: str) -> int:
    """Count the rows of one round."""
    sql = """
        SELECT COUNT(*) AS n FROM nba_orchestration.v_executions WHERE STARTS_WITH(execution_id, @prefix)
    """
    return int(stack.warehouse.query(sql, {"prefix": prefix})[0]["n"])


def main() -> int:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--round", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    rounds, count, connections = max(1, options.rows // options.round), options.round, options.connections
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout.on_free_ports(event_time=False)
        with running_stack(layout, Path(folder), phase2=None, services=("logger",)) as stack:
            logger = PushedService(
                stack.processes.children["logger"].process.pid, layout.push_endpoint("logger")
            )
            nothing = start(stack, "nothing", "nothing_sink", REPOSITORY / "bench")
            single = start(stack, "one-append-a-push", "tipoff_logger", REPOSITORY, TIPOFF_BATCH_ROWS="1")
            push([logger, nothing], WARM_UP_ROWS, connections)
            grouped: list[LoggerFigures] = []
            memory: list[float] = []
            for _ in range(rounds):
                grouped.append(measure(logger, count, connections))
                memory.append(resident_megabytes(logger.pid))
            sunk = measure(nothing, count, connections)
            mirrored = [push([logger, nothing], MIRRORED_ROWS, connections)[1] for _ in range(MIRRORED)]
            alone = measure(single, ALONE_ROWS, connections)
            expected = WARM_UP_ROWS + rounds * count + MIRRORED * MIRRORED_ROWS + ALONE_ROWS
            assert stored(stack, "bench-") == expected, "rows are missing"
            own = own_appends(stack)
    group = median(grouped)
    report = {
        "group_commit": asdict(group),
        "one_append_a_push": asdict(alone),
        "nothing_behind": asdict(sunk),
        "ratio_rows_per_second": group.rows_per_second / alone.rows_per_second,
        "ratio_cpu_over_nothing": statistics.median(ours / theirs for ours, theirs in mirrored),
        "own_500_row_appends_rows_per_second": own,
        "memory_megabytes": memory,
    }
    met = (
        group.rows_per_second >= AIM_ROWS_PER_SECOND
        and report["ratio_cpu_over_nothing"] <= AIM_CPU_RATIO
        and memory[-1] <= memory[0] * AIM_MEMORY_GROWTH
    )
    if options.json:
        print(json.dumps(report, indent=2))
        return 0 if met else 1
    print(f"{rounds} rounds of {count} pushes of one row over {connections} connections; medians")
    for name, one in (("group commit", group), ("one append a push", alone), ("nothing behind", sunk)):
        print(
            f"  {name:18} {one.rows_per_second:7,.0f} rows/s   p50 {one.p50_ms:6.1f} ms   "
            f"p95 {one.p95_ms:6.1f} ms   CPU {one.cpu_ms:.3f} ms a row"
        )
    print(f"  group commit over one append a push: {report['ratio_rows_per_second']:.1f} times the rows/s")
    print(
        f"  CPU a row over nothing behind, both at the same time: {report['ratio_cpu_over_nothing']:.2f} "
        f"(aim {AIM_CPU_RATIO}; {', '.join(f'{ours:.3f}/{theirs:.3f}' for ours, theirs in mirrored)} ms)"
    )
    print(f"  the warehouse's own {APPEND_ROWS}-row appends: {own:,.0f} rows/s")
    print(f"  logger's memory after each round: {', '.join(f'{one:.0f}' for one in memory)} MB")
    print("  aims met" if met else "  an aim is missed")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
