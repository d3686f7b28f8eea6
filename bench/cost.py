"""Cost of a month on Google Cloud, from published prices and the work of an execution.

    python -m bench.cost [--executions 20000 10000000] [--json]

Prices are USD of us-central1, as published in November 2026; each names its page. Operations of Cloud Storage and the
tables that queries read are counted as the services' handlers run a day (operations.py). Durations and sizes marked as
assumed are not measured on Google Cloud, and the monitor's time on Cloud Run is left out. The month is the
one after a first year: payloads are never deleted, so that each further year adds to the cost. Cloud Composer's
smallest environment is listed for comparison; it schedules and runs nothing by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.buckets import PAGE
from bench.command import Figures, run
from bench.operations import CLASS_A, CLASS_B, Operations, count_operations
from bench.scans import scans_of_a_watch
from tipoff_cli.checkout import SERVICES as SERVICES_FILE
from tipoff_cli.checkout import TICKS
from tipoff_common.service_map import load_services
from tipoff_common.ticks import load_ticks

DAYS = 30.4
MONTH_SECONDS = DAYS * 24 * 3600
KB, MB, GIB, TIB = 1_000, 1_000_000, 1024**3, 1024**4
COMPOSER_USD = (300, 400)
"""Composer's smallest environment for a whole month, https://cloud.google.com/composer/pricing"""


@dataclass(frozen=True)
class Price:
    """USD per unit beyond the free amount of each month."""

    usd: float
    free: float = 0.0

    def of(self, amount: float) -> float:
        """Return the price of an amount, less the free amount."""
        return max(0.0, amount - self.free) * self.usd


# https://cloud.google.com/pubsub/pricing: by bytes published and bytes delivered, 1,000 a message at least
PUBSUB_BYTE = Price(40 / TIB, 10 * GIB)
MESSAGE_MINIMUM = 1_000
# https://cloud.google.com/run/pricing: tier 1, CPU during requests only
RUN_VCPU_SECOND = Price(0.000024, 180_000)
RUN_GIB_SECOND = Price(0.0000025, 360_000)
RUN_REQUEST = Price(0.40 / 1e6, 2e6)
# https://cloud.google.com/storage/pricing: standard, one region
STORAGE_GB = Price(0.020, 5)
STORAGE_CLASS_A = Price(0.005 / 1_000, 5_000)
STORAGE_CLASS_B = Price(0.0004 / 1_000, 50_000)
# Nearline; the move of an object by a lifecycle rule is an operation of the target class
NEARLINE_GB = Price(0.010)
NEARLINE_CLASS_A = Price(0.01 / 1_000)
# https://cloud.google.com/bigquery/pricing: insertAll counts a row as 1 KiB at least (docs/adr/0011); a query as 10 MB
# for each table that it references
BIGQUERY_INSERT_BYTE = Price(0.05 / GIB)
BIGQUERY_QUERY_BYTE = Price(6.25 / TIB, 1 * TIB)
BIGQUERY_STORED_GIB = Price(0.02, 10)
ROW_MINIMUM, SCAN_MINIMUM = 1_024, 10 * MB
# https://cloud.google.com/scheduler/pricing
SCHEDULER_JOB = Price(0.10, 3)
# https://cloud.google.com/stackdriver/pricing
LOGGING_GIB = Price(0.50, 50)
# https://cloud.google.com/artifact-registry/pricing
REGISTRY_GB = Price(0.10, 0.5)

DELIVERIES = {
    "scrape.requested": 1,
    "scrape.executed": 2,  # logger, controller
    "file.landed": 1,  # Phase 2
    "file.processed": 1,
    "workflow.decided": 1,  # assumed: one decision an execution; those of manual runs go to the controller too
}
ROWS = ("scraper_execution_log", "workflow_decisions", "file_receipts")

