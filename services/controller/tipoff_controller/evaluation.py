"""One evaluation: decide once per tick, and publish that decision at each delivery of the tick."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial

from tipoff_common import RELEASE
from tipoff_common.clock import business_date
from tipoff_common.events import ScheduleLocked, ScrapeRequested
from tipoff_common.identity import decision_id
from tipoff_common.ports import Unavailable
from tipoff_controller import names
from tipoff_controller.dead_requests import draft_lease_failures
from tipoff_controller.deps import Deps
from tipoff_controller.follow_ups import append, publish_tick_again
from tipoff_controller.occurrence_store import Key
from tipoff_controller.past import Past, read_past
from tipoff_controller.publication import publish_batch
from tipoff_controller.schedule_lock import late_locks, schedule_changes
from tipoff_planning.context import EvaluationContext
from tipoff_planning.decision import DecisionInputs
from tipoff_planning.decisions import decide, unable_to_decide
from tipoff_planning.drafts import DecisionBatch, draft, request
from tipoff_planning.history import ExecutionFact
from tipoff_planning.occurrence_log import LoggedExecution, OccurrenceState, rebuilt_decision
from tipoff_planning.pauses import Pauses
from tipoff_planning.plans import OutputOf
from tipoff_planning.settled import Settled

log = logging.getLogger(__name__)


def evaluate_workflows(
    context: EvaluationContext, deps: Deps, only: frozenset[str] | None = None
) -> DecisionBatch:
    """Decide about every workflow, write the decisions and publish them.

    only: restrict to these workflows, at a tick between two full evaluations. Schedule changes, retries and expired
    leases are left to the full evaluation.

    Raises:
        Unavailable: to be delivered again; the next delivery publishes a decision that is already written.
    """
    name = names.tick(context.tick)
    past: Past | None = None
    try:
        # Read beside the pauses: settling them is idempotent, so a tick that is decided already may settle them too.
        reading = deps.occurrences.beside(partial(deps.ledger.decided, context.tick))
        # Pauses first: a pause that has ended is published, and no longer holds back the requests drafted below.
        pauses = deps.pauses.settle(deps.publisher, deps.environment, context.wall)
        decided = reading.result()
        if decided is None:
            past = _settle_past(context, deps, schedules=only is None)
            # Before the locks are taken: a late lock may query the dataset for up to 40 s, and no execution could be
            # noted meanwhile.
            schedules = _draft_schedules(past, context, deps) if only is None else ScheduleDrafts()
            # Executions arrive meanwhile. A decision on a half-applied change of an
            # occurrence could request the same unit twice.
            with deps.occurrences.all_locked():
                batch = _decide(past, pauses, schedules, context, deps, only)
            decided = deps.ledger.remember_decided(context.tick, batch)
    except Unavailable as error:
        _publish_aborts_once(name, error, context, deps, only)
        # Refuse the delivery although the aborts are published: a 2xx for an evaluation that
        # decided nothing once hid a dead controller for three days.
        raise
    publish_batch(decided, name, deps, context.wall)
    # Only in the delivery that decided, and after publishing: closing an occurrence
    # earlier could lose its unpublished events.
    if past is not None:
        _close_settled(past, context, deps)
    return decided


def _publish_aborts_once(
    name: str, error: Unavailable, context: EvaluationContext, deps: Deps, only: frozenset[str] | None
) -> None:
    """Publish an ABORT for every workflow, once per tick and not at each delivery of it."""
    log.critical("no workflow can be decided", extra={"detail": str(error)})
    if f"abort {name}" in deps.published:
        return
    # The state bucket may be down, so no first ABORT of a tick can win there. Another controller may get the next
    # delivery. The events are therefore a function of the tick, and a repetition is a duplicate: they contain neither
    # the error nor the instant of this delivery, and their identity includes the configuration and the release.
    at_tick = replace(context, now=context.tick, wall=context.tick)
    aborted = [
        decision
        for decision in unable_to_decide(deps.configuration, context.tick)
        if only is None or decision.occurrence.workflow in only
    ]
    version = f"{deps.configuration.hash}:{RELEASE}"
    decisions = [
        decision.model_copy(
            update={"decision_id": decision_id(f"{decision.occurrence_id}:{version}", context.tick)}
        )
        for decision in draft(aborted, deps.configuration, at_tick).decisions
    ]
    deps.publisher.publish(decisions)
    deps.published.add(f"abort {name}")


def _settle_past(context: EvaluationContext, deps: Deps, *, schedules: bool) -> Past:
    """Read past events, and append executions that only the dataset has to the occurrences' logs."""
    past = read_past(context, deps, schedules=schedules)
    for state in past.states.values():
        # The previous delivery may have crashed between writing an entry and publishing it.
        with deps.occurrences.lock(Key(state.game_date, state.occurrence_id)):
            entry = publish_tick_again(state, context.tick, deps)
        if entry is not None and entry.rebuilt:
            deps.publisher.publish([rebuilt_decision(state, entry, deps.configuration, context)])
    # After the repetition above, which may already have replaced damaged entries.
    for key, state in past.damaged.items():
        if past.stale:
            break  # The dataset cannot be queried; a later tick rebuilds the occurrence.
        _rebuild(key, state, past.answer.occurrences.get(key.occurrence_id, ()), context, deps)
    for state in past.states.values():
        # An execution in the dataset whose message never reached the controller: the
        # dataset is its second way into the log.
        requested = state.progress.requested if state.progress else {}
        # The intersection walks the smaller set: after a long loss both can be large. Sorted, since the order of a set
        # differs from process to process.
        answered = sorted(past.answer.requests.keys() & requested.keys())
        missed = [
            LoggedExecution.from_fact(past.answer.requests[name])
            for name in answered
            if name not in state.executions
        ]
        if missed:
            with deps.occurrences.lock(Key(state.game_date, state.occurrence_id)):
                append(
                    state,
                    _without_sources(state, missed),
                    deps,
                    context.now,
                    context.wall,
                    tick=context.tick,
                )
    return past


