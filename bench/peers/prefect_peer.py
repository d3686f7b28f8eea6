"""Prefect: a flow that maps its tasks; a server keeps every state in PostgreSQL. Run in the caller's process.

The caller's process favours Prefect: a deployment would start a process for each run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from bench import measures
from bench.peers import side

PORT = 14_200
CONCURRENCY = 8

EVALUATION = """
import asyncio, sys, time
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.server.services.scheduler import schedule_deployments
from prefect import flow

@flow
def hourly():
    pass

async def main(first, last):
    async with get_client() as client:
        flow_id = await client.create_flow(hourly)
        for number in range(first, last):
            await client.create_deployment(flow_id, f"hourly-{number}", schedules=[
                DeploymentScheduleCreate(schedule=CronSchedule(cron="0 * * * *"), active=True)])
    await schedule_deployments()
    before = time.process_time()
    await schedule_deployments()
    print("CPU", (time.process_time() - before) * 1e3)

asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""


def main() -> None:
    """Measure and print."""
    options = side.arguments()
    database = options.database.replace("postgresql://", "postgresql+asyncpg://")
    os.environ.update(
        PREFECT_HOME=str(options.folder),
        PREFECT_API_URL=f"http://127.0.0.1:{PORT}/api",
        PREFECT_SERVER_DATABASE_CONNECTION_URL=database,
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_LOGGING_LEVEL="ERROR",
        DO_NOT_TRACK="1",
    )
    command = [Path(sys.executable).parent / "prefect", "server", "start", "--port", str(PORT)]
    begun = time.perf_counter()
    with side.running(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        measures.until(lambda: measures.is_ready(f"http://127.0.0.1:{PORT}/api/health"), 300, "the server")
        cold = time.perf_counter() - begun
        idle = side.idle_mib([*server, options.postgres])
        known = {
            "cold_start_seconds": round(cold, 2),
            **runs(options.tasks, [os.getpid(), *server, options.postgres]),
            "idle_mib": idle,
            "settings": f"task.map in the caller's process, ThreadPoolTaskRunner of {CONCURRENCY},"
            " server on PostgreSQL",
        }
        # Each evaluation adds deployments to those of the evaluation before.
        known_so_far = dict(zip(side.WORKFLOWS, (0, *side.WORKFLOWS), strict=False))
        side.report(known, lambda count: evaluation(known_so_far[count], count))


def runs(tasks: int, roots: list[int]) -> dict[str, object]:
    """Measure the trigger of one task and the run of all; each ends when the server has every task as completed."""
    from prefect import flow, task
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, TaskRunFilter
    from prefect.task_runners import ThreadPoolTaskRunner

    @task
    def noop(unit: str) -> str:
        return unit

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=CONCURRENCY))
    def fan_out(units: list[str]) -> str:
        from prefect.runtime import flow_run

        noop.map(units).result()
        return str(flow_run.id)

    client = get_client(sync_client=True)

    def run(count: int) -> None:
        made = fan_out([str(unit) for unit in range(count)])

        def completed() -> bool:
            # States reach the database after the run, as events.
            wanted = TaskRunFilter(state={"type": {"any_": ["COMPLETED"]}})
            of_run = FlowRunFilter(id=FlowRunFilterId(any_=[made]))
            offset = found = 0
            while page := client.read_task_runs(
                task_run_filter=wanted, flow_run_filter=of_run, limit=200, offset=offset
            ):
                found += len(page)
                offset += 200
            return found >= count

        measures.until(completed, 600, f"{count} task runs")

    return {
        "trigger_ms": side.trigger_ms(lambda _: run(1)),
        **side.batch(lambda: run(tasks), tasks, roots),
    }


def evaluation(known: int, workflows: int) -> float:
    """Return the CPU of one iteration of the scheduler over so many hourly deployments, whose next runs are scheduled
    already."""
    command = [sys.executable, "-c", EVALUATION, str(known), str(workflows)]
    output = subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True)
    line = next(line for line in output.splitlines() if line.startswith("CPU "))
    return round(float(line.split()[1]), 2)


if __name__ == "__main__":
    main()
