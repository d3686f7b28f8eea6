"""Actions of people on incidents: acknowledge, silence, take a silence back. Pure."""

from collections.abc import Iterable
from datetime import datetime

from tipoff_common.events import AlertState
from tipoff_common.identity import event_id
from tipoff_monitor.changes import changed
from tipoff_monitor.incidents import Memory
from tipoff_monitor.rules import AlertsFile
from tipoff_monitor.texts import one_line
from tipoff_planning.alerts import Incident, Silence, begins_with

# Not PENDING: nobody was told of it, and an acknowledgement would keep the first message from ever going out.
_ACKNOWLEDGEABLE = frozenset({AlertState.FIRING, AlertState.ESCALATED, AlertState.SILENCED})


class Refusal(Exception):
    """It cannot be done; the message says why."""

    status: int
    """The HTTP status of the answer to who asks over HTTP."""


class UnknownIncident(Refusal):
    """There is no such incident; the message lists those that there are."""

    status = 404


class NotPossible(Refusal):
    """The incident is in another state; the message says in which, and what that means."""

    status = 409


def find(memory: Memory, name: str) -> Incident:
    """Return an incident by its id, by the beginning of it, or by rule/subject.

    The rule alone, or the rule and the workflow, is enough where only one open incident begins with it.

    Raises:
        UnknownIncident: none has the name, or several open ones have
    """
    # Six characters of a hash tell a night's incidents apart, and fit on a phone.
    found = [
        it
        for it in memory.incidents.values()
        if it.key == name or (len(name) >= 6 and it.id.startswith(name))
    ] or [it for it in memory.incidents.values() if it.is_open and begins_with(it.key, name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownIncident(f"several incidents '{name}'; name one of {_listed(found)}")
    known = _listed(it for it in memory.incidents.values() if it.is_open)
    raise UnknownIncident(f"no incident '{name}'; open are {known or 'none'}")


def _listed(incidents: Iterable[Incident]) -> str:
    return ", ".join(f"{it.id[:8]} ({it.key})" for it in incidents)


def acknowledge(
    memory: Memory, name: str, by: str, file: AlertsFile, environment: str, now: datetime
) -> Memory:
    """Stop reminders and escalation of an incident. Doing so twice is doing it once.

    Raises:
        UnknownIncident
        NotPossible
    """
    incident = find(memory, name)
    # By whom stays what it was: two people at it are told apart by the first.
    if incident.state is AlertState.ACKNOWLEDGED:
        return memory
    if incident.state not in _ACKNOWLEDGEABLE:
        raise NotPossible(
            f"{incident.key} is {incident.state}; only what people were told of can be acknowledged"
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
    # Recorded, and told to nobody: whoever acknowledges is at it already.
    event = changed(after, rule, environment, notify=False, context={"not_told": f"acknowledged by {by}"})
    return memory.model_copy(
        update={"incidents": {**memory.incidents, after.key: after}, "outbox": (*memory.outbox, event)}
    )


def silence(
    memory: Memory, rule: str, subject: str | None, until: datetime, by: str, why: str
) -> tuple[Memory, Silence]:
    """Tell nobody of a rule's incidents until an instant; the next watch moves them into the state silenced."""
    made = Silence(
        # From its content, so that a form sent twice makes one silence.
        id=event_id("silence", rule, subject, until.isoformat(), by)[:8],
        rule=rule,
        subject=subject,
        until=until,
        by=by,
        why=one_line(why),
    )
    others = tuple(item for item in memory.silences if item.id != made.id)
    return memory.model_copy(update={"silences": (*others, made)}), made


def unsilence(memory: Memory, name: str) -> Memory:
    """Take a silence back, by its id or its rule.

    Raises:
        UnknownIncident
    """
    # By the rule too, which takes all of its silences back: at night nobody looks for an id.
    left = tuple(item for item in memory.silences if name not in (item.id, item.rule))
    if len(left) == len(memory.silences):
        known = ", ".join(f"{item.id} ({item.rule})" for item in memory.silences) or "none"
        raise UnknownIncident(f"no silence '{name}'; there are {known}")
    return memory.model_copy(update={"silences": left})
