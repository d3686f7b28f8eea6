"""The channels that receive a change of an incident. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_monitor.rules import CHANNEL_FAILING, AlertsFile, Route


def channels_for(event: AlertChanged, file: AlertsFile) -> list[str]:
    """Return the channels for a change: those of its own routes, of the routes of the incidents it lists, and for an
    end those of the earlier messages."""
    found: dict[str, None] = {}
    escalated = event.state is AlertState.ESCALATED or event.context.get("escalated") is True
    # Routes of each incident in the message: a channel that gets an incident by itself must get it in a group, too.
    for rule, severity, workflow in _about(event):
        for route in file.routes:
            if _fits(route, rule, severity, workflow, escalated=escalated):
                found.update(dict.fromkeys(route.channels))
    notified_channels = event.context.get("notified_channels")
    # A channel may be gone from the file since the beginning.
    found.update(
        {
            str(name): None
            for name in (notified_channels if isinstance(notified_channels, list) else ())
            if name in file.channels
        }
    )
    if event.rule == CHANNEL_FAILING:
        # A failing channel cannot receive its own failure. If it is the only channel, only the log has the failure.
        found = {name: None for name in (found or file.channels) if name != event.about}
    return list(found)


def _about(event: AlertChanged) -> Iterator[tuple[str, AlertLevel, str | None]]:
    """Yield rule, severity and workflow of each incident that a message is about."""
    yield event.rule, event.severity.effective, _text(event.context, "workflow")
    for name in ("others", "left"):
        listed = event.context.get(name)
        for other in listed if isinstance(listed, list) else ():
            if isinstance(other, Mapping):
                level = AlertLevel(str(other.get("severity", event.severity))).effective
                yield _text(other, "rule") or event.rule, level, _text(other, "workflow")


def _text(mapping: Mapping[str, Any], name: str) -> str | None:
    value = mapping.get(name)
    return value if isinstance(value, str) else None


def _fits(route: Route, rule: str, severity: AlertLevel, workflow: str | None, *, escalated: bool) -> bool:
    return (
        severity in route.severity
        and (not route.rules or rule in route.rules)
        and (not route.workflows or workflow in route.workflows)
        and (escalated or not route.escalated)
    )
