"""The monitor's memory as a value, and the identity of an incident."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field, field_validator

from tipoff_common.clock import Instant
from tipoff_common.events import AlertChanged
from tipoff_common.identity import event_id
from tipoff_planning.alerts import Incident, Silence
from tipoff_planning.frozen import Frozen


class Memory(Frozen):
    """The monitor's whole memory: one object, changed by compare-and-swap on its generation."""

    watched_at: Instant | None = Field(default=None, description="the instant of the newest watch")
    tick: Instant | None = Field(default=None, description="the newest tick that was handled")
    blind_since: Instant | None = Field(
        default=None, description="the first watch in a row without an answer of the warehouse"
    )
    incidents: Mapping[str, Incident] = Field(default_factory=dict, description="by key")
    silences: tuple[Silence, ...] = ()
    failing_channels: Mapping[str, Instant] = Field(
        default_factory=dict, description="channels whose last notification failed, since when"
    )
    notified_rules: Mapping[str, Instant] = Field(
        default_factory=dict, description="when a message about a rule was last sent"
    )
    outbox: tuple[AlertChanged, ...] = Field(
        default=(), description="changes that may be unpublished; each is published until that succeeds"
    )

    @field_validator("incidents")
    @classmethod
    def _by_own_keys(cls, incidents: Mapping[str, Incident]) -> dict[str, Incident]:
        # A key that was damaged in the bucket would fail each later watch.
        return {it.key: it for it in incidents.values()}


def incident_id(environment: str, rule: str, subject: str, seen_at: datetime) -> str:
    """Return an id that depends on the incident alone, so that two monitors give one incident the same id."""
    return event_id("incident", environment, rule, subject, seen_at.isoformat())
