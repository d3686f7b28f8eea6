"""The events, version 1 of each: frozen payloads, additive within a version.

Additive means that unknown fields of a newer producer and unknown members of an enumeration (open_enum.py) are kept,
and neither is refused. Every part has a size limit (bounds.py). Instants are aware UTC, dates are business days of the
fleet's zone (clock.py). `event_time`, where present, replaces the clock when a day is replayed; only services that run
in event time accept it.
"""

from collections.abc import Mapping

from tipoff_common.events.base import (
    AlertLevel,
    Event,
    EventPart,
    Priority,
    Source,
)
from tipoff_common.events.decisions import (
    Action,
    ExpectedRun,
    PauseChanged,
    PauseState,
    PauseTarget,
    ScheduleLocked,
    ScheduleState,
    Tick,
    TickFired,
    WorkflowDecided,
)
from tipoff_common.events.operations import (
    AlertChanged,
    AlertState,
    CleanupCompleted,
    Finding,
    MessageRejected,
    MissingFile,
    RejectReason,
)
from tipoff_common.events.scraping import (
    Completeness,
    FileLanded,
    FileProcessed,
    ScrapeExecuted,
    ScrapeRequested,
)

__all__ = [
    "EVENTS",
    "Action",
    "AlertChanged",
    "AlertLevel",
    "AlertState",
    "CleanupCompleted",
    "Completeness",
    "Event",
    "EventPart",
    "ExpectedRun",
    "FileLanded",
    "FileProcessed",
    "Finding",
    "MessageRejected",
    "MissingFile",
    "PauseChanged",
    "PauseState",
    "PauseTarget",
    "Priority",
    "RejectReason",
    "ScheduleLocked",
    "ScheduleState",
    "ScrapeExecuted",
    "ScrapeRequested",
    "Source",
    "Tick",
    "TickFired",
    "WorkflowDecided",
]

EVENTS: Mapping[str, type[Event]] = {
    model.TYPE: model
    for model in (
        TickFired,
        WorkflowDecided,
        ScheduleLocked,
        ScrapeRequested,
        ScrapeExecuted,
        FileLanded,
        FileProcessed,
        CleanupCompleted,
        AlertChanged,
        PauseChanged,
        MessageRejected,
    )
}
