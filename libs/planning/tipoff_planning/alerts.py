"""Incidents, silences and recipients of alerts: the monitor's HTTP contract."""

from datetime import datetime

from pydantic import BaseModel, Field

from tipoff_common.bounds import ReasonText
from tipoff_common.clock import Instant
from tipoff_common.events import AlertLevel, AlertState
from tipoff_planning.frozen import Frozen

OPEN = frozenset({AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.SILENCED, AlertState.ESCALATED})
"""States of an incident that holds for as long as its rule asks."""


class Incident(Frozen):
    """One rule about one subject, from its first sign until it is resolved and cooled down."""

    id: str = Field(description="the same from its first sign to its end")
    rule: str
    subject: str
    state: AlertState
    severity: AlertLevel
    since: Instant = Field(description="when what is wrong began")
    seen_at: Instant = Field(description="when a watch first saw it")
    gone_at: Instant | None = Field(
        default=None, description="when a watch first saw it gone; null while it holds"
    )
    fired_at: Instant | None = Field(
        default=None, description="when it had held for as long as its rule asks"
    )
    changed_at: Instant = Field(description="when it came into its state")
    told_at: Instant | None = Field(default=None, description="when people were last told; null when never")
    # By itself and not from severity: what has become worse since is told again at once.
    told_severity: AlertLevel | None = Field(default=None, description="how loudly they were told")
    escalated_at: Instant | None = Field(
        default=None, description="when it was escalated; whoever was told then is told of the end as well"
    )
    acknowledged_by: str | None = None
    value: float | None = Field(default=None, description="the rule's number now")
    value_at_start: float | None = Field(default=None, description="the rule's number when it was first seen")
    summary: str = Field(description="what is wrong, with the numbers of now")
    workflow: str | None = None
    scraper: str | None = None
    cause: str | None = Field(default=None, description="key of the incident that explains it")
    trouble: str | None = Field(
        default=None, description="of a failure, what it has in common with others of the same cause"
    )
    told_by: str | None = Field(
        default=None,
        description="key of the incident by whose message people know of it; null when by its own",
    )
    # Part of a change's identity: the same change made twice is one event, and the next is another.
    transition: int = Field(default=0, description="counts its changes")

    @property
    def key(self) -> str:
        """One incident a rule and subject."""
        return f"{self.rule}/{self.subject}"

    @property
    def was_told(self) -> bool:
        """Whether people were told of it since it last began."""
        return self.told_at is not None and (self.fired_at is None or self.told_at >= self.fired_at)

    @property
    def is_open(self) -> bool:
        """Whether it holds for as long as its rule asks."""
        return self.state in OPEN


class Silence(Frozen):
    """Nobody wants to hear of some incidents for a while."""

    id: str
    rule: str
    subject: str | None = Field(default=None, description="null: every subject of the rule")
    until: Instant
    by: str
    why: str

    def covers(self, rule: str, subject: str, now: datetime) -> bool:
        """Tell whether it silences an incident at an instant."""
        # Without a subject it is about the whole rule.
        return now < self.until and rule == self.rule and self.subject in (None, subject)


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
