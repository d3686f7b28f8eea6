"""The chain as a tree: expectation, decisions, requests, executions, files, receipts; each with its time and its delay
after the node above. The tree shows absent nodes as well: pending within the normal delay, and missing after it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import JsonValue

from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.identity import event_id
from tipoff_planning.plans import Plan
from tipoff_planning.trace.facts import DeadLetterFact, DecidedRow, ExpectedRow, Facts
from tipoff_planning.trace.links import (
    ChainNode,
    cleanup_link,
    dead_link,
    expectation_link,
    few,
    file_ids,
    missing,
    pending,
    receipt_link,
    requested_id,
    sightings,
)

_ROW_WITHIN = timedelta(minutes=2)
"""Normal delay of a decision's row and requests, with a margin: Pub/Sub delivers them within seconds."""
_EXECUTION_WITHIN = timedelta(minutes=10)
"""Normal delay of an execution: a scrape takes 540 s at most."""
_RECEIPT_WITHIN = timedelta(minutes=30)
"""Time after which cleanup republishes a file without a receipt."""


def assemble(facts: Facts, as_of: datetime | None = None) -> tuple[ChainNode, ...]:
    """Return a tree for each occurrence, and for each execution, file, dead letter and cleanup without one.

    as_of: now, which separates pending from missing nodes; without it every absent node is missing.
    """
    return tuple(_below(node) for node in _Assembly(facts, as_of).roots())


def event_ids(facts: Facts) -> Iterator[str]:
    """Yield the ids of all events of the chain: a dead letter with one of them belongs to the chain."""
    for decided in facts.decided:
        yield decided.event_id
    for request in {
        *(item.request_id for item in facts.requested),
        *(item.execution_id for item in facts.executed),
    }:
        yield requested_id(request)
        yield event_id(ScrapeExecuted.TYPE, request)
    # An announcement has no row of its own; its id is derived from the path.
    for path in {item.gcs_path for item in facts.executed if item.gcs_path}:
        yield from file_ids(path)
    for receipt in facts.receipts:
        yield receipt.event_id


def _below(node: ChainNode, since: datetime | None = None) -> ChainNode:
    """Return the node with the gaps of all its descendants, each from the nearest ancestor with a time."""
    since = node.at or since
    children = (
        replace(child, gap=child.at - since) if child.at and since else child for child in node.children
    )
    return replace(node, children=tuple(_below(child, since) for child in children))


