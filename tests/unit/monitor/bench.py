"""Test bench for the monitor: rule files, conditions, and a memory that is watched tick by tick."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_monitor.changes import Watch
from tipoff_monitor.conditions import Condition
from tipoff_monitor.incidents import Memory
from tipoff_monitor.loading import RuleBook
from tipoff_monitor.machine import watch
from tipoff_monitor.rules import AlertsFile
from tipoff_planning.alerts import Incident

NINE = datetime(2026, 1, 15, 14, 0, tzinfo=UTC)
"""09:00 in New York."""
TICK = timedelta(minutes=5)
RULE = {
    "description": "It is wrong.",
    "severity": "WARNING",
    "query": "alert_dead_letters",
    "runbook": "docs/runbooks/dead-letters.md",
    "command": "tipoff query x --param about={subject}",
}
FILE: dict[str, Any] = {
    "version": 1,
    "channels": {
        "team": {"description": "t", "url": "ALERTS_TEAM_URL"},
        "oncall": {"description": "o", "url": "ALERTS_ONCALL_URL"},
    },
    "routes": [
        {"channels": ["team"]},
        {"severity": ["CRITICAL"], "escalated": True, "channels": ["oncall"]},
    ],
}


def rules_file(changes: Mapping[str, Any] = {}, **rules: Mapping[str, Any]) -> AlertsFile:
    """Return a file of these rules by name (with - for _), each RULE with changes."""
    named = {name.replace("_", "-"): {**RULE, **own} for name, own in rules.items()}
    return AlertsFile.model_validate({**FILE, "rules": named, **changes})


def write_rules(folder: Path, changes: Mapping[str, Any] = {}, **rules: Mapping[str, Any]) -> Path:
    """Write the same file as YAML and return its path."""
    named = {name.replace("_", "-"): {**RULE, **own} for name, own in rules.items()}
    path = folder / "alerts.yaml"
    path.write_text(yaml.safe_dump({**FILE, "rules": named, **changes}, sort_keys=False))
    return path


def wrong(rule: str = "broken", subject: str = "-", **changes: Any) -> Condition:
    sample: dict[str, Any] = {
        "rule": rule,
        "subject": subject,
        "since": NINE,
        "severity": AlertLevel.WARNING,
        "summary": f"{subject} is wrong.",
    }
    return Condition(**{**sample, **changes})


@dataclass
class Watched:
    """A memory that is watched tick by tick."""

    file: AlertsFile
    memory: Memory = field(default_factory=Memory)
    now: datetime = NINE - TICK
    events: list[AlertChanged] = field(default_factory=list)

    def tick(
        self, *conditions: Condition, blind: bool = False, after: timedelta = TICK
    ) -> list[AlertChanged]:
        """Run one watch and return its notifying events."""
        self.now += after
        before = self.memory.model_copy(update={"outbox": ()})
        found = None if blind else conditions
        self.memory = watch(before, Watch(self.file, "prod", self.now, self.now, found))
        self.events += self.memory.outbox
        return [event for event in self.memory.outbox if event.notify]

    def ticks(self, count: int, *conditions: Condition, blind: bool = False) -> list[AlertChanged]:
        return [event for _ in range(count) for event in self.tick(*conditions, blind=blind)]

    def incident(self, key: str = "broken/-") -> Incident:
        return self.memory.incidents[key]

    @property
    def notified(self) -> list[tuple[str, AlertState]]:
        return [(event.rule, event.state) for event in self.events if event.notify]


def states(events: Iterable[AlertChanged]) -> list[tuple[str, str]]:
    return [(event.rule, event.state.value) for event in events]


def book_of(file: AlertsFile) -> RuleBook:
    return RuleBook(file, {}, "hash")
