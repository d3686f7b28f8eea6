"""Responses of the monitor's routes for people: incidents, silences and recipients."""

from datetime import datetime

from pydantic import BaseModel, Field

from tipoff_common.bounds import ReasonText
from tipoff_common.clock import Instant
from tipoff_common.events import AlertLevel, AlertState
from tipoff_monitor.actions import find
from tipoff_monitor.incidents import Incident, Memory, Silence
from tipoff_monitor.notices import filled
from tipoff_monitor.rules import AlertsFile


class Watching(BaseModel):
    """Open incidents, and how far the watch can be relied on."""

    as_of: Instant
    watched_at: Instant | None = Field(description="newest watch; null when none has been")
    blind_since: Instant | None = Field(description="since when nothing can be judged; null while it can")
    silent_since: Instant | None = Field(
        description="newest watch, when the next one is overdue: what is listed is as of then; null while it watches"
    )
    incidents: tuple[Incident, ...] = Field(
        description="worst first; their state is unknown while nothing is judged"
    )
    silences: tuple[Silence, ...]


class ShownIncident(Incident):
    """An incident with what to do about it."""

    command: str | None = Field(default=None, description="the first command to run")
    runbook: str | None = None
    stands_for: tuple[str, ...] = Field(
        default=(), description="summaries of incidents that people know of by this one"
    )


class SilenceRequest(BaseModel):
    """Body of a new silence."""

    rule: str = Field(min_length=1, max_length=100)
    subject: str | None = Field(default=None, max_length=1300)
    until: Instant
    why: ReasonText = Field(max_length=500)


class RouteView(BaseModel):
    """Recipients of a rule: as things are, and in addition when it is escalated."""

    rule: str
    severity: AlertLevel
    channels: tuple[str, ...]
    escalated: tuple[str, ...]


class TestResult(BaseModel):
    """Recipients of a rule's test message. sent: null in a dry run."""

    __test__ = False  # no test of pytest's, whatever its name says

    rule: str
    severity: AlertLevel
    title: str
    body: str
    channels: dict[str, bool | None]


def shown(name: str, memory: Memory, file: AlertsFile) -> ShownIncident:
    """Return one incident with what to do about it. Raises UnknownIncident."""
    incident = find(memory, name)
    rule = file.all_rules.get(incident.rule)
    stands_for = (it for it in memory.incidents.values() if incident.key in (it.cause, it.told_by))
    return ShownIncident(
        **incident.model_dump(),
        command=rule
        and filled(rule.command, incident.subject, incident.model_dump(include={"workflow", "scraper"})),
        runbook=rule and rule.runbook,
        stands_for=tuple(it.summary for it in stands_for if it.is_open),
    )


def watching(memory: Memory, file: AlertsFile, now: datetime, *, everything: bool) -> Watching:
    """Return what stands; with `everything` also what is pending and what was resolved lately."""
    listed = [it for it in memory.incidents.values() if everything or it.is_open]
    # While nothing is judged, "firing" would be a claim about now that nobody can make.
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
