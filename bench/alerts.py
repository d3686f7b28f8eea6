"""Messages of the monitor over a season with faults in it, and the cost of one watch.

    python -m bench.alerts [--seeds 3 4] [--rows 1000000] [--no-season] [--no-cost] [--json]

The season is the one of bench/alert_season.py: rows of five weeks and more in the embedded warehouse, with each fault
once, at random instants, and a week without faults at the end. The rows pass every step of a watch every five minutes:
the statement of all rules, the day's verdict and the state machine. Tune rules with --seeds 1; report other seeds.

Queries every five minutes would take days. The bench queries the warehouse at the edges of each fault, at growing
distances within and after the fault, and every twelve hours otherwise. When a rule starts to hold between two queries,
a search finds its first watch, down to five minutes; the same search finds the last watch of a rule with a `for`. A
watch between two queries uses the result of the earlier query. Conditions that start and end between two queries
therefore stay unseen; other ends, and further subjects of a rule that holds already, are seen late.

faults: faults that must be reported. told: faults with a message that named a cause in time, counted from the first
request that a source's fault could spoil. false_critical: CRITICAL messages that no fault explains.
messages_per_cause: first words over the faults told. A first word reports a new incident; worse (a reported incident
with a higher severity), escalations, reminders and ends are counted beside them, and left counts the incidents that an
end lists as still open. precision: messages that a fault explains, of all without ends. recall: told over faults.
minutes_to_tell: from the instant at which a cause's new rows had held for its rule's `for`, to the message.
minutes_from_fault: from the fault itself; much of this time is the rule's wait for expected rows. quiet_week: messages
in the week without a fault. strays: messages that no fault explains.

The cost covers the two jobs of one watch, with the rows of bench/views.py: the first run, when the statements are new
to the warehouse, and the median of the next.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from enum import StrEnum
from typing import Any

from bench.alert_season import ENVIRONMENT, EXPLAINS, Injected, Made, Written, make
from bench.command import Figures, run
from bench.embedded import embedded_warehouse
from bench.measures import cpu_seconds
from tipoff_cli.checkout import ALERTS, REPOSITORY
from tipoff_common.adapters import bigquery
from tipoff_common.clock import EASTERN, business_date, floor_to, local_instant
from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_common.ports import Parameter, Warehouse
from tipoff_monitor.alert_routes import channels_for
from tipoff_monitor.changes import Watch
from tipoff_monitor.conditions import Condition, batch_query, find_conditions
from tipoff_monitor.incidents import Memory
from tipoff_monitor.loading import RuleBook, load_rules
from tipoff_monitor.machine import watch
from tipoff_monitor.rules import CANNOT_JUDGE, OUTAGE
from tipoff_planning.alerts import Incident
from tipoff_planning.expectations import read_expectations
from tipoff_planning.verdict import judge_day

TICK = timedelta(minutes=5)
WIDE, AFTERWARDS = timedelta(hours=12), timedelta(hours=6)
GAPS = tuple(timedelta(hours=hours) for hours in (1, 3, 9, 27, 54, 81))
Answers = Mapping[datetime, tuple[Condition, ...]]


def load_book() -> RuleBook:
    """Load the shipped rules."""
    return load_rules(ALERTS, REPOSITORY / "queries")


@dataclass
class WatchQueries:
    """The queries of a watch over the rows that are written by its instant."""

    made: Made
    book: RuleBook
    warehouse: Warehouse
    written: int = 0
    asked: int = 0

    def ask(self, at: datetime) -> tuple[Condition, ...]:
        """Return the conditions that hold at an instant."""
        self._write(at)
        self.asked += 1
        configuration, day = self.made.configuration, business_date(at)
        given: dict[str, Parameter] = {
            "as_of": at,
            "environment": ENVIRONMENT,
            "version": self.made.injections.version(at),
            "config_hash": configuration.hash,
        }
        rows = list(self.warehouse.query(*batch_query(self.book, given)))
        expected = read_expectations(
            self.warehouse,
            ENVIRONMENT,
            day,
            at,
            midnight=local_instant(day, clock_time()),
            with_known_since=False,
        )
        verdict = judge_day(expected)
        levels = {name: workflow.alert_level for name, workflow in configuration.workflows.items()}
        return find_conditions(rows, verdict, self.book, levels, configuration.catalog.sources)

    def _write(self, until: datetime) -> None:
        """Append the rows that are written by an instant."""
        waiting: dict[str, list[Written]] = {}
        while self.written < len(self.made.rows) and self.made.rows[self.written].at <= until:
            item = self.made.rows[self.written]
            waiting.setdefault(item.table, []).append(item)
            self.written += 1
        for table, items in waiting.items():
            for start in range(0, len(items), 500):
                some = items[start : start + 500]
                self.warehouse.append(table, [it.row for it in some], [it.id for it in some])


def points(made: Made) -> Sequence[datetime]:
    """Return the instants at which the warehouse is always queried."""
    end = made.injections.end
    found = {made.start + number * WIDE for number in range((end - made.start) // WIDE + 1)} | {end}
    for it in made.injections.faults:
        for edge, until in ((it.begins, it.ends), (it.ends, it.ends + AFTERWARDS)):
            # Query the edge and the next watch, with no search between: rows that a logger held back come at once.
            found |= {floor_to(edge, 5), floor_to(edge, 5) + TICK}
            found |= {floor_to(edge + gap, 5) for gap in GAPS if edge + gap < until}
    return sorted(it for it in found if made.start <= it <= end)


def answers_of(made: Made, queries: WatchQueries) -> Answers:
    """Query the warehouse at `points`, and between them until the first watch of each rule is found."""
    found: dict[datetime, tuple[Condition, ...]] = {}

    def between(first: datetime, last: datetime) -> None:
        """Search for the first watches of rules between two answers."""
        if last - first <= TICK or not _is_news(found[first], found[last], queries.book):
            return
        middle = floor_to(first + (last - first) / 2, 5)
        if not first < middle < last:
            return
        found[middle] = queries.ask(middle)
        between(first, middle)
        between(middle, last)

    before: datetime | None = None
    for at in points(made):
        found[at] = queries.ask(at)
        if before is not None:
            between(before, at)
        before = at
    return found


def _is_news(before: Sequence[Condition], after: Sequence[Condition], book: RuleBook) -> bool:
    """Return whether a rule is new or more severe, or a rule with a `for` ended."""

    def looks(conditions: Sequence[Condition]) -> set[tuple[object, ...]]:
        """Return the properties that distinguish a rule's first watch from the next."""
        return {(it.rule, it.severity, it.trouble, _is_grown(it, book)) for it in conditions}

    # If its end were seen late, a rule with a `for` would hold for long enough to send a message.
    waits = {name for name, rule in book.rules.items() if rule.for_}
    ended = {it.rule for it in before} - {it.rule for it in after}
    return not looks(after) <= looks(before) or bool(ended & waits)


