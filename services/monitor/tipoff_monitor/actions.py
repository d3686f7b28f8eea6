"""Manual actions on incidents: acknowledge, silence, end a silence. Pure."""

from collections.abc import Iterable
from datetime import datetime

from tipoff_common.events import AlertState
from tipoff_common.identity import event_id
from tipoff_monitor.changes import changed
from tipoff_monitor.incidents import Memory
from tipoff_monitor.rules import AlertsFile
from tipoff_monitor.texts import one_line
from tipoff_planning.alerts import Incident, Silence

# Not PENDING: no notification was sent yet, and an acknowledgement would suppress the first one.
_ACKNOWLEDGEABLE = frozenset({AlertState.FIRING, AlertState.ESCALATED, AlertState.SILENCED})


class Refusal(Exception):
    """An action that is impossible; the message gives the reason."""

    status: int
    """The HTTP status of the response."""


_SHORTEST_PREFIX = 4
"""Fewest characters of an id's beginning, as of `tipoff trace`. They fit on a phone and distinguish a night's
incidents; several matches are refused."""


class UnknownIncident(Refusal):
    """An unknown incident or silence; the message lists the existing ones."""

    status = 404


class NotPossible(Refusal):
    """An incident in a state that does not allow the action; the message names the state and the consequence."""

    status = 409


def find(memory: Memory, name: str) -> Incident:
    """Return an incident by its id, the beginning of its id, or rule/subject.

    The rule alone, or the rule and the workflow, is enough if only one open incident is about it.

    Raises:
        UnknownIncident: no incident has the name, or several open ones have it
    """
    rule, _, subject = name.partition("/")
    found = [
        it
        for it in memory.incidents.values()
        if it.key == name or (len(name) >= _SHORTEST_PREFIX and it.id.startswith(name))
    ] or [
        it
        for it in memory.incidents.values()
        if it.is_open and it.rule == rule and (not subject or it.is_about(subject))
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownIncident(f"'{name}' matches several incidents; use one of {_listed(found)}")
    known = _listed(it for it in memory.incidents.values() if it.is_open)
    raise UnknownIncident(f"no incident '{name}'; open incidents: {known or 'none'}")


def _listed(incidents: Iterable[Incident]) -> str:
    return ", ".join(f"{it.id[:8]} ({it.key})" for it in incidents)


def acknowledge(
    memory: Memory, name: str, by: str, file: AlertsFile, environment: str, now: datetime
) -> Memory:
    """Stop the reminders of an incident, and its escalation unless it grows. Idempotent.

    Raises:
        UnknownIncident
        NotPossible
    """
    incident = find(memory, name)
    # A second acknowledgement keeps the name of the first person.
    if incident.state is AlertState.ACKNOWLEDGED:
        return memory
    if incident.state not in _ACKNOWLEDGEABLE:
        raise NotPossible(
            f"{incident.key} is {incident.state}; only a firing, escalated or silenced incident can be acknowledged"
        )
    after = incident.model_copy(
        update={
            "state": AlertState.ACKNOWLEDGED,
            "changed_at": now,
            "acknowledged_by": by,
            "transition": incident.transition + 1,
        }
    )
    rule = file.all_rules.get(after.rule)
    # Recorded without a notification: the person who acknowledges is working on it already.
    event = changed(after, rule, environment, notify=False, context={"not_told": f"acknowledged by {by}"})
    return memory.model_copy(
        update={"incidents": {**memory.incidents, after.key: after}, "outbox": (*memory.outbox, event)}
    )


def silence(
    memory: Memory, rule: str, subject: str | None, until: datetime, by: str, why: str
) -> tuple[Memory, Silence]:
    """Suppress a rule's notifications until an instant; the next watch moves its incidents into the state silenced."""
    new_silence = Silence(
        # From its content, so that a form sent twice makes one silence.
        id=event_id("silence", rule, subject, until.isoformat(), by)[:8],
        rule=rule,
        subject=subject,
        until=until,
        by=by,
        why=one_line(why),
    )
    others = tuple(item for item in memory.silences if item.id != new_silence.id)
    return memory.model_copy(update={"silences": (*others, new_silence)}), new_silence


def unsilence(memory: Memory, name: str) -> Memory:
    """End a silence, by its id or its rule.

    Raises:
        UnknownIncident
    """
    # A rule's name ends all of its silences, since at night an operator should not have to look up an id.
    remaining = tuple(item for item in memory.silences if name not in (item.id, item.rule))
    if len(remaining) == len(memory.silences):
        known = ", ".join(f"{item.id} ({item.rule})" for item in memory.silences) or "none"
        raise UnknownIncident(f"no silence '{name}'; existing silences: {known}")
    return memory.model_copy(update={"silences": remaining})
