"""What people hear of a season with injected faults, and what one watch costs.

    python bench/alerts.py [--days 170] [--seed 2] [--rows 1000000] [--no-warehouse] [--json]

The faults of FAULTS are injected by a seed: each has a cause, symptoms that begin with it or a few watches later, and a
length. They are given to the state machine as the conditions that the rules' queries would return, with the rules of
config/alerts.yaml; that each query returns them for such rows is shown by the tests of the queries. Blips of a single
watch stand in for rows that come late. Tune rules with --seed 1; the result is that of another seed.

told: faults of which a message named the cause. false_critical: CRITICAL messages that no fault explains.
messages_per_cause: messages that something is wrong, reminders and escalations left out, over the faults told.
precision: messages that a fault explains, of all. minutes_to_tell: from when a rule's `for` was over to the message.
quiet_weeks: most messages in a week without a fault.

The cost is that of the two jobs of one watch on the embedded warehouse, with the rows of bench/views.py.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tipoff_common.events import AlertLevel, AlertState
from tipoff_monitor.conditions import Condition, batch_query
from tipoff_monitor.incidents import Memory
from tipoff_monitor.loading import RuleBook, load_rules
from tipoff_monitor.machine import Watch, watch

REPOSITORY = Path(__file__).parents[1]
START = datetime(2025, 10, 21, 4, tzinfo=UTC)
TICK = timedelta(minutes=5)
BLIPS_A_DAY = 2
PASSED = frozenset({AlertState.FIRING, AlertState.ESCALATED})


@dataclass(frozen=True)
class Fault:
    """A kind of fault: its cause and what follows from it, each as (rule, number of subjects, watches later)."""

    name: str
    cause: str
    hours: float
    symptoms: tuple[tuple[str, int, int], ...] = ()


# What happened in docs/explanation/incidents.md, and its like.
FAULTS = (
    Fault("the logger is down", "dataset-behind", 3,
          (("no-decisions", 1, 0), ("cleanup-silent", 1, 20), ("workflow-missing", 9, 12))),
    Fault("the controller is down", "no-decisions", 5, (("workflow-missing", 9, 6), ("schedule-not-locked", 1, 12))),
    Fault("the runner is down", "decisions-not-executed", 2, ()),
    Fault("a source is down", "workflow-failing", 6, (("scraper-failing", 1, 3), ("workflow-gave-up", 1, 1))),
    Fault("one bug in every scraper", "workflow-failing", 4, (("scraper-failing", 40, 3),)),
    Fault("a source blocks us", "scraper-failing", 20),
    Fault("a report never comes", "search-ended-in-vain", 5),
    Fault("Phase 2 is down", "phase2-behind", 8, (("files-missing", 1, 12),)),
    Fault("files are lost for good", "files-stuck", 30),
    Fault("cleanup is down", "cleanup-silent", 6),
    Fault("a storm of losses", "storm-guard", 3, (("files-missing", 1, 0),)),
    Fault("a source lost its records", "volume-unusual", 24),
    Fault("a source is silent", "source-silent", 48),
    Fault("the allowance runs out", "quota-low", 72, (("scraper-failing", 1, 40),)),
    Fault("poison arrives", "dead-letters", 2),
    Fault("half a deployment", "versions-differ", 3),
)  # fmt: skip


@dataclass(frozen=True)
class Injected:
    """A fault that happens. key: one for all of its conditions."""

    fault: Fault
    begins: datetime
    ends: datetime
    number: int

    def conditions(self, now: datetime, book: RuleBook) -> Iterator[Condition]:
        """Yield what is wrong at an instant: the cause first, its symptoms some ticks later."""
        if not self.begins <= now < self.ends:
            return
        for rule, count, later in ((self.fault.cause, 1, 0), *self.fault.symptoms):
            if now < self.begins + later * TICK:
                continue
            for index in range(count):
                about = f"f{self.number}.{index}" if count > 1 else f"f{self.number}"
                yield Condition(
                    rule, about, self.begins, book.rules[rule].severity, f"{self.fault.name}: {about}.",
                    float(count), f"w{self.number}", f"w{self.number}",
                )  # fmt: skip


def inject(days: int, luck: Random) -> list[Injected]:
    """Return each kind of fault four times, at instants of the seed's choice, none within two days of the other."""
    kinds = [fault for fault in FAULTS for _ in range(4)]
    luck.shuffle(kinds)
    gap = timedelta(days=days) / (len(kinds) + 1)
    found = []
    for number, fault in enumerate(kinds):
        begins = START + gap * number + timedelta(minutes=5 * luck.randrange(200))
        found.append(Injected(fault, begins, begins + timedelta(hours=fault.hours), number))
    return found