def _is_grown(item: Condition, book: RuleBook) -> bool:
    """Return whether the value of a condition makes its rule escalate."""
    escalate = book.rules[item.rule].escalate
    return bool(escalate and escalate.value and item.value is not None and item.value >= escalate.value)


class MessageKind(StrEnum):
    """The kinds of messages to operators."""

    FIRST = "first words"
    WORSE = "worse"
    ESCALATION = "escalations"
    REMINDER = "reminders"
    END = "ends"


@dataclass
class Heard:
    """The messages of a season."""

    told: dict[str, datetime] = field(default_factory=dict)
    """Time of the first message about each fault, by the fault's name."""
    words: Counter[MessageKind] = field(default_factory=Counter)
    """Number of messages by kind."""
    left: int = 0
    explained: int = 0
    firsts: int = 0
    false_critical: int = 0
    quiet_week: int = 0
    strays: list[str] = field(default_factory=list)

    @property
    def all(self) -> int:
        """Count the messages."""
        return self.explained + len(self.strays)


def listen(made: Made, answers: Answers, book: RuleBook) -> Heard:
    """Run a watch every five minutes, and return its messages."""
    heard, memory, at = Heard(), Memory(), made.start
    standing: tuple[Condition, ...] = ()
    injections = made.injections
    while at <= injections.end:
        standing = answers.get(at, standing)
        if not injections.during("the monitor is off", at):
            blind = injections.during("the warehouse does not answer", at)
            before = memory.model_copy(update={"outbox": ()})
            memory = watch(before, Watch(book.file, ENVIRONMENT, at, at, None if blind else standing))
            for event in memory.outbox:
                # An event without a route is recorded, but no channel sends it.
                if event.notify and channels_for(event, book.file):
                    word = _word_of(event, before.incidents.get(f"{event.rule}/{event.about}"))
                    heard.words[word] += 1
                    left = event.context.get("left_count")
                    heard.left += left if isinstance(left, int) else 0
                    if word is not MessageKind.END:
                        _hear(heard, event, word, made, at)
        at += TICK
    return heard


