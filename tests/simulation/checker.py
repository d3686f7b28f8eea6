"""The laws, checked on the event log alone.

The module imports neither services nor the simulation, except the log's own type: the state of a service is no
evidence. The same laws are checked on the log of real processes (tests/chaos).
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from tests.simulation.record import Entry, EventLog

Body = Mapping[str, Any]

DECIDED, LOCKED = "tipoff.workflow.decided.v1", "tipoff.schedule.locked.v1"
REQUESTED, EXECUTED = "tipoff.scrape.requested.v1", "tipoff.scrape.executed.v1"
LANDED, PROCESSED = "tipoff.file.landed.v1", "tipoff.file.processed.v1"
CLEANED, ALERTED = "tipoff.cleanup.completed.v1", "tipoff.alert.changed.v1"
TICKED = "tipoff.tick.fired.v1"
TABLE_OF = {
    DECIDED: "workflow_decisions",
    LOCKED: "daily_expected_schedule",
    EXECUTED: "scraper_execution_log",
    PROCESSED: "file_receipts",
    CLEANED: "cleanup_operations",
    ALERTED: "alert_events",
}
SYSTEM_RULES = frozenset({"no-decisions", "cannot-judge", "not-watching", "channel-failing"})
"""Rules about the whole system: a notice of one of them covers its consequences."""
MAX_CLOCK_DIFFERENCE = 400.0
"""Seconds by which the clocks of two processes may differ, and a little more."""
NOTICE_DELAY_SECONDS = 2400.0
"""Seconds after which every reader knows of a find: a paused monitor sends notices as old as its pause, and rows may be
visible late."""
_PER_WRITE = frozenset({"created_at", "added_later", "unknown_fields"})
"""Fields that may differ between two writes of one row."""


@dataclass(frozen=True)
class Violation:
    """A broken law, and the entries that prove it."""

    law: str
    message: str
    entries: tuple[Entry, ...] = ()

    def __str__(self) -> str:
        return "\n".join([f"{self.law}: {self.message}", *(f"    {entry}" for entry in self.entries)])


@dataclass
class Evidence:
    """The log, sorted as the laws read it."""

    log: EventLog
    _bodies: dict[str, Body] = field(default_factory=dict)

    @cached_property
    def published(self) -> Mapping[str, list[tuple[Entry, Body]]]:
        """Every publication by type, with its decoded event."""
        found: dict[str, list[tuple[Entry, Body]]] = defaultdict(list)
        for entry in self.log.of("publish"):
            found[entry["type"]].append((entry, self._body(entry["data"])))
        return found

    @cached_property
    def rows(self) -> Mapping[str, list[tuple[Entry, Body]]]:
        """Every appended row, by table."""
        found: dict[str, list[tuple[Entry, Body]]] = defaultdict(list)
        for entry in self.log.of("row"):
            found[entry["table"]].append((entry, entry["row"]))
        return found

    @cached_property
    def ids(self) -> Mapping[str, set[str]]:
        """The ids of all rows, by table."""
        return {table: {entry["row_id"] for entry, _ in rows} for table, rows in self.rows.items()}

    @cached_property
    def dead(self) -> str:
        """The details of the dead letters, as one text to search."""
        return "\n".join(str(row["detail"]) for _, row in self.rows.get("dead_letters", ()))

    @cached_property
    def files(self) -> Mapping[str, Entry]:
        """Files of records that were created, by path."""
        data = next(iter(self.log.of("begin")))["data"]
        return {
            f"gs://{data}/{entry['name']}": entry
            for entry in self.log.of("object")
            if entry["op"] == "create"
            and entry["won"]
            and entry["bucket"] == data
            and not entry["name"].startswith(("raw/", "journal/"))
        }

    @cached_property
    def end(self) -> float:
        """The last instant of the run."""
        return self.log.entries[-1].at

    def _body(self, data: str) -> Body:
        if data not in self._bodies:
            self._bodies[data] = json.loads(data)
        return self._bodies[data]


def check(log: EventLog) -> list[Violation]:
    """Return every breach of every law."""
    evidence = Evidence(log)
    return [Violation(law.__name__, message, entries) for law in LAWS for message, entries in law(evidence)]


Breach = tuple[str, tuple[Entry, ...]]


def nothing_is_lost(evidence: Evidence) -> Iterator[Breach]:
    """Every published event is in the dataset or among the dead letters, and every request was answered."""
    for end in evidence.log.of("end"):
        for subscription, event_type, event_id in end["open"]:
            yield f"{event_type} {event_id} is still on {subscription}", ()
    for event_type, table in TABLE_OF.items():
        row_ids = evidence.ids.get(table, set())
        reported: set[str] = set()
        for entry, body in evidence.published.get(event_type, ()):
            expected_ids = (
                [run["schedule_row_id"] for run in body["runs"]] if event_type == LOCKED else [entry["id"]]
            )
            missing = [name for name in expected_ids if name not in row_ids]
            if missing and entry["id"] not in evidence.dead and entry["id"] not in reported:
                reported.add(entry["id"])
                yield f"{event_type} has no row in {table}: {missing}", (entry,)
    answered = {body["request_id"] for _, body in evidence.published.get(EXECUTED, ())}
    for entry, body in _first_of_each(evidence.published.get(REQUESTED, ())):
        if body["request_id"] not in answered:
            yield f"request {body['request_id']} was never answered", (entry,)
    requested = {body["occurrence_id"] for _, body in evidence.published.get(REQUESTED, ())}
    for entry, body in _first_of_each(evidence.published.get(DECIDED, ())):
        if body["action"] == "RUN" and body["occurrence_id"] not in requested:
            yield f"RUN of {body['workflow_name']} was decided, and nothing requested", (entry,)


def nothing_is_doubled(evidence: Evidence) -> Iterator[Breach]:
    """Copies of a row are the same row; a request has one outcome; a change is notified once."""
    for table, rows in evidence.rows.items():
        first: dict[str, tuple[Entry, Body]] = {}
        for entry, row in rows:
            known, before = first.setdefault(entry["row_id"], (entry, row))
            if before is not row and _content(before) != _content(row):
                yield f"two rows of {table} are {entry['row_id']} and differ", (known, entry)
    outcomes: dict[str, dict[str, Entry]] = defaultdict(dict)
    for entry, body in evidence.published.get(EXECUTED, ()):
        if not body["data_summary"].get("presumed") and not body["recovery"]:
            outcomes[body["request_id"]].setdefault(entry["id"], entry)
    for request, found in outcomes.items():
        if len(found) > 1:
            yield f"request {request} has {len(found)} outcomes", tuple(found.values())
    notices: dict[tuple[str, str], Entry] = {}
    for entry in evidence.log.of("notice"):
        earlier = notices.setdefault((entry["event"], entry["channel"]), entry)
        if earlier is not entry and not _had_fault_between(evidence, earlier, entry):
            yield "people were told twice of one change, and nothing had gone wrong", (earlier, entry)


def nothing_is_invented(evidence: Evidence) -> Iterator[Breach]:
    """Every row, outcome and request has the event that caused it, and every success a document of the source."""
    for event_type, table in TABLE_OF.items():
        known = {
            name
            for entry, body in evidence.published.get(event_type, ())
            for name in (
                [run["schedule_row_id"] for run in body["runs"]] if event_type == LOCKED else [entry["id"]]
            )
        }
        for entry, _ in evidence.rows.get(table, ()):
            if entry["row_id"] not in known:
                yield f"row {entry['row_id']} of {table} is of no event", (entry,)
    requests = {body["request_id"] for _, body in evidence.published.get(REQUESTED, ())}
    decisions = {body["decision_id"] for _, body in evidence.published.get(DECIDED, ())}
    fetched: dict[tuple[str, bool], Entry] = {}
    for fetch in evidence.log.of("fetch"):
        fetched.setdefault((fetch["request"], fetch["found"]), fetch)
    for entry, body in evidence.published.get(REQUESTED, ()):
        if body["decision_id"] is not None and body["decision_id"] not in decisions:
            yield f"request {body['request_id']} is of no decision", (entry,)
    for entry, body in evidence.published.get(EXECUTED, ()):
        status = body["outcome"]["status"]
        if body["request_id"] not in requests:
            yield f"execution {body['execution_id']} is of no request", (entry,)
        if status == "success" and body["outcome"]["gcs_path"] not in evidence.files:
            yield f"the file of execution {body['execution_id']} does not exist", (entry,)
        if status == "success" and (body["request_id"], True) not in fetched:
            yield f"execution {body['execution_id']} found what its source did not give it", (entry,)
        if status == "no_data" and (body["request_id"], False) not in fetched:
            yield f"execution {body['execution_id']} says that nothing was there, and nobody looked", (entry,)
    for entry, body in evidence.published.get(LANDED, ()):
        if body["gcs_path"] not in evidence.files:
            yield f"{body['gcs_path']} was announced and does not exist", (entry,)


def one_outcome_an_occurrence(evidence: Evidence) -> Iterator[Breach]:
    """One decision begins an occurrence, a retry follows a failure, and a search ends with its find."""
    begun: dict[str, tuple[str, Entry]] = {}
    executions: dict[tuple[Any, ...], dict[str, Entry]] = defaultdict(dict)
    """The executions of each unit and attempt by status, in the order of the log."""
    requested: set[str] = set()
    for entry in evidence.log.of("publish"):
        body = evidence._body(entry["data"])
        if entry["type"] == EXECUTED:
            attempt = (*_unit(body, body["scraper_name"]), body["attempt"])
            executions[attempt].setdefault(body["outcome"]["status"], entry)
        if entry["type"] != REQUESTED or body["occurrence_id"] is None:
            continue
        known, first = begun.setdefault(body["occurrence_id"], (body["decision_id"], entry))
        if known != body["decision_id"]:
            yield f"two decisions began occurrence {body['occurrence_id']}", (first, entry)
        new = body["request_id"] not in requested
        requested.add(body["request_id"])
        before = executions[(*_unit(body, body["scraper"]), body["attempt"] - 1)]
        if new and body["attempt"] > 1 and not before:
            yield f"attempt {body['attempt']} of {body['scraper']} follows no attempt before it", (entry,)
        elif new and set(before) == {"success"}:
            yield (
                f"attempt {body['attempt']} of {body['scraper']} follows a success",
                (*before.values(), entry),
            )
    yield from _searches_after_find(evidence)


def no_fetch_twice_without_a_reason(evidence: Evidence) -> Iterator[Breach]:
    """A second fetch for one request follows a fault in the first."""
    last: dict[str, Entry] = {}
    for fetch in evidence.log.of("fetch"):
        before = last.get(fetch["request"])
        if before is not None and not _had_fault_between(evidence, before, fetch):
            yield f"{fetch['scraper']} was asked twice for one request", (before, fetch)
        last[fetch["request"]] = fetch


def no_file_without_receipt_or_finding(evidence: Evidence) -> Iterator[Breach]:
    """Every file was processed, or a row or dead letter reports that it was not."""
    received = {row["gcs_path"] for _, row in evidence.rows.get("file_receipts", ())}
    reported = {
        finding["gcs_path"]
        for _, row in evidence.rows.get("cleanup_operations", ())
        for finding in row["findings"]
    }
    for path, entry in evidence.files.items():
        if path not in received and path not in reported:
            yield f"{path} has neither a receipt nor a finding", (entry,)


def no_id_with_two_contents(evidence: Evidence) -> Iterator[Breach]:
    """An id is a function of content, for every publisher and publication."""
    first: dict[tuple[str, str], Entry] = {}
    for entry in evidence.log.of("publish"):
        # Ticks have fixed content and no id of their own: Pub/Sub assigns one.
        if entry["type"] == TICKED:
            continue
        known = first.setdefault((entry["type"], entry["id"]), entry)
        if known["digest"] != entry["digest"]:
            yield f"{entry['type']} {entry['id']} has two contents", (known, entry)


def no_alarm_without_a_fault(evidence: Evidence) -> Iterator[Breach]:
    """No notice is sent without a fault, nor about a document that was found long before."""
    alerts = {entry["id"]: body for entry, body in evidence.published.get(ALERTED, ())}
    fault_times = [
        entry.at for entry in evidence.log.of("fault", "crash", "pause", "lost", "dropped", "skew")
    ]
    undiscovered = {workflow for workflow, *_ in _undiscovered(evidence)}
    for notice in evidence.log.of("notice"):
        alert = alerts.get(notice["event"])
        if alert is None:
            yield "a message is about no change of an alert", (notice,)
            continue
        if notice["resolved"]:
            continue
        faultless = not any(at <= notice.at for at in fault_times)
        if faultless and alert["context"].get("workflow") not in undiscovered:
            yield f"people were told of {alert['rule']} {alert['about']}, and nothing was wrong", (notice,)
        if found := _stale_finds(evidence, notice, alert):
            yield (
                f"people were told of {alert['rule']} {alert['about']}, which had been found",
                (*found, notice),
            )


def no_fault_without_an_alarm(evidence: Evidence) -> Iterator[Breach]:
    """Every document that was expected and not found by its deadline has a notice."""
    alerts = {entry["id"]: body for entry, body in evidence.published.get(ALERTED, ())}
    notified = [alerts[notice["event"]] for notice in evidence.log.of("notice") if notice["event"] in alerts]
    texts = json.dumps(notified)
    # After an outage the monitor alerts on documents that are still absent, so only a firing outage excuses silence.
    last: dict[str, Body] = {alert["alert_id"]: alert for alert in notified}
    if any(alert["rule"] in SYSTEM_RULES and alert["state"] != "resolved" for alert in last.values()):
        return
    for workflow, scraper, subject, entry in _undiscovered(evidence):
        if workflow not in texts:
            yield f"{workflow} never found {scraper} of {subject}, and nobody was told", (entry,)


def no_handler_raises_unforeseen(evidence: Evidence) -> Iterator[Breach]:
    """A handler reports an expected failure; it never raises an unexpected exception."""
    for entry in evidence.log.of("nack"):
        if entry["unforeseen"]:
            yield f"a handler raised {entry['error']}", (entry,)


LAWS: tuple[Callable[[Evidence], Iterator[Breach]], ...] = (
    nothing_is_lost,
    nothing_is_doubled,
    nothing_is_invented,
    one_outcome_an_occurrence,
    no_fetch_twice_without_a_reason,
    no_file_without_receipt_or_finding,
    no_id_with_two_contents,
    no_alarm_without_a_fault,
    no_fault_without_an_alarm,
    no_handler_raises_unforeseen,
)


def _first_of_each(published: Any) -> Iterator[tuple[Entry, Body]]:
    """Yield the first publication of each id."""
    first: dict[str, tuple[Entry, Body]] = {}
    for entry, body in published:
        first.setdefault(entry["id"], (entry, body))
    yield from first.values()


def _content(row: Body) -> str:
    def stripped(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: stripped(item) for name, item in value.items() if name not in _PER_WRITE}
        return value

    # JSON columns that hold only unknown fields are empty, so they compare as absent.
    kept = {name: value for name, value in stripped(row).items() if value not in (None, {})}
    return json.dumps(kept, sort_keys=True, default=str)


def _unit(body: Body, scraper: str) -> tuple[Any, ...]:
    return (body["occurrence_id"], body["step"], scraper, json.dumps(body["parameters"], sort_keys=True))


def _had_fault_between(evidence: Evidence, first: Entry, second: Entry) -> bool:
    """Return whether a fault hit the first entry's process between the two: a recorded reason."""
    return any(
        first.at <= entry.at <= second.at and entry.by == first.by
        for entry in evidence.log.of("crash", "pause", "fault", "nack")
    )