EVALUATION_MINUTES, WATCH_MINUTES = 15, 5
JOBS = len(load_ticks(TICKS))
TICK_DAYS, WATCH_DAYS = 2, 7  # assumed: rules look back a day or a month, most of them two days
QUERIED_ROW_BYTES = 300  # assumed: of the columns that these read
MESSAGE_BYTES = 1_300  # measured: an execution with its attributes (push_load.execution); others are smaller
PAYLOAD_BYTES = 100 * KB  # assumed: raw payload and records
PAYLOAD_OBJECTS = 2  # raw payload and records; the journal's entry is deleted before it would be moved
STANDARD_DAYS, STORED_DAYS = 90, 365  # infra/terraform/platform/storage.tf: then Nearline, without an end
ROW_DAYS = 90
LOG_BYTES = 1_500  # assumed: Cloud Run's own line for a request
IMAGE_GB = 0.1 * len(load_services(SERVICES_FILE)) * 20  # assumed: 100 MB, 20 versions of each


@dataclass(frozen=True)
class PricedService:
    """Load of one service for each execution."""

    requests: float
    """Pushes for each execution."""
    seconds: float
    """The seconds that each push takes."""
    concurrency: int
    gib: float
    """Memory of an instance, in GiB."""

    def active_seconds(self, executions: float) -> float:
        """Return the billed seconds of instances: those with a request under way, when requests arrive at random
        (M/G/infinity: busy with probability 1 - exp(-load)). Cloud Run adds instances at 60% of the concurrency."""
        load = executions * self.requests * self.seconds / MONTH_SECONDS
        instances = max(1, math.ceil(load / (0.6 * self.concurrency)))
        return MONTH_SECONDS * instances * (1 - math.exp(-load / instances))


SERVICES: Mapping[str, PricedService] = {
    # assumed: a source's response time and its rate limit
    "scraper-runner": PricedService(1, 3.0, 8, 1.0),
    # assumed: the group gathers, then one call to Cloud Storage
    "controller": PricedService(1, 0.25, 80, 1.0),
    # assumed: the batch gathers, then one append
    "logger": PricedService(3, 0.25, 80, 1.0),
}
STARTS_EACH_TICK, START_SECONDS = 3, 3.0  # bench/cold_start.py, doubled for Cloud Run


@dataclass(frozen=True)
class Month:
    """USD by product."""

    pubsub: float
    cloud_run: float
    storage: float
    bigquery: float
    monitor: float
    """The monitor's queries, priced after those of ticks, which use the free amount first."""
    scheduler: float
    logging: float
    registry: float

    @property
    def total(self) -> float:
        """The sum of all parts, in USD."""
        return math.fsum(asdict(self).values())


def month(executions: float, operations: Operations) -> Month:
    """Price a month with so many executions."""
    ticks, watches = DAYS * 24 * 60 / EVALUATION_MINUTES, DAYS * 24 * 60 / WATCH_MINUTES
    of_ticks = ticks / operations.ticks * scanned(operations.scans, executions, TICK_DAYS)
    of_watches = watches * scanned(scans_of_a_watch(), executions, WATCH_DAYS)
    requests = executions * sum(service.requests for service in SERVICES.values()) + 2 * ticks
    return Month(
        pubsub=PUBSUB_BYTE.of(pubsub_bytes(executions)),
        cloud_run=cloud_run(executions, ticks, requests),
        storage=STORAGE_CLASS_A.of(class_a(executions, ticks, operations))
        + STORAGE_CLASS_B.of(
            executions * operations.of_an_execution(CLASS_B) + ticks * operations.of_a_tick(CLASS_B)
        )
        + payloads(executions),
        bigquery=rows(executions) + BIGQUERY_QUERY_BYTE.of(of_ticks),
        monitor=BIGQUERY_QUERY_BYTE.of(of_ticks + of_watches) - BIGQUERY_QUERY_BYTE.of(of_ticks),
        scheduler=SCHEDULER_JOB.of(JOBS),
        logging=LOGGING_GIB.of(requests * LOG_BYTES / GIB),
        registry=REGISTRY_GB.of(IMAGE_GB),
    )


