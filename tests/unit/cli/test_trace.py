"""Tests of `tipoff trace`: the chain from dataset and controller, and the search for an id."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.controller import World, at_times, configured, workflow
from tests.support.controller_app import in_memory_controller
from tests.support.pushes import AUTHORIZED
from tests.support.samples import GAME_DATE, NOON, PATH
from tests.support.samples import decided as decided_event
from tests.support.samples import executed as executed_event
from tests.support.samples import requested as requested_event
from tipoff_cli.commands.trace import length, tree
from tipoff_common.clock import EASTERN
from tipoff_common.events import ScrapeExecuted
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.executions import build_file_landed
from tipoff_common.file_rows import ReceiptRow, SightingRow
from tipoff_common.identity import event_id
from tipoff_common.ports import Parameter, Unavailable
from tipoff_common.testing import MemoryObjects, MemoryWarehouse
from tipoff_common.words import nearest
from tipoff_controller.ledger import Ledger
from tipoff_controller.occurrence_store import Key, OccurrenceStore
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.occurrence_log import Entry, log_execution
from tipoff_planning.plans import Plan, PlannedStep
from tipoff_planning.progress import PlanProgress
from tipoff_planning.trace.chain import assemble
from tipoff_planning.trace.dataset import ChainDataset, Scope
from tipoff_planning.trace.facts import (
    CleanupRow,
    DeadLetterFact,
    DecidedRow,
    ExpectedRow,
    Facts,
)
from tipoff_planning.trace.links import ChainNode, file_ids, landed_id, requested_id
from tipoff_planning.trace.lookup import NotFound, trace
from tipoff_planning.trace.memory import ControllerMemory, MemoryUnavailable

MINUTE = timedelta(minutes=1)
EXPECTED = ExpectedRow("o-1", "injuries", GAME_DATE, "-", NOON, NOON + 60 * MINUTE, "EXPECTED", "at noon")
RUN = DecidedRow(
    "d-1", "o-1", "e-1", "injuries", GAME_DATE, NOON + MINUTE, "RUN", "due", "It is due.", "tick"
)
REQUEST = requested_event(
    request_id="r-1", occurrence_id="o-1", decision_id="d-1", requested_at=NOON + MINUTE
)
DONE = ExecutionRow(
    execution_id="r-1",
    occurrence_id="o-1",
    decision_id="d-1",
    event_id=event_id(ScrapeExecuted.TYPE, "r-1"),
    scraper_name="lines",
    workflow="injuries",
    game_date=GAME_DATE,
    status="success",
    triggered_at=NOON + 2 * MINUTE,
    completed_at=NOON + 3 * MINUTE,
    attempt=1,
    source="CONTROLLER",
    gcs_path=PATH,
    records=3,
    error_type=None,
    error_message=None,
    retry_count=0,
)
RECEIPT = ReceiptRow(PATH, "injuries", NOON + 5 * MINUTE, 3, "receipt-1")
WHOLE = Facts([EXPECTED], [RUN], [REQUEST], [DONE], [RECEIPT])


def walk(nodes: tuple[ChainNode, ...]) -> Iterator[ChainNode]:
    for node in nodes:
        yield node
        yield from walk(node.children)


def texts(facts: Facts, kind: str = "missing") -> list[str]:
    return [node.text for node in walk(assemble(facts)) if node.kind == kind]


def skip(number: int, code: str = "too_early") -> DecidedRow:
    at = NOON - (10 - number) * MINUTE
    return replace(
        RUN,
        decision_id=f"s-{number}",
        event_id=f"se-{number}",
        decision_time=at,
        action="SKIP",
        reason_code=code,
    )


# The chain


def test_complete_chain_has_each_link_with_gap_and_id() -> None:
    (root,) = assemble(WHOLE)
    chain = list(walk((root,)))
    assert [node.kind for node in chain] == [
        "occurrence",
        "decision",
        "request",
        "execution",
        "file",
        "receipt",
    ]
    assert [node.gap for node in chain] == [None, MINUTE, 0 * MINUTE, MINUTE, MINUTE, 2 * MINUTE]
    assert [node.id for node in chain] == ["o-1", "d-1", "r-1", "r-1", PATH, "receipt-1"]


def test_each_link_holds_all_its_ids() -> None:
    by_kind = {node.kind: node.ids for node in walk(assemble(WHOLE))}
    assert by_kind["decision"] == {"d-1", "e-1"}
    assert by_kind["request"] == {"r-1", requested_id("r-1")}
    assert by_kind["execution"] == {"r-1", DONE.event_id}
    assert {PATH, landed_id(PATH), landed_id(PATH, 10, recovery=True)} <= by_kind["file"]


@pytest.mark.parametrize(("republish", "recovered"), [(0, False), (0, True), (1, True), (10, True)])
def test_file_ids_include_event_of_each_announcement(republish: int, recovered: bool) -> None:
    event = build_file_landed(
        gcs_path=PATH,
        scraper_name="bulletin",
        workflow="one",
        game_date=NOON.date(),
        execution_id="r-1",
        record_count=3,
        content_sha256="0" * 64,
        landed_at=NOON,
        event_time=None,
        recovered=recovered,
        republish=republish,
    )
    assert event.id in set(file_ids(PATH))


@pytest.mark.parametrize(
    ("facts", "messages"),
    [
        (replace(WHOLE, receipts=[]), ["no receipt yet"]),
        (replace(WHOLE, executed=[], receipts=[]), ["no execution yet"]),
        (Facts([EXPECTED], [RUN]), ["no request is known"]),
        (Facts([EXPECTED]), ["no decision is in the dataset"]),
    ],
    ids=["receipt", "execution", "request", "decision"],
)
def test_absent_link_is_shown_as_missing(facts: Facts, messages: list[str]) -> None:
    assert texts(facts) == messages


@pytest.mark.parametrize("is_recorded", [True, False], ids=["request", "execution alone"])
def test_requests_of_later_run_under_first_decision_are_not_missing(is_recorded: bool) -> None:
    """A later RUN continues the first one's plan, so its requests carry the first decision's id."""
    runs = [
        replace(RUN, decision_id=f"d-{n}", event_id=f"e-{n}", decision_time=NOON + n * MINUTE)
        for n in (1, 10, 20, 30)
    ]
    retry = REQUEST.model_copy(update={"request_id": "r-2", "attempt": 2, "requested_at": NOON + 20 * MINUTE})
    execution = DONE.model_copy(update={"execution_id": "r-2", "triggered_at": NOON + 20 * MINUTE})
    facts = replace(
        WHOLE,
        decided=runs,
        requested=[REQUEST, *([retry] if is_recorded else [])],
        executed=[DONE, execution],
    )
    absent = [
        node.id
        for node in walk(assemble(facts))
        if node.kind == "decision" and any(it.text == "no request is known" for it in node.children)
    ]
    assert absent == ["d-10", "d-30"], "no request followed these two"


@pytest.mark.parametrize(
    ("facts", "until"),
    [
        (replace(WHOLE, receipts=[]), DONE.ended_at + 30 * MINUTE),
        (replace(WHOLE, executed=[], receipts=[]), REQUEST.requested_at + 10 * MINUTE),
        (Facts([EXPECTED], [RUN]), RUN.decision_time + 2 * MINUTE),
    ],
    ids=["receipt", "execution", "request"],
)
def test_absent_link_is_pending_until_deadline_and_then_missing(facts: Facts, until: datetime) -> None:
    def absent(at: datetime) -> list[str]:
        return [node.kind for node in walk(assemble(facts, at)) if node.kind in ("pending", "missing")]

    assert absent(until) == ["pending"]
    assert absent(until + timedelta(seconds=1)) == ["missing"]


def test_manual_run_is_pending_before_its_decision_arrives() -> None:
    state = MemoryObjects()
    run = DecisionBatch(decisions=(decided_event(occurrence_id="o-1"),), plans=(plan("s"),), requests=())
    Ledger(state).remember_manual_run(run)
    now = run.plans[0].decided_at + timedelta(seconds=1)
    found = trace("o-1", dataset({}), memory_of(state), DAYS, SPANS, now)
    assert [node.kind for node in walk(found.roots)] == ["occurrence", "pending", "pending"]


def test_request_without_record_is_derived_from_execution() -> None:
    (root,) = assemble(replace(WHOLE, requested=[]))
    request = root.children[0].children[0]
    assert (request.kind, request.id, request.at) == ("request", "r-1", None)
    assert request.text == "lines, attempt 1"
    assert (request.children[0].kind, request.children[0].gap) == ("execution", MINUTE), "since the decision"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"step": "lines"}, "lines, attempt 1"),
        (
            {"parameters": {"game_date": GAME_DATE.isoformat(), "team": "BOS"}},
            "lines, attempt 1, step main, team BOS",
        ),
    ],
    ids=["step named as its scraper", "parameters"],
)
def test_request_text_has_distinguishing_step_and_parameters(changes: dict[str, Any], text: str) -> None:
    request = REQUEST.model_copy(update=changes)
    assert texts(replace(WHOLE, requested=[request]), "request") == [text]


def test_execution_without_occurrence_is_own_root() -> None:
    loose = DONE.model_copy(update={"occurrence_id": None, "decision_id": None})
    (root,) = assemble(Facts(executed=[loose], receipts=[RECEIPT]))
    assert [node.kind for node in walk((root,))] == ["request", "execution", "file", "receipt"]


def test_unscheduled_run_is_shown_in_no_schedule() -> None:
    (root,) = assemble(replace(WHOLE, expected=[]))
    assert root.text == f"injuries for {GAME_DATE}, in no schedule"


def test_occurrence_without_decision_is_described_by_its_request() -> None:
    other = REQUEST.model_copy(update={"request_id": "r-2", "occurrence_id": "o-2", "workflow": "lines"})
    undated = DONE.model_copy(update={"workflow": None, "game_date": None})
    roots = assemble(Facts(requested=[REQUEST, other], executed=[undated]))
    assert {root.id: root.text for root in roots} == {
        "o-1": f"{REQUEST.workflow} for {GAME_DATE}, in no schedule",
        "o-2": f"lines for {GAME_DATE}, in no schedule",
    }


def test_expired_request_has_both_outcomes_and_dead_letter() -> None:
    failed = DONE.model_copy(
        update={
            "status": "failed",
            "gcs_path": None,
            "error_type": "timeout",
            "error_message": "it died",
            "completed_at": NOON + 2 * MINUTE,
        }
    )
    letter = DeadLetterFact(
        "l-1", NOON, "delivery_attempts", "gave up", "runner-requests", "request", requested_id("r-1")
    )
    (root,) = assemble(replace(WHOLE, executed=[failed, DONE], dead=[letter]))
    request = root.children[0].children[0]
    assert [(node.kind, node.text[:7]) for node in request.children] == [
        ("dead letter", "request"),
        ("execution", "failed "),
        ("execution", "success"),
    ]


def test_dead_letter_without_chain_is_own_root() -> None:
    (root,) = assemble(Facts(dead=[DeadLetterFact("l-1", NOON, "undecodable", "no type", None, None, None)]))
    assert (root.kind, root.text) == ("dead letter", "a message: undecodable: no type")


def test_consecutive_decisions_with_same_reason_are_merged() -> None:
    decided = [skip(1), skip(2), skip(3, "no_games"), skip(4, "no_games"), skip(5, "no_games"), RUN]
    (root,) = assemble(replace(WHOLE, decided=decided))
    assert [(node.facts.get("reason_code"), node.facts.get("times")) for node in root.children] == [
        ("too_early", 2),
        ("no_games", 3),
        ("due", None),
    ]
    assert {"s-4", "se-5"} <= root.children[1].ids
    last = decided[4].decision_time.astimezone(EASTERN)
    assert root.children[1].text.endswith(f"(3 times, until {last:%H:%M})")


@pytest.mark.parametrize("died", ["se-1", "se-2"])
def test_decision_with_dead_letter_is_not_merged(died: str) -> None:
    letter = DeadLetterFact("l-1", NOON, "invalid_payload", "no such field", None, None, died)
    (root,) = assemble(replace(WHOLE, decided=[skip(1), skip(2), RUN], dead=[letter]))
    assert [node.id for node in root.children] == ["s-1", "s-2", "d-1"]
    (shown,) = (node for node in walk((root,)) if node.kind == "dead letter")
    assert shown.ids == {"l-1", died}


@pytest.mark.parametrize(("subject", "of"), [("-", ""), ("BOS@LAL", " of BOS@LAL")])
def test_expected_run_shows_its_game(subject: str, of: str) -> None:
    (root,) = assemble(replace(WHOLE, expected=[replace(EXPECTED, subject=subject)]))
    assert root.text == f"injuries{of} for {GAME_DATE}, EXPECTED: at noon"


@pytest.mark.parametrize(("rows", "count_text"), [(None, ""), (0, ", 0 rows"), (1, ", 1 row")])
def test_receipt_shows_counted_rows(rows: int | None, count_text: str) -> None:
    assert texts(replace(WHOLE, receipts=[replace(RECEIPT, row_count=rows)]), "receipt") == [
        f"processed by injuries{count_text}"
    ]


def test_first_and_republishing_cleanup_sightings_are_shown() -> None:
    seen = [SightingRow(PATH, f"c-{n}", NOON + n * 60 * MINUTE, n * 60, n == 3) for n in (4, 3, 2, 1)]
    (root,) = assemble(replace(WHOLE, receipts=[], seen=seen))
    assert [node.text for node in walk((root,)) if node.kind == "cleanup"] == [
        "missing after 60 min, left alone",
        "missing after 180 min, republished",
    ]


def plan(*steps: str) -> Plan:
    return Plan(
        occurrence_id="o-1",
        decision_id="d-1",
        workflow="injuries",
        game_date=GAME_DATE,
        steps=tuple(
            PlannedStep(name=name, scraper="s", parents=(), parameters={}, max_in_flight=1) for name in steps
        ),
        max_retries=1,
        priority=REQUEST.priority,
        source=REQUEST.source,
        triggered_by="tick",
        config_hash="c",
        decided_at=NOON,
    )


def test_unrequested_and_skipped_steps_are_reported() -> None:
    made = plan("main", "props", "lines")
    facts = replace(WHOLE, plans=[made], skips=frozenset({("o-1", "lines")}))
    assert texts(facts) == ["step props (s) not requested yet", "step lines (s) skipped"]


def test_receipt_before_run_is_attributed_to_earlier_run() -> None:
    """Two runs landed the same content, and so the same file: its receipt was nine seconds older than the file."""
    later = DONE.triggered_at + MINUTE
    before = replace(RECEIPT, processed_at=DONE.triggered_at - MINUTE)
    result = texts(
        replace(WHOLE, receipts=[before, replace(RECEIPT, event_id="r2", processed_at=later)]), "receipt"
    )
    assert result == [
        "processed by injuries, 3 rows, when an earlier run landed the same content",
        "processed by injuries, 3 rows",
    ]


def test_file_without_execution_is_own_root_with_receipt() -> None:
    (root,) = assemble(Facts(receipts=[RECEIPT]))
    assert (root.kind, root.id, root.children[0].kind) == ("file", PATH, "receipt")


def test_traced_cleanup_shows_its_counts() -> None:
    assert texts(Facts(cleanups=[CleanupRow("c-1", NOON, 9, 2, 1)]), "cleanup") == [
        "9 files checked, 2 missing, 1 republished"
    ]


def test_execution_not_in_dataset_is_marked() -> None:
    (result,) = texts(replace(WHOLE, executed=[DONE.model_copy(update={"is_logged": False})]), "execution")
    assert result.endswith("(not in the dataset yet)")


# Display


def test_tree_marks_links_of_traced_id_and_shows_date_once() -> None:
    (root,) = assemble(WHOLE)
    lines = [line.plain for line in tree(root, "r-1")]
    assert "2025-01-15 12:00:00 occurrence injuries" in lines[0]
    assert "12:01:00 +1 min 0 s decision RUN due: It is due." in lines[1]
    assert [line.count("►") for line in lines] == [0, 0, 1, 1, 0, 0]
    assert sum("2025-01-15 12" in line for line in lines) == 1


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (1.25, "+1.2 s"),
        (-3, "-3.0 s"),
        (-1, "+0.0 s"),
        (185, "+3 min 5 s"),
        (7500, "+2 h 5 min"),
        (59.99, "+60.0 s"),
    ],
)
def test_gap_is_written_in_readable_units(seconds: float, written: str) -> None:
    assert length(timedelta(seconds=seconds)) == written


# Search for an id


def test_nearest_ranks_continuations_first_and_drops_unlike_ids() -> None:
    candidates = ["zzzz", "0123-abxd-long-tail", "0123-abcd", "0123-axcd"]
    assert nearest("0123-abcd", candidates) == ["0123-abcd", "0123-axcd"]
    assert nearest("0123", candidates) == ["0123-abcd", "0123-abxd-long-tail", "0123-axcd"]


DAYS: list[date] = [GAME_DATE]
SPANS = [(GAME_DATE, GAME_DATE)]


def dataset(answers: Mapping[str, list[dict[str, Any]]], down: bool = False) -> ChainDataset:
    """Return a dataset that selects its answer by a text in the query."""

    def answer(sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        assert parameters["environment"] == "local"
        return next((rows for text, rows in answers.items() if text in sql), [])

    return ChainDataset(MemoryWarehouse(answer=answer, down=down), "local")


def memory_of(state: MemoryObjects) -> ControllerMemory:
    """Return the memory of a real controller over this bucket, read through its routes."""
    deps = replace(
        World(configured(one=workflow(at_times("06:00"), "bulletin"))).deps,
        ledger=Ledger(state),
        occurrences=OccurrenceStore(state, ()),
    )
    http = in_memory_controller(deps)

    def ask(path: str, query: Mapping[str, str | Sequence[str]]) -> bytes:
        answer = http.get(path, params=dict(query), headers=AUTHORIZED)
        if not answer.is_success:
            raise MemoryUnavailable(answer.text)
        return answer.content

    return ControllerMemory(ask)


def unreachable(path: str, query: Mapping[str, str | Sequence[str]]) -> bytes:
    raise MemoryUnavailable(f"no controller answers at {path}?{urlencode(dict(query), doseq=True)}")


NO_MEMORY = ControllerMemory(unreachable)


def remember(state: MemoryObjects, *, executed: bool = False) -> str:
    """Store one request in the controller's memory and return its id."""
    store, standing = OccurrenceStore(state, ()), PlanProgress(plan("s"))
    (attempt,) = standing.due(NOON)
    identifier = standing.request_id(attempt)
    known = store.load(Key(GAME_DATE, "o-1"))
    store.append(known, Entry(at=NOON, plan=standing.plan, requested=(identifier,)))
    if executed:
        event = executed_event(execution_id=identifier, request_id=identifier, occurrence_id="o-1")
        store.append(known, Entry(at=NOON, executions=(log_execution(event, ()),)))
    return identifier