def _searches_after_find(evidence: Evidence) -> Iterator[Breach]:
    """Yield decisions to search after the controller had received the find."""
    begin = next(iter(evidence.log.of("begin")))
    searches = begin.get("searches") or ()
    finds = {
        entry["id"]: body
        for entry, body in evidence.published.get(EXECUTED, ())
        if body["scraper_name"] in searches and body["outcome"]["status"] == "success"
    }
    deliveries: dict[tuple[str, int], str] = {}
    known: dict[str, Entry] = {}
    """Workflows whose search ended, with the acknowledgement by which the controller received the find."""
    for entry in evidence.log.of("deliver", "ack", "publish"):
        match entry.kind:
            case "deliver" if entry["id"] in finds and entry.by.startswith("controller"):
                deliveries[entry.by, entry["message"]] = entry["id"]
            case "ack" if (entry.by, entry["message"]) in deliveries:
                known.setdefault(finds[deliveries[entry.by, entry["message"]]]["workflow"], entry)
            case "publish" if entry["type"] == DECIDED:
                body = evidence._body(entry["data"])
                found = known.get(body["workflow_name"])
                # The decision's own clock; its publication may come long after.
                decided = datetime.fromisoformat(body["decision_time"]).timestamp() - begin["began"]
                if found and body["action"] == "RUN" and decided > found.at + MAX_CLOCK_DIFFERENCE:
                    yield f"{body['workflow_name']} had found what it searches for, and runs", (found, entry)


