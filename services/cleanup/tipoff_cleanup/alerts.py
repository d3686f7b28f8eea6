"""What cleanup raises an alert for: what only it can see. Pure.

An alert is a rule and what it is about; its id is a function of those and of when it began, so that raising it twice is
raising it once.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from tipoff_cleanup.memory import OpenAlert
from tipoff_common.bounds import GCS_PATH
from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_common.identity import event_id

PHASE2_BEHIND, STORM_GUARD = "phase2-behind", "storm-guard"
GIVEN_UP = "file-given-up"
UNUSABLE = {
    "object_missing": "object-missing",
    "content_differs": "content-differs",
    "foreign_path": "foreign-path",
}
"""By kind of finding, the rule of a file that cannot be republished."""
PER_FILE = frozenset({GIVEN_UP, *UNUSABLE.values()})
SYSTEM = "-"

_RUNBOOKS = {
    PHASE2_BEHIND: "docs/runbooks/phase-2-down.md",
    STORM_GUARD: "docs/runbooks/storm-guard.md",
    **dict.fromkeys(PER_FILE, "docs/runbooks/files-stuck.md"),
}
_LONGEST = 1024
"""Bytes of a message's attribute, which names what an alert is about."""


@dataclass(frozen=True)
class Condition:
    """Something that is wrong now. value: the number behind it."""

    rule: str
    about: str
    since: datetime
    severity: AlertLevel
    summary: str
    value: float | None = None
    context: Mapping[str, JsonValue] = field(default_factory=dict)


def nameable(gcs_path: str) -> bool:
    """Whether a receipt can name the file, and so end an alert about it: the log takes any text for a path."""
    return (
        re.match(GCS_PATH, gcs_path) is not None
        and gcs_path.isprintable()
        and len(gcs_path.encode()) <= _LONGEST
    )


def raised(
    conditions: Iterable[Condition], open_alerts: Iterable[OpenAlert], environment: str, now: datetime
) -> Iterator[AlertChanged]:
    """A change for each condition of which no alert fires."""
    known = {(alert.rule, alert.about) for alert in open_alerts}
    for condition in conditions:
        if (condition.rule, condition.about) in known:
            continue
        yield AlertChanged(
            alert_id=event_id("alert", environment, condition.rule, condition.about, condition.since),
            rule=condition.rule,
            about=condition.about,
            state=AlertState.FIRING,
            severity=condition.severity,
            changed_at=now,
            since=condition.since,
            value=condition.value,
            summary=condition.summary,
            context=condition.context,
            runbook=_RUNBOOKS[condition.rule],
            environment=environment,
        )


def over(
    conditions: Iterable[Condition], open_alerts: Iterable[OpenAlert], healed: Collection[str]
) -> list[OpenAlert]:
    """The alerts whose condition holds no more. That of one file is over when the file is among the `healed`: one that
    is merely not looked at any more is not."""
    holding = {(condition.rule, condition.about) for condition in conditions}
    return [
        alert
        for alert in open_alerts
        if (alert.rule, alert.about) not in holding and (alert.rule not in PER_FILE or alert.about in healed)
    ]


def resolved(fired: AlertChanged, now: datetime) -> AlertChanged:
    return fired.model_copy(update={"state": AlertState.RESOLVED, "changed_at": now})