def test_request_missing_in_dataset_is_found_in_controller_memory() -> None:
    state = MemoryObjects()
    request = remember(state)
    for identifier in (request, "o-1", requested_id(request)):
        found = trace(identifier, dataset({}), memory_of(state), DAYS, SPANS)
        assert [node.kind for node in walk(found.roots)] == ["occurrence", "request", "missing", "missing"]


@pytest.mark.parametrize("unknown", ["gs://bucket/a/b.json", "x" * 2_000, "..%2F", "0" * 36])
def test_unknown_id_is_not_found_in_controller_memory(unknown: str) -> None:
    state = MemoryObjects()
    remember(state)
    assert not memory_of(state).find(unknown, DAYS)


def test_manual_run_is_found_outside_searched_days() -> None:
    state = MemoryObjects()
    remember(state)
    run = DecisionBatch(decisions=(decided_event(occurrence_id="o-1"),), plans=(plan("s"),), requests=())
    Ledger(state).remember_manual_run(run)
    found = trace("o-1", dataset({}), memory_of(state), [GAME_DATE + timedelta(days=300)], SPANS)
    assert "request" in [node.kind for node in walk(found.roots)]


def test_request_id_leads_to_accepted_manual_run_before_start() -> None:
    state, made = MemoryObjects(), plan("s")
    run = DecisionBatch(decisions=(decided_event(occurrence_id="o-1"),), plans=(made,), requests=())
    Ledger(state).remember_manual_run(run)
    standing = PlanProgress(made)
    (attempt,) = standing.due(made.decided_at)
    request = standing.request_id(attempt)
    for identifier in (request, requested_id(request)):
        (root,) = trace(identifier, dataset({}), memory_of(state), DAYS, SPANS, made.decided_at).roots
        assert [node.kind for node in walk((root,))] == ["occurrence", "pending", "pending"]
        assert root.id == "o-1"