def _stale_finds(evidence: Evidence, notice: Entry, alert: Body) -> tuple[Entry, ...]:
    """Return the finds of all that an alert says is absent; nothing when the alert was right or names no document."""
    begin = next(iter(evidence.log.of("begin")))
    workflow, scraper_only = alert["context"].get("workflow"), alert["context"].get("scraper")
    # A slot without a decision has an alert, even when another slot's run found the document.
    if workflow is None or scraper_only in begin["follow_ups"] or alert["rule"] == "workflow-missing":
        return ()
    expected = {
        (scraper, str(row["game_date"]), row["subject"] or "-")
        for entry, row in evidence.rows.get("daily_expected_schedule", ())
        if entry.at <= notice.at and row["workflow_name"] == workflow
        for scraper in row["scrapers"]
        if scraper not in begin["follow_ups"] and scraper_only in (None, scraper)
    }
    found = {
        (row["scraper_name"], str(row["game_date"]), row["opts"].get("game_id", "-")): entry
        for entry, row in evidence.rows.get("scraper_execution_log", ())
        if row["status"] == "success"
        and row["workflow"] == workflow
        and entry.at <= notice.at - NOTICE_DELAY_SECONDS
    }
    return tuple(found[name] for name in sorted(expected)) if expected and expected <= found.keys() else ()


