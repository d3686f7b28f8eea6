"""The input of one watch, and the changes of incidents that a watch makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from tipoff_common.clock import floor_to
from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_monitor.conditions import Condition
from tipoff_monitor.rules import AlertsFile, Rule
from tipoff_planning.alerts import Incident

LIVE = frozenset({AlertState.FIRING, AlertState.ESCALATED})
"""States with notifications."""


@dataclass(frozen=True)
class Watch:
    """The input of one watch."""

    file: AlertsFile
    environment: str
    now: datetime
    tick: datetime
    """The instant at which the watch was due."""
    conditions: tuple[Condition, ...] | None
    """The present faults; None when they cannot be read."""
    cadence: timedelta = timedelta(minutes=5)

    def elapsed(self, since: datetime) -> timedelta:
        """Return the time since an instant, counted from tick to tick.

        Deliveries take seconds or minutes. Between the watches themselves, three cadences are a little more or a
        little less than a quarter of an hour, and a little less would delay a notification by a whole watch.
        """
        minutes = int(self.cadence.total_seconds() // 60)
        return floor_to(self.now, minutes) - floor_to(since, minutes)


@dataclass(frozen=True)
class IncidentChange:
    """An incident after the watch, and the kind of its change."""

    incident: Incident
    moved: bool = False
    """Whether the incident changed, so that an event is published."""
    notify: bool = False
    """Whether to send a notification, unless a quiet window, a cause or a cool-down suppresses it."""


def is_louder(one: AlertLevel, other: AlertLevel) -> bool:
    """Return whether the first level is the more severe one."""
    return one.rank > other.rank


def urgency(incident: Incident) -> tuple[int, datetime, str]:
    """Return a sort key: the worst first, then the oldest."""
    return (-incident.severity.rank, incident.since, incident.subject)


def changed(
    incident: Incident,
    rule: Rule | None,
    environment: str,
    *,
    notify: bool,
    context: Mapping[str, JsonValue] = {},
) -> AlertChanged:
    """Return the event of an incident's newest change."""
    return AlertChanged(
        alert_id=incident.id,
        rule=incident.rule,
        about=incident.subject,
        state=incident.state,
        severity=incident.severity,
        changed_at=incident.changed_at,
        since=incident.since,
        value=incident.value,
        summary=incident.summary,
        context={
            **context,
            **({"value_at_start": incident.value_at_start} if incident.value_at_start is not None else {}),
            **({"workflow": incident.workflow} if incident.workflow else {}),
            **({"scraper": incident.scraper} if incident.scraper else {}),
            **({"query": rule.query} if rule and rule.query else {}),
            **({"acknowledged_by": incident.acknowledged_by} if incident.acknowledged_by else {}),
        },
        runbook=rule.runbook if rule else None,
        environment=environment,
        transition=incident.transition,
        notify=notify,
    )
