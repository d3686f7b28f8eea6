"""The monitor's routing table: its tick is a watch, and each change of an alert is told to people."""

import logging
from collections.abc import Mapping
from datetime import datetime, time, timedelta

from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import AlertChanged, AlertState, Event, Tick, TickFired
from tipoff_common.ports import Unavailable
from tipoff_common.push import Delivery
from tipoff_common.ticks import tick_instant
from tipoff_monitor.alert_routes import channels_for
from tipoff_monitor.changes import Watch
from tipoff_monitor.conditions import Condition, batch_query, find_conditions
from tipoff_monitor.deps import Deps
from tipoff_monitor.incidents import Memory
from tipoff_monitor.machine import watch
from tipoff_monitor.notices import write_notice
from tipoff_planning.expectations import read_expectations
from tipoff_planning.verdict import judge_day

log = logging.getLogger(__name__)

ACCEPTED: frozenset[type[Event]] = frozenset({TickFired, AlertChanged})
STALE_AFTER = timedelta(hours=2)
"""A notification that a channel did not take for so long is old news; the failing channel itself is told elsewhere."""
_WRITERS = 5
"""Writers that may come in between before a watch gives up; people and watches are few."""


def handle_delivery(delivery: Delivery, deps: Deps, now: datetime) -> None:
    """Judge at the monitor's tick, and tell people of a change. Raises Unavailable: to be delivered again."""
    match delivery.event:
        # Other ticks and events fall through and are acknowledged: the subscription cannot tell them apart.
        case TickFired(tick=Tick.WATCH) as tick:
            run_watch(tick, delivery.message.publish_time or now, deps, now)
        case AlertChanged() as event:
            notify_people(event, deps, now)


def run_watch(event: TickFired, published_at: datetime, deps: Deps, now: datetime) -> None:
    """Judge every rule and publish what changed; a tick that was handled only publishes what is left.

    Raises:
        Unavailable: the memory cannot be read or written, also as others write all the time, or the changes not be
            published; delivered again.
    """
    tick = tick_instant(event, published_at)
    # One that came a moment too early is judged at its own time, as `Watch.elapsed` counts from tick to tick.
    instant = event.event_time or max(now, tick)
    # Judged anew in each round: what the other writer left may already contain this tick's answer.
    for _ in range(_WRITERS):
        memory, generation = deps.state.read_or_set_aside()
        if _is_handled(memory, tick, instant, deps.book.file.watch.outage_after):
            break
        conditions = _read_conditions(deps, instant)
        cadence = timedelta(minutes=event.cadence_minutes)
        after = watch(memory, Watch(deps.book.file, deps.environment, instant, tick, conditions, cadence))
        if deps.state.write(after, generation):
            break
        # Another monitor watched, or somebody acknowledged something: what they wrote counts.
    else:
        # The writers need not have been watches, so this tick may not have been judged by anybody.
        raise Unavailable(
            "the monitor's memory is changed by too many at once; the tick is judged when it comes again"
        )
    # Also for a tick that came before: its first delivery may have died between writing and publishing.
    flush_outbox(deps)
    if deps.workflows_text:
        # With each watch, as the start may come before the bucket can be reached; a second time it costs one refusal.
        deps.state.keep_configuration(deps.config_hash, deps.workflows_text)


def _is_handled(memory: Memory, tick: datetime, now: datetime, outage_after: timedelta) -> bool:
    """Tell whether a tick came before, or from a clock that steps back a little: an instant is judged once.

    A memory of far later is that of a clock that had stepped ahead; waiting for it to come true would be an outage.
    """
    if memory.tick is not None and tick <= memory.tick:
        return True
    return memory.watched_at is not None and now <= memory.watched_at < now + outage_after


def flush_outbox(deps: Deps) -> None:
    """Publish the changes that are not published for certain, then forget them. Raises Unavailable."""
    memory, _ = deps.state.read_or_set_aside()
    if not memory.outbox:
        return
    deps.publisher.publish(memory.outbox)
    # By id: changes that came meanwhile are not published yet and must stay.
    published = {event.id for event in memory.outbox}
    deps.state.update(
        lambda found: found.model_copy(
            update={"outbox": tuple(event for event in found.outbox if event.id not in published)}
        )
    )


