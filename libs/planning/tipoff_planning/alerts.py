"""Incidents, silences and recipients of alerts: the monitor's HTTP contract."""

from datetime import datetime

from pydantic import BaseModel, Field

from tipoff_common.bounds import ReasonText
from tipoff_common.clock import Instant
from tipoff_common.events import AlertLevel, AlertState
from tipoff_planning.frozen import Frozen

OPEN = frozenset({AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.SILENCED, AlertState.ESCALATED})
"""States of an incident that has held for as long as its rule requires."""


class Incident(Frozen):
    """One rule about one subject, from its first sign until it is resolved and cooled down."""

    id: str = Field(description="constant from its first sign to its end")
    rule: str
    subject: str
    state: AlertState
    severity: AlertLevel
    since: Instant = Field(description="when the fault began")
    seen_at: Instant = Field(description="when a watch first saw the fault")
    gone_at: Instant | None = Field(
        default=None, description="when a watch first saw the fault gone; null while it holds"
    )
    fired_at: Instant | None = Field(
        default=None, description="when the fault had held for as long as its rule requires"
    )
    changed_at: Instant = Field(description="when the incident entered its state")
    notified_at: Instant | None = Field(
        default=None, description="time of the last message; null before the first"
    )
    # Stored apart from `severity`: an incident that has become worse since is sent again at once.
    notified_severity: AlertLevel | None = Field(default=None, description="severity in the last message")
    notified_channels: tuple[str, ...] = Field(
        default=(), description="channels of its messages since it last began; they receive the end as well"
    )
    escalated_at: Instant | None = Field(
        default=None, description="time of the escalation; its recipients receive the end as well"
    )
    acknowledged_by: str | None = None
    value: float | None = Field(default=None, description="the rule's current number")
    value_at_start: float | None = Field(default=None, description="the rule's number at the first sign")
    summary: str = Field(description="the fault in one sentence, with current numbers")
    workflow: str | None = None
    scraper: str | None = None
    cause: str | None = Field(default=None, description="key of the incident that explains this one")
    trouble: str | None = Field(
        default=None, description="for a failure, the trait it shares with others of the same cause"
    )
    covered_by: str | None = Field(
        default=None,
        description="key of the incident whose message covered this one; null if its own message did",
    )
    # Part of a change's identity: the same change made twice is one event, and the next change is another.
    transition: int = Field(default=0, description="number of state changes so far")

    @property
    def key(self) -> str:
        """Identity of the incident: its rule and subject."""
        return f"{self.rule}/{self.subject}"

    def is_about(self, name: str) -> bool:
        """Return whether a name is the incident's subject, the beginning of its subject, or its workflow.

        People see the workflow more often than the whole subject: that of a failing step is `workflow/scraper`, and a
        rule by query often names the scraper alone.
        """
        return f"{self.subject}/".startswith(f"{name}/") or self.workflow == name

    @property
    def was_notified(self) -> bool:
        """Whether a message went out since the incident last fired."""
        return self.notified_at is not None and (self.fired_at is None or self.notified_at >= self.fired_at)

    @property
    def is_open(self) -> bool:
        """Whether the incident has held for as long as its rule requires."""
        return self.state in OPEN


class Silence(Frozen):
    """A person's order to send no messages about some incidents for a while."""

    id: str
    rule: str
    subject: str | None = Field(
        default=None,
        description="a workflow covers each incident of that workflow; null for every subject",
    )
    until: Instant
    by: str
    why: str

    def covers(self, incident: Incident, now: datetime) -> bool:
        """Return whether the silence applies to an incident at an instant."""
        about = self.subject is None or incident.is_about(self.subject)
        return now < self.until and incident.rule == self.rule and about


class Watching(BaseModel):
    """Open incidents, and the health of the watch."""

    as_of: Instant
    watched_at: Instant | None = Field(description="time of the newest watch; null before the first")
    blind_since: Instant | None = Field(
        description="start of the time without rule evaluation; null while rules work"
    )
    silent_since: Instant | None = Field(
        description="newest watch if the next one is overdue, and then the age of this list; null otherwise"
    )
    incidents: tuple[Incident, ...] = Field(
        description="worst first; their state is unknown while no rule is evaluated"
    )
    silences: tuple[Silence, ...]


class ShownIncident(Incident):
    """An incident with the command and the runbook for it."""

    command: str | None = Field(default=None, description="the first command to run")
    runbook: str | None = None
    stands_for: tuple[str, ...] = Field(
        default=(), description="summaries of the incidents that this one's message covers"
    )


class SilenceRequest(BaseModel):
    """Body of a new silence."""

    rule: str = Field(min_length=1, max_length=100)
    subject: str | None = Field(default=None, max_length=1300)
    until: Instant
    why: ReasonText = Field(max_length=500)


class RouteView(BaseModel):
    """Recipients of a rule's messages, and the additional ones after an escalation."""

    rule: str
    severity: AlertLevel
    channels: tuple[str, ...]
    escalated: tuple[str, ...]


class TestResult(BaseModel):
    """Recipients of a rule's test message. sent: null in a dry run."""

    __test__ = False  # keep pytest from collecting it by its name

    rule: str
    severity: AlertLevel
    title: str
    body: str
    channels: dict[str, bool | None]