def season(days: int, seed: int) -> dict[str, Any]:
    """Simulate a season of watches; what people hear."""
    luck = Random(seed)  # noqa: S311  # luck, not a secret
    book = load_rules(REPOSITORY / "config/alerts.yaml", REPOSITORY / "queries")
    injected = inject(days, luck)
    held = [name for name, rule in book.rules.items() if rule.for_ is not None]
    memory, now = Memory(), START
    told: dict[int, datetime] = {}
    first = explained = false_critical = messages = 0
    stray_by_week: dict[int, int] = {}
    while now < START + timedelta(days=days):
        conditions = [it for one in injected for it in one.conditions(now, book)]
        if luck.random() < BLIPS_A_DAY / 288:
            name = luck.choice(held)
            conditions.append(Condition(name, "blip", now, book.rules[name].severity, "late rows."))
        before = memory.model_copy(update={"outbox": ()})
        memory = watch(before, Watch(book.file, "bench", now, now, tuple(conditions)))
        for event in memory.outbox:
            if not event.notify or event.state not in PASSED:
                continue
            messages += 1
            number = event.about.removeprefix("f").partition(".")[0]
            if not number.isdecimal():
                false_critical += event.severity is AlertLevel.CRITICAL
                week = (now - START).days // 7
                stray_by_week[week] = stray_by_week.get(week, 0) + 1
                continue
            explained += 1
            incident = memory.incidents[f"{event.rule}/{event.about}"]
            if event.state is AlertState.FIRING and incident.told_at == incident.fired_at == now:
                first += 1
            if event.rule == injected[int(number)].fault.cause:
                told.setdefault(int(number), now)
        now += TICK
    late = [
        (told[one.number] - one.begins - (book.rules[one.fault.cause].for_ or timedelta())).total_seconds()
        / 60
        for one in injected
        if one.number in told
    ]
    return {
        "faults": len(injected),
        "told": len(told),
        "untold": sorted({one.fault.name for one in injected if one.number not in told}),
        "false_critical": false_critical,
        "messages_per_cause": round(first / max(len(told), 1), 2),
        "precision": round(explained / max(messages, 1), 3),
        "minutes_to_tell": {"median": round(statistics.median(late), 1), "max": round(max(late), 1)},
        "quiet_weeks": max(stray_by_week.values(), default=0),
        "messages": messages,
    }


def cost(rows: int, runs: int) -> dict[str, Any]:
    """Measure the two jobs of one watch, in seconds of the clock and of the warehouse's processor."""
    import views
    from tipoff_common.adapters.bigquery import BigQueryWarehouse
    from tipoff_planning.expectations import read_expectations

    book = load_rules(REPOSITORY / "config/alerts.yaml", REPOSITORY / "queries")
    ports = views.free_port(), views.free_port()
    with tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder:
        processes = views.Processes(Path(folder))
        try:
            options = ("--port", str(ports[0]), "--grpc-port", str(ports[1]), "--project", views.PROJECT)
            program = views.Program("gcp_emulators.bigquery", options, {}, Path(folder))
            pid = processes.start("bigquery", program).process.pid
            url = f"http://{views.HOST}:{ports[0]}"
            client = views.embedded_client(url, views.PROJECT)
            views.wait_for(client)
            views.deploy(client, views.SCHEMAS)
            for statement in (views.EXECUTIONS, views.DECISIONS, views.SCHEDULE, views.SCANS):
                views.ask(client, statement, rows)
            os.environ["BIGQUERY_EMULATOR_HOST"] = url
            warehouse = BigQueryWarehouse(views.PROJECT, url)
            seconds, processor = [], []
            for _ in range(runs):
                now = datetime.now(UTC)
                begun, before = time.perf_counter(), views.cpu_seconds(pid)
                given = {"as_of": now, "environment": "prod", "version": "1", "config_hash": "h"}
                warehouse.query(*batch_query(book, given))
                read_expectations(warehouse, "prod", now.date(), now, midnight=now)
                seconds.append(time.perf_counter() - begun)
                processor.append(views.cpu_seconds(pid) - before)
        finally:
            processes.stop()
    return {
        "rows": rows,
        "watch_seconds": round(statistics.median(seconds), 2),
        "watch_cpu_seconds": round(statistics.median(processor), 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=170)
    parser.add_argument("--seed", type=int, default=2, help="1 is for tuning rules")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-warehouse", action="store_true", help="leave out what a watch costs")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    result = season(arguments.days, arguments.seed)
    if not arguments.no_warehouse:
        result |= cost(arguments.rows, arguments.runs)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:<22}{value}")


if __name__ == "__main__":
    main()
