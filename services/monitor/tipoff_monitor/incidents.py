"""The monitor's memory as a value, and the identity of an incident."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_common.events import AlertChanged
from tipoff_common.identity import event_id
from tipoff_planning.alerts import Incident, Silence
from tipoff_planning.frozen import Frozen


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
