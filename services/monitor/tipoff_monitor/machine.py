"""The state machine of incidents. Pure: the memory before and what is wrong now give the memory after.

The changes to publish stand in the outbox of the memory after, so that one write makes both durable: a crash at any
point publishes a change late, never twice and never not at all.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from tipoff_common.clock import business_date, fleet_zone
from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_monitor.causes import join_told, note_causes
from tipoff_monitor.changes import LIVE, IncidentChange, Watch, changed, is_louder
from tipoff_monitor.conditions import SYSTEM, Condition
from tipoff_monitor.incidents import Memory, incident_id
from tipoff_monitor.notification import tell
from tipoff_monitor.rules import CANNOT_JUDGE, CHANNEL_FAILING, OUTAGE, Rule
from tipoff_planning.alerts import Incident


def watch(memory: Memory, at: Watch) -> Memory:
    """Return the memory after one watch, with the changes to publish in its outbox."""
    # One that was taken out of the file gets no message that could end its failing.
    failing = {name: since for name, since in memory.failing_channels.items() if name in at.file.channels}
    memory = memory.model_copy(update={"failing_channels": failing})
    rules = at.file.all_rules
    outage = _outage(memory, at)
    # Its own come first, so that a rule's row cannot stand for what the monitor says of itself.
    conditions = {item.key: item for item in (*_own_conditions(memory, at), *(at.conditions or ()))}
    # While the warehouse is silent only the monitor's own rules are judged; all others keep their state.
    judged = {name for name in rules if at.conditions is not None or name not in at.file.rules}
    seen: dict[str, IncidentChange] = {}
    # Known incidents first and in their order, so that the same watch gives the same events.
    for key in {**memory.incidents, **conditions}:
        change = _advance(memory.incidents.get(key), conditions.get(key), rules, judged, memory, at)
        if change is not None:
            seen[key] = change
    # After all have moved: whether a cause stands depends on this watch, not on the one before.
    explained = join_told(note_causes(seen, rules), rules, at)
    after, changes = tell(explained, rules, memory, at)
    return Memory(
        watched_at=at.now,
        tick=at.tick,
        blind_since=None if at.conditions is not None else memory.blind_since or at.now,
        incidents={key: change.incident for key, change in after.items()},
        silences=tuple(item for item in memory.silences if item.until > at.now),
        failing_channels=memory.failing_channels,
        told_rules={
            **memory.told_rules,
            **{
                change.rule: at.now
                for change in changes
                # The end of an incident starts no cool-down, or what comes back would be told an hour late.
                if change.notify and change.state is not AlertState.RESOLVED
            },
        },
        outbox=(*memory.outbox, *outage, *changes),
    )


def _outage(memory: Memory, at: Watch) -> tuple[AlertChanged, ...]:
    """Return one message about the time in which nobody watched."""
    # None before the first watch: a new installation was not silent, it was not there.
    last = memory.watched_at
    # One tick that is late or lost is no outage.
    if last is None or at.now - last <= at.file.watch.outage_after:
        return ()
    same_day = business_date(last) == business_date(at.now)
    form = "%H:%M" if same_day else "%Y-%m-%d %H:%M"
    until = at.now.astimezone(fleet_zone()).strftime(form)
    gone = Incident(
        id=incident_id(at.environment, OUTAGE, SYSTEM, last),
        rule=OUTAGE,
        subject=SYSTEM,
        state=AlertState.RESOLVED,
        severity=AlertLevel.WARNING,
        since=last,
        seen_at=at.now,
        changed_at=at.now,
        summary=f"Not watching from {last.astimezone(fleet_zone()).strftime(form)} to {until}; what happened"
        " meanwhile is judged now.",
        transition=1,
    )
    return (changed(gone, at.file.all_rules[OUTAGE], at.environment, notify=True),)


def _own_conditions(memory: Memory, at: Watch) -> Iterable[Condition]:
    severity = at.file.watch.severity
    if at.conditions is None:
        since = memory.blind_since or at.now
        summary = "The warehouse does not answer: nothing can be judged, and what stood stands as it was."
        yield Condition(CANNOT_JUDGE, SYSTEM, since, severity, summary)
    for channel, since in memory.failing_channels.items():
        summary = (
            f"The channel {channel} takes no messages; it is tried again, and others are told meanwhile."
        )
        yield Condition(CHANNEL_FAILING, channel, since, severity, summary)


def _advance(
    before: Incident | None,
    condition: Condition | None,
    rules: Mapping[str, Rule],
    judged: set[str],
    memory: Memory,
    at: Watch,
) -> IncidentChange | None:
    """Move one incident on; None when there is nothing left to remember of it."""
    if condition is None:
        assert before is not None  # noqa: S101  # one of the two is there
        return _without_condition(before, rules.get(before.rule), judged, at)
    rule = rules[condition.rule]
    if before is None:
        before = _begun(condition, memory, at)
    # What is wrong now, in the words and numbers of now; where it began stays.
    incident = before.model_copy(
        update={
            "summary": condition.summary,
            "value": condition.value,
            "workflow": condition.workflow,
            "scraper": condition.scraper,
            # A row that does not say leaves it as it was.
            "trouble": condition.trouble or before.trouble,
            "gone_at": None,
        }
    )
    if before.trouble is not None and incident.trouble != before.trouble:
        # Another trouble now: what explained the one before need not explain it.
        incident = incident.model_copy(update={"cause": None})
        if before.told_by is not None:
            incident = incident.model_copy(update={"told_at": None, "told_severity": None, "told_by": None})
    if incident.state is AlertState.RESOLVED:
        # It came back before its cool-down was over: the same incident, which is told when its rule may be.
        incident = _moved(
            incident,
            AlertState.PENDING,
            at,
            seen_at=at.now,
            severity=condition.severity,
            escalated_at=None,
            acknowledged_by=None,
        )
    # None of the lines above but a return from RESOLVED changes it.
    moved = incident.transition != before.transition
    if incident.state is AlertState.PENDING:
        # What began while nobody watched has held for long, and its cause may still come with the next watch.
        waits = bool(rule.causes) and at.elapsed(incident.changed_at) < at.file.watch.group_wait
        # Measured from its first sight and not from `since`: a row that comes an
        # hour late must not fire at once.
        if waits or at.elapsed(incident.seen_at) < (rule.for_ or timedelta()):
            return IncidentChange(incident, moved=moved or before.transition == 0)
        incident = _moved(incident, AlertState.FIRING, at, fired_at=at.now)
        moved = True
    # Weighed before it is silenced: a silenced incident that grew is told with its new
    # weight once the silence is over.
    incident, grew = _weigh(incident, condition, rule, at)
    incident, silence = _silenced(incident, condition, memory, at)
    tell = incident.state in LIVE and _is_news(incident, rule, at)
    return IncidentChange(incident, moved=moved or grew or silence, tell=tell)


def _begun(condition: Condition, memory: Memory, at: Watch) -> Incident:
    # What began while nobody watched has held since then; otherwise it is as old as its first sight, however early
    # its row says that it began: rows come late.
    unwatched = memory.watched_at is not None and at.now - memory.watched_at > at.file.watch.outage_after
    seen_at = max(condition.since, memory.watched_at) if unwatched and memory.watched_at else at.now
    return Incident(
        id=incident_id(at.environment, condition.rule, condition.subject, at.now),
        rule=condition.rule,
        subject=condition.subject,
        state=AlertState.PENDING,
        severity=condition.severity,
        since=min(condition.since, at.now),
        seen_at=min(seen_at, at.now),
        changed_at=at.now,
        value_at_start=condition.value,
        summary=condition.summary,
    )


def _without_condition(
    before: Incident, rule: Rule | None, judged: set[str], at: Watch
) -> IncidentChange | None:
    if rule is not None and before.rule not in judged:
        return IncidentChange(before)  # whether it holds is not known: it stays as it is
    if before.state is AlertState.PENDING:
        # It never held for as long as its rule asks, so nobody waits for its end. What was told of an earlier round is
        # remembered until its cool-down is over; what was not is forgotten without a trace.
        if before.told_at is None:
            return None
        return IncidentChange(_moved(before, AlertState.RESOLVED, at, gone_at=at.now, cause=None), moved=True)
    if before.state is AlertState.RESOLVED:
        # Kept until then, so that one that flaps comes back as itself and not as a new one each time.
        cooled = rule is None or at.elapsed(before.changed_at) >= rule.cool_down
        return None if cooled else IncidentChange(before)
    gone_at = before.gone_at or at.now
    incident = before.model_copy(update={"gone_at": gone_at})
    # A rule that was taken out of the file has nobody to wait for.
    if rule is not None and at.elapsed(gone_at) < rule.clear_for:
        return IncidentChange(incident)
    resolved = _moved(incident, AlertState.RESOLVED, at, cause=None, told_by=None)
    # Its end is told to those who were told of it, and not of what another message stood for: that one has an end, too.
    # Nor of a return that the cool-down kept quiet: told_at may be of the round before.
    tell = before.was_told and before.told_by is None and before.state is not AlertState.SILENCED
    return IncidentChange(resolved, moved=True, tell=tell)


def _weigh(incident: Incident, condition: Condition, rule: Rule, at: Watch) -> tuple[Incident, bool]:
    """Take on a worse severity, and escalate what grew or what nobody answered."""
    severity = max(incident.severity, condition.severity, key=lambda it: it.rank)
    incident = incident.model_copy(update={"severity": severity})
    escalate = rule.escalate
    # Once is all: whoever was called need not be called again for the same.
    if escalate is None or incident.state is AlertState.ESCALATED:
        return incident, False
    loud = severity is AlertLevel.CRITICAL
    # Only what is not CRITICAL already has anywhere to grow.
    grew = (
        escalate.value is not None
        and incident.value is not None
        and incident.value >= escalate.value
        and not loud
    )
    unanswered = (
        escalate.after is not None
        and incident.state is AlertState.FIRING
        and incident.was_told
        # Whoever answers the message that stands for it answers this, too.
        and incident.told_by is None
        and incident.fired_at is not None
        and at.elapsed(incident.fired_at) >= escalate.after
    )
    if not (unanswered or grew):
        return incident, False
    return _moved(incident, AlertState.ESCALATED, at, severity=AlertLevel.CRITICAL, escalated_at=at.now), True


def _silenced(incident: Incident, condition: Condition, memory: Memory, at: Watch) -> tuple[Incident, bool]:
    # Who paused what it is about knows of it, as who silenced it does.
    covered = condition.paused or any(
        item.covers(incident.rule, incident.subject, at.now) for item in memory.silences
    )
    if covered and incident.state in LIVE:
        return _moved(incident, AlertState.SILENCED, at), True
    # Back to FIRING: it still holds, and now people have to hear of it.
    if not covered and incident.state is AlertState.SILENCED:
        return _moved(incident, AlertState.FIRING, at), True
    return incident, False


def _is_news(incident: Incident, rule: Rule, at: Watch) -> bool:
    """Tell whether people have to hear of an incident: never told, told less loudly, or due for a reminder."""
    told_at = incident.told_at
    # Not of an earlier round either, before it was resolved and came back.
    if told_at is None or not incident.was_told:
        return True
    if incident.told_severity is None or is_louder(incident.severity, incident.told_severity):
        return True
    if incident.state is AlertState.ESCALATED and told_at < incident.changed_at:
        return True
    return rule.remind is not None and incident.told_by is None and at.elapsed(told_at) >= rule.remind


def _moved(incident: Incident, state: AlertState, at: Watch, **changes: object) -> Incident:
    return incident.model_copy(
        update={"state": state, "changed_at": at.now, "transition": incident.transition + 1, **changes}
    )
