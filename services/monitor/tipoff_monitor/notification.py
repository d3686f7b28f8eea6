"""Messages about incidents, one per rule: whether each is sent now, and the reason if not. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from tipoff_common.clock import business_date
from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_monitor.alert_routes import channels_for
from tipoff_monitor.causes import Speakers, covers, joined
from tipoff_monitor.changes import IncidentChange, Watch, changed, is_louder, urgency
from tipoff_monitor.incidents import Memory
from tipoff_monitor.rules import Rule
from tipoff_planning.alerts import Incident

LISTED = 20
"""The most incidents that each list of a message names; the others are counted."""


@dataclass(frozen=True)
class _RuleNotification:
    """One message about the incidents of a rule."""

    event: AlertChanged
    lead: str
    """The key of the event's own incident, the worst."""
    changes: Mapping[str, IncidentChange]
    """All incidents in the message by key, in their state after it is sent."""

    @property
    def listed(self) -> list[str]:
        """The keys of the incidents that the lead's message lists."""
        return [key for key in self.changes if key != self.lead]


def build_notifications(
    changes: Mapping[str, IncidentChange], rules: Mapping[str, Rule], memory: Memory, at: Watch
) -> tuple[dict[str, IncidentChange], list[AlertChanged]]:
    """Build at most one message per rule about begun and one about ended incidents, and the events of all changes."""
    news = {key: change.incident for key, change in changes.items() if change.notify}
    # The event carries the reason, so that people can find out why they got no message.
    suppressions = {
        key: reason
        for key, incident in news.items()
        if (reason := _suppression_reason(incident, changes, at))
    }
    ready = {key: incident for key, incident in news.items() if key not in suppressions}
    ended = [key for key, incident in ready.items() if incident.state is AlertState.RESOLVED]
    begun = [key for key, incident in ready.items() if incident.state is not AlertState.RESOLVED]
    after, messages = dict(changes), list[_RuleNotification]()
    for group in _by_rule(ended, changes):
        outlasting = _outlasting(group, begun, changes, memory)
        listed = {it.key for it in outlasting}
        begun = [key for key in begun if key not in listed]
        messages.append(message := _message(group, outlasting, after, rules, at))
        after |= message.changes
    for group in _by_rule(begun, changes):
        # Rebuilt for each rule, whose incidents may join the messages above. An incident that joins is no speaker, so
        # the rest of the group needs no rebuild.
        speakers = Speakers(after, at)
        merges = {
            it.key: merged for it in group if (merged := _join_message(it, speakers, rules, at)) is not None
        }
        after |= {key: replace(after[key], incident=merged) for key, merged in merges.items()}
        group = [it for it in group if it.key not in merges]
        if not group:
            continue
        if not _may_notify(group, rules[group[0].rule], memory, at):
            suppressions |= dict.fromkeys(
                [it.key for it in group],
                "the rule sent a message recently; the next follows after its cool-down",
            )
            continue
        messages.append(message := _message(group, (), after, rules, at))
        after |= message.changes
    for message in messages:
        suppressions |= dict.fromkeys(message.listed, f"listed in the message about {message.lead}")
    leads = {message.lead for message in messages}
    unreported = {key: _numbered(it) for key, it in after.items() if it.moved and key not in leads}
    events = [message.event for message in messages]
    events += [
        _unreported_event(it.incident, suppressions.get(key), rules, at) for key, it in unreported.items()
    ]
    return after | unreported, events


def _message(
    group: Sequence[Incident],
    outlasting: Sequence[Incident],
    before: Mapping[str, IncidentChange],
    rules: Mapping[str, Rule],
    at: Watch,
) -> _RuleNotification:
    """Return the message about a group, the worst first, and `outlasting`. before: the incidents before the message."""
    lead = group[0]
    changes = {it.key: _after_message(before[it.key], at) for it in (*group, *outlasting)}
    context = _listed(group, outlasting, {**before, **changes})
    if any(it.escalated_at is not None for it in group):
        # The channels of an escalation get the end, too: otherwise the pager would stay open.
        context["escalated"] = True
    # By `before`, in which the incidents of this message are not reported yet: none of them covers another.
    known_by = lead.covered_by or _earlier_speaker(lead, before, at)
    if known_by is not None:
        # The message is about a known trouble that has grown.
        context["known_by"] = known_by
    if lead.state is AlertState.RESOLVED:
        # The severity, and thus the routes, may have changed since the beginning.
        context["notified_channels"] = [
            *sorted({channel for it in group for channel in it.notified_channels})
        ]
    incident, rule = changes[lead.key].incident, rules.get(lead.rule)
    event = changed(incident, rule, at.environment, notify=True, context=context)
    channels = channels_for(event, at.file)
    return _RuleNotification(
        event, lead.key, {key: _with_channels(change, channels) for key, change in changes.items()}
    )


def _after_message(change: IncidentChange, at: Watch) -> IncidentChange:
    """Return an incident in its state after a message about it."""
    incident = change.incident
    notified = {"notified_at": at.now, "notified_severity": incident.severity, "covered_by": None}
    # A reminder is a change as well: its number distinguishes it from the previous message.
    number = {} if change.moved else {"transition": incident.transition + 1, "changed_at": at.now}
    return replace(change, incident=incident.model_copy(update={**notified, **number}), moved=True)


def _with_channels(change: IncidentChange, channels: Iterable[str]) -> IncidentChange:
    """Return a change whose incident remembers the channels of a message about it."""
    incident = change.incident
    all_channels = tuple(dict.fromkeys((*incident.notified_channels, *channels)))
    return replace(change, incident=incident.model_copy(update={"notified_channels": all_channels}))


