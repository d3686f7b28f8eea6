"""The text of a notification: the cause first, its beginning and numbers, its symptoms, and the remedy. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tipoff_common.clock import fleet_zone, zone_name
from tipoff_common.events import AlertChanged, AlertState
from tipoff_monitor.rules import Rule
from tipoff_monitor.texts import break_links, plain


@dataclass(frozen=True)
class Notice:
    """A message to a channel."""

    title: str
    body: str
    resolved: bool
    """Whether the incident is over, for channels that close the pages they opened."""
    alert_id: str
    event_id: str


class _Blank(dict[str, str]):
    # A rule's command may name a workflow when the incident has none: the message is
    # sent anyway, with a visible gap.
    def __missing__(self, key: str) -> str:
        return f"<{key}>"


def filled(command: str, subject: str, names: Mapping[str, Any]) -> str:
    """Fill the names of an incident into the command of its rule."""
    return command.format_map(
        _Blank(subject=subject, **{key: str(it) for key, it in names.items() if it is not None})
    )


def write_notice(event: AlertChanged, rule: Rule | None, console_url: str | None) -> Notice:
    """Write the notification of a change, as plain text."""
    over = event.state is AlertState.RESOLVED
    mark = (
        "RESOLVED"
        if over
        else f"{'ESCALATED, ' if event.state is AlertState.ESCALATED else ''}{event.severity}"
    )
    about = "" if event.about == "-" else f" {plain(event.about)}"
    return Notice(
        title=f"[{mark}] {event.rule}{about} ({event.environment})",
        body="\n".join(_lines(event, rule, console_url, over=over)),
        resolved=over,
        alert_id=event.alert_id,
        event_id=event.id,
    )


def _lines(event: AlertChanged, rule: Rule | None, console_url: str | None, *, over: bool) -> Iterator[str]:
    # The summary first: a pager or a locked phone shows one line.
    yield plain(event.summary)
    since = event.since.astimezone(fleet_zone())
    began = f"{since:%Y-%m-%d %H:%M} {zone_name()} time"
    yield f"{'It lasted from' if over else 'Since'} {began}{_numbers(event, over=over)}."
    if over:
        yield f"Ended at {event.changed_at.astimezone(fleet_zone()):%Y-%m-%d %H:%M}."
    yield from _listed(event.context, "others", "Also" if not over else "Also over")
    yield from _listed(event.context, "symptoms", "Symptoms")
    yield from _listed(event.context, "left", "Still open")
    if over:
        return
    if known := event.context.get("known_by"):
        yield f"This trouble was reported before, as {plain(str(known))}; it has grown."
    if rule is not None:
        # Never shortened: half a command is useless.
        yield f"Do: {break_links(filled(rule.command, event.about, event.context))}"
        if rule.query:
            yield f"Rows: tipoff query {rule.query}"
        yield f"Runbook: {rule.runbook}"
    yield f"Acknowledge: tipoff alerts ack {event.alert_id[:8]}"
    if console_url:
        yield f"Console: {console_url}"


def _numbers(event: AlertChanged, *, over: bool) -> str:
    if event.value is None:
        return ""
    start = event.context.get("value_at_start")
    before = f", {start:g} at the start" if isinstance(start, int | float) and start != event.value else ""
    # The number of a resolved incident is from the last watch in which it held.
    return f"; {event.value:g} {'when last seen' if over else 'now'}{before}"


def _listed(context: Mapping[str, Any], name: str, heading: str) -> Iterator[str]:
    items = context.get(name)
    if not isinstance(items, Sequence) or isinstance(items, str) or not items:
        return
    total = context.get(f"{name}_count", len(items))
    yield f"{heading} ({total}):"
    yield from (f"- {plain(str(item.get('summary', item)))}" for item in items if isinstance(item, Mapping))
    if isinstance(total, int) and total > len(items):
        yield f"- and {total - len(items)} more"