def _word_of(event: AlertChanged, before: Incident | None) -> MessageKind:
    """Return the kind of a message. before: its incident before the watch."""
    if event.state is AlertState.RESOLVED:
        # The monitor reports its own outage only afterwards: this end is the first word.
        return MessageKind.FIRST if event.rule == OUTAGE else MessageKind.END
    if event.state is AlertState.ESCALATED and (before is None or before.state is not AlertState.ESCALATED):
        return MessageKind.ESCALATION
    if "known_by" in event.context:
        return MessageKind.WORSE
    fired, notified_at = (before.fired_at, before.notified_at) if before is not None else (None, None)
    if before is None or fired is None or notified_at is None or notified_at < fired:
        return MessageKind.FIRST
    return MessageKind.REMINDER if before.notified_severity is event.severity else MessageKind.WORSE


def _hear(heard: Heard, event: AlertChanged, word: MessageKind, made: Made, at: datetime) -> None:
    """Count a message, and record the faults that it reports."""
    heard.quiet_week += at >= made.injections.quiet_from
    if not any(it.explains(event.rule, at) for it in made.injections.faults):
        heard.strays.append(
            f"{at.astimezone(EASTERN):%m-%d %H:%M} {event.severity} {event.rule}/{event.about}"
        )
        heard.false_critical += event.severity is AlertLevel.CRITICAL
        return
    heard.explained += 1
    if word is MessageKind.FIRST:
        heard.firsts += 1
    listed = event.context.get("symptoms")
    rules = {
        event.rule,
        *(str(it.get("rule")) for it in (listed if isinstance(listed, list) else ()) if isinstance(it, dict)),
    }
    for it in made.injections.faults:
        if rules & it.fault.causes and it.begins <= at <= it.covered_by:
            heard.told.setdefault(it.fault.name, at)


def shown_at(it: Injected, answers: Answers, book: RuleBook) -> datetime | None:
    """Return the earliest possible time of a message: the rows of a cause had held for as long as its rule requires."""
    if OUTAGE in it.fault.causes:
        return it.ends
    if CANNOT_JUDGE in it.fault.causes:
        return it.begins + book.file.watch.cannot_judge_for
    found = []
    # Conditions that held before the fault do not report it.
    last = max((at for at in answers if at < it.begins), default=None)
    before = {condition.key for condition in answers[last]} if last is not None else set()
    for at in sorted(answers):
        if it.begins <= at < it.ends + EXPLAINS:
            for condition in answers[at]:
                if condition.rule in it.fault.causes and condition.key not in before:
                    rule = book.rules[condition.rule]
                    wait = book.file.watch.group_wait if rule.causes else timedelta()
                    found.append(at + max(rule.for_ or timedelta(), wait))
    return min(found, default=None)


