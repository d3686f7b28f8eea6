"""A rehearsal of a rule's notification: its text and channels, without an incident."""

from datetime import datetime

from tipoff_common.events import AlertChanged, AlertState
from tipoff_common.identity import event_id
from tipoff_monitor.alert_routes import channels_for
from tipoff_monitor.channels import send_to
from tipoff_monitor.deps import Deps
from tipoff_monitor.notices import write_notice
from tipoff_planning.alerts import RouteView, TestResult


def route_of(name: str, deps: Deps, now: datetime) -> RouteView:
    """Return the channels of a rule."""
    # By the function that routes real alerts, so that a rehearsal shows their real channels.
    usual = channels_for(_event(name, deps, now, escalated=False), deps.book.file)
    more = channels_for(_event(name, deps, now, escalated=True), deps.book.file)
    return RouteView(
        rule=name,
        severity=deps.book.file.all_rules[name].severity,
        channels=tuple(usual),
        escalated=tuple(channel for channel in more if channel not in usual),
    )


def rehearse(name: str, deps: Deps, now: datetime, *, dry_run: bool, escalated: bool) -> TestResult:
    """Write a test message for a rule and, unless it is a dry run, send it to the rule's channels."""
    event = _event(name, deps, now, escalated=escalated)
    notice = write_notice(event, deps.book.file.all_rules[name], deps.console_url)
    names = channels_for(event, deps.book.file)
    sent: dict[str, bool | None] = dict.fromkeys(names)
    if not dry_run:
        sent.update(send_to({channel: deps.senders[channel] for channel in names}, notice))
    return TestResult(rule=name, severity=event.severity, title=notice.title, body=notice.body, channels=sent)


def _event(name: str, deps: Deps, now: datetime, *, escalated: bool) -> AlertChanged:
    rule = deps.book.file.all_rules[name]
    return AlertChanged(
        # A new id each time, or a pager would take the second rehearsal for a repetition of the first.
        alert_id=event_id("rehearsal", name, now.isoformat()),
        rule=name,
        about="test",
        state=AlertState.ESCALATED if escalated else AlertState.FIRING,
        severity=rule.worst() if escalated else rule.severity,
        changed_at=now,
        since=now,
        summary=f"This is a test. The rule's description: {rule.description}",
        runbook=rule.runbook,
        environment=deps.environment,
        transition=1,
    )
