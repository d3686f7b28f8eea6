"""The instant and the requester of a decision."""

from dataclasses import dataclass
from datetime import datetime

from tipoff_common.events import Priority, Source


@dataclass(frozen=True)
class EvaluationContext:
    """One tick, or one manual run: what the decisions, plans and requests that it makes have in common."""

    tick: datetime
    """The instant that identifies it: decision ids are made of it."""
    now: datetime
    """The instant it is decided for: the tick's own time when a day is replayed, else the wall clock."""
    wall: datetime
    """The wall clock, from which leases run."""
    triggered_by: str
    source: Source
    environment: str = ""
    event_time: datetime | None = None
    """The instant of the tick that replays a day; requests carry it on."""
    # Of manual runs alone: a backfill asks at LOW, so that its fan-outs stay small beside the live fleet.
    priority: Priority | None = None
    """In place of the workflows' own."""
