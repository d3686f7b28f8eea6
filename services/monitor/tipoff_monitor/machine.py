"""The state machine of incidents. Pure: the memory before and what is wrong now give the memory after.

The changes to publish stand in the outbox of the memory after, so that one write makes both durable: a crash at any
point publishes a change late, never twice and never not at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import JsonValue

from tipoff_common.clock import business_date, fleet_zone, floor_to
from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_monitor.conditions import SYSTEM, Condition, worse
from tipoff_monitor.incidents import Incident, Memory, incident_id
from tipoff_monitor.rules import CANNOT_JUDGE, CHANNEL_FAILING, OUTAGE, AlertsFile, Rule

LISTED = 20
"""Incidents that one message names; the others are counted."""
_LIVE = frozenset({AlertState.FIRING, AlertState.ESCALATED})
"""States in which people are told."""


@dataclass(frozen=True)
class Watch:
    """What one watch works with. tick: the instant that it was due. conditions: None when it cannot judge."""

    file: AlertsFile
    environment: str
    now: datetime
    tick: datetime
    conditions: tuple[Condition, ...] | None
    cadence: timedelta = timedelta(minutes=5)

    def elapsed(self, since: datetime) -> timedelta:
        """Return the time since an instant, counted from tick to tick.

        Deliveries take seconds or minutes. Measured between the watches themselves, three cadences are a little more
        than a quarter of an hour or a little less, and what is less would be told a whole watch late.
        """
        minutes = int(self.cadence.total_seconds() // 60)
        return floor_to(self.now, minutes) - floor_to(since, minutes)


@dataclass(frozen=True)
class _Change:
    """An incident after the watch, and how it got there. tell: whether people have to hear of it, if they may."""

    incident: Incident
    moved: bool = False
    tell: bool = False


def own_rules(file: AlertsFile) -> Mapping[str, Rule]:
    """Return the rules that the monitor raises about itself."""

    def rule(
        description: str, runbook: str, command: str, hold: timedelta | None, severity: AlertLevel
    ) -> Rule:
        return Rule.model_validate(
            {
                "description": description,
                "severity": severity,
                "for": hold,
                "runbook": f"docs/runbooks/{runbook}.md",
                "command": command,
            }
        )

    watch = file.watch
    return {
        OUTAGE: rule(
            "The monitor itself did not watch for a while.", OUTAGE, "tipoff status", None, AlertLevel.WARNING
        ),
        CANNOT_JUDGE: rule(
            "The warehouse does not answer, so nothing can be judged.", "warehouse-down", "tipoff status",
            watch.cannot_judge_for, watch.severity,
        ),
        CHANNEL_FAILING: rule(
            "A channel of notifications does not take messages.", CHANNEL_FAILING, "tipoff alerts routes",
            None, watch.severity,
        ),
    }  # fmt: skip


def all_rules(file: AlertsFile) -> Mapping[str, Rule]:
    """Return the rules of the file and the monitor's own."""
    return {**file.rules, **own_rules(file)}


def watch(memory: Memory, at: Watch) -> Memory:
    """Return the memory after one watch, with the changes to publish in its outbox."""
    rules = all_rules(at.file)
    outage = _outage(memory, at)
    # Its own come first, so that a rule's row cannot stand for what the monitor says of itself.
    conditions = {item.key: item for item in (*_own_conditions(memory, at), *(at.conditions or ()))}
    # While the warehouse is silent only the monitor's own rules are judged; all others keep their state.
    judged = {name for name in rules if at.conditions is not None or name not in at.file.rules}
    seen: dict[str, _Change] = {}
    # Known incidents first and in their order, so that the same watch gives the same events.
    for key in {**memory.incidents, **conditions}:
        change = _advance(memory.incidents.get(key), conditions.get(key), rules, judged, memory, at)
        if change is not None:
            seen[key] = change
    # After all have moved: whether a cause stands depends on this watch, not on the one before.
    explained = _joined(_explained(seen, rules), rules, at)
    told, changes = _tell(explained, rules, memory, at)
    return Memory(
        watched_at=at.now,
        tick=at.tick,
        blind_since=None if at.conditions is not None else memory.blind_since or at.now,
        incidents={key: change.incident for key, change in told.items()},
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
    return (changed(gone, all_rules(at.file)[OUTAGE], at.environment, notify=True),)


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
) -> _Change | None:
    """Move one incident on; None when there is nothing left to remember of it."""
    if condition is None:
        assert before is not None  # noqa: S101  # one of both is there
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
    if before.told_by is not None and incident.trouble != before.trouble:
        # It joined what people know of, and is another trouble now.
        incident = incident.model_copy(update={"told_at": None, "told_severity": None, "told_by": None})
    if incident.state is AlertState.RESOLVED:
        # It came back before its cool-down was over: the same incident, which is told when its rule may be.
        incident = _moved(
            incident, AlertState.PENDING, at, seen_at=at.now, severity=condition.severity, escalated_at=None
        )
    # None of the lines above but a return from RESOLVED changes it.
    moved = incident.transition != before.transition
    if incident.state is AlertState.PENDING:
        # What began while nobody watched has held for long, and its cause may still come with the next watch.
        waits = bool(rule.causes) and at.elapsed(incident.changed_at) < at.file.watch.group_wait
        # Measured from its first sight and not from `since`: a row that comes an
        # hour late must not fire at once.
        if waits or at.elapsed(incident.seen_at) < (rule.for_ or timedelta()):
            return _Change(incident, moved=moved or before.transition == 0)
        incident = _moved(incident, AlertState.FIRING, at, fired_at=at.now)
        moved = True
    # Weighed before it is silenced: a silenced incident that grew is told with its new
    # weight once the silence is over.
    incident, grew = _weigh(incident, condition, rule, at)
    incident, silence = _silenced(incident, condition, memory, at)
    tell = incident.state in _LIVE and _is_news(incident, rule, at)
    return _Change(incident, moved=moved or grew or silence, tell=tell)


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


