"""Run a workflow, run a day's missed workflows, pause a workflow and end its pause, by the controller's routes."""

from collections.abc import Mapping, Sequence
from itertools import count
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request, Response

from tipoff_common.clock import business_date, zone_name
from tipoff_common.identity import event_id
from tipoff_common.words import pluralize
from tipoff_monitor.console.actions.forms import (
    PATIENCE,
    Field,
    FormResult,
    confirmation_page,
    date_of,
    done,
    hours_of,
    reason_of,
    visitor_email,
)
from tipoff_monitor.console.build import day_of
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.gate import Form
from tipoff_monitor.console.page_templates import clock, url
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.expectations import Expectation
from tipoff_planning.manual_runs import RunProgress
from tipoff_planning.pauses import MAX_REASON_CHARACTERS

_MOST_BACKFILLED = 50
"""The most runs of one form; `tipoff backfill` runs more, and shows a plan."""


def routes(router: APIRouter, deps: ConsoleDeps) -> None:
    """Add the routes of workflows."""
    _trigger_routes(router, deps)
    _pause_routes(router, deps)
    _backfill_routes(router, deps)


def _trigger_routes(router: APIRouter, deps: ConsoleDeps) -> None:
    @router.get("/actions/trigger", tags=["console"])
    def confirm_trigger(request: Request) -> Response:
        """Ask for confirmation before a workflow is run."""
        day = day_of(request.query_params, business_date(deps.now()))
        return _workflow_confirmation(
            request,
            deps,
            "trigger",
            "Trigger {}",
            "Trigger",
            "The workflow runs now, even if its data was found already.",
            # One key per form, so that a form that is sent twice starts one run.
            hidden={"key": _form_key(request, deps)},
            fields=(
                Field("date", "Date of the data", day.isoformat(), "date"),
                Field("game_id", "Game, for a workflow that runs for each game", required=False),
            ),
        )

    @router.post("/actions/trigger", tags=["console"])
    def do_trigger(request: Request, form: Form) -> Response:
        """Run a workflow."""
        name = _workflow(deps, form.get("workflow", ""))
        body: dict[str, object] = {"game_date": date_of(form.get("date", ""))}
        # Omitted when empty: the controller would look for a game with an empty id.
        if form.get("game_id"):
            body["game_id"] = form["game_id"]
        batch = _trigger(deps, name, body, form.get("key", ""))
        return done(request, deps, f"Triggered {name}", str(url(f"/workflows/{name}")), _results(batch))


def _pause_routes(router: APIRouter, deps: ConsoleDeps) -> None:
    @router.get("/actions/pause", tags=["console"])
    def confirm_pause(request: Request) -> Response:
        """Ask for confirmation before a workflow is paused."""
        return _workflow_confirmation(
            request,
            deps,
            "pause",
            "Pause {}",
            "Pause",
            "The workflow sends no new requests during the pause; running requests are finished.",
            fields=(Field("hours", "Hours", "12", "number"), Field("why", "Why")),
        )

    @router.post("/actions/pause", tags=["console"])
    def do_pause(request: Request, form: Form) -> Response:
        """Pause a workflow for a while."""
        name, why = _workflow(deps, form.get("workflow", "")), reason_of(form)
        until = deps.now() + hours_of(form.get("hours", ""))
        # The controller sees the monitor's identity only, so the reason names the person. A text that is too long loses
        # the end of the reason and not the person.
        by = f" ({visitor_email(request)})"
        body = {
            "name": name,
            "target": "workflow",
            "until": until.isoformat(),
            "why": why[: MAX_REASON_CHARACTERS - len(by)] + by,
        }
        deps.controller.send("POST", "/pauses", json=body)
        _forget_day(deps)
        back = str(url(f"/workflows/{name}"))
        text = f"until {clock(until)} {zone_name()} time"
        return done(request, deps, f"Paused {name}", back, [(text, back)])

    @router.get("/actions/resume", tags=["console"])
    def confirm_resume(request: Request) -> Response:
        """Ask for confirmation before a pause is ended."""
        return _workflow_confirmation(
            request,
            deps,
            "resume",
            "Resume {}",
            "Resume",
            "The pause ends now, and requests that it held back are sent.",
        )

    @router.post("/actions/resume", tags=["console"])
    def do_resume(request: Request, form: Form) -> Response:
        """End a pause."""
        name = _workflow(deps, form.get("workflow", ""))
        deps.controller.send("DELETE", f"/pauses/{quote(name, safe='')}", query={"target": "workflow"})
        _forget_day(deps)
        back = str(url(f"/workflows/{name}"))
        return done(
            request, deps, f"Resumed {name}", back, [("The controller decides about it again.", back)]
        )


def _backfill_routes(router: APIRouter, deps: ConsoleDeps) -> None:
    @router.get("/actions/backfill", tags=["console"])
    def confirm_backfill(request: Request) -> Response:
        """Ask for confirmation before a day's missed workflows are run."""
        day = day_of(request.query_params, business_date(deps.now()))
        # The POST computes this again, so that units found meanwhile are not run.
        missed = _missed(deps, request)
        more = len(missed) > _MOST_BACKFILLED
        return confirmation_page(
            request,
            deps,
            "backfill",
            f"Backfill the missed runs of {day}",
            f"Run {pluralize(len(missed), 'workflow')}",
            str(url("/", date=day.isoformat())),
            (
                ("Each of these passed its deadline without a run. Each gets one manual run.",)
                if missed
                else ("No missed run is without its data.",)
            ),
            warnings=(
                *_without_controller(deps),
                *((f"Only the first {_MOST_BACKFILLED}; use `tipoff backfill` for all.",) if more else ()),
            ),
            items=[_named(row) for row in missed[:_MOST_BACKFILLED]],
            hidden={"date": day.isoformat()},
            possible=deps.controller.is_configured and bool(missed),
        )

    @router.post("/actions/backfill", tags=["console"])
    def do_backfill(request: Request, form: Form) -> Response:
        """Run a day's missed units, except those whose last run from the console is still under way."""
        day = date_of(form.get("date", ""))
        results: list[FormResult] = []
        for row in _missed(deps, request, day)[:_MOST_BACKFILLED]:
            try:
                results += _backfill(deps, row)
            # A unit that the controller refuses must not stop the others.
            except HTTPException as error:
                results.append((f"{_named(row)}: {error.detail}", None))
        return done(
            request,
            deps,
            f"Backfilled {day}",
            str(url("/", date=day)),
            results or [("Nothing was missed.", None)],
        )


