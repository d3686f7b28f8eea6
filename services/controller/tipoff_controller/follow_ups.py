"""Follow-ups of executions: retries, the next steps of a plan, and the end of a manual run."""

import logging
from collections.abc import Sequence
from datetime import datetime

from tipoff_common.events import ScrapeExecuted
from tipoff_controller.deps import Deps
from tipoff_controller.occurrence_store import Key
from tipoff_planning.occurrence_log import Entry, LoggedExecution, OccurrenceState, log_execution
from tipoff_planning.plans import Plan
from tipoff_planning.progress import NOTHING_HELD

log = logging.getLogger(__name__)


def note_execution(event: ScrapeExecuted, deps: Deps, now: datetime) -> None:
    """Log one execution and publish what its plan asks for next. Raises Unavailable: to be delivered again."""
    if event.occurrence_id is not None:
        note_executions(Key(event.game_date, event.occurrence_id), [event], deps, now)


def note_executions(key: Key, events: Sequence[ScrapeExecuted], deps: Deps, now: datetime) -> None:
    """Log executions of one occurrence in one entry, and publish what its plan asks for next.

    The entry is written before anything is published. Until then the executions are unacknowledged; one that comes
    again finds its entry, and what follows from that is published once more, unless this process has done it.

    Raises:
        Unavailable: to be delivered again.
    """
    executions = [log_execution(event, deps.configuration.subject_parameters) for event in events]
    # In event time the ticks bring the time, and a retry is due by theirs.
    instant = max((event.event_time for event in events if event.event_time), default=now)
    with deps.occurrences.lock(key):
        state = deps.occurrences.kept(key)
        if state.next_number == 0:
            # Nothing asked for it here: a direct call, or a bucket that was emptied. The dataset has the row.
            log.info("execution of an occurrence that is not known", extra={"occurrence": key.occurrence_id})
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
    """Write the entry that takes in what is new, and publish what follows; None when nothing is new.

    tick: the evaluation that appends, whose next delivery publishes the same again.
    """
    key = Key(state.game_date, state.occurrence_id)
    # It may have been closed since; what came now, an answer to a request presumed dead, is not known there.
    perhaps_closed = bool(state.settled and state.next_number and (rebuilt or state.has_news(executions)))
    if perhaps_closed:
        # First, so that a crash after the entry leaves a marker even if nothing is delivered again.
        deps.occurrences.open(key)
    own = plan or state.plan
    # What somebody paused goes out with the evaluation after the pause.
    held = deps.pauses.lately(now).held_of(own, instant) if own is not None else NOTHING_HELD
    while (
        entry := state.draft(
            executions, now=instant, at=now, rebuilt=rebuilt, plan=plan, tick=tick, held=held
        )
    ) is not None:
        if not deps.occurrences.append(state, entry):
            deps.occurrences.catch_up(state)
            # What another process wrote may have settled it.
            perhaps_closed = True
            continue
        if perhaps_closed:
            # Once more: whoever closes it just now may have deleted the first marker and looked before the entry was
            # there. Before publishing, because a repetition opens again only what is not published.
            deps.occurrences.open(key)
        publish_entry(state, state.next_number - 1, entry, deps)
        return entry
    return None


def publish_entry(state: OccurrenceState, number: int, entry: Entry, deps: Deps) -> None:
    """Publish what an entry of the log makes follow, unless this process has done so."""
    # Only saves work: another process, or this one after a restart, publishes
    # again, and ids make that harmless.
    if number in state.published:
        return
    follow_ups = state.follow_ups(entry, deps.environment)
    deps.publisher.publish([*follow_ups.skips, *follow_ups.requests])
    state.published.add(number)


def publish_tick_again(state: OccurrenceState, tick: datetime, deps: Deps) -> Entry | None:
    """Publish what the tick's delivery before this one wrote, and perhaps did not live to publish.

    Return that entry; None when there is none.
    """
    # Only this tick's own: entries of executions are published again by their own deliveries.
    if state.written_by_tick is None or state.written_by_tick[0] != tick:
        return None
    return _publish_written(state, state.written_by_tick[1], deps)


def _publish_written(state: OccurrenceState, number: int, deps: Deps) -> Entry | None:
    """Publish an entry that is in the log, and open its occurrence; None when it cannot be read."""
    key = Key(state.game_date, state.occurrence_id)
    entry = deps.occurrences.entry(key, number)
    if entry is not None:
        if number not in state.published and not state.settled:
            # The delivery that wrote it may have died before it came to the marker.
            deps.occurrences.open(key)
        publish_entry(state, number, entry, deps)
    return entry


def _publish_again(
    state: OccurrenceState, executions: Sequence[LoggedExecution], new: Entry | None, deps: Deps
) -> None:
    known = [number for item in executions if (number := state.entry_of.get(item.request_id)) is not None]
    if not known:
        return
    # Not the executions' own entries alone: a delivery that brings nothing new may still write an entry, with a retry
    # that has become due since, and a request presumed dead is written once more when it is answered. If publishing
    # such an entry fails, only this delivery's repetition comes back to it, so all since then go out again.
    own = state.next_number - 1 if new is not None else None
    for number in range(min(known), state.next_number):
        if number == own or number in state.published:
            continue
        _publish_written(state, number, deps)