def _without_condition(before: Incident, rule: Rule | None, judged: set[str], at: Watch) -> _Change | None:
    if rule is not None and before.rule not in judged:
        return _Change(before)  # whether it holds is not known: it stays as it is
    # Forgotten without a trace: it was never told, so nobody waits for its end.
    if before.state is AlertState.PENDING and before.told_at is None:
        return None  # it never held for as long as its rule asks
    if before.state is AlertState.RESOLVED:
        # Kept until then, so that one that flaps comes back as itself and not as a new one each time.
        cooled = rule is None or at.elapsed(before.changed_at) >= rule.cool_down
        return None if cooled else _Change(before)
    gone_at = before.gone_at or at.now
    incident = before.model_copy(update={"gone_at": gone_at})
    # A rule that was taken out of the file has nobody to wait for.
    if rule is not None and at.elapsed(gone_at) < rule.clear_for:
        return _Change(incident)
    resolved = _moved(incident, AlertState.RESOLVED, at, cause=None, told_by=None)
    # Its end is told to those who were told of it, and not of what another message stood for: that one has an end, too.
    tell = before.told_at is not None and before.told_by is None and before.state is not AlertState.SILENCED
    return _Change(resolved, moved=True, tell=tell)


def _weigh(incident: Incident, condition: Condition, rule: Rule, at: Watch) -> tuple[Incident, bool]:
    """Take on a worse severity, and escalate what grew or what nobody answered."""
    severity = worse(incident.severity, condition.severity)
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
        and incident.told_at is not None
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
    if covered and incident.state in _LIVE:
        return _moved(incident, AlertState.SILENCED, at), True
    # Back to FIRING: it still holds, and now people have to hear of it.
    if not covered and incident.state is AlertState.SILENCED:
        return _moved(incident, AlertState.FIRING, at), True
    return incident, False


def _is_news(incident: Incident, rule: Rule, at: Watch) -> bool:
    """Tell whether people have to hear of an incident: never told, told less loudly, or due for a reminder."""
    told = incident.told_at
    # Not of an earlier round either, before it was resolved and came back.
    if told is None or not _was_told(incident):
        return True
    if incident.told_severity is None or _is_louder(incident.severity, incident.told_severity):
        return True
    if incident.state is AlertState.ESCALATED and told < incident.changed_at:
        return True
    return rule.remind is not None and incident.told_by is None and at.elapsed(told) >= rule.remind


def _moved(incident: Incident, state: AlertState, at: Watch, **changes: object) -> Incident:
    return incident.model_copy(
        update={"state": state, "changed_at": at.now, "transition": incident.transition + 1, **changes}
    )


def _explained(seen: Mapping[str, _Change], rules: Mapping[str, Rule]) -> dict[str, _Change]:
    """Note of each incident which other one explains it, directly or through others."""
    # One that is gone explains until it is resolved: it may come back, and its symptoms need a while to go, too.
    standing = {
        key: change.incident
        for key, change in seen.items()
        if change.incident.state is not AlertState.RESOLVED
    }
    causes = {key: _cause_of(incident, standing, rules) for key, incident in standing.items()}

    def root(key: str) -> str | None:
        found = causes.get(key)
        # Ends: causes that form a circle are refused when the file is loaded.
        while found is not None and (further := causes.get(found)) is not None:
            found = further
        return found

    def explained_by(key: str, incident: Incident) -> str | None:
        if key not in standing:
            return None
        found = root(key) or _lingering(incident, seen)
        # What lingers may have a cause itself by now: only the message of a root lists what it explains.
        return (root(found) or found) if found is not None else None

    return {
        key: replace(
            change,
            incident=change.incident.model_copy(update={"cause": explained_by(key, change.incident)}),
        )
        for key, change in seen.items()
    }


