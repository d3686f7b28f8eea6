"""Declarations of all metrics that Tipoff exports.

`telemetry.py` makes the instruments; docs/how-to/observability.md lists the metrics, and a test compares both.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class MetricKind(StrEnum):
    """Aggregation of a metric's measurements."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One metric."""

    name: str
    kind: MetricKind
    unit: str
    """The unit as UCUM writes it."""
    description: str
    attributes: tuple[str, ...]
    """Names of the attributes of a measurement; each has few values."""


MESSAGES: Final = Metric(
    "tipoff.messages",
    MetricKind.COUNTER,
    "{message}",
    "Pushes and calls that were answered, by event type or route and the HTTP status of the answer.",
    ("event_type", "status"),
)
# No histogram: one takes 10 us a hop, a tenth of a hop's budget. The spans have the single durations.
MESSAGE_SECONDS: Final = Metric(
    "tipoff.messages.duration",
    MetricKind.COUNTER,
    "s",
    "Time from the arrival of a push or call to its answer, as a sum; divide by tipoff.messages for the mean.",
    ("event_type", "status"),
)
PUBLISHED: Final = Metric(
    "tipoff.events.published",
    MetricKind.COUNTER,
    "{event}",
    "Events that Pub/Sub accepted, a part of a large event counted as one.",
    ("event_type",),
)
REJECTED: Final = Metric(
    "tipoff.messages.rejected",
    MetricKind.COUNTER,
    "{message}",
    "Messages that can never succeed, recorded in dead_letters.",
    ("reason",),
)
APPENDED_ROWS: Final = Metric(
    "tipoff.append.rows",
    MetricKind.HISTOGRAM,
    "{row}",
    "Rows of one append to the warehouse, which the group commit gathers.",
    ("table",),
)
APPEND_DURATION: Final = Metric(
    "tipoff.append.duration",
    MetricKind.HISTOGRAM,
    "s",
    "Time that one append to the warehouse took, failed ones too.",
    ("table",),
)
EXECUTIONS: Final = Metric(
    "tipoff.executions",
    MetricKind.COUNTER,
    "{execution}",
    "Executions that the runner published, by scraper and status.",
    ("scraper", "status"),
)

METRICS: Final = (
    MESSAGES,
    MESSAGE_SECONDS,
    PUBLISHED,
    REJECTED,
    APPENDED_ROWS,
    APPEND_DURATION,
    EXECUTIONS,
)
