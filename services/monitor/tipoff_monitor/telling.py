"""Whether the news of each rule is told now, as one message, and why not. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue

from tipoff_common.clock import business_date
from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_monitor.causes import Speakers, covers, joined
from tipoff_monitor.changes import Change, Watch, changed, is_louder, urgency
from tipoff_monitor.incidents import Incident, Memory
from tipoff_monitor.rules import Rule

LISTED = 20
"""Incidents that one message names; the others are counted."""


def tell(
    seen: Mapping[str, Change], rules: Mapping[str, Rule], memory: Memory, at: Watch
) -> tuple[dict[str, Change], list[AlertChanged]]:
    """Decide of each rule whether its news is told now, as one message, and make the events of all changes."""
    after, events = dict(seen), list[AlertChanged]()
    why_not: dict[str, str] = {}
    ended, begun = list[str](), list[str]()
    for key, change in seen.items():
        if not change.tell:
            continue
        # The reason goes into the event, so that "why was I not told" has an answer.
        if reason := _why_not_told(change.incident, seen, at):
            why_not[key] = reason
            continue
        (ended if change.incident.state is AlertState.RESOLVED else begun).append(key)

    def send(group: Sequence[Incident], left: Sequence[Incident] = ()) -> None:
        """Make one message of a group, the worst first, and note that all in it are told."""
        lead = group[0]
        # Before those of this message are told: none of them was known by another one of them.
        known_by = lead.told_by or _known_before(lead, after, at)
        for incident in (*group, *left):
            told = {"told_at": at.now, "told_severity": incident.severity, "told_by": None}
            # A reminder is a change as well: its number tells it from the message before.
            bump = (
                {}
                if seen[incident.key].moved
                else {"transition": incident.transition + 1, "changed_at": at.now}
            )
            after[incident.key] = replace(
                seen[incident.key], incident=incident.model_copy(update={**told, **bump}), moved=True
            )
            # They count as told, by the lead's message.
            if incident is not lead:
                why_not[incident.key] = f"listed in the message about {lead.key}"
        context = _listed(group, left, after)
        if any(it.escalated_at is not None for it in group):
            # Whoever was called when nobody answered hears of the end, too: a pager stays open without.
            context["escalated"] = True
        if known_by is not None:
            # More of what people were told, or worse.
            context["known_by"] = known_by
        rule = rules.get(lead.rule)
        events.append(changed(after[lead.key].incident, rule, at.environment, notify=True, context=context))
        why_not[lead.key] = ""

    for group in _by_rule(ended, seen):
        over = {it.key for it in group}
        # What stays when its cause is over is told with that, in one message. What is CRITICAL is told by itself, as
        # the end of the cause closes the page that the cause had opened.
        left = [
            seen[key].incident
            for key in begun
            if _stood_behind(memory.incidents.get(key)) in over
            and seen[key].incident.severity is not AlertLevel.CRITICAL
        ]
        listed = {it.key for it in left}
        begun = [key for key in begun if key not in listed]
        send(group, sorted(left, key=urgency))
    for group in _by_rule(begun, seen):
        # Anew for each rule: the messages before are this one's to join. Who joins changes nothing for the others.
        speakers = Speakers(after, at)
        group = [it for it in group if not _join_told(it, speakers, after, rules, at)]
        if not group:
            continue
        if not _may_tell(group, rules[group[0].rule], memory, at):
            why_not |= dict.fromkeys(
                [it.key for it in group], "its rule was told of lately; it is told when the cool-down is over"
            )
            continue
        send(group)
    for key, change in after.items():
        if change.moved and why_not.get(key) != "":
            incident = change.incident
            # Its first change: 0 stands for events that are no incident's.
            if incident.transition == 0:
                after[key] = replace(
                    change, incident=(incident := incident.model_copy(update={"transition": 1}))
                )
            reason = why_not.get(key) or (incident.told_by and f"people know of it by {incident.told_by}")
            context = {"not_told": reason} if reason else {}
            rule = rules.get(incident.rule)
            events.append(changed(incident, rule, at.environment, notify=False, context=context))
    return after, events


def _by_rule(keys: Iterable[str], seen: Mapping[str, Change]) -> list[list[Incident]]:
    """Group incidents by rule, the worst first: 600 e-mails for one bug is what this prevents."""
    groups: dict[str, list[Incident]] = {}
    for key in keys:
        groups.setdefault(seen[key].incident.rule, []).append(seen[key].incident)
    return sorted((sorted(group, key=urgency) for group in groups.values()), key=lambda it: urgency(it[0]))


def _stood_behind(before: Incident | None) -> str | None:
    """Return the key of the incident whose message listed this one: its cause, or the one it joined."""
    return (before.cause or before.told_by) if before is not None else None


def _join_told(
    incident: Incident, speakers: Speakers, after: dict[str, Change], rules: Mapping[str, Rule], at: Watch
) -> bool:
    """Let a first word join a message of this very watch, if that is about it; change `after`."""
    speaker = None if incident.was_told else speakers.of(incident)
    if speaker is None or not covers(speaker, incident, rules):
        return False
    change = after[incident.key]
    after[incident.key] = replace(change, incident=joined(incident, speaker, at))
    return True


def _known_before(incident: Incident, seen: Mapping[str, Change], at: Watch) -> str | None:
    """Return the key of the incident by which people know of the cause of a first word already."""
    if incident.was_told or incident.state is AlertState.RESOLVED:
        return None
    speaker = Speakers(seen, at).of(incident)
    return None if speaker is None else speaker.key


def _why_not_told(incident: Incident, seen: Mapping[str, Change], at: Watch) -> str | None:
    # Quiet windows are days in the fleet's zone, as people plan them.
    today = business_date(at.now)
    for window in at.file.quiet:
        if window.first <= today <= window.last and incident.rule in (window.rules or (incident.rule,)):
            return f"quiet from {window.first} to {window.last}: {window.why}"
    if incident.cause is None or incident.state is AlertState.RESOLVED:
        return None
    # What nobody is woken for does not explain away what somebody is.
    if is_louder(incident.severity, seen[incident.cause].incident.severity):
        return None
    return f"explained by {incident.cause}"


def _may_tell(group: Sequence[Incident], rule: Rule, memory: Memory, at: Watch) -> bool:
    """Tell whether a rule's news may be sent: its cool-down is over, or something is worse than what was told."""
    # By rule and not by incident: a bug that breaks one thing after the other is one piece of news.
    last = memory.told_rules.get(rule_name := group[0].rule)
    if last is None or at.elapsed(last) >= rule.cool_down:
        return True
    same_rule = [it for it in memory.incidents.values() if it.rule == rule_name]
    # Not those that are loud as nobody answered: the next one that is CRITICAL by itself must not wait behind them.
    loudest = [it.told_severity for it in same_rule if it.told_severity and it.escalated_at is None]
    known = max(loudest, key=lambda it: it.rank, default=AlertLevel.NONE)
    troubles = {it.trouble for it in same_rule if it.told_at is not None}
    return any(
        is_louder(item.severity, known)
        or item.state is AlertState.ESCALATED
        # Another source, or another trouble of the same: what was told lately is not about it.
        or (item.trouble is not None and item.trouble not in troubles)
        # A reminder; what came back after it was gone waits like anything new.
        or item.was_told
        for item in group
    )


def _listed(
    group: Sequence[Incident], left: Sequence[Incident], seen: Mapping[str, Change]
) -> dict[str, JsonValue]:
    """Return what a message lists beside its lead: others of the rule, what they stand for, and what is left of it."""
    keys = {it.key for it in group}
    symptoms = [
        it.incident for it in seen.values() if it.incident.cause in keys or it.incident.told_by in keys
    ]
    context: dict[str, JsonValue] = {}
    lists = {"others": group[1:], "symptoms": sorted(symptoms, key=urgency), "left": left}
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