def _lingering(incident: Incident, seen: Mapping[str, _Change]) -> str | None:
    """Return the cause that an incident had before this watch, while that is open."""
    cause = seen.get(incident.cause or "")
    return incident.cause if cause is not None and cause.incident.is_open else None


def _joined(seen: Mapping[str, _Change], rules: Mapping[str, Rule], at: Watch) -> dict[str, _Change]:
    """Let a first word join what people were told already; tell alone whose message is over.

    People know of a cause when they were told of its symptom, and of a failure when they were told of another one in
    the same trouble.
    """
    after = dict(seen)
    for key, change in seen.items():
        incident = change.incident
        if incident.told_by is None or _speaks(seen.get(incident.told_by)):
            continue
        # Whoever acknowledged it knows of it by itself.
        untold = {} if incident.state is AlertState.ACKNOWLEDGED else {"told_at": None, "told_severity": None}
        alone = incident.model_copy(update={"told_by": None, **untold})
        after[key] = replace(change, incident=alone, tell=incident.state in _LIVE)
    for key, change in after.items():
        incident = change.incident
        # A reminder or an escalation is no first word, and what is explained is listed in its cause's message.
        if change.tell and incident.state in _LIVE and not _was_told(incident) and incident.cause is None:
            speaker = _speaker(incident, after, at)
            if speaker is not None and _covers(speaker, incident, rules):
                after[key] = replace(change, incident=_known_by(incident, speaker, at), tell=False)
    return after


def _known_by(incident: Incident, speaker: Incident, at: Watch) -> Incident:
    known = {"told_at": at.now, "told_severity": speaker.told_severity, "told_by": speaker.key}
    return incident.model_copy(update=known)


def _was_told(incident: Incident) -> bool:
    """Tell whether people were told of it since it last began."""
    return incident.told_at is not None and (
        incident.fired_at is None or incident.told_at >= incident.fired_at
    )


def _speaks(change: _Change | None) -> bool:
    """Return whether an incident is open, not silenced, and was told in a message of its own."""
    if change is None:
        return False
    incident = change.incident
    # Whoever silenced it wants to hear no more of this one, and may not know of the others.
    stands = incident.is_open and incident.state is not AlertState.SILENCED
    return stands and _was_told(incident) and incident.told_by is None


def _speaker(incident: Incident, seen: Mapping[str, _Change], at: Watch) -> Incident | None:
    """Return the incident by which people know of another one, the loudest."""
    goes_on = _goes_on(incident, seen, at)
    found = [
        change.incident
        for key, change in seen.items()
        if key != incident.key
        and _speaks(change)
        and (
            change.incident.cause == incident.key or (goes_on and change.incident.trouble == incident.trouble)
        )
    ]
    return min(found, key=_urgency, default=None)


def _covers(speaker: Incident, incident: Incident, rules: Mapping[str, Rule]) -> bool:
    """Tell whether people who were told of one incident need not be told of another one of the same cause."""
    if speaker.told_severity is None or _is_louder(incident.severity, speaker.told_severity):
        return False
    # Of a trouble that goes on, the next scraper that fails is no news; the next workflow that is lost is.
    return speaker.cause == incident.key or rules[incident.rule].joins


def _goes_on(incident: Incident, seen: Mapping[str, _Change], at: Watch) -> bool:
    """Tell whether the trouble of a failure is that of the others before it and not one that began again."""
    if incident.trouble is None:
        return False
    last = max(
        (
            it.incident.fired_at
            for it in seen.values()
            if it.incident.trouble == incident.trouble and it.incident.is_open and it.incident.fired_at
            and it.incident.key != incident.key
        ),
        default=None,
    )  # fmt: skip
    return last is not None and at.elapsed(last) <= at.file.watch.joins_for


def _is_louder(one: AlertLevel, other: AlertLevel) -> bool:
    return one is not other and worse(one, other) is one


def _cause_of(incident: Incident, standing: Mapping[str, Incident], rules: Mapping[str, Rule]) -> str | None:
    rule = rules.get(incident.rule)
    for cause in rule.causes if rule else ():
        for key, other in standing.items():
            same = all(getattr(other, name) == getattr(incident, name) for name in cause.match)
            if other.rule == cause.rule and key != incident.key and same:
                return key
    return None