def _read_conditions(deps: Deps, now: datetime) -> tuple[Condition, ...] | None:
    """Ask the warehouse, in two jobs; None when it does not answer."""
    day = business_date(now)
    sql, parameters = batch_query(
        deps.book,
        {
            "as_of": now,
            "environment": deps.environment,
            "version": deps.version,
            "config_hash": deps.config_hash,
        },
    )
    try:
        rows = deps.warehouse.query(sql, parameters)
        expected = read_expectations(
            deps.warehouse,
            deps.environment,
            day,
            now,
            midnight=local_instant(day, time()),
            with_known_since=False,
        )
    except Unavailable as error:
        log.error("nothing can be judged", extra={"detail": str(error)})
        # Not an empty tuple: nothing known is not the same as nothing wrong,
        # and would resolve every incident.
        return None
    verdict = judge_day(expected, deps.names())
    return find_conditions(rows, verdict, deps.book, deps.levels, deps.sources)


def notify_people(event: AlertChanged, deps: Deps, now: datetime) -> None:
    """Tell the channels of a change once each, whoever else handles the same change.

    Raises:
        Unavailable: a channel did not take it, or another monitor is at it; delivered again.
    """
    if not event.notify or not event.transition:
        return  # a change without a number is another service's own, which the rules judge anew
    wanted = [name for name in channels_for(event, deps.book.file) if not deps.state.is_sent(event, name)]
    # Every channel has it, or no route fits.
    if not wanted:
        log.info("nobody is to be told", extra={"rule": event.rule, "about": event.about})
        return
    memory, _ = deps.state.read_or_set_aside()
    if _is_outdated(event, memory):
        log.info("outdated, not sent", extra={"rule": event.rule, "about": event.about})
        return
    # What another monitor claims is left to it, and counted as missing until its mark is there.
    claimed = [name for name in wanted if deps.state.claim(event, name, now)]
    notice = write_notice(event, deps.book.file.all_rules.get(event.rule), deps.console_url)
    taken = deps.send({name: deps.senders[name] for name in claimed}, notice)
    for name, is_taken in taken.items():
        if is_taken:
            # Between the channel's answer and this mark a crash costs a second message; the reverse order would cost
            # the only one. A webhook and PagerDuty get the change's identity, and so can tell.
            deps.state.note_sent(event, name)
        else:
            deps.state.release(event, name, now)
    _note_channels(taken, deps, now)
    missing = [name for name in wanted if not taken.get(name)]
    if missing and now - event.changed_at < STALE_AFTER:
        raise Unavailable(f"not told yet on {', '.join(missing)}")


def _is_outdated(event: AlertChanged, memory: Memory) -> bool:
    """Tell whether the incident ended after the change, or began again after its end.

    Pub/Sub keeps no order. Sent after the message of the end, that of the beginning would open a page that nobody
    closes; the end of an earlier round would close the page of the present one.
    """
    # A memory that was lost has no incidents: the next watch tells of them under other ids.
    incident = next((it for it in memory.incidents.values() if it.id == event.alert_id and it.is_open), None)
    began_again = (
        incident is not None and incident.fired_at is not None and event.changed_at < incident.fired_at
    )
    if event.state is AlertState.RESOLVED:
        # Of a return that no message of its own is about, the page of the earlier round is still to be closed.
        return began_again and incident is not None and incident.was_told and incident.told_by is None
    # Others in the message may hold still, and nothing else tells of them: a page too many is the smaller harm.
    if event.context.get("others") and any(
        it.rule == event.rule and it.is_open for it in memory.incidents.values()
    ):
        return False
    return incident is None or began_again


def _note_channels(taken: Mapping[str, bool], deps: Deps, now: datetime) -> None:
    """Remember which channels fail, and since when: the next watch tells of it on the others."""

    def noted(memory: Memory) -> Memory:
        failing = {name: since for name, since in memory.failing_channels.items() if not taken.get(name)}
        failing |= {name: failing.get(name, now) for name, is_taken in taken.items() if not is_taken}
        return memory.model_copy(update={"failing_channels": failing})

    if taken:
        deps.state.update(noted)
