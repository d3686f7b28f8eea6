"""The monitor's memory as values: incidents, silences, what is still to be published."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_common.identity import event_id
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


class Memory(Frozen):
    """All that the monitor remembers: one object, changed by compare-and-swap on its generation."""

    watched_at: Instant | None = Field(default=None, description="the newest instant that was judged")
    tick: Instant | None = Field(default=None, description="the newest tick that was handled")
    blind_since: Instant | None = Field(default=None, description="first watch in a row that could not judge")
    incidents: Mapping[str, Incident] = Field(default_factory=dict, description="by key")
    silences: tuple[Silence, ...] = ()
    failing_channels: Mapping[str, Instant] = Field(
        default_factory=dict, description="channels whose last notification failed, since when"
    )
    told_rules: Mapping[str, Instant] = Field(
        default_factory=dict, description="when a message about a rule was last sent"
    )
    outbox: tuple[AlertChanged, ...] = Field(
        default=(), description="changes that may not be published yet; published again until they are"
    )


def incident_id(environment: str, rule: str, subject: str, seen_at: datetime) -> str:
    """Return a function of what it is, so that two monitors give one incident one id."""
    return event_id("incident", environment, rule, subject, seen_at.isoformat())
