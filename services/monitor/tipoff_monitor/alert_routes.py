"""The channels that receive a change of an incident. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_monitor.rules import CHANNEL_FAILING, AlertsFile, Route


def channels_for(event: AlertChanged, file: AlertsFile) -> list[str]:
    """Return the channels for a change: those of its own routes, of the routes of the incidents it lists, and for an
    end those of the earlier messages."""
    escalated = event.state is AlertState.ESCALATED or event.context.get("escalated") is True
    # Routes of each incident in the message: a channel that gets an incident by itself must get it in a group, too.
    found = dict.fromkeys(
        channel
        for rule, severity, workflow in _about(event)
        for channel in routed_channels(file, rule, severity, workflow, escalated=escalated)
    )
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
        # A failing channel cannot receive its own failure; where its routes name no other channel, all others receive
        # it. If it is the only channel, only the log has the failure.
        others = [name for name in file.channels if name != event.about]
        return [name for name in found if name != event.about] or others
    return list(found)


def routed_channels(
    file: AlertsFile, rule: str, severity: AlertLevel, workflow: str | None, *, escalated: bool
) -> Iterator[str]:
    """Yield the channels of each route for an incident; a channel of several routes comes several times."""
    for route in file.routes:
        if _fits(route, rule, severity, workflow, escalated=escalated):
            yield from route.channels


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
