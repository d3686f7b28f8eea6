"""The instant and the requester of a decision."""

from dataclasses import dataclass
from datetime import datetime

from tipoff_common.events import Priority, Source


@dataclass(frozen=True)
class EvaluationContext:
    """The common facts of the decisions, plans and requests of one tick or manual run."""

    tick: datetime
    """The instant that identifies the tick: decision ids are made of it."""
    now: datetime
    """The instant to decide for: the tick's own time when a day is replayed, else the wall clock."""
    wall: datetime
    """The wall clock, from which leases run."""
    triggered_by: str
    source: Source
    environment: str
    """Written to every decision."""
    event_time: datetime | None = None
    """The instant of the tick that replays a day; requests carry it on."""
    # Set by manual runs only: a backfill requests at LOW, so that its fan-outs stay small beside the live fleet.
    priority: Priority | None = None
    """Replaces the workflows' own priority."""
