"""The logger's group commit under pushes of one row each, compared with its parts in one run.

    python -m bench.logger_throughput [--rows 100000] [--round-rows 10000] [--connections 64] [--json]

On one embedded stack, in turn: the logger as it runs; the same service with batches of one row, which is one append for
each push; and its push endpoint with nothing behind it. Reported are rows a second, push latency, CPU time of the
service for each row, and the logger's resident memory while its rows add up, from /proc. For the ratio of CPU times,
the logger and the endpoint with nothing behind it get the same pushes at the same time: load on the other hyperthread
makes work more expensive, and must affect both equally. Exit code 1 when an aim is missed.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from bench import push_load
from bench.command import Figures, run
from bench.measures import cpu_seconds, is_ready, median_ms, p95_ms, resident_mib, until
from tipoff_cli.checkout import REPOSITORY
from tipoff_dev.stack.layout import HOST, Layout, free_ports
from tipoff_dev.stack.processes import Program
from tipoff_dev.stack.stack import Stack, StackOptions, running_stack

AIM_ROWS_PER_SECOND = 1_000.0
AIM_CPU_RATIO = 1.5
AIM_MEMORY_GROWTH = 1.1
"""Resident memory after the last round over that after the first."""
WARM_UP_ROWS = 500
MIRRORED, MIRRORED_ROWS = 5, 3_000
ALONE_ROWS = 2_000
READY_SECONDS = 30.0


@dataclass(frozen=True)
class PushedService:
    """A process that accepts pushes."""

    pid: int
    endpoint: str


def measure(service: PushedService, rows: int, connections: int) -> dict[str, float]:
    """Measure one service alone."""
    load, (spent,) = push([service], rows, connections)
    return {
        "rows_per_second": round(load.per_second, 1),
        "p50_ms": median_ms(load.latencies),
        "p95_ms": p95_ms(load.latencies),
        "cpu_ms_a_row": round(spent, 3),
    }


def push(
    services: Sequence[PushedService], rows: int, connections: int
) -> tuple[push_load.Load, list[float]]:
    """Push to each of the services at the same time; return the load, and each service's CPU milliseconds a row."""
    bodies = push_load.pushes([f"bench-{uuid4().hex}" for _ in range(rows)])
    before = [cpu_seconds(service.pid) for service in services]
    load = asyncio.run(push_load.send([service.endpoint for service in services], bodies, connections))
    spent = [cpu_seconds(service.pid) - was for service, was in zip(services, before, strict=True)]
    assert load.refused == 0, f"{load.refused} pushes were refused"
    assert len(load.latencies) == rows
    return load, [seconds / rows * 1000 for seconds in spent]


def start(stack: Stack, name: str, module: str, folder: Path, **settings: str) -> PushedService:
    """Start a further service beside those of the stack, and wait until it is ready."""
    port = free_ports()["logger"]
    environment = {**stack.layout.service_environment("logger"), "PORT": str(port), **settings}
    child = stack.processes.start(name, Program(module, (), environment, folder))
    url = f"http://{HOST}:{port}"

    until(lambda: is_ready(f"{url}/readyz"), READY_SECONDS, f"{name} to be ready")
    return PushedService(child.process.pid, f"{url}/events?token={stack.layout.development_key}")


def stored(stack: Stack, prefix: str) -> int:
    """Count the rows of one round."""
    sql = """
        SELECT COUNT(*) AS n FROM nba_orchestration.v_executions WHERE STARTS_WITH(execution_id, @prefix)
    """
    return int(stack.warehouse.query(sql, {"prefix": prefix})[0]["n"])


def main(rows: int = 100_000, round_rows: int = 10_000, connections: int = 64) -> Figures:
    """Measure."""
    rounds = max(1, rows // round_rows)
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout.on_free_ports(event_time=False)
        with running_stack(layout, Path(folder), StackOptions(phase2=None, services=("logger",))) as stack:
            logger = PushedService(
                stack.processes.children["logger"].process.pid, layout.push_endpoint("logger")
            )
            nothing = start(stack, "nothing", "bench.nothing_sink", REPOSITORY)
            single = start(stack, "one-append-a-push", "tipoff_logger", REPOSITORY, TIPOFF_BATCH_ROWS="1")
            push([logger, nothing], WARM_UP_ROWS, connections)
            grouped: list[dict[str, float]] = []
            memory: list[float] = []
            for _ in range(rounds):
                grouped.append(measure(logger, round_rows, connections))
                memory.append(round(resident_mib(logger.pid), 1))
            sunk = measure(nothing, round_rows, connections)
            mirrored = [push([logger, nothing], MIRRORED_ROWS, connections)[1] for _ in range(MIRRORED)]
            alone = measure(single, ALONE_ROWS, connections)
            expected = WARM_UP_ROWS + rounds * round_rows + MIRRORED * MIRRORED_ROWS + ALONE_ROWS
            assert stored(stack, "bench-") == expected, "rows are missing"
    group = {figure: round(statistics.median(one[figure] for one in grouped), 3) for figure in sunk}
    cpu_ratio = round(statistics.median(ours / theirs for ours, theirs in mirrored), 2)
    return {
        "service": {"group commit": group, "one append a push": alone, "nothing behind": sunk},
        "times_the_rows_of_one_append_a_push": round(group["rows_per_second"] / alone["rows_per_second"], 1),
        "cpu_ratio_to_nothing_behind": cpu_ratio,
        "memory_mib_after_each_round": memory,
        "aims": {
            f"{AIM_ROWS_PER_SECOND:,.0f} rows a second": group["rows_per_second"] >= AIM_ROWS_PER_SECOND,
            f"{AIM_CPU_RATIO} times the CPU of nothing behind": cpu_ratio <= AIM_CPU_RATIO,
            f"memory grows to {AIM_MEMORY_GROWTH} times at most": memory[-1] <= memory[0] * AIM_MEMORY_GROWTH,
        },
    }


if __name__ == "__main__":
    run(main)