def _tell(
    seen: Mapping[str, _Change], rules: Mapping[str, Rule], memory: Memory, at: Watch
) -> tuple[dict[str, _Change], list[AlertChanged]]:
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
        begun = [key for key in begun if key not in {it.key for it in left}]
        send(group, sorted(left, key=_urgency))
    for group in _by_rule(begun, seen):
        group = [it for it in group if not _join_told(it, after, rules, at)]
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


def _by_rule(keys: Iterable[str], seen: Mapping[str, _Change]) -> list[list[Incident]]:
    """Group incidents by rule, the worst first: 600 e-mails for one bug is what this prevents."""
    groups: dict[str, list[Incident]] = {}
    for key in keys:
        groups.setdefault(seen[key].incident.rule, []).append(seen[key].incident)
    return sorted((sorted(group, key=_urgency) for group in groups.values()), key=lambda it: _urgency(it[0]))


def _stood_behind(before: Incident | None) -> str | None:
    """Return the key of the incident whose message listed this one: its cause, or the one it joined."""
    return (before.cause or before.told_by) if before is not None else None


def _join_told(incident: Incident, after: dict[str, _Change], rules: Mapping[str, Rule], at: Watch) -> bool:
    """Let a first word join a message of this very watch, if that is about it; change `after`."""
    speaker = None if _was_told(incident) else _speaker(incident, after, at)
    if speaker is None or not _covers(speaker, incident, rules):
        return False
    change = after[incident.key]
    after[incident.key] = replace(change, incident=_known_by(incident, speaker, at))
    return True


def _known_before(incident: Incident, seen: Mapping[str, _Change], at: Watch) -> str | None:
    """Return the key of the incident by which people know of the cause of a first word already."""
    if _was_told(incident) or incident.state is AlertState.RESOLVED:
        return None
    speaker = _speaker(incident, seen, at)
    return None if speaker is None else speaker.key


def _why_not_told(incident: Incident, seen: Mapping[str, _Change], at: Watch) -> str | None:
    # Quiet windows are days in the fleet's zone, as people plan them.
    today = business_date(at.now)
    for window in at.file.quiet:
        if window.first <= today <= window.last and incident.rule in (window.rules or (incident.rule,)):
            return f"quiet from {window.first} to {window.last}: {window.why}"
    if incident.cause is None or incident.state is AlertState.RESOLVED:
        return None
    # What nobody is woken for does not explain away what somebody is.
    if _is_louder(incident.severity, seen[incident.cause].incident.severity):
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
    known = max(loudest, key=list(AlertLevel).index, default=AlertLevel.NONE)
    troubles = {it.trouble for it in same_rule if it.told_at is not None}
    return any(
        _is_louder(item.severity, known)
        or item.state is AlertState.ESCALATED
        # Another source, or another trouble of the same: what was told lately is not about it.
        or (item.trouble is not None and item.trouble not in troubles)
        # A reminder; what came back after it was gone waits like anything new.
        or _was_told(item)
        for item in group
    )


def _urgency(incident: Incident) -> tuple[int, datetime, str]:
    return (-list(AlertLevel).index(incident.severity), incident.since, incident.subject)


def _listed(
    group: Sequence[Incident], left: Sequence[Incident], seen: Mapping[str, _Change]
) -> dict[str, JsonValue]:
    """Return what a message lists beside its lead: others of the rule, what they stand for, and what is left of it."""
    keys = {it.key for it in group}
    symptoms = [
        it.incident for it in seen.values() if it.incident.cause in keys or it.incident.told_by in keys
    ]
    context: dict[str, JsonValue] = {}
    lists = {"others": group[1:], "symptoms": sorted(symptoms, key=_urgency), "left": left}
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


def changed(
    incident: Incident,
    rule: Rule | None,
    environment: str,
    *,
    notify: bool,
    context: Mapping[str, JsonValue] = {},
) -> AlertChanged:
    """Return the event of an incident's newest change."""
    return AlertChanged(
        alert_id=incident.id,
        rule=incident.rule,
        about=incident.subject,
        state=incident.state,
        severity=incident.severity,
        changed_at=incident.changed_at,
        since=incident.since,
        value=incident.value,
        summary=incident.summary,
        context={
            **context,
            **({"value_at_start": incident.value_at_start} if incident.value_at_start is not None else {}),
            **({"workflow": incident.workflow} if incident.workflow else {}),
            **({"scraper": incident.scraper} if incident.scraper else {}),
            **({"query": rule.query} if rule and rule.query else {}),
            **({"acknowledged_by": incident.acknowledged_by} if incident.acknowledged_by else {}),
        },
        runbook=rule.runbook if rule else None,
        environment=environment,
        transition=incident.transition,
        notify=notify,
    )