def _rebuild(
    key: Key, state: OccurrenceState, facts: Iterable[ExecutionFact], context: EvaluationContext, deps: Deps
) -> None:
    """Append an occurrence's executions in the dataset to replace unreadable entries, and publish the rebuilding.

    Requests without a logged execution are requested again: the runner answers from its own memory without fetching.
    """
    # The ledger has a second copy of a manual run's plan; a scheduled occurrence is decided anew, with the same ids.
    run = deps.ledger.manual_run(key.occurrence_id) if state.plan is None else None
    plan = run.plans[0] if run is not None and run.plans else None
    with deps.occurrences.lock(key):
        known = _without_sources(state, [LoggedExecution.from_fact(fact) for fact in facts])
        entry = append(
            state, known, deps, context.now, context.wall, rebuilt=True, plan=plan, tick=context.tick
        )
    if entry is not None:
        deps.publisher.publish([rebuilt_decision(state, entry, deps.configuration, context)])


def _without_sources(state: OccurrenceState, items: Iterable[LoggedExecution]) -> list[LoggedExecution]:
    """Drop successes that other steps fan out over: the dataset lacks their values, and the runner has them."""
    if state.progress is None or state.plan is None:
        return list(items)
    # Without its values, such a success would fan out over nothing and settle the steps that follow.
    sources = {step.fan_out.step for step in state.plan.steps if isinstance(step.fan_out, OutputOf)}
    remaining = []
    for item in items:
        attempt = state.progress.attempt(item.request_id)
        # A dropped request stays under way until its lease ends; then the controller requests it
        # again, and the runner answers from memory.
        if attempt is None or attempt.unit.step not in sources:
            remaining.append(item)
    return remaining