def test_unlogged_outcome_is_read_from_controller_memory() -> None:
    state = MemoryObjects()
    request = remember(state, executed=True)
    found = trace(request, dataset({}), memory_of(state), DAYS, SPANS)
    assert any("not in the dataset yet" in node.text for node in walk(found.roots))


def test_controller_is_queried_only_for_dated_occurrences() -> None:
    """A direct execution has no occurrence, and an old row has no date."""
    requests: list[tuple[str, object]] = []

    def ask(path: str, query: Mapping[str, str | Sequence[str]]) -> bytes:
        requests.append((path, query["day"]))
        return b"[]"

    direct = DONE.model_copy(update={"occurrence_id": None})
    undated = DONE.model_copy(update={"occurrence_id": "o-2", "game_date": None})
    ControllerMemory(ask).complete(Facts(executed=[direct, undated, DONE]), Scope(), [])
    assert requests == [("/remembered/o-1", [GAME_DATE.isoformat()])]


def test_dataset_suffices_without_controller() -> None:
    row = DONE.model_dump(exclude_unset=True)
    answers = {
        "SELECT 'occurrence' AS kind": [{"kind": "occurrence", "id": "o-1", "day": GAME_DATE}],
        "record_count": [row],
    }
    state = MemoryObjects(down=True)
    for memory in (NO_MEMORY, memory_of(state)):
        found = trace("r-1", dataset(answers), memory, DAYS, SPANS)
        assert found.without_memory
        assert "execution" in [node.kind for node in walk(found.roots)]


