"""The checker, law by law: one fact of a sound run is changed, and the checker reports the law.

The run is a real one; each change is the effect of a service that breaks the law.
"""

import ast
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import checker
from tests.simulation.checker import (
    ALERTED,
    CLEANED,
    DECIDED,
    EXECUTED,
    LANDED,
    LAWS,
    LOCKED,
    PROCESSED,
    REQUESTED,
    TABLE_OF,
    check,
)
from tests.simulation.faults import HOUR, Fault, Kind
from tests.simulation.record import Entry, EventLog
from tests.simulation.world import simulate

pytestmark = pytest.mark.usefixtures("quiet_module")
Log = list[Entry]
Change = Callable[[Log], Iterable[Entry]]
SEED = 1
BLOCKED = Fault(0, Kind.SOURCE_BLOCKS, 0.0, 4 * HOUR)
"""The source blocks all day, so a run with this fault has alarms."""
RUNS: Mapping[str, tuple[Fault, ...]] = {"calm": (), "blocked": (BLOCKED,)}


@pytest.fixture(scope="module")
def logs(quiet_module: None) -> Mapping[str, Log]:  # noqa: ARG001
    """The entries of the runs; every law holds in them."""
    runs = {name: simulate(SEED, faults).log for name, faults in RUNS.items()}
    assert not [breach for log in runs.values() for breach in check(log)]
    return {name: log.entries for name, log in runs.items()}


def matches(entry: Entry, kind: str, **facts: Any) -> bool:
    return entry.kind == kind and all(entry.get(name) == value for name, value in facts.items())


def some(log: Log, kind: str, **facts: Any) -> Entry:
    return next(entry for entry in log if matches(entry, kind, **facts))


