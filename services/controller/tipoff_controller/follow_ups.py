"""Follow-ups of executions: retries, the next steps of a plan, and the end of a manual run."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from tipoff_common.events import ScrapeExecuted
from tipoff_controller.deps import Deps
from tipoff_controller.occurrence_store import Key
from tipoff_planning.occurrence_log import Entry, LoggedExecution, OccurrenceState, log_execution
from tipoff_planning.plans import Plan
from tipoff_planning.progress import NOTHING_HELD

log = logging.getLogger(__name__)


def note_execution(event: ScrapeExecuted, deps: Deps, now: datetime) -> None:
    """Log one execution and publish the next requests of its plan. Raises Unavailable: to be delivered again."""
    if event.occurrence_id is not None:
        note_executions(Key(event.game_date, event.occurrence_id), [event], deps, now)


def note_executions(key: Key, events: Sequence[ScrapeExecuted], deps: Deps, now: datetime) -> None:
    """Log executions of one occurrence in one entry, and publish the next requests of its plan.

    Writes the entry before it publishes anything. The executions stay unacknowledged until both are done; a repeated
    delivery finds its entry and publishes the entry's follow-ups again, unless this process has published them.

    Raises:
        Unavailable: to be delivered again.
    """
    executions = [log_execution(event, deps.configuration.subject_parameters) for event in events]
    # In event time the clock follows the events, and so does the due time of a retry.
    instant = max((event.event_time for event in events if event.event_time), default=now)
    with deps.occurrences.lock(key):
        state = deps.occurrences.cached(key)
        if state.next_number == 0:
            # No request of this controller: a direct call, or the bucket was emptied. The dataset has the row.
            log.info("execution of an unknown occurrence", extra={"occurrence": key.occurrence_id})
            return
        entry = append(state, executions, deps, instant, now)
        _publish_again(state, executions, entry, deps)


def append(
    state: OccurrenceState,
    executions: Sequence[LoggedExecution],
    deps: Deps,
    instant: datetime,
    now: datetime,
    *,
    rebuilt: bool = False,
    plan: Plan | None = None,
    tick: datetime | None = None,
) -> Entry | None:
    """Write an entry with the new executions, and publish its follow-ups; None when there is nothing new to write.

    tick: the evaluation that appends; its next delivery publishes the entry again.
    """
    key = Key(state.game_date, state.occurrence_id)
    # An evaluation may have closed a settled occurrence without this news, such as the late execution of a request
    # presumed dead.
    perhaps_closed = bool(state.settled and state.next_number and (rebuilt or state.has_news(executions)))
    if perhaps_closed:
        # Before the entry, so that a crash after the entry leaves a marker even without a redelivery.
        deps.occurrences.open(key)
    own = plan or state.plan
    # The evaluation after a pause publishes the requests that the pause held back.
    held = deps.pauses.lately(now).held_of(own, instant) if own is not None else NOTHING_HELD
    while (
        entry := state.draft(
            executions, now=instant, at=now, rebuilt=rebuilt, plan=plan, tick=tick, held=held
        )
    ) is not None:
        if not deps.occurrences.append(state, entry):
            deps.occurrences.catch_up(state)
            # Another process's entry may have settled the occurrence.
            perhaps_closed = True
            continue
        if perhaps_closed:
            # Again, because a concurrent `close` may have read the log before this entry: it has deleted the first
            # marker, or this one's generation stops it.
            # Before publishing, because a repetition reopens the occurrence only for an unpublished entry.
            deps.occurrences.open(key)
        publish_entries(state, {state.next_number - 1: entry}, deps)
        return entry
    return None


def publish_entries(state: OccurrenceState, entries: Mapping[int, Entry], deps: Deps) -> None:
    """Publish the skips and requests that follow from log entries, by number, unless this process has done so."""
    # Only saves work: another process, or this one after a restart, publishes
    # again, and equal ids make that harmless.
    new = [number for number in entries if number not in state.published]
    follow_ups = [state.follow_ups(entries[number], deps.environment) for number in new]
    deps.publisher.publish([event for item in follow_ups for event in (*item.skips, *item.requests)])
    state.published.update(new)


def publish_tick_again(state: OccurrenceState, tick: datetime, deps: Deps) -> Entry | None:
    """Publish the entry that an earlier delivery of this tick wrote, since it may have crashed before publishing.

    Return that entry; None when there is none.
    """
    # Only this tick's own entry: deliveries of executions republish their own entries.
    if state.written_by_tick is None or state.written_by_tick[0] != tick:
        return None
    number = state.written_by_tick[1]
    return _publish_written(state, [number], deps).get(number)


def _publish_written(state: OccurrenceState, numbers: Sequence[int], deps: Deps) -> Mapping[int, Entry]:
    """Publish entries of the log, and open its occurrence; return the entries without the unreadable ones."""
    key = Key(state.game_date, state.occurrence_id)
    entries = deps.occurrences.entries(key, numbers)
    if entries.keys() - state.published and not state.settled:
        # The delivery that wrote the entries may have crashed before it created the marker.
        deps.occurrences.open(key)
    publish_entries(state, entries, deps)
    return entries


def _publish_again(
    state: OccurrenceState, executions: Sequence[LoggedExecution], new: Entry | None, deps: Deps
) -> None:
    known = [number for item in executions if (number := state.entry_of.get(item.request_id)) is not None]
    if not known:
        return
    # Publish all entries since the executions' own. A delivery without news may still write an entry, for a retry that
    # has become due, and the late execution of a request presumed dead is logged a second time. If publishing such an
    # entry fails, only this delivery's repetition can publish it.
    own = state.next_number - 1 if new is not None else None
    tail = range(min(known), state.next_number)
    # All at once: after a restart the tail may be long, and the occurrence's lock is held.
    _publish_written(
        state, [number for number in tail if number != own and number not in state.published], deps
    )
