"""Dagster: a job of mapped ops with its runs, events and schedules in PostgreSQL, executed in the caller's process.

The caller's process favours Dagster: the daemon would start a process for each run.
"""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon import controller  # noqa: F401  # first: it has an import cycle with the scheduler's module
from dagster._scheduler.scheduler import launch_scheduled_runs

from bench import measures
from bench.peers import side

PORT = 13_000


@dg.op(out=dg.DynamicOut(str), config_schema={"units": int})
def units(context: dg.OpExecutionContext):
    """Yield as many outputs as the run's configuration states."""
    for unit in range(context.op_config["units"]):
        yield dg.DynamicOutput(str(unit), mapping_key=f"unit_{unit}")


@dg.op
def noop(unit: str) -> str:
    """Return one record without a request."""
    return unit


@dg.job(executor_def=dg.in_process_executor)
def fan_out() -> None:
    """Fan out into an op for each unit."""
    units().map(noop)


def main() -> None:
    """Measure and print."""
    options = side.arguments()
    home: Path = options.folder
    (home / "dagster.yaml").write_text(
        "storage:\n  postgres:\n    postgres_url: "
        f"{options.database.replace('postgresql:', 'postgresql+psycopg2:')}\ntelemetry:\n  enabled: false\n"
    )
    os.environ["DAGSTER_HOME"] = str(home)
    logging.disable(logging.INFO)
    instance = dg.DagsterInstance.get()

    def run(count: int) -> None:
        result = fan_out.execute_in_process(
            run_config={"ops": {"units": {"config": {"units": count}}}},
            instance=instance,
            raise_on_error=True,
        )
        done = list(instance.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS))
        if len(done) != count + 1:
            raise SystemExit(f"{len(done)} of {count + 1} steps are in the event log")

    known = {
        "trigger_ms": side.trigger_ms(lambda _: run(1)),
        **side.batch(lambda: run(options.tasks), options.tasks, [os.getpid(), options.postgres]),
        **services(home, options.postgres),
        "settings": "dynamic outputs, in-process executor in the caller's process, PostgreSQL storage; idle and cold:"
        " webserver and daemon",
    }
    side.report(known, lambda count: evaluation(instance, home, count))


def evaluation(instance: dg.DagsterInstance, home: Path, workflows: int) -> float:
    """Return the CPU of one iteration of the schedule daemon over so many hourly schedules; none is due."""
    code = home / f"schedules_{workflows}.py"
    code.write_text(
        "import dagster as dg\n@dg.op\ndef noop(): ...\n"
        "def job(n):\n    @dg.job(name=f'job_{n}')\n    def made(): noop()\n    return made\n"
        f"jobs = [job(n) for n in range({workflows})]\n"
        "defs = dg.Definitions(jobs=jobs, schedules=[dg.ScheduleDefinition(name=f'hourly_{n}', job=made,"
        " cron_schedule='0 * * * *', default_status=dg.DefaultScheduleStatus.RUNNING)"
        " for n, made in enumerate(jobs)])\n"
    )
    target = PythonFileTarget(str(code), attribute=None, working_directory=None, location_name=code.stem)
    logger = logging.getLogger("schedules")
    iterations: dict[str, object] = {}
    with create_test_daemon_workspace_context(target, instance) as context:

        def look() -> None:
            now = dg._time.get_current_datetime()
            for _ in launch_scheduled_runs(context, logger, now, iterations):
                pass

        look()  # records that the schedules are running
        before = time.process_time()
        look()
        return round((time.process_time() - before) * 1e3, 2)


def services(home: Path, postgres: int) -> dict[str, float]:
    """Measure the seconds until webserver and daemon are ready, and their memory with PostgreSQL's when idle."""
    code, binaries = home / "fan_out_code.py", Path(sys.executable).parent
    code.write_text("import dagster as dg\ndefs = dg.Definitions()\n")
    commands = (
        [binaries / "dagster-webserver", "-p", str(PORT), "-f", code],
        [binaries / "dagster-daemon", "run", "-f", code],
    )
    begun = time.perf_counter()
    with side.running(*commands, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home) as roots:
        measures.until(
            lambda: measures.is_ready(f"http://127.0.0.1:{PORT}/server_info"), 300, "the webserver"
        )
        cold = time.perf_counter() - begun
        return {"cold_start_seconds": round(cold, 2), "idle_mib": side.idle_mib([*roots, postgres])}


if __name__ == "__main__":
    main()
