"""The state machine of incidents. Pure: the old memory and the present faults give the new memory.

The outbox of the new memory holds the changes to publish, so that one write makes both durable: a crash at any point
delays a change, but neither loses it nor creates a second one.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from tipoff_common.clock import business_date, fleet_zone
from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_monitor.causes import join_sent_messages, note_causes
from tipoff_monitor.changes import LIVE, IncidentChange, Watch, changed, is_louder
from tipoff_monitor.conditions import SYSTEM, Condition
from tipoff_monitor.incidents import Memory, incident_id
from tipoff_monitor.notification import build_notifications
from tipoff_monitor.rules import CANNOT_JUDGE, CHANNEL_FAILING, OUTAGE, Rule
from tipoff_planning.alerts import Incident


def watch(memory: Memory, at: Watch) -> Memory:
    """Return the memory after one watch, with the changes to publish in its outbox."""
    # Forget a failing channel that was removed from the file: no message could succeed and end its failure.
    failing = {name: since for name, since in memory.failing_channels.items() if name in at.file.channels}
    memory = memory.model_copy(update={"failing_channels": failing})
    rules = at.file.all_rules
    outage = _outage(memory, at)
    # The monitor's own conditions first, for a fixed order; a file's rules cannot have their names.
    conditions = {item.key: item for item in (*_own_conditions(memory, at), *(at.conditions or ()))}
    # Without an answer of the warehouse, judge the monitor's own rules only; incidents of all others keep their state.
    evaluated_rules = {name for name in rules if at.conditions is not None or name not in at.file.rules}
    changes: dict[str, IncidentChange] = {}
    # Known incidents first and in their order, so that the same watch gives the same events.
    for key in {**memory.incidents, **conditions}:
        change = _advance(memory.incidents.get(key), conditions.get(key), rules, evaluated_rules, memory, at)
        if change is not None:
            changes[key] = change
    # After every incident has advanced: the state of a cause depends on this watch, not on the previous one.
    explained = join_sent_messages(note_causes(changes, rules), rules, at)
    after, events = build_notifications(explained, rules, memory, at)
    return Memory(
        watched_at=at.now,
        tick=at.tick,
        blind_since=None if at.conditions is not None else memory.blind_since or at.now,
        incidents={key: change.incident for key, change in after.items()},
        silences=tuple(item for item in memory.silences if item.until > at.now),
        failing_channels=memory.failing_channels,
        notified_rules={
            **memory.notified_rules,
            **{
                change.rule: at.now
                for change in events
                # The end of an incident starts no cool-down, or a returning incident would be reported an hour late.
                if change.notify and change.state is not AlertState.RESOLVED
            },
        },
        outbox=(*memory.outbox, *outage, *events),
    )


def _outage(memory: Memory, at: Watch) -> tuple[AlertChanged, ...]:
    """Return one message about the time without watches; empty when there was no outage."""
    # None before the first watch: a new installation had no outage.
    last = memory.watched_at
    # A single late or lost tick is no outage.
    if last is None or at.now - last <= at.file.watch.outage_after:
        return ()
    same_day = business_date(last) == business_date(at.now)
    form = "%H:%M" if same_day else "%Y-%m-%d %H:%M"
    until = at.now.astimezone(fleet_zone()).strftime(form)
    incident = Incident(
        id=incident_id(at.environment, OUTAGE, SYSTEM, last),
        rule=OUTAGE,
        subject=SYSTEM,
        state=AlertState.RESOLVED,
        severity=AlertLevel.WARNING,
        since=last,
        seen_at=at.now,
        changed_at=at.now,
        summary=f"No watch from {last.astimezone(fleet_zone()).strftime(form)} to {until}; faults of"
        " that time are evaluated now.",
        transition=1,
    )
    return (changed(incident, at.file.all_rules[OUTAGE], at.environment, notify=True),)


def _own_conditions(memory: Memory, at: Watch) -> Iterable[Condition]:
    severity = at.file.watch.severity
    if at.conditions is None:
        since = memory.blind_since or at.now
        summary = (
            "The warehouse does not answer: no rule can be evaluated, and open incidents keep their state."
        )
        yield Condition(CANNOT_JUDGE, SYSTEM, since, severity, summary)
    for channel, since in memory.failing_channels.items():
        summary = (
            f"Channel {channel} does not accept messages; sending is retried, and the others are notified."
        )
        yield Condition(CHANNEL_FAILING, channel, since, severity, summary)


def _advance(
    before: Incident | None,
    condition: Condition | None,
    rules: Mapping[str, Rule],
    evaluated_rules: set[str],
    memory: Memory,
    at: Watch,
) -> IncidentChange | None:
    """Advance one incident by this watch; None when its record can be dropped."""
    if condition is None:
        assert before is not None  # noqa: S101  # every key has an incident or a condition
        return _without_condition(before, rules.get(before.rule), evaluated_rules, at)
    rule = rules[condition.rule]
    if before is None:
        before = _begun(condition, memory, at)
    # Update the present text and numbers; keep the beginning.
    incident = before.model_copy(
        update={
            "summary": condition.summary,
            "value": condition.value,
            "workflow": condition.workflow,
            "scraper": condition.scraper,
            # A row without a trouble keeps the earlier one.
            "trouble": condition.trouble or before.trouble,
            "gone_at": None,
        }
    )
    if before.trouble is not None and incident.trouble != before.trouble:
        # The cause of the earlier trouble need not be the cause of the new one.
        incident = incident.model_copy(update={"cause": None})
        if before.covered_by is not None:
            incident = incident.model_copy(
                update={"notified_at": None, "notified_severity": None, "covered_by": None}
            )
    if incident.state is AlertState.RESOLVED:
        # The incident came back within its cool-down: reopen it, and report it once its rule may send a message.
        incident = _moved(
            incident,
            AlertState.PENDING,
            at,
            seen_at=at.now,
            severity=condition.severity,
            escalated_at=None,
            acknowledged_by=None,
            notified_channels=(),
        )
    # Only a return from RESOLVED has changed `transition` so far.
    moved = incident.transition != before.transition
    if incident.state is AlertState.PENDING:
        # After an outage a new incident may have held for long already, but its cause may appear at the next watch.
        waits = bool(rule.causes) and at.elapsed(incident.changed_at) < at.file.watch.group_wait
        # Measured from `seen_at` and not from `since`: a row that arrives an hour
        # late must not fire at once.
        if waits or at.elapsed(incident.seen_at) < (rule.for_ or timedelta()):
            return IncidentChange(incident, moved=moved or before.transition == 0)
        incident = _moved(incident, AlertState.FIRING, at, fired_at=at.now)
        moved = True
    # Weigh before silencing: an incident that grew during a silence is reported with
    # its new severity after it.
    incident, grew = _weigh(incident, condition, rule, at)
    incident, silence = _silenced(incident, condition, memory, at)
    notify = incident.state in LIVE and _is_news(incident, rule, at)
    return IncidentChange(incident, moved=moved or grew or silence, notify=notify)


def _begun(condition: Condition, memory: Memory, at: Watch) -> Incident:
    # After an outage, count from the beginning of the condition or of the outage, the later one. Otherwise count from
    # this watch, even if the row names an earlier beginning: rows arrive late.
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
    before: Incident, rule: Rule | None, evaluated_rules: set[str], at: Watch
) -> IncidentChange | None:
    if rule is not None and before.rule not in evaluated_rules:
        return IncidentChange(before)  # the rule is not judged in this watch: keep the incident as it is
    if before.state is AlertState.PENDING:
        # The condition never held for the rule's `for`, so its end is not reported. An incident that was reported in an
        # earlier round is kept for its cool-down; any other is dropped without a trace.
        if before.notified_at is None:
            return None
        return IncidentChange(_moved(before, AlertState.RESOLVED, at, gone_at=at.now, cause=None), moved=True)
    if before.state is AlertState.RESOLVED:
        # Kept until the cool-down is over, so that a flapping incident keeps its id.
        cooled = rule is None or at.elapsed(before.changed_at) >= rule.cool_down
        return None if cooled else IncidentChange(before)
    gone_at = before.gone_at or at.now
    incident = before.model_copy(update={"gone_at": gone_at})
    # An incident of a rule that was removed from the file is resolved at once.
    if rule is not None and at.elapsed(gone_at) < rule.clear_for:
        return IncidentChange(incident)
    resolved = _moved(incident, AlertState.RESOLVED, at, cause=None, covered_by=None)
    # Report the end only if this round (`was_notified`) had a message of its own: the end of another incident's message
    # covers this one, too, and `notified_at` may belong to an earlier round than a return within the cool-down.
    notify = before.was_notified and before.covered_by is None and before.state is not AlertState.SILENCED
    return IncidentChange(resolved, moved=True, notify=notify)


def _weigh(incident: Incident, condition: Condition, rule: Rule, at: Watch) -> tuple[Incident, bool]:
    """Adopt a worse severity, and escalate an incident that grew or was not acknowledged in time."""
    severity = max(incident.severity, condition.severity, key=lambda it: it.rank)
    incident = incident.model_copy(update={"severity": severity})
    escalate = rule.escalate
    # Escalate once only: the on-call need not be called again for the same incident.
    if escalate is None or incident.state is AlertState.ESCALATED:
        return incident, False
    loud = severity is AlertLevel.CRITICAL
    # An incident that is CRITICAL already cannot grow further.
    grew = (
        escalate.value is not None
        and incident.value is not None
        and incident.value >= escalate.value
        and not loud
    )
    unanswered = (
        escalate.after is not None
        and incident.state is AlertState.FIRING
        and incident.was_notified
        # An acknowledgement of the message that covers this incident is enough.
        and incident.covered_by is None
        and incident.fired_at is not None
        and at.elapsed(incident.fired_at) >= escalate.after
    )
    if not (unanswered or grew):
        return incident, False
    return _moved(incident, AlertState.ESCALATED, at, severity=AlertLevel.CRITICAL, escalated_at=at.now), True


def _silenced(incident: Incident, condition: Condition, memory: Memory, at: Watch) -> tuple[Incident, bool]:
    # A pause of the workflow or scraper silences the incident, too: the person who paused it expects it.
    covered = condition.paused or any(item.covers(incident, at.now) for item in memory.silences)
    if covered and incident.state in LIVE:
        return _moved(incident, AlertState.SILENCED, at), True
    # Back to FIRING: the incident still holds, and now needs a notification.
    if not covered and incident.state is AlertState.SILENCED:
        return _moved(incident, AlertState.FIRING, at), True
    return incident, False


def _is_news(incident: Incident, rule: Rule, at: Watch) -> bool:
    """Return whether an incident needs a message: without one so far, worse than reported, or due for a reminder."""
    notified_at = incident.notified_at
    # A message about an earlier round, before the incident was resolved and came back, does not count.
    if notified_at is None or not incident.was_notified:
        return True
    if incident.notified_severity is None or is_louder(incident.severity, incident.notified_severity):
        return True
    if incident.state is AlertState.ESCALATED and notified_at < incident.changed_at:
        return True
    return rule.remind is not None and incident.covered_by is None and at.elapsed(notified_at) >= rule.remind


def _moved(incident: Incident, state: AlertState, at: Watch, **changes: object) -> Incident:
    return incident.model_copy(
        update={"state": state, "changed_at": at.now, "transition": incident.transition + 1, **changes}
    )
