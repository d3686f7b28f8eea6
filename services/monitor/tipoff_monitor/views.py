"""Views of the memory for people: one incident, and the list of incidents."""

from datetime import datetime

from tipoff_common.events import AlertState
from tipoff_monitor.actions import find
from tipoff_monitor.incidents import Memory
from tipoff_monitor.notices import filled
from tipoff_monitor.rules import AlertsFile
from tipoff_planning.alerts import ShownIncident, Watching


def shown(name: str, memory: Memory, file: AlertsFile) -> ShownIncident:
    """Return one incident with its remedy. Raises UnknownIncident."""
    incident = find(memory, name)
    rule = file.all_rules.get(incident.rule)
    stands_for = (it for it in memory.incidents.values() if incident.key in (it.cause, it.covered_by))
    return ShownIncident(
        **incident.model_dump(),
        command=rule
        and filled(rule.command, incident.subject, incident.model_dump(include={"workflow", "scraper"})),
        runbook=rule and rule.runbook,
        stands_for=tuple(it.summary for it in stands_for if it.is_open),
    )


def watching(memory: Memory, file: AlertsFile, now: datetime, *, everything: bool) -> Watching:
    """Return the open incidents; with `everything`, also the pending and the recently resolved ones."""
    listed = [it for it in memory.incidents.values() if everything or it.is_open]
    # While the warehouse does not answer, the present state of an open incident is unknown.
    if memory.blind_since is not None:
        listed = [it.model_copy(update={"state": AlertState.UNKNOWN}) if it.is_open else it for it in listed]
    listed.sort(key=lambda it: (-it.severity.rank, it.since, it.key))
    return Watching(
        as_of=now,
        watched_at=memory.watched_at,
        blind_since=memory.blind_since,
        silent_since=memory.watched_at
        if memory.watched_at is not None and now - memory.watched_at > file.watch.outage_after
        else None,
        incidents=tuple(listed),
        silences=memory.silences,
    )