@dataclass(frozen=True)
class ScheduleDrafts:
    """Drafts of one evaluation about the expected schedules of the days around it."""

    locks: tuple[ScheduleLocked, ...] = ()
    changes: tuple[ScheduleLocked, ...] = ()


def _draft_schedules(past: Past, context: EvaluationContext, deps: Deps) -> ScheduleDrafts:
    return ScheduleDrafts(
        tuple(late_locks(past, context, deps)), tuple(schedule_changes(past, context, deps))
    )


def _decide(
    past: Past,
    pauses: Pauses,
    schedules: ScheduleDrafts,
    context: EvaluationContext,
    deps: Deps,
    only: frozenset[str] | None,
) -> DecisionBatch:
    """Decide, and draft every event to publish. Reads nothing: the caller holds all locks."""
    inputs = DecisionInputs(
        deps.configuration,
        past.calendar,
        past.history,
        context.now,
        standings={key.occurrence_id: state.progress for key, state in past.states.items() if state.progress},
        outputs=past.outputs,
        empty_looks=past.settled.empty_looks,
        discovery=past.discovery,
        agenda=past.agenda,
        pauses=pauses,
        locked={
            day: frozenset(run.occurrence_id for event in events for run in event.runs)
            for day, events in past.schedules.items()
            if events
        },
    )
    # Between two full evaluations, draft nothing else: the full evaluation owns
    # locks, schedule changes and retries.
    if only is not None:
        decisions = [decision for decision in decide(inputs) if decision.occurrence.workflow in only]
        return draft(decisions, deps.configuration, context)
    batch = draft(decide(inputs), deps.configuration, context)
    # The drafted requests already include the due requests of an occurrence that was decided just now.
    retries = _retries(past, pauses, {item.occurrence_id for item in batch.requests}, context)
    return batch.model_copy(
        update={
            "requests": (*batch.requests, *retries),
            "locks": schedules.locks,
            "schedules": schedules.changes,
            "failures": tuple(draft_lease_failures(past, context, deps)),
        }
    )


def _retries(
    past: Past, pauses: Pauses, decided: set[str | None], context: EvaluationContext
) -> list[ScrapeRequested]:
    """Draft due requests of occurrences without a decision: of manual runs, and those that a pause held back."""
    found: list[ScrapeRequested] = []
    for state in past.states.values():
        # `draft` included the due requests of a decided occurrence.
        if state.progress is None or state.occurrence_id in decided:
            continue
        held_requests = pauses.held_of(state.progress.plan, context.now)
        try:
            found += [
                request(state.progress.plan, item, context.wall)
                for item in state.progress.due(context.now, held_requests)
            ]
        except ValueError as error:
            # A request that cannot be built fails its own occurrence only; the evaluation serves all others.
            log.error(
                "request of an occurrence cannot be built",
                extra={"occurrence": state.occurrence_id, "detail": str(error)[:500]},
            )
    return found


def _close_settled(past: Past, context: EvaluationContext, deps: Deps) -> None:
    """Add the results of settled occurrences to the ledger, and delete their open markers."""
    # Sorted, since the order of a set differs from process to process: a crash has to leave the same occurrences open.
    done = sorted(key for key in past.opened if past.states[key].settled and not past.states[key].unreadable)
    if not done:
        return
    # Decisions read three days back at most (days_before). An occurrence's game date may be a day before its day, and
    # the calendar in a workflow's own zone may be another day behind.
    since: date = business_date(context.now, deps.configuration.zone) - timedelta(days=5)

    def with_done(settled: Settled) -> Settled:
        for key in done:
            # A late execution of a request presumed dead may be noted meanwhile.
            with deps.occurrences.lock(key):
                settled = settled.with_occurrence(past.states[key], deps.configuration, since)
        return settled

    deps.ledger.change_settled(with_done)
    # After the results: a crash in between leaves markers, and the next evaluation
    # settles their occurrences again without effect.
    for key in done:
        deps.occurrences.close(key, past.opened[key])
