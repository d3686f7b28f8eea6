"""procrastinate: jobs in PostgreSQL, one worker that handles eight at a time; the row of a job is its log."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import LiteralString

import procrastinate
import psycopg
from procrastinate import periodic

from bench import measures
from bench.peers import side

CONCURRENCY = 8
SUCCEEDED = "SELECT COUNT(*) FROM procrastinate_jobs WHERE status = 'succeeded'"
# LISTEN is the last statement of the connection on which a worker waits for jobs: from then on it takes them at once.
LISTENING = """
SELECT COUNT(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%LISTEN %' AND state = 'idle'
"""


def make_app(database: str) -> procrastinate.App:
    """Return the application with its one task, for this process and for the worker."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database))

    @app.task(name="noop")
    def noop(unit: str) -> str:
        return unit

    return app


def work(database: str) -> None:
    """Run the worker, which listens for jobs and keeps each one's row."""
    app = make_app(database)

    async def run() -> None:
        async with app.open_async():
            await app.run_worker_async(concurrency=CONCURRENCY, delete_jobs="never")

    asyncio.run(run())


def main() -> None:
    """Measure and print."""
    options = side.arguments()
    app = make_app(options.database)
    with app.open(), psycopg.connect(options.database, autocommit=True) as connection:
        app.schema_manager.apply_schema()

        def count(query: LiteralString) -> int:
            row = connection.execute(query).fetchone()
            return int(row[0]) if row else 0

        def run(units: int, what: str) -> None:
            wanted = count(SUCCEEDED) + units
            app.tasks["noop"].batch_defer(*({"unit": str(unit)} for unit in range(units)))
            measures.until(lambda: count(SUCCEEDED) >= wanted, 600, what)

        code = f"from bench.peers import procrastinate_peer\nprocrastinate_peer.work({options.database!r})"
        begun = time.perf_counter()
        with side.running([sys.executable, "-c", code]) as worker:
            measures.until(lambda: count(LISTENING) > 0, 300, "the worker")
            cold = time.perf_counter() - begun
            idle = side.idle_mib([*worker, options.postgres])
            roots = [os.getpid(), *worker, options.postgres]
            known = {
                "cold_start_seconds": round(cold, 2),
                "trigger_ms": side.trigger_ms(lambda _: run(1, "one job")),
                **side.batch(lambda: run(options.tasks, "all jobs"), options.tasks, roots),
                "idle_mib": idle,
                "settings": f"one worker, concurrency {CONCURRENCY}, deferred in one batch, rows of jobs kept",
            }
            side.report(known, lambda workflows: evaluation(options.database, workflows))


def evaluation(database: str, workflows: int) -> float:
    """Return the CPU of one iteration over so many hourly tasks; none is due."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database))
    for number in range(workflows):
        app.periodic(cron="0 * * * *")(app.task(name=f"periodic-{number}")(lambda timestamp: timestamp))
    deferrer = periodic.PeriodicDeferrer(registry=app.periodic_registry)
    now = time.time()
    list(deferrer.get_previous_tasks(now))

    async def look() -> None:
        async with app.open_async():
            return await deferrer.defer_jobs(deferrer.get_previous_tasks(now + 1))

    before = time.process_time()
    asyncio.run(look())
    return round((time.process_time() - before) * 1e3, 2)


if __name__ == "__main__":
    main()