def _backfill(deps: ConsoleDeps, row: Expectation) -> list[FormResult]:
    """Run a missed unit, unless its last run from the console is under way. Raises HTTPException."""
    body: dict[str, object] = {"game_date": row.date.isoformat()}
    # "-" stands for the whole day, which the date alone identifies.
    if row.subject not in (None, "-"):
        body["game_id"] = row.subject
    # Numbered keys and no random ones, so that two people who submit at once start one run.
    for number in count(1):
        key = f"missed-{row.occurrence_id}" if number == 1 else f"missed-{row.occurrence_id}-{number}"
        progress = _progress(deps, row.workflow_name, key)
        # A stalled run continues when it is requested again under its key.
        if progress is None or progress.stalled:
            break
        if not progress.settled:
            text = f"{_named(row)}: its run is still under way; nothing was requested."
            return [(text, str(url("/run", id=progress.occurrence_id)))]
    return _results(_trigger(deps, row.workflow_name, body, key))


def _progress(deps: ConsoleDeps, name: str, key: str) -> RunProgress | None:
    """Return the progress of the run with this key; None when there is no such run. Raises HTTPException."""
    path = f"/workflows/{quote(name, safe='')}/runs/{quote(key, safe='')}"
    try:
        return RunProgress.model_validate_json(deps.controller.send("GET", path))
    except HTTPException as error:
        if error.status_code == 404:
            return None
        raise


def _workflow_confirmation(
    request: Request,
    deps: ConsoleDeps,
    doing: str,
    title: str,
    verb: str,
    about: str,
    hidden: Mapping[str, str] = {},
    fields: Sequence[Field] = (),
) -> Response:
    """Return the confirmation page of an action on the workflow that the address names."""
    name = _workflow(deps, request.query_params.get("workflow", ""))
    return confirmation_page(
        request,
        deps,
        doing,
        title.format(name),
        verb,
        str(url(f"/workflows/{name}")),
        (about,),
        warnings=_without_controller(deps),
        hidden={"workflow": name, **hidden},
        fields=fields,
        possible=deps.controller.is_configured,
    )


def _forget_day(deps: ConsoleDeps) -> None:
    # The snapshots of the workflow's decisions and pauses, which would show the old state for minutes.
    for key in (f"day {business_date(deps.now())}", "fleet"):
        deps.snapshots.forget(key)


def _workflow(deps: ConsoleDeps, name: str) -> str:
    if name not in deps.configuration.workflows:
        raise HTTPException(404, f"There is no workflow '{name[:100]}'.")
    return name


def _without_controller(deps: ConsoleDeps) -> Sequence[str]:
    if deps.controller.is_configured:
        return ()
    return ("No controller is configured: set TIPOFF_CONTROLLER_URL, or use `tipoff trigger`.",)


def _form_key(request: Request, deps: ConsoleDeps) -> str:
    # From the session and the instant at which the form was rendered: a form that the browser sends again requests the
    # same run, a newly opened form another one.
    return event_id("console-form", request.state.csrf, deps.now().isoformat())


def _trigger(deps: ConsoleDeps, name: str, body: dict[str, object], key: str) -> DecisionBatch:
    answer = deps.controller.send(
        "POST",
        f"/workflows/{quote(name, safe='')}/runs",
        json=body,
        # The controller refuses a longer key.
        headers={"Idempotency-Key": key[:200]} if key else {},
    )
    return DecisionBatch.model_validate_json(answer)


def _results(batch: DecisionBatch) -> list[FormResult]:
    return [
        (
            f"{decision.workflow_name}: {pluralize(len(batch.requests), 'request')}. {decision.reason}",
            str(url("/run", id=decision.occurrence_id)),
        )
        for decision in batch.decisions
    ]


def _missed(deps: ConsoleDeps, request: Request, day: str | None = None) -> list[Expectation]:
    """Return a day's missed units that were not found since, the earliest first."""
    now = deps.now()
    given = {"date": day} if day else dict(request.query_params)
    about = day_of(given, business_date(now))
    found = deps.snapshots.get(deps.sources.day(about, now), PATIENCE)
    if found.value is None:
        raise HTTPException(
            503, f"the day's data is not available: {found.fault or 'it is being read; try again'}"
        )
    rows = found.value.expectations
    # A unit may be expected several times a day; once it is found, its missed attempts need no backfill.
    settled = {(row.workflow_name, row.subject) for row in rows if row.found}
    # The last row of each unit: a backfill fetches the data once and does not repeat each attempt.
    missed = {
        (row.workflow_name, row.subject): row
        for row in rows
        if row.status == "MISSING" and (row.workflow_name, row.subject) not in settled
    }
    return sorted(missed.values(), key=lambda row: row.expected_run_time)


def _named(row: Expectation) -> str:
    about = f" of {row.subject}" if row.subject not in (None, "-") else ""
    return f"{row.workflow_name}{about} for {row.date}"