def body(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(entry["data"])
    return found


def changed(entry: Entry, **facts: Any) -> Entry:
    return replace(entry, facts={**entry.facts, **facts})


def rewritten(entry: Entry, **values: Any) -> Entry:
    """Return the publication with other values in its event."""
    return changed(entry, data=json.dumps({**body(entry), **values}))


def without(log: Log, kind: str, **facts: Any) -> Log:
    return [entry for entry in log if not matches(entry, kind, **facts)]


def put_after(log: Log, place: Entry, *more: Entry) -> Iterator[Entry]:
    for entry in log:
        yield entry
        if entry is place:
            yield from more


def success(log: Log, scraper: str = "slate") -> Entry:
    return next(
        entry
        for entry in log
        if matches(entry, "publish", type=EXECUTED)
        and body(entry)["scraper_name"] == scraper
        and body(entry)["outcome"]["status"] == "success"
    )


# One change for each way to break a law


def leave_message_open(log: Log) -> Iterable[Entry]:
    return [*log[:-1], changed(log[-1], open=[["logger-executions", EXECUTED, "an-id"]])]


def drop_rows(event_type: str) -> Change:
    def change(log: Log) -> Iterable[Entry]:
        event = some(log, "publish", type=event_type)
        ids = (
            {row["schedule_row_id"] for row in body(event)["runs"]} if event_type == LOCKED else {event["id"]}
        )
        return [it for it in log if not (it.kind == "row" and it["row_id"] in ids)]

    return change


def drop_executions(log: Log) -> Iterable[Entry]:
    request = body(success(log))["request_id"]
    return [
        it for it in log if not (matches(it, "publish", type=EXECUTED) and body(it)["request_id"] == request)
    ]


def drop_requests(log: Log) -> Iterable[Entry]:
    occurrence = body(success(log))["occurrence_id"]
    return [
        it
        for it in log
        if not (matches(it, "publish", type=REQUESTED) and body(it)["occurrence_id"] == occurrence)
    ]


def write_another_row(log: Log) -> Iterable[Entry]:
    row = some(log, "row", table="scraper_execution_log")
    return put_after(log, row, changed(row, row={**row["row"], "status": "failed"}))


def answer_twice(log: Log) -> Iterable[Entry]:
    event = success(log)
    row = some(log, "row", row_id=event["id"])
    return put_after(log, row, changed(event, id="another"), changed(row, row_id="another"))


def notify_twice(log: Log) -> Iterable[Entry]:
    # Another process without a fault, and no fault of the first between the two.
    notice = some(log, "notice", resolved=False)
    return put_after(
        log, notice, replace(notice, by="monitor-1" if notice.by == "monitor-0" else "monitor-0")
    )


def add_row(log: Log) -> Iterable[Entry]:
    row = some(log, "row", table="file_receipts")
    return put_after(log, row, changed(row, row_id="of-nothing"))


def drop_decision(log: Log) -> Iterable[Entry]:
    """Remove the decision's publication."""
    decision = body(some(log, "publish", type=REQUESTED))["decision_id"]
    return [
        it
        for it in log
        if not (matches(it, "publish", type=DECIDED) and body(it)["decision_id"] == decision)
        and not (it.kind == "row" and it["row"].get("decision_id") == decision)
    ]


def drop_request(log: Log) -> Iterable[Entry]:
    request = body(success(log))["request_id"]
    return [
        it for it in log if not (matches(it, "publish", type=REQUESTED) and body(it)["request_id"] == request)
    ]


def drop_file(log: Log) -> Iterable[Entry]:
    name = body(success(log))["outcome"]["gcs_path"].removeprefix("gs://data/")
    return without(log, "object", name=name)


def drop_fetches(log: Log) -> Iterable[Entry]:
    return without(log, "fetch", request=body(success(log))["request_id"])


def drop_fruitless_fetches(log: Log) -> Iterable[Entry]:
    return without(log, "fetch", found=False)


def announce_missing_file(log: Log) -> Iterable[Entry]:
    landed = some(log, "publish", type=LANDED)
    return put_after(log, landed, rewritten(changed(landed, id="x"), gcs_path="gs://data/never/written.json"))


def decide_twice(log: Log) -> Iterable[Entry]:
    """Make two evaluations begin one occurrence."""
    request = some(log, "publish", type=REQUESTED)
    other = rewritten(changed(request, id="x"), decision_id="another", request_id="another")
    return put_after(log, request, other)


def retry(log: Log) -> Iterable[Entry]:
    """Add a third attempt of a unit with one request."""
    request = some(log, "publish", type=REQUESTED)
    return put_after(log, request, rewritten(changed(request, id="x"), attempt=3, request_id="another"))


def retry_a_success(log: Log) -> Iterable[Entry]:
    found = success(log)
    request = next(
        it
        for it in log
        if matches(it, "publish", type=REQUESTED) and body(it)["request_id"] == body(found)["request_id"]
    )
    return put_after(log, found, rewritten(changed(request, id="x"), attempt=2, request_id="another"))


def continue_search(log: Log) -> Iterable[Entry]:
    """Continue the search for the bulletin an hour after the controller received its find."""
    found = success(log, "bulletin")
    delivered = max(entry.at for entry in log if entry.kind == "deliver" and entry["id"] == found["id"])
    began = some(log, "begin")["began"]
    decided = next(
        it
        for it in log
        if matches(it, "publish", type=DECIDED)
        and (body(it)["workflow_name"], body(it)["action"]) == ("bulletin", "RUN")
    )
    late = datetime.fromtimestamp(began + delivered + HOUR, UTC).isoformat()
    again = rewritten(changed(decided, id="x"), decision_time=late)
    return [*log[:-1], replace(again, at=delivered + HOUR), log[-1]]


def fetch_twice(log: Log) -> Iterable[Entry]:
    fetch = some(log, "fetch")
    return put_after(log, fetch, replace(fetch, at=fetch.at + 0.001))


def drop_receipt(log: Log) -> Iterable[Entry]:
    row = some(log, "row", table="file_receipts")
    path = row["row"]["gcs_path"]
    return [
        it
        for it in log
        if not (it.kind == "row" and it["table"] == "file_receipts" and it["row"]["gcs_path"] == path)
        and not (matches(it, "publish", type=PROCESSED) and body(it)["gcs_path"] == path)
    ]


def publish_another_content(log: Log) -> Iterable[Entry]:
    event = success(log)
    return put_after(log, event, changed(event, digest="another"))


def alert(log: Log, *, workflow: str | None, scraper: str | None) -> tuple[Entry, Entry]:
    """Return a change of an alert and its notice, at the end of the day."""
    at = log[-1].at - 1
    context = {name: value for name, value in (("workflow", workflow), ("scraper", scraper)) if value}
    body_fields = {
        "alert_id": "a", "rule": "workflow-failing", "about": f"{workflow}/{scraper}", "state": "firing",
        "context": context,
    }  # fmt: skip
    event = Entry(
        at,
        "publish",
        "monitor-0",
        {"type": ALERTED, "id": "x", "digest": "d", "data": json.dumps(body_fields)},
    )
    notice = {"channel": "team", "event": "x", "alert": "a", "title": "t", "resolved": False}
    return event, Entry(at, "notice", "monitor-0", notice)


def raise_false_alarm(log: Log) -> Iterable[Entry]:
    return [*log[:-1], *alert(log, workflow="scores", scraper="box_score"), log[-1]]


def raise_false_alarm_after_fault(log: Log) -> Iterable[Entry]:
    """Add a fault in the morning, which excuses no alarm about a document that was found since."""
    fault = Entry(60.0, "fault", "logger-0", {"what": "bucket fails"})
    return [log[0], fault, *log[1:-1], *alert(log, workflow="morning", scraper="slate"), log[-1]]


def notify_without_alert(log: Log) -> Iterable[Entry]:
    return [*log[:-1], alert(log, workflow="scores", scraper=None)[1], log[-1]]


def drop_notices(log: Log) -> Iterable[Entry]:
    return without(log, "notice")


def drop_notices_after_outage(log: Log) -> Iterable[Entry]:
    """Resolve an outage's alert: from then on it excuses no missing notice."""
    outage = {"alert_id": "o", "rule": "cannot-judge", "about": "-", "context": {}}
    entries = []
    for number, state in enumerate(("firing", "resolved")):
        data = json.dumps({**outage, "state": state})
        event = {"type": ALERTED, "id": f"o-{number}", "digest": "d", "data": data}
        notice = {
            "channel": "team",
            "event": f"o-{number}",
            "alert": "o",
            "title": "t",
            "resolved": bool(number),
        }
        entries += [Entry(60.0, "publish", "monitor-0", event), Entry(60.0, "notice", "monitor-0", notice)]
    fault = Entry(50.0, "fault", "monitor-0", {"what": "warehouse fails"})
    return [log[0], fault, *entries, *without(log[1:], "notice")]


def raise_unforeseen(log: Log) -> Iterable[Entry]:
    facts = {"message": 1, "error": "KeyError: 'x'", "unforeseen": True}
    return [*log[:-1], Entry(log[-1].at, "nack", "controller-0", facts), log[-1]]


LAW_BREAKS: tuple[tuple[str, str, Change, str], ...] = (
    ("nothing_is_lost", "calm", leave_message_open, "is still on logger-executions"),
    *(
        ("nothing_is_lost", "calm", drop_rows(event_type), f"{event_type} has no row in {table}")
        for event_type, table in TABLE_OF.items()
        if event_type != ALERTED
    ),
    ("nothing_is_lost", "blocked", drop_rows(ALERTED), f"{ALERTED} has no row in alert_events"),
    ("nothing_is_lost", "calm", drop_executions, "was never answered"),
    ("nothing_is_lost", "calm", drop_requests, "was decided, and nothing requested"),
    ("nothing_is_doubled", "calm", write_another_row, "and differ"),
    ("nothing_is_doubled", "calm", answer_twice, "has 2 outcomes"),
    ("nothing_is_doubled", "blocked", notify_twice, "told twice of one change"),
    ("nothing_is_invented", "calm", add_row, "is of no event"),
    ("nothing_is_invented", "calm", drop_decision, "is of no decision"),
    ("nothing_is_invented", "calm", drop_request, "is of no request"),
    ("nothing_is_invented", "calm", drop_file, "does not exist"),
    ("nothing_is_invented", "calm", drop_fetches, "found what its source did not give it"),
    ("nothing_is_invented", "calm", drop_fruitless_fetches, "and nobody looked"),
    ("nothing_is_invented", "calm", announce_missing_file, "was announced and does not exist"),
    ("one_outcome_an_occurrence", "calm", decide_twice, "two decisions began"),
    ("one_outcome_an_occurrence", "calm", retry, "follows no attempt before it"),
    ("one_outcome_an_occurrence", "calm", retry_a_success, "follows a success"),
    ("one_outcome_an_occurrence", "calm", continue_search, "had found what it searches for"),
    ("no_fetch_twice_without_a_reason", "calm", fetch_twice, "was asked twice"),
    ("no_file_without_receipt_or_finding", "calm", drop_receipt, "neither a receipt nor a finding"),
    ("no_id_with_two_contents", "calm", publish_another_content, "has two contents"),
    ("no_alarm_without_a_fault", "calm", raise_false_alarm, "nothing was wrong"),
    ("no_alarm_without_a_fault", "calm", raise_false_alarm_after_fault, "which had been found"),
    ("no_alarm_without_a_fault", "calm", notify_without_alert, "is about no change"),
    ("no_fault_without_an_alarm", "blocked", drop_notices, "and nobody was told"),
    ("no_fault_without_an_alarm", "blocked", drop_notices_after_outage, "and nobody was told"),
    ("no_handler_raises_unforeseen", "calm", raise_unforeseen, "KeyError"),
)


@pytest.mark.parametrize(
    ("law", "run", "change", "message"),
    LAW_BREAKS,
    ids=[f"{law}: {message}" for law, _, _, message in LAW_BREAKS],
)
def test_broken_law_is_reported(
    logs: Mapping[str, Log], law: str, run: str, change: Change, message: str
) -> None:
    breaches = check(EventLog(list(change(logs[run]))))
    assert [breach for breach in breaches if breach.law == law and message in breach.message], breaches


def test_checker_imports_only_the_record() -> None:
    """The state of a service is no evidence."""
    tree = ast.parse(Path(checker.__file__).read_text(encoding="utf-8"))
    named = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    ours = {name for name in named | plain if name and name.partition(".")[0] not in sys.stdlib_module_names}
    assert ours == {"tests.simulation.record"}


def test_every_law_has_a_breaking_change() -> None:
    assert {law for law, *_ in LAW_BREAKS} == {law.__name__ for law in LAWS}


def test_fault_between_fetches_excuses_second_fetch(logs: Mapping[str, Log]) -> None:
    """The fault is a recorded reason; the law forbids fetches without one."""
    log = logs["calm"]
    fetch = some(log, "fetch")
    crash = replace(fetch, at=fetch.at + 0.001, kind="crash", facts={"where": "after source ask"})
    again = replace(fetch, at=fetch.at + 0.002)
    laws = {breach.law for breach in check(EventLog(list(put_after(log, fetch, crash, again))))}
    assert "no_fetch_twice_without_a_reason" not in laws


def test_file_with_finding_needs_no_receipt(logs: Mapping[str, Log]) -> None:
    log = list(drop_receipt(logs["calm"]))
    (breach,) = [it for it in check(EventLog(log)) if it.law == "no_file_without_receipt_or_finding"]
    path = breach.message.partition(" ")[0]
    row = next(it for it in reversed(log) if matches(it, "row", table=TABLE_OF[CLEANED]))
    with_finding = changed(row, row={**row["row"], "findings": [{"gcs_path": path}]})
    again = check(EventLog([with_finding if it is row else it for it in log]))
    assert "no_file_without_receipt_or_finding" not in {it.law for it in again}
