"""What the monitor answers people: its incidents and silences, and who would be told."""

from datetime import datetime

from pydantic import BaseModel, Field

from tipoff_common.clock import Instant
from tipoff_common.events import AlertLevel, AlertState
from tipoff_monitor.incidents import Incident, Memory, Silence


class Watching(BaseModel):
    """What stands, and how far the watch can be relied on."""

    as_of: Instant
    watched_at: Instant | None = Field(description="newest watch; null when none has been")
    blind_since: Instant | None = Field(description="since when nothing can be judged; null while it can")
    incidents: tuple[Incident, ...] = Field(
        description="worst first; their state is unknown while nothing is judged"
    )
    silences: tuple[Silence, ...]


class SilenceRequest(BaseModel):
    """Body of a new silence."""

    rule: str = Field(min_length=1, max_length=100)
    subject: str | None = Field(default=None, max_length=1300)
    until: Instant
    why: str = Field(min_length=1, max_length=500)


class RouteView(BaseModel):
    """Who is told of a rule: as things are, and in addition when it is escalated."""

    rule: str
    severity: AlertLevel
    channels: tuple[str, ...]
    escalated: tuple[str, ...]


class TestResult(BaseModel):
    """Who would be told of a rule, or was. sent: null in a dry run."""

    __test__ = False  # no test of pytest's, whatever its name says

    rule: str
    severity: AlertLevel
    title: str
    body: str
    channels: dict[str, bool | None]


def watching(memory: Memory, now: datetime, *, everything: bool) -> Watching:
    """Return what stands; with `everything` also what is pending and what was resolved lately."""
    shown = [it for it in memory.incidents.values() if everything or it.is_open]
    # While nothing is judged, "firing" would be a claim about now that nobody can make.
    if memory.blind_since is not None:
        shown = [it.model_copy(update={"state": AlertState.UNKNOWN}) if it.is_open else it for it in shown]
    shown.sort(key=lambda it: (-list(AlertLevel).index(it.severity), it.since, it.key))
    return Watching(
        as_of=now,
        watched_at=memory.watched_at,
        blind_since=memory.blind_since,
        incidents=tuple(shown),
        silences=memory.silences,
    )