def _undiscovered(evidence: Evidence) -> Iterator[tuple[str, str, str, Entry]]:
    """Yield each unit that the locked schedule expected and no execution found: workflow, scraper, subject."""
    found = {
        (row["scraper_name"], str(row["game_date"]), row["opts"].get("game_id", "-"))
        for _, row in evidence.rows.get("scraper_execution_log", ())
        if row["status"] == "success"
    }
    begin = next(iter(evidence.log.of("begin")))
    current: dict[str, tuple[Entry, Body]] = {}
    for entry, row in evidence.rows.get("daily_expected_schedule", ()):
        known = current.get(row["occurrence_id"])
        if known is None or row["locked_at"] >= known[1]["locked_at"]:
            current[row["occurrence_id"]] = (entry, row)
    for entry, row in current.values():
        # Two watches after the deadline at the latest; later deadlines are beyond this run.
        if row["state"] == "CANCELLED" or row["deadline"].timestamp() > begin["began"] + evidence.end - 7200:
            continue
        for scraper in row["scrapers"]:
            # A step that follows others has requests only when these found keys for them.
            follows = scraper in begin["follow_ups"]
            if not follows and (scraper, str(row["game_date"]), row["subject"] or "-") not in found:
                yield row["workflow_name"], scraper, row["subject"] or "-", entry
