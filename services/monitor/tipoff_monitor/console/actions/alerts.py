"""Acknowledge an incident, silence a rule, and end a silence, in the monitor's own memory."""

from collections.abc import Callable

from fastapi import APIRouter, HTTPException, Request, Response

from tipoff_monitor.actions import acknowledge, find, silence, unsilence
from tipoff_monitor.console.actions.forms import (
    PATIENCE,
    Field,
    confirmation_page,
    done,
    hours_of,
    reason_of,
    visitor_email,
)
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.gate import Form
from tipoff_monitor.handlers import flush_outbox
from tipoff_monitor.incidents import Memory


def routes(router: APIRouter, deps: ConsoleDeps) -> None:
    """Add the routes of alerts."""
    _acknowledge_routes(router, deps)
    _silence_routes(router, deps)


def _acknowledge_routes(router: APIRouter, deps: ConsoleDeps) -> None:
    @router.get("/actions/acknowledge", tags=["console"])
    def confirm_acknowledge(request: Request) -> Response:
        """Ask for confirmation before an incident is acknowledged."""
        memory, _ = deps.monitor.state.read_or_set_aside()
        incident = find(memory, request.query_params.get("incident", ""))
        return confirmation_page(
            request,
            deps,
            "acknowledge",
            f"Acknowledge {incident.rule}",
            "Acknowledge",
            "/alerts",
            (
                incident.summary,
                "Stops the reminders until the incident is resolved, and its escalation unless it grows.",
            ),
            hidden={"incident": incident.id},
        )

    @router.post("/actions/acknowledge", tags=["console"])
    def do_acknowledge(request: Request, form: Form) -> Response:
        """Acknowledge an incident."""
        name, now, monitor = form.get("incident", ""), deps.now(), deps.monitor
        after = _change(
            deps,
            lambda it: acknowledge(
                it, name, visitor_email(request), monitor.book.file, monitor.environment, now
            ),
        )
        # Publish now: with the next watch, other people would see the acknowledgement minutes later.
        flush_outbox(monitor)
        incident = find(after, name)
        text = f"{incident.key} is acknowledged by {incident.acknowledged_by}."
        return done(request, deps, "Acknowledged", "/alerts", [(text, "/alerts")])


def _silence_routes(router: APIRouter, deps: ConsoleDeps) -> None:
    @router.get("/actions/silence", tags=["console"])
    def confirm_silence(request: Request) -> Response:
        """Ask for confirmation before a rule is silenced."""
        rule = _rule(deps, request.query_params.get("rule", ""))
        subject = request.query_params.get("subject", "")
        return confirmation_page(
            request,
            deps,
            "silence",
            f"Silence {rule}",
            "Silence",
            "/alerts",
            ("No notifications are sent during the silence; incidents are still recorded.",),
            hidden={"rule": rule},
            fields=(
                Field(
                    "subject",
                    "Only this subject (a workflow covers each of its alerts); all subjects when empty",
                    subject,
                    required=False,
                ),
                Field("hours", "Hours", "1", "number"),
                Field("why", "Why"),
            ),
        )

    @router.post("/actions/silence", tags=["console"])
    def do_silence(request: Request, form: Form) -> Response:
        """Silence a rule for some hours."""
        rule, why = _rule(deps, form.get("rule", "")), reason_of(form)
        lasts = hours_of(form.get("hours", ""))
        until, subject = deps.now() + lasts, form.get("subject") or None
        _change(deps, lambda it: silence(it, rule, subject, until, visitor_email(request), why)[0])
        return done(request, deps, "Silenced", "/alerts", [(f"{rule} for {lasts}", "/alerts")])

    @router.get("/actions/unsilence", tags=["console"])
    def confirm_unsilence(request: Request) -> Response:
        """Ask for confirmation before a silence is ended."""
        name = request.query_params.get("silence", "")
        return confirmation_page(
            request,
            deps,
            "unsilence",
            "End a silence",
            "End the silence",
            "/alerts",
            ("Notifications are sent again from the next watch on.",),
            hidden={"silence": name},
        )

    @router.post("/actions/unsilence", tags=["console"])
    def do_unsilence(request: Request, form: Form) -> Response:
        """End a silence."""
        # Not checked here: `unsilence` raises a 404 for an unknown silence.
        name = form.get("silence", "")
        _change(deps, lambda it: unsilence(it, name))
        return done(request, deps, "Ended a silence", "/alerts", [(name, "/alerts")])


def _change(deps: ConsoleDeps, update: Callable[[Memory], Memory]) -> Memory:
    """Change the monitor's memory, and return the changed memory."""
    after = deps.monitor.state.update(update)
    deps.snapshots.forget("memory")
    # Read the new memory before responding, so that the next page shows the change.
    deps.snapshots.get(deps.sources.memory(), PATIENCE)
    return after


def _rule(deps: ConsoleDeps, name: str) -> str:
    if name not in deps.monitor.book.file.all_rules:
        raise HTTPException(404, f"There is no rule '{name[:100]}'.")
    return name
