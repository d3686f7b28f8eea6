"""The monitor's event handlers: a watch at each of its ticks, and the notifications of each alert change."""

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
"""The age at which an untaken notification is given up; the rule channel-failing reports the channel itself."""
_WRITERS = 5
"""Attempts of a watch under concurrent writers before it gives up; people and watches are few."""


def handle_delivery(delivery: Delivery, deps: Deps, now: datetime) -> None:
    """Run a watch at the monitor's tick, or notify people of a change. Raises Unavailable: to be delivered again."""
    match delivery.event:
        # Other ticks and events fall through and are acknowledged: the subscription cannot filter them.
        case TickFired(tick=Tick.WATCH) as tick:
            run_watch(tick, delivery.message.publish_time or now, deps, now)
        case AlertChanged() as event:
            notify_people(event, deps, now)


def run_watch(event: TickFired, published_at: datetime, deps: Deps, now: datetime) -> None:
    """Evaluate every rule and publish the changes; for a tick that was handled before, publish the rest only.

    Raises:
        Unavailable: the memory cannot be read, or not written (also due to concurrent writers), or the changes cannot
            be published; to be delivered again.
    """
    tick = tick_instant(event, published_at)
    # A tick that is delivered a moment early counts at its own time, since `Watch.elapsed` counts from tick to tick.
    instant = event.event_time or max(now, tick)
    # Evaluate anew in each round: the memory of the other writer may already include this tick.
    for _ in range(_WRITERS):
        memory, generation = deps.state.read_or_set_aside()
        if _is_handled(memory, tick, instant, deps.book.file.watch.outage_after):
            break
        conditions = _read_conditions(deps, instant)
        cadence = timedelta(minutes=event.cadence_minutes)
        after = watch(memory, Watch(deps.book.file, deps.environment, instant, tick, conditions, cadence))
        if deps.state.write(after, generation):
            break
        # Another monitor's watch or a person's action was written in between: start over from that memory.
    else:
        # The other writers need not have been watches, so this tick may be unhandled.
        raise Unavailable(
            "too many concurrent changes of the monitor's memory; the tick is handled when it is redelivered"
        )
    # Also for a repeated tick: its first delivery may have crashed between writing and publishing.
    flush_outbox(deps)
    if deps.workflows_text:
        # At each watch, since the bucket may be unreachable at start; a repetition costs one refused write.
        deps.state.keep_configuration(deps.config_hash, deps.workflows_text)


def _is_handled(memory: Memory, tick: datetime, now: datetime, outage_after: timedelta) -> bool:
    """Return whether a tick was handled, or is a little before the last watch, as after a clock that stepped back.

    A last watch in the far future comes from a clock that had stepped ahead; waiting for that instant would be an
    outage.
    """
    if memory.tick is not None and tick <= memory.tick:
        return True
    return memory.watched_at is not None and now <= memory.watched_at < now + outage_after


def flush_outbox(deps: Deps) -> None:
    """Publish the changes in the outbox, then remove them from it. Raises Unavailable."""
    memory, _ = deps.state.read_or_set_aside()
    if not memory.outbox:
        return
    deps.publisher.publish(memory.outbox)
    # By id: changes that were added meanwhile are unpublished and must stay.
    published = {event.id for event in memory.outbox}
    deps.state.update(
        lambda found: found.model_copy(
            update={"outbox": tuple(event for event in found.outbox if event.id not in published)}
        )
    )


def _read_conditions(deps: Deps, now: datetime) -> tuple[Condition, ...] | None:
    """Query the warehouse in two jobs; return None when it does not answer."""
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
        log.error("no rule can be evaluated", extra={"detail": str(error)})
        # Not an empty tuple, which would mean that there are no faults and resolve
        # every incident.
        return None
    verdict = judge_day(expected, deps.names(now), locks_at=deps.locks_at)
    return find_conditions(rows, verdict, deps.book, deps.levels, deps.sources)


def notify_people(event: AlertChanged, deps: Deps, now: datetime) -> None:
    """Send a change to each of its channels once, also when another monitor handles the same change.

    Raises:
        Unavailable: a channel did not take the message, or another monitor is sending it; to be delivered again.
    """
    if not event.notify or not event.transition:
        return  # a change without a number comes from another service; the rules evaluate its cause themselves
    unsent = [name for name in channels_for(event, deps.book.file) if not deps.state.is_sent(event, name)]
    # Every channel has the message, or no route fits.
    if not unsent:
        log.info("no channel to notify", extra={"rule": event.rule, "about": event.about})
        return
    memory, _ = deps.state.read_or_set_aside()
    if _is_outdated(event, memory):
        log.info("outdated, not sent", extra={"rule": event.rule, "about": event.about})
        return
    # A channel that another monitor has claimed counts as missing until its `.done` mark exists.
    claimed = [name for name in unsent if deps.state.claim(event, name, now)]
    notice = write_notice(event, deps.book.file.all_rules.get(event.rule), deps.console_url)
    accepted = deps.send({name: deps.senders[name] for name in claimed}, notice)
    for name, is_accepted in accepted.items():
        if is_accepted:
            # Mark after sending: a crash in between causes a second message, while the reverse order could lose the
            # only one. Webhooks and PagerDuty get the id of the change and can drop the repetition.
            deps.state.note_sent(event, name)
        else:
            deps.state.release(event, name, now)
    _note_channels(accepted, deps, now)
    missing = [name for name in unsent if not accepted.get(name)]
    if missing and now - event.changed_at < STALE_AFTER:
        raise Unavailable(f"not sent yet to {', '.join(missing)}")


def _is_outdated(event: AlertChanged, memory: Memory) -> bool:
    """Return whether the incident ended after the change, or began again after its end.

    Pub/Sub keeps no order. A first message after the last one would open a page that stays open; the end of an earlier
    round would close the page of the present round.
    """
    # After a lost memory there are no incidents: the next watch reports them under other ids.
    incident = next((it for it in memory.incidents.values() if it.id == event.alert_id and it.is_open), None)
    began_again = (
        incident is not None and incident.fired_at is not None and event.changed_at < incident.fired_at
    )
    if event.state is AlertState.RESOLVED:
        # Outdated only if the new round has a message of its own: otherwise the open page is still the earlier round's.
        return began_again and incident is not None and incident.was_notified and incident.covered_by is None
    # Other incidents in the message may still hold, and only this message reports them: an extra page is the smaller
    # harm.
    if event.context.get("others") and any(
        it.rule == event.rule and it.is_open for it in memory.incidents.values()
    ):
        return False
    return incident is None or began_again


def _note_channels(accepted: Mapping[str, bool], deps: Deps, now: datetime) -> None:
    """Store which channels fail since when, so that the next watch reports it on the other channels."""

    def noted(memory: Memory) -> Memory:
        failing = {name: since for name, since in memory.failing_channels.items() if not accepted.get(name)}
        failing |= {name: failing.get(name, now) for name, is_accepted in accepted.items() if not is_accepted}
        return memory.model_copy(update={"failing_channels": failing})

    if accepted:
        deps.state.update(noted)