def pubsub_bytes(executions: float) -> float:
    """Return the billed bytes: each message once when published, and again for each delivery."""
    messages = len(DELIVERIES) + sum(DELIVERIES.values())
    return executions * messages * max(MESSAGE_BYTES, MESSAGE_MINIMUM)


def class_a(executions: float, ticks: float, operations: Operations) -> float:
    """Count the writes and lists of executions and ticks, with a further list for each 1,000 names that a tick
    lists."""
    pages = executions / DAYS * operations.listed_for_an_execution / PAGE
    return executions * operations.of_an_execution(CLASS_A) + ticks * (operations.of_a_tick(CLASS_A) + pages)


def payloads(executions: float) -> float:
    """Price the storage of a year's payloads for a month, and the move to Nearline of those that become old enough."""
    gb_a_day = executions / DAYS * PAYLOAD_BYTES / 1e9
    return (
        STORAGE_GB.of(gb_a_day * STANDARD_DAYS)
        + NEARLINE_GB.of(gb_a_day * (STORED_DAYS - STANDARD_DAYS))
        + NEARLINE_CLASS_A.of(executions * PAYLOAD_OBJECTS)
    )


def cloud_run(executions: float, ticks: float, requests: float) -> float:
    """Price the instances' CPU, memory and requests."""
    starts = ticks * STARTS_EACH_TICK * START_SECONDS
    seconds = {name: service.active_seconds(executions) for name, service in SERVICES.items()}
    memory = sum(SERVICES[name].gib * active for name, active in seconds.items())
    return (
        RUN_VCPU_SECOND.of(sum(seconds.values()) + starts)
        + RUN_GIB_SECOND.of(memory + starts)
        + RUN_REQUEST.of(requests)
    )


def rows(executions: float) -> float:
    """Price rows written and stored."""
    written = executions * len(ROWS) * max(MESSAGE_BYTES, ROW_MINIMUM)
    return BIGQUERY_INSERT_BYTE.of(written) + BIGQUERY_STORED_GIB.of(written * ROW_DAYS / DAYS / GIB)


def scanned(scans: Mapping[str, int], executions: float, days: float) -> float:
    """Return the bytes that queries are paid for which read these tables so often, over the rows of so many days."""
    grown = max(SCAN_MINIMUM, executions / DAYS * days * QUERIED_ROW_BYTES)
    return sum(count * (grown if table in ROWS else SCAN_MINIMUM) for table, count in scans.items())


def counted(operations: Operations) -> dict[str, Any]:
    """Return the operations of Cloud Storage and the tables read, from which the prices are computed."""
    return {
        "counted over": f"{operations.executions} executions of one day",
        **{
            f"{name} operations": {
                "an execution": round(operations.of_an_execution(kind), 2),
                "by caller": {who: round(count, 2) for who, count in operations.by_caller(kind).items()},
                "a tick": operations.of_a_tick(kind),
            }
            for name, kind in (("class A", CLASS_A), ("class B", CLASS_B))
        },
        "tables that queries read": {
            "a tick": round(operations.scans.total() / operations.ticks, 2),
            "a watch": scans_of_a_watch().total(),
        },
        "names that a tick lists for an execution of the day": round(operations.listed_for_an_execution, 1),
    }


def main(executions: Sequence[int] = (20_000, 10_000_000)) -> Figures:
    """Price months of so many executions."""
    if min(executions) < 1:
        raise SystemExit("--executions: at least 1")
    operations, months = count_operations(), {}
    for number in executions:
        priced = month(number, operations)
        parts = {**asdict(priced), "total": priced.total, "a_thousand": priced.total / number * 1_000}
        months[number] = {name: round(usd, 3) for name, usd in parts.items()}
    composer = "{} to {}, before it runs anything".format(*COMPOSER_USD)
    return {
        "USD a month": months,
        "Cloud Composer's smallest environment": composer,
        "counted": counted(operations),
    }


if __name__ == "__main__":
    run(main)