def _numbered(change: IncidentChange) -> IncidentChange:
    """Return a change with a number of at least 1: 0 marks events that belong to no incident."""
    if change.incident.transition != 0:
        return change
    return replace(change, incident=change.incident.model_copy(update={"transition": 1}))


def _unreported_event(
    incident: Incident, suppression: str | None, rules: Mapping[str, Rule], at: Watch
) -> AlertChanged:
    """Return the event of a change without a message, with the reason."""
    reason = suppression or (incident.covered_by and f"covered by the message about {incident.covered_by}")
    context = {"not_told": reason} if reason else {}
    return changed(incident, rules.get(incident.rule), at.environment, notify=False, context=context)


def _outlasting(
    group: Sequence[Incident], begun: Iterable[str], changes: Mapping[str, IncidentChange], memory: Memory
) -> list[Incident]:
    """Return the incidents that outlast their cause, the worst first: the message about its end lists them."""
    over = {it.key for it in group}
    outlasting = [
        changes[key].incident
        for key in begun
        if _listed_by(memory.incidents.get(key)) in over
        # A CRITICAL incident gets its own message, since the end of the cause closes the page of the cause.
        and changes[key].incident.severity is not AlertLevel.CRITICAL
    ]
    return sorted(outlasting, key=urgency)


def _by_rule(keys: Iterable[str], changes: Mapping[str, IncidentChange]) -> list[list[Incident]]:
    """Group incidents by rule, the worst first, to prevent 600 e-mails for one bug."""
    groups: dict[str, list[Incident]] = {}
    for key in keys:
        groups.setdefault(changes[key].incident.rule, []).append(changes[key].incident)
    return sorted((sorted(group, key=urgency) for group in groups.values()), key=lambda it: urgency(it[0]))


def _listed_by(before: Incident | None) -> str | None:
    """Return the key of the incident whose message listed this one: its cause, or the incident it joined."""
    return (before.cause or before.covered_by) if before is not None else None


def _join_message(
    incident: Incident, speakers: Speakers, rules: Mapping[str, Rule], at: Watch
) -> Incident | None:
    """Return an unreported incident joined to a message of this watch; None when no message covers it."""
    speaker = None if incident.was_notified else speakers.of(incident)
    if speaker is None or not covers(speaker, incident, rules, at):
        return None
    return joined(incident, speaker, at)


def _earlier_speaker(incident: Incident, changes: Mapping[str, IncidentChange], at: Watch) -> str | None:
    """Return the key of the incident whose message already reported the cause of an unreported one."""
    if incident.was_notified or incident.state is AlertState.RESOLVED:
        return None
    speaker = Speakers(changes, at).of(incident)
    return None if speaker is None else speaker.key


def _suppression_reason(incident: Incident, changes: Mapping[str, IncidentChange], at: Watch) -> str | None:
    # Quiet windows are days in the fleet's zone, in which people plan them.
    today = business_date(at.now)
    for window in at.file.quiet:
        if window.first <= today <= window.last and incident.rule in (window.rules or (incident.rule,)):
            return f"quiet from {window.first} to {window.last}: {window.why}"
    if incident.cause is None or incident.state is AlertState.RESOLVED:
        return None
    # A cause of lower severity does not suppress a message: its own message may wake no one.
    if is_louder(incident.severity, changes[incident.cause].incident.severity):
        return None
    return f"explained by {incident.cause}"


def _may_notify(group: Sequence[Incident], rule: Rule, memory: Memory, at: Watch) -> bool:
    """Return whether a rule's message may be sent: its cool-down is over, or an incident is worse or of a new kind."""
    # By rule and not by incident: a bug that breaks one part after the other needs one message.
    last = memory.notified_rules.get(rule_name := group[0].rule)
    if last is None or at.elapsed(last) >= rule.cool_down:
        return True
    same_rule = [it for it in memory.incidents.values() if it.rule == rule_name]
    # Ignore incidents that became CRITICAL by escalation: the next incident that is CRITICAL by itself must not wait.
    severities = [
        it.notified_severity for it in same_rule if it.notified_severity and it.escalated_at is None
    ]
    highest = max(severities, key=lambda it: it.rank, default=AlertLevel.NONE)
    troubles = {it.trouble for it in same_rule if it.notified_at is not None}
    return any(
        is_louder(item.severity, highest)
        or item.state is AlertState.ESCALATED
        # The recent message was about another source, or another trouble of this source.
        or (item.trouble is not None and item.trouble not in troubles)
        # A reminder. A returning incident waits for the cool-down like a new one.
        or item.was_notified
        for item in group
    )


def _listed(
    group: Sequence[Incident], outlasting: Sequence[Incident], changes: Mapping[str, IncidentChange]
) -> dict[str, JsonValue]:
    """Return the lists of a message: the rule's other incidents, the symptoms of the group, and the incidents left."""
    keys = {it.key for it in group}
    symptoms = [
        it.incident for it in changes.values() if it.incident.cause in keys or it.incident.covered_by in keys
    ]
    context: dict[str, JsonValue] = {}
    lists = {"others": group[1:], "symptoms": sorted(symptoms, key=urgency), "left": outlasting}
    for name, items in lists.items():
        if items:
            context[name] = [
                {
                    "rule": it.rule,
                    "severity": it.severity.value,
                    "workflow": it.workflow,
                    "summary": it.summary,
                }
                for it in items[:LISTED]
            ]
            context[f"{name}_count"] = len(items)
    return context