class _Assembly:
    def __init__(self, facts: Facts, as_of: datetime | None) -> None:
        self._facts, self._as_of = facts, as_of
        self._dead: dict[str | None, list[DeadLetterFact]] = {}
        for letter in facts.dead:
            # By the id of the rejected event, by which each node finds its own dead letters.
            self._dead.setdefault(letter.ce_id, []).append(letter)
        self._plans = {plan.occurrence_id: plan for plan in facts.plans}
        # Indexes by request, since a fan-out has thousands and each node looks several of them up.
        self._requested = {item.request_id: item for item in reversed(facts.requested)}
        self._executed: dict[str, list[ExecutionRow]] = {}
        for row in facts.executed:
            self._executed.setdefault(row.execution_id, []).append(row)
        # An execution row may lack workflow and date, so every other source overrides it.
        requests: list[ExecutionRow | ScrapeRequested | Plan] = [
            *facts.executed,
            *facts.requested,
            *facts.plans,
        ]
        expectations: list[ExpectedRow | DecidedRow] = [*facts.expected, *facts.decided]
        self._about: dict[str | None, str] = {
            **{item.occurrence_id: f"{item.workflow} for {item.game_date}" for item in requests},
            **{item.occurrence_id: f"{item.workflow_name} for {item.game_date}" for item in expectations},
        }

    def roots(self) -> Iterator[ChainNode]:
        facts = self._facts
        for occurrence in self._occurrences():
            yield self._occurrence(occurrence)
        # Direct calls of the runner, without a decision.
        loose = {item.execution_id: None for item in facts.executed if item.occurrence_id is None}
        yield from self._by_time(self._request(request) for request in loose)
        written = {item.gcs_path for item in facts.executed}
        yield from (
            self._file(path)
            for path in {item.gcs_path: None for item in facts.receipts}
            if path not in written
        )
        # Dead letters of the chain are below their nodes; the others were looked up by their own ids.
        known = set(event_ids(facts))
        yield from self._by_time(dead_link(letter) for letter in facts.dead if letter.ce_id not in known)
        yield from self._by_time(cleanup_link(cleanup) for cleanup in facts.cleanups)

    def _occurrences(self) -> list[str]:
        facts = self._facts
        # The most informative sources first: schedule, decisions, plans, then requests and executions.
        found = [
            item.occurrence_id for item in sorted(facts.expected, key=lambda item: item.expected_run_time)
        ]
        found += [item.occurrence_id for item in sorted(facts.decided, key=lambda item: item.decision_time)]
        found += [item.occurrence_id for item in facts.plans]
        found += [item.occurrence_id for item in facts.requested if item.occurrence_id]
        found += [item.occurrence_id for item in facts.executed if item.occurrence_id]
        return list(dict.fromkeys(found))

    def _occurrence(self, occurrence: str) -> ChainNode:
        facts = self._facts
        expected = next((item for item in facts.expected if item.occurrence_id == occurrence), None)
        decided = [item for item in facts.decided if item.occurrence_id == occurrence]
        requests = dict.fromkeys(
            [item.request_id for item in facts.requested if item.occurrence_id == occurrence]
            + [item.execution_id for item in facts.executed if item.occurrence_id == occurrence]
        )
        # Each RUN with the instant of the next, before which its requests were made.
        runs = sorted(item.decision_time for item in decided if item.action == "RUN")
        children = [
            self._decision(item, list(requests), next((at for at in runs if at > item.decision_time), None))
            for item in decided
        ]
        decisions = {item.decision_id for item in decided}
        children += [
            # Requests without their decision in the dataset still belong to the occurrence.
            self._request(request)
            for request in requests
            if self._decision_of(request) not in decisions
        ]
        plan = self._plans.get(occurrence)
        if not decided:
            # Without a plan the time of the decision is unknown, so the decision counts as missing.
            since = plan.decided_at if plan else None
            children.append(self._absent("no decision is in the dataset", since, _ROW_WITHIN))
        return expectation_link(
            occurrence,
            expected,
            self._about[occurrence],
            (*few(self._by_time(children)), *self._unrequested_steps(plan)),
        )

    def _decision_of(self, request: str) -> str | None:
        if (requested := self._requested.get(request)) is not None:
            return requested.decision_id
        return next((row.decision_id for row in self._executed.get(request, ())), None)

    def _requested_at(self, request: str) -> datetime | None:
        if (requested := self._requested.get(request)) is not None:
            return requested.requested_at
        # An execution starts after its request, by seconds as a rule.
        return next((row.triggered_at for row in self._executed.get(request, ())), None)

    def _decision(self, item: DecidedRow, requests: Sequence[str], next_run: datetime | None) -> ChainNode:
        """Return a decision's node with the requests that carry its id.

        requests: those of its occurrence. next_run: the time of the occurrence's next RUN.
        """
        own = [request for request in requests if self._decision_of(request) == item.decision_id]
        children = [self._request(request) for request in own]
        # A later RUN continues the plan, and its requests carry the id of the first, which froze the plan.
        made = own or any(
            at is not None and item.decision_time <= at and (next_run is None or at < next_run)
            for at in map(self._requested_at, requests)
        )
        # Only a RUN makes requests.
        if item.action == "RUN" and not made:
            children.append(self._absent("no request is known", item.decision_time, _ROW_WITHIN))
        return ChainNode(
            "decision",
            f"{item.action} {item.reason_code}: {item.reason}",
            item.decision_id,
            item.decision_time,
            facts={"action": item.action, "reason_code": item.reason_code, "triggered_by": item.triggered_by},
            ids=frozenset({item.decision_id, item.event_id}),
            children=(*self._dead_of(item.event_id), *self._by_time(children)),
        )

    def _request(self, request: str) -> ChainNode:
        """Return a request's node with its executions; an unrecorded request is derived from its execution."""
        requested = self._requested.get(request)
        ran = sorted(self._executed.get(request, ()), key=lambda item: item.ended_at)
        event = requested_id(request)
        children = [*self._dead_of(event), *(self._execution(item) for item in ran)]
        # A request without any execution: still under way, or lost.
        if not ran:
            since = requested.requested_at if requested else None
            children.append(self._absent("no execution yet", since, _EXECUTION_WITHIN))
        scraper, attempt = (
            (requested.scraper, requested.attempt) if requested else (ran[0].scraper_name, ran[0].attempt)
        )
        text = f"{scraper}, attempt {attempt}"
        parameters: dict[str, JsonValue] = {}
        if requested:
            parameters = {name: value for name, value in requested.parameters.items() if name != "game_date"}
            text += f", step {requested.step}" if requested.step != requested.scraper else ""
            text += "".join(f", {name} {value}" for name, value in parameters.items())
        return ChainNode(
            "request",
            text,
            request,
            requested.requested_at if requested else None,
            facts={"scraper": scraper, "attempt": attempt, "parameters": parameters},
            ids=frozenset({request, event}),
            children=tuple(children),
        )

    def _execution(self, item: ExecutionRow) -> ChainNode:
        took = (item.ended_at - item.triggered_at).total_seconds()
        text = f"{item.status} in {took:.1f} s, {item.source}"
        if item.retry_count:
            text += f", {item.retry_count} transport retries"
        if item.error_type:
            text += f": {item.error_type}: {item.error_message}"
        if not item.is_logged:
            text += " (not in the dataset yet)"
        children = list(self._dead_of(event_id(ScrapeExecuted.TYPE, item.execution_id)))
        if item.gcs_path:
            children.append(self._file(item.gcs_path, item))
        return ChainNode(
            "execution",
            text,
            item.execution_id,
            item.triggered_at,
            facts={"status": item.status, "source": item.source, "error_type": item.error_type},
            ids=frozenset({item.execution_id, *([item.event_id] if item.event_id else [])}),
            children=tuple(children),
        )

    def _file(self, path: str, item: ExecutionRow | None = None) -> ChainNode:
        facts = self._facts
        receipts = [
            # Compared with the start of the run, so that a slightly wrong clock makes no receipt look earlier.
            receipt_link(receipt, earlier=item is not None and receipt.processed_at < item.triggered_at)
            for receipt in facts.receipts
            if receipt.gcs_path == path
        ]
        letters = [node for identifier in file_ids(path) for node in self._dead_of(identifier)]
        children = list(self._by_time([*receipts, *sightings(path, facts.seen), *letters]))
        if not receipts:
            since = item.ended_at if item else None
            children.append(self._absent("no receipt yet", since, _RECEIPT_WITHIN))
        return ChainNode(
            "file",
            f"{path}, {item.records} records" if item else f"{path}, without an execution in the dataset",
            path,
            item.ended_at if item else None,
            facts={"record_count": item.records if item else None},
            ids=frozenset({path, *file_ids(path)}),
            children=tuple(children),
        )

    def _absent(self, text: str, since: datetime | None, within: timedelta) -> ChainNode:
        """Build the node of an absent fact: pending until `within` after `since`, its expected time, then missing."""
        if self._as_of is None or since is None or self._as_of - since > within:
            return missing(text)
        return pending(text)

    def _dead_of(self, event: str) -> tuple[ChainNode, ...]:
        return tuple(dead_link(letter) for letter in self._dead.get(event, ()))

    def _unrequested_steps(self, plan: Plan | None) -> Iterator[ChainNode]:
        """Yield the nodes of the plan's steps without a request."""
        if plan is None:
            return
        for step in plan.steps:
            is_requested = any(
                (item.occurrence_id, item.step) == (plan.occurrence_id, step.name)
                for item in self._facts.requested
            )
            if not is_requested:
                skipped = (plan.occurrence_id, step.name) in self._facts.skips
                state = "skipped" if skipped else "not requested yet"
                text = f"step {step.name} ({step.scraper}) {state}"
                yield missing(text) if skipped else self._absent(text, plan.decided_at, _EXECUTION_WITHIN)

    @staticmethod
    def _by_time(nodes: Iterable[ChainNode]) -> list[ChainNode]:
        """Sort nodes by time; a node without a time sorts by its first child's."""

        def moment(node: ChainNode) -> float:
            times = [item.at for item in (node, *node.children) if item.at]
            return times[0].timestamp() if times else float("inf")

        return sorted(nodes, key=moment)