def season(seed: int, warehouse: Warehouse) -> dict[str, Any]:
    """Return the figures of the season of a seed."""
    made, book = make(seed), load_book()
    queries = WatchQueries(made, book, warehouse)
    return judge(made, answers_of(made, queries), book, seed) | {"asked": queries.asked}


def judge(made: Made, answers: Answers, book: RuleBook, seed: int) -> dict[str, Any]:
    """Compare the messages with the faults."""
    heard = listen(made, answers, book)
    faults = [it for it in made.injections.faults if it.fault.causes]
    heard_of = [it for it in faults if it.fault.name in heard.told]
    late = {}
    for it in heard_of:
        shown = shown_at(it, answers, book)
        if shown is not None:
            late[it.fault.name] = max((heard.told[it.fault.name] - shown).total_seconds() / 60, 0.0)
    begun = {it.fault.name: (heard.told[it.fault.name] - it.begins).total_seconds() / 60 for it in heard_of}
    return {
        "seed": seed,
        "days": (made.injections.end - made.start).days,
        "faults": len(faults),
        "told": len(heard_of),
        "untold": sorted(it.fault.name for it in faults if it not in heard_of),
        "false_critical": heard.false_critical,
        "messages_per_cause": round(heard.firsts / max(len(heard_of), 1), 2),
        "words": {word.value: heard.words[word] for word in MessageKind} | {"left": heard.left},
        "precision": round(heard.explained / max(heard.all, 1), 3),
        "recall": round(len(heard_of) / len(faults), 3),
        "minutes_to_tell": _spread(late.values()),
        "minutes_from_fault": _spread(begun.values()),
        "by_fault": {name: round(minutes) for name, minutes in begun.items()},
        "quiet_week": heard.quiet_week,
        "strays": heard.strays,
        "messages": heard.all,
    }


def _spread(values: Collection[float]) -> dict[str, float]:
    """Return the median and the maximum of some minutes."""
    return {
        "median": round(statistics.median(values or [0.0]), 1),
        "max": round(max(values, default=0.0), 1),
    }


def cost(rows: int, runs: int) -> dict[str, Any]:
    """Measure the two jobs of one watch, in seconds of the clock and of the warehouse's processor."""
    book = load_book()
    given: dict[str, Parameter] = {"environment": "prod", "version": "1", "config_hash": "h"}
    with embedded_warehouse() as embedded:
        embedded.fill(rows)
        warehouse, seconds, processor = embedded.adapter(), [], []
        for _ in range(runs + 1):
            now = datetime.now(UTC)
            begun, before = time.perf_counter(), cpu_seconds(embedded.process)
            warehouse.query(*batch_query(book, {**given, "as_of": now}))
            read_expectations(warehouse, "prod", now.date(), now, midnight=now, with_known_since=False)
            seconds.append(time.perf_counter() - begun)
            processor.append(cpu_seconds(embedded.process) - before)
    return {
        "rows": rows,
        "first_watch_seconds": round(seconds[0], 2),
        "first_watch_cpu_seconds": round(processor[0], 2),
        "watch_seconds": round(statistics.median(seconds[1:]), 2),
        "watch_cpu_seconds": round(statistics.median(processor[1:]), 2),
    }


def main(
    seeds: Sequence[int] = (3, 4),
    rows: int = 1_000_000,
    runs: int = 3,
    no_season: bool = False,
    no_cost: bool = False,
) -> Figures:
    """Measure the messages of each season, and the cost of one watch."""
    # On a busy machine, the first translation of all rules exceeds the usual timeout.
    bigquery._TIMEOUT_SECONDS = 100.0
    figures: dict[str, Any] = {}
    for seed in () if no_season else seeds:
        with embedded_warehouse() as embedded:
            figures[f"seed {seed}"] = season(seed, embedded.adapter())
    return figures if no_cost else figures | cost(rows, runs)


if __name__ == "__main__":
    run(main)