LETTER = {
    "event_id": "l-1",
    "rejected_at": NOON,
    "reason": "delivery_attempts",
    "detail": "gave up",
    "subscription": "runner-requests",
    "event_type": REQUEST.TYPE,
    "ce_id": "elsewhere",
    "payload_head": REQUEST.model_dump_json(),
}


def holding(
    kind: str, identifier: str, *, letter: Mapping[str, Any] = LETTER, **changes: object
) -> ChainDataset:
    """Return a dataset of a decision, its execution, a dead letter and a cleanup, whose rows are selected as queried.

    Only `identifier`, an id of this `kind`, can be found in it.
    """
    executed = {**DONE.model_dump(exclude_unset=True), **changes}

    def answer(sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        if "AS kind" in sql:
            return [{"kind": kind, "id": identifier, "day": GAME_DATE}]
        if "record_count" in sql:
            requests = ("occurrence_id", "occurrences"), ("execution_id", "executions"), ("gcs_path", "paths")
            return (
                [executed] if any(executed[name] in parameters[listed] for name, listed in requests) else []
            )
        if "reason_code" in sql:
            return [asdict(RUN)] if "o-1" in parameters["occurrences"] else []
        if "payload_head" in sql:
            return [dict(letter)] if "l-1" in parameters["letters"] else []
        if "files_checked" in sql:
            return [asdict(CleanupRow("c-1", NOON, 9, 2, 1))] if "c-1" in parameters["cleanups"] else []
        return []

    return ChainDataset(MemoryWarehouse(answer=answer), "local")


def kinds(identifier: str, known: ChainDataset) -> list[str]:
    return [node.kind for node in walk(trace(identifier, known, NO_MEMORY, DAYS, SPANS).roots)]


CHAIN = ["occurrence", "decision", "request", "execution", "file", "missing"]


def test_dead_letter_leads_to_chain_of_its_payload() -> None:
    assert kinds("l-1", holding("letter", "l-1")) == [*CHAIN, "dead letter"]


def test_a_dead_letter_of_a_direct_call_leads_to_its_execution() -> None:
    direct = {**LETTER, "payload_head": '{"request_id": "r-1", "occurrence_id": null}'}
    known = holding("letter", "l-1", letter=direct, occurrence_id=None)
    assert kinds("l-1", known) == [*CHAIN[2:], "dead letter"]


@pytest.mark.parametrize("head", [None, '{"occurrence_id": "o-1', "[1]", '{"occurrence_id": 1}'])
def test_dead_letter_with_unusable_payload_is_own_root(head: str | None) -> None:
    assert kinds("l-1", holding("letter", "l-1", letter={**LETTER, "payload_head": head})) == ["dead letter"]


def test_file_path_leads_to_its_whole_chain() -> None:
    assert kinds(PATH, holding("path", PATH)) == CHAIN


def test_direct_call_and_cleanup_are_traced_without_occurrence() -> None:
    assert kinds("r-1", holding("execution", "r-1", occurrence_id=None)) == CHAIN[2:]
    assert kinds("c-1", holding("cleanup", "c-1")) == ["cleanup"]


@pytest.mark.parametrize(
    "identifier",
    [requested_id("r-1"), landed_id(PATH), landed_id(PATH, 2, recovery=True)],
    ids=["request", "announcement", "republish"],
)
@pytest.mark.parametrize("occurrence", ["o-1", None], ids=["decided", "direct call"])
def test_request_and_announcement_ids_are_derived_from_execution(
    identifier: str, occurrence: str | None
) -> None:
    row = {**DONE.model_dump(exclude_unset=True), "occurrence_id": occurrence}
    files = [
        {"execution_id": "r-0", "occurrence_id": "o-0", "gcs_path": None, "day": GAME_DATE},
        {"execution_id": "r-1", "occurrence_id": occurrence, "gcs_path": PATH, "day": GAME_DATE},
    ]

    def answer(sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        if "SELECT DISTINCT execution_id" in sql:
            return files
        return [row] if "record_count" in sql and "r-1" in parameters["executions"] else []

    (root,) = trace(
        identifier, ChainDataset(MemoryWarehouse(answer=answer), "local"), NO_MEMORY, DAYS, SPANS
    ).roots
    assert root.id == (occurrence or "r-1")


def test_unknown_id_is_refused_with_similar_ids() -> None:
    with pytest.raises(NotFound) as caught:
        trace("abd-1", dataset({"STARTS_WITH": [{"id": "abc-12"}, {"id": "zzz"}]}), NO_MEMORY, DAYS, SPANS)
    assert caught.value.near == ["abc-12"]


@pytest.mark.parametrize(
    ("unknown", "head", "tail"),
    [
        ("0123-4567-89ab", "0123", "7-89ab"),
        ("gs://bucket/lines/day/run.json", "gs://bucket/lines/day", "run.json"),
    ],
)
def test_similar_ids_are_searched_by_head_and_tail(unknown: str, head: str, tail: str) -> None:
    requests: list[Mapping[str, Any]] = []

    def answer(_: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        requests.append(parameters)
        return []

    with pytest.raises(NotFound):
        trace(unknown, ChainDataset(MemoryWarehouse(answer=answer), "local"), NO_MEMORY, DAYS, SPANS)
    assert (requests[-1]["head"], requests[-1]["tail"]) == (head, tail)


def known_by(identifiers: Mapping[str, str]) -> ChainDataset:
    """Return a dataset with these ids and their occurrences; a search by prefix lists all ids."""

    def answer(sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        if "AS kind" in sql and parameters["id"] in identifiers:
            return [{"kind": "occurrence", "id": identifiers[parameters["id"]], "day": GAME_DATE}]
        if "STARTS_WITH" in sql:
            return [{"id": name} for name in identifiers]
        row = DONE.model_dump(exclude_unset=True)
        return [row] if "record_count" in sql else []

    return ChainDataset(MemoryWarehouse(answer=answer), "local")


@pytest.mark.parametrize("beginning", ["f29a", "f29a8931"])
def test_unique_id_prefix_finds_chain(beginning: str) -> None:
    ids = known_by({"f29a8931-77": "o-1", "c0ffee00-11": "o-2"})
    (root,) = trace(beginning, ids, NO_MEMORY, DAYS, SPANS).roots
    assert root.id == "o-1"


def test_ambiguous_id_prefix_lists_matching_ids() -> None:
    ids = known_by({"f29a8931-77": "o-1", "f29a8931-88": "o-2"})
    with pytest.raises(NotFound, match="2 ids begin with 'f29a8931'; use more characters") as caught:
        trace("f29a8931", ids, NO_MEMORY, DAYS, SPANS)
    assert caught.value.near == ["f29a8931-77", "f29a8931-88"]


@pytest.mark.parametrize("unknown", ["f29", "deadbeef"])
def test_short_or_unmatched_id_prefix_is_unknown(unknown: str) -> None:
    with pytest.raises(NotFound, match="no record of"):
        trace(unknown, known_by({"f29a8931-77": "o-1"}), NO_MEMORY, DAYS, SPANS)


@pytest.mark.parametrize(
    ("unknown", "near", "new"),
    [
        ("0b7f5e0e-3f0c-5d0b-9a52-5c9c1f7f2b11", [], True),
        ("0b7f5e0e-3f0c-5d0b-9a52-5c9c1f7f2b11", ["0b7f5e0e"], False),
        ("0b7f5e0e", [], False),
        ("gs://bucket/a.json", [], False),
    ],
)
def test_only_whole_id_without_similar_ids_may_be_too_new(unknown: str, near: list[str], new: bool) -> None:
    result = NotFound(unknown, near).sentence("dev")
    assert result.startswith(f"no record of '{unknown}' in dev")
    assert ("try again" in result) == new


def test_search_widens_until_found_and_chain_reads_only_near_days() -> None:
    week, day = timedelta(days=7), timedelta(days=1)
    spans = [(GAME_DATE + 20 * day, GAME_DATE + 23 * day), (GAME_DATE - day, GAME_DATE + 23 * day)]
    requests: list[tuple[str, date, date]] = []

    def answer(sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        first, last = parameters["first"], parameters["last"]
        requests.append(("find" if "AS kind" in sql else "read", first, last))
        known = "AS kind" in sql and first <= GAME_DATE <= last
        # The chain has rows of two days.
        rows_on = (GAME_DATE, GAME_DATE + day) if known else ()
        return [{"kind": "occurrence", "id": "o-1", "day": on} for on in rows_on]

    trace("o-1", ChainDataset(MemoryWarehouse(answer=answer), "local"), NO_MEMORY, DAYS, spans)
    (first, events, second, *chain) = requests
    assert [first, events, second] == [("find", *spans[0]), ("read", *spans[0]), ("find", *spans[1])]
    assert set(chain) == {("read", GAME_DATE - week, GAME_DATE + day + week)}


def test_unavailable_dataset_raises() -> None:
    with pytest.raises(Unavailable):
        trace("abc-1", dataset({}, down=True), memory_of(MemoryObjects()), DAYS, SPANS)


def test_response_of_other_server_is_refused() -> None:
    """A server at a mistyped address may return JSON of another shape."""
    other = ControllerMemory(lambda _path, _query: b'{"status": "ok"}')
    with pytest.raises(MemoryUnavailable, match="is not a Tipoff controller"):
        other.find("r-1", [GAME_DATE])
