"""Airflow: a DAG of mapped tasks, LocalExecutor, PostgreSQL; API server, scheduler and DAG processor run.

Runs are triggered over the REST interface, as a user would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg2

from bench import measures
from bench.peers import side

PORT = 18_080
PARALLELISM = 8
DAG = """
from airflow.sdk import dag, task

def make(name, count):
    @dag(dag_id=name, schedule=None, max_active_tasks={parallelism})
    def made():
        @task(retries=5, retry_delay=1)
        def units():
            return [str(unit) for unit in range(count)]
        @task(retries=5, retry_delay=1)
        def noop(unit):
            return unit
        noop.expand(unit=units())
    made()

make("fan_1", 1)
make("fan_{tasks}", {tasks})
"""
HOURLY = """
from datetime import datetime, timezone
from airflow.sdk import dag, task

for number in range({workflows}):
    @dag(dag_id=f"hourly_{{number}}", schedule="0 * * * *", catchup=False,
         start_date=datetime(2099, 1, 1, tzinfo=timezone.utc))
    def hourly():
        @task
        def noop():
            pass
        noop()
    hourly()
"""
ROUNDS = (3, 103)
"""Rounds of two schedulers, whose difference in CPU is the cost of the additional rounds. There are so many because a
scheduler's start takes about ten seconds of CPU, which vary."""
PAUSE_SECONDS = "0.1"
"""Pause after a round without work; Airflow's default is a second."""


def main() -> None:
    """Measure and print."""
    options = side.arguments()
    dags: Path = options.folder / "dags"
    dags.mkdir()
    (dags / "fan_out.py").write_text(DAG.format(parallelism=PARALLELISM, tasks=options.tasks))
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(options.folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(PARALLELISM),
        "AIRFLOW__CORE__MAX_MAP_LENGTH": "10000",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{PORT}/execution/",
        "AIRFLOW__API__PORT": str(PORT),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "bench-bench-bench-bench-bench-bench-bench-bench-bench-bench-bench",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": options.database.replace(
            "postgresql://", "postgresql+psycopg2://"
        ),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    airflow = Path(sys.executable).parent / "airflow"
    subprocess.run([airflow, "db", "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
    connection = psycopg2.connect(options.database)
    connection.autocommit = True
    commands = (["api-server", "--port", str(PORT)], ["scheduler"], ["dag-processor"])
    begun = time.perf_counter()
    with (
        (options.folder / "output").open("wb") as log,
        side.running(
            *([airflow, *command] for command in commands), env=environment, stdout=log, stderr=log
        ) as roots,
    ):
        measures.until(lambda: _ready(connection), 600, "API server, scheduler and the DAGs")
        cold = time.perf_counter() - begun
        idle = side.idle_mib([*roots, options.postgres])
        run = partial(_run, connection, _token())
        known = {
            "cold_start_seconds": round(cold, 2),
            "trigger_ms": side.trigger_ms(lambda _: run(1), 3),
            **side.batch(lambda: run(options.tasks), options.tasks, [os.getpid(), *roots, options.postgres]),
            "idle_mib": idle,
            "settings": f"LocalExecutor, parallelism {PARALLELISM}, one API worker, mapped tasks, PostgreSQL",
        }
    side.report(known, lambda count: evaluation(count, dags, environment, airflow))


def evaluation(workflows: int, dags: Path, environment: dict[str, str], airflow: Path) -> float:
    """Return the CPU of one round of the scheduler over so many hourly DAGs that begin later, without their parsing."""
    (dags / "hourly.py").write_text(HOURLY.format(workflows=workflows))
    paced = {**environment, "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": PAUSE_SECONDS}
    quiet = {"env": paced, "check": True, "capture_output": True, "text": True}
    subprocess.run([airflow, "dags", "reserialize"], **quiet)
    spent = []
    for rounds in ROUNDS:
        before = measures.cpu_seconds_of_children()
        subprocess.run([airflow, "scheduler", "--num-runs", str(rounds)], **quiet)
        spent.append(measures.cpu_seconds_of_children() - before)
    return round((spent[1] - spent[0]) / (ROUNDS[1] - ROUNDS[0]) * 1e3, 2)


def _ready(connection: psycopg2.extensions.connection) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{PORT}/api/v2/monitor/health", timeout=10) as answer:
            health = json.load(answer)
    except OSError:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM serialized_dag")
        return health["scheduler"]["status"] == "healthy" and cursor.fetchone()[0] >= 2


def _token() -> str:
    with urlopen(f"http://127.0.0.1:{PORT}/auth/token", timeout=30) as answer:
        return str(json.load(answer)["access_token"])


def _run(connection: psycopg2.extensions.connection, token: str, units: int) -> None:
    """Trigger a run of so many units and wait until it is recorded as a success."""
    request = Request(
        f"http://127.0.0.1:{PORT}/api/v2/dags/fan_{units}/dagRuns",
        json.dumps({"logical_date": None}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=60) as answer:  # noqa: S310  # our own server on loopback
        run_id = json.load(answer)["dag_run_id"]

    def recorded() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT state FROM dag_run WHERE dag_id = %s AND run_id = %s", (f"fan_{units}", run_id)
            )
            state = cursor.fetchone()[0]
        if state == "failed":
            raise SystemExit(f"the run of {units} failed")
        return bool(state == "success")

    measures.until(recorded, 1_800, f"a run of {units}")


if __name__ == "__main__":
    main()
