"""What people do from the console: each asks first, needs the role operator, and is logged with who did it.

Everything goes the way the command line goes: the controller's routes, Pub/Sub, the monitor's own memory.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from tipoff_common.clock import business_date, read_date, zone_name
from tipoff_common.identity import event_id
from tipoff_common.words import pluralize
from tipoff_dataset.dead_letters import (
    EVER,
    PayloadMissing,
    Replay,
    messages,
    plan_replays,
    read_dead_letters,
)
from tipoff_monitor.actions import acknowledge, find, silence, unsilence
from tipoff_monitor.console.access import Visitor
from tipoff_monitor.console.build import day_of
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.gate import Form, gated_router, page_html, require_operator
from tipoff_monitor.console.rendering import clock, url
from tipoff_monitor.console.snapshots import Patience
from tipoff_monitor.handlers import flush_outbox
from tipoff_monitor.incidents import Memory
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.expectations import Expectation

log = logging.getLogger(__name__)
_LONGEST = timedelta(days=30)
"""Of a silence and of a pause; the controller has the same limit."""
_MOST_BACKFILLED = 50
"""Runs that one form asks for; more is `tipoff backfill`, which shows a plan."""
# Longer than a page waits: whoever did something is to see it done on the page that follows.
_PATIENCE = Patience(10.0)
_NOTHING_ELSE: Mapping[str, Any] = {"warnings": (), "items": (), "hidden": {}, "fields": (), "possible": True}
"""Of a question: texts below what it is about, the form's hidden values and fields, and whether it can be done."""
Result = tuple[str, str | None]
"""What was done, and where it can be seen."""


@dataclass(frozen=True)
class Field:
    """One field of a form that somebody fills in."""

    name: str
    label: str
    value: str = ""
    kind: str = "text"
    required: bool = True


def action_routes(deps: ConsoleDeps) -> APIRouter:
    """Return the routes: a GET asks and changes nothing, its POST does it."""
    router = gated_router(deps, dependencies=[Depends(require_operator)])

    # No state of a question is kept: the form carries all that its POST needs, and another instance may answer it.
    def ask(
        request: Request,
        doing: str,
        title: str,
        verb: str,
        back: str,
        about: Sequence[str],
        *,
        warnings: Sequence[str] = (),
        items: Sequence[str] = (),
        hidden: Mapping[str, str] = {},
        fields: Sequence[Field] = (),
        possible: bool = True,
    ) -> Response:
        """Ask before something is done.

        about, warnings, items: its texts. hidden, fields: what its form sends. possible: whether it has a form.
        """
        asked = {
            "action": f"/actions/{doing}",
            "title": title,
            "verb": verb,
            "back": back,
            "about": about,
            "warnings": warnings,
            "items": items,
            "hidden": hidden,
            "fields": fields,
            "possible": possible,
        }
        return HTMLResponse(page_html(request, deps, "confirm.html", section="", **asked))

    def ask_of_workflow(
        request: Request,
        doing: str,
        title: str,
        verb: str,
        about: str,
        hidden: Mapping[str, str] = {},
        fields: Sequence[Field] = (),
    ) -> Response:
        """Ask before the controller does something with the workflow that the address names."""
        name = _workflow(deps, request.query_params.get("workflow", ""))
        return ask(
            request,
            doing,
            title.format(name),
            verb,
            str(url(f"/workflows/{name}")),
            (about,),
            warnings=_without_controller(deps),
            hidden={"workflow": name, **hidden},
            fields=fields,
            possible=deps.controller.is_known,
        )

    def done(request: Request, title: str, back: str, results: Sequence[Result]) -> Response:
        log.info(
            "console action",
            extra={"who": _who(request), "action": title, "results": [text for text, _ in results][:20]},
        )
        return HTMLResponse(
            page_html(request, deps, "done.html", section="", title=title, back=back, results=results)
        )

    def change(update: Callable[[Memory], Memory]) -> Memory:
        after = deps.monitor.state.update(update)
        deps.snapshots.forget("memory")
        # Read before the answer: the page that somebody goes back to shows what was done.
        deps.snapshots.get(deps.sources.memory(), _PATIENCE)
        return after

    def forget_day() -> None:
        # The day has its decisions and the fleet its pauses; both would show the old state for minutes.
        for key in (f"day {business_date(deps.now())}", "fleet"):
            deps.snapshots.forget(key)

    @router.get("/actions/trigger", tags=["console"])
    def ask_trigger(request: Request) -> Response:
        """Ask before a workflow is run."""
        day = day_of(request.query_params, business_date(deps.now()))
        return ask_of_workflow(
            request,
            "trigger",
            "Trigger {}",
            "Trigger",
            "It runs now, whatever was found before.",
            # The key is this form's: sent twice, it is one run.
            hidden={"key": _form_key(request, deps)},
            fields=(
                Field("date", "Date that the data is about", day.isoformat(), "date"),
                Field("game_id", "Game, for a workflow that runs for each game", required=False),
            ),
        )

    @router.post("/actions/trigger", tags=["console"])
    def do_trigger(request: Request, form: Form) -> Response:
        """Run a workflow."""
        name = _workflow(deps, form.get("workflow", ""))
        body: dict[str, object] = {"game_date": _date(form.get("date", ""))}
        # Left out and not sent empty: the controller takes an empty id for a game that is not there.
        if form.get("game_id"):
            body["game_id"] = form["game_id"]
        batch = _trigger(deps, name, body, form.get("key", ""))
        return done(request, f"Triggered {name}", str(url(f"/workflows/{name}")), _results(batch))

    @router.get("/actions/pause", tags=["console"])
    def ask_pause(request: Request) -> Response:
        """Ask before a workflow is paused."""
        return ask_of_workflow(
            request,
            "pause",
            "Pause {}",
            "Pause",
            "Nothing new of it is asked for until then; what is under way is finished.",
            fields=(Field("hours", "Hours", "12", "number"), Field("why", "Why")),
        )

    @router.post("/actions/pause", tags=["console"])
    def do_pause(request: Request, form: Form) -> Response:
        """Pause a workflow for a while."""
        name, why = _workflow(deps, form.get("workflow", "")), form.get("why", "").strip()
        if not why:
            # Asked for although the form requires it: a POST need not come from the form.
            raise HTTPException(422, "say why; it is shown wherever somebody asks")
        until = deps.now() + _hours(form.get("hours", ""))
        # The controller knows the monitor's identity only, hence the person stands in the words.
        body = {
            "name": name,
            "target": "workflow",
            "until": until.isoformat(),
            "why": f"{why} ({_who(request)})"[:500],
        }
        deps.controller.ask("POST", "/pauses", json=body)
        forget_day()
        back = str(url(f"/workflows/{name}"))
        told = f"until {clock(until)} {zone_name()} time"
        return done(request, f"Paused {name}", back, [(told, back)])

    @router.get("/actions/resume", tags=["console"])
    def ask_resume(request: Request) -> Response:
        """Ask before a pause is ended."""
        return ask_of_workflow(
            request,
            "resume",
            "Let {} go on",
            "Let it go on",
            "Its pause ends now, and what was held goes out.",
        )

    @router.post("/actions/resume", tags=["console"])
    def do_resume(request: Request, form: Form) -> Response:
        """End a pause."""
        name = _workflow(deps, form.get("workflow", ""))
        deps.controller.ask("DELETE", f"/pauses/{quote(name, safe='')}", query={"target": "workflow"})
        forget_day()
        back = str(url(f"/workflows/{name}"))
        return done(request, f"Let {name} go on", back, [("It is decided about again.", back)])

    @router.get("/actions/backfill", tags=["console"])
    def ask_backfill(request: Request) -> Response:
        """Ask before what a day missed is run."""
        day = day_of(request.query_params, business_date(deps.now()))
        # Worked out again by the POST: what was found meanwhile is not run a second time.
        missed = _missed(deps, request)
        more = len(missed) > _MOST_BACKFILLED
        return ask(
            request,
            "backfill",
            f"Backfill what {day} missed",
            f"Run {pluralize(len(missed), 'workflow')}",
            str(url("/", date=day.isoformat())),
            (
                ("Each of these passed its deadline without a run. It is asked for once, by hand.",)
                if missed
                else ("Nothing was missed that is not found yet.",)
            ),
            warnings=(
                *_without_controller(deps),
                *((f"Only the first {_MOST_BACKFILLED}; use `tipoff backfill` for all.",) if more else ()),
            ),
            items=[_named(row) for row in missed[:_MOST_BACKFILLED]],
            hidden={"date": day.isoformat()},
            possible=deps.controller.is_known and bool(missed),
        )

    @router.post("/actions/backfill", tags=["console"])
    def do_backfill(request: Request, form: Form) -> Response:
        """Run what a day missed, each unit once however often it is asked for."""
        day = _date(form.get("date", ""))
        results: list[Result] = []
        for row in _missed(deps, request, day)[:_MOST_BACKFILLED]:
            body: dict[str, object] = {"game_date": row.date.isoformat()}
            # "-" stands for the whole day, which is asked for by the date alone.
            if row.subject not in (None, "-"):
                body["game_id"] = row.subject
            try:
                # The occurrence names the run, so two people who press at once start one.
                results += _results(_trigger(deps, row.workflow_name, body, f"missed-{row.occurrence_id}"))
            # One unit that the controller refuses must not keep the others from being run.
            except HTTPException as error:
                results.append((f"{_named(row)}: {error.detail}", None))
        return done(
            request,
            f"Backfilled {day}",
            str(url("/", date=day)),
            results or [("Nothing was missed.", None)],
        )

    @router.get("/actions/replay", tags=["console"])
    def ask_replay(request: Request) -> Response:
        """Ask before a dead letter is published again."""
        plan = _replays(deps, request.query_params.get("id", ""))
        # Refused cannot be published at all. What dies again can: somebody may have deployed the mended service since.
        refused = [item.refused for item in plan if item.refused]
        dies = [item.dies_again for item in plan if item.dies_again]
        letter = plan[0].letter
        return ask(
            request,
            "replay",
            "Replay a dead letter",
            "Publish it again",
            "/dead-letters",
            (
                f"{letter.event_type or 'A message'} of {letter.rejected_at:%Y-%m-%d %H:%M} UTC:"
                f" {letter.reason}. {letter.detail or ''}",
                "It keeps its ids, so what was done once is not done twice.",
            ),
            warnings=(
                *(f"It cannot be published: {text}" for text in refused),
                *(f"Services of this version refuse it again: {text}" for text in dies),
            ),
            hidden={"id": letter.event_id},
            possible=not refused,
        )

    @router.post("/actions/replay", tags=["console"])
    def do_replay(request: Request, form: Form) -> Response:
        """Publish a dead letter to its topic again."""
        plan = _replays(deps, form.get("id", ""))
        if refused := [item.refused for item in plan if item.refused]:
            raise HTTPException(409, f"it cannot be published: {refused[0]}")
        try:
            deps.publish_messages(messages(plan, deps.bucket_of))
        except PayloadMissing as error:
            raise HTTPException(409, str(error)) from error
        results: list[Result] = [
            (f"Published to {item.topic}", str(url("/run", id=item.letter.event_id))) for item in plan
        ]
        return done(request, "Replayed a dead letter", "/dead-letters", results)

    @router.get("/actions/acknowledge", tags=["console"])
    def ask_acknowledge(request: Request) -> Response:
        """Ask before an incident is acknowledged."""
        memory, _ = deps.monitor.state.read()
        incident = find(memory, request.query_params.get("incident", ""))
        return ask(
            request,
            "acknowledge",
            f"Acknowledge {incident.rule}",
            "I am at it",
            "/alerts",
            (incident.summary, "No reminder and no escalation from here on, until it is resolved."),
            hidden={"incident": incident.id},
        )

    @router.post("/actions/acknowledge", tags=["console"])
    def do_acknowledge(request: Request, form: Form) -> Response:
        """Acknowledge an incident."""
        name, now, monitor = form.get("incident", ""), deps.now(), deps.monitor
        after = change(
            lambda it: acknowledge(it, name, _who(request), monitor.book.file, monitor.environment, now)
        )
        # Published now: with the next watch others would hear of it minutes later, and one may be at it as well.
        flush_outbox(monitor)
        incident = find(after, name)
        text = f"{incident.key} is acknowledged by {incident.acknowledged_by}."
        return done(request, "Acknowledged", "/alerts", [(text, "/alerts")])

    @router.get("/actions/silence", tags=["console"])
    def ask_silence(request: Request) -> Response:
        """Ask before a rule is silenced."""
        rule = _rule(deps, request.query_params.get("rule", ""))
        subject = request.query_params.get("subject", "")
        return ask(
            request,
            "silence",
            f"Silence {rule}",
            "Silence",
            "/alerts",
            ("Nobody is told for a while; it is recorded all the same.",),
            hidden={"rule": rule},
            fields=(
                Field("subject", "Only about this subject; every one when empty", subject, required=False),
                Field("hours", "Hours", "1", "number"),
                Field("why", "Why"),
            ),
        )

    @router.post("/actions/silence", tags=["console"])
    def do_silence(request: Request, form: Form) -> Response:
        """Tell nobody of a rule for a while."""
        rule, why = _rule(deps, form.get("rule", "")), form.get("why", "").strip()
        if not why:
            raise HTTPException(422, "say why; it is shown wherever somebody asks")
        lasts = _hours(form.get("hours", ""))
        until, subject = deps.now() + lasts, form.get("subject") or None
        change(lambda it: silence(it, rule, subject, until, _who(request), why)[0])
        return done(request, "Silenced", "/alerts", [(f"{rule} for {lasts}", "/alerts")])

    @router.get("/actions/unsilence", tags=["console"])
    def ask_unsilence(request: Request) -> Response:
        """Ask before a silence is taken back."""
        name = request.query_params.get("silence", "")
        return ask(
            request,
            "unsilence",
            "Take a silence back",
            "Take it back",
            "/alerts",
            ("People are told again from the next watch on.",),
            hidden={"silence": name},
        )

    @router.post("/actions/unsilence", tags=["console"])
    def do_unsilence(request: Request, form: Form) -> Response:
        """Take a silence back."""
        # Taken as it is: the memory knows its silences, and an unknown one is a 404 from there.
        name = form.get("silence", "")
        change(lambda it: unsilence(it, name))
        return done(request, "Took a silence back", "/alerts", [(name, "/alerts")])

    return router


def _who(request: Request) -> str:
    visitor: Visitor = request.state.visitor
    return visitor.email


def _workflow(deps: ConsoleDeps, name: str) -> str:
    if name not in deps.configuration.workflows:
        raise HTTPException(404, f"There is no workflow '{name[:100]}'.")
    return name


def _rule(deps: ConsoleDeps, name: str) -> str:
    if name not in deps.monitor.book.file.all_rules:
        raise HTTPException(404, f"There is no rule '{name[:100]}'.")
    return name


def _date(text: str) -> str:
    try:
        return read_date(text).isoformat()
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


def _hours(text: str) -> timedelta:
    try:
        # Hours may be a fraction, and "inf" and "nan" are floats too: the first overflows, the second is no timedelta.
        lasts = timedelta(hours=float(text))
    except (ValueError, OverflowError) as error:
        raise HTTPException(422, f"'{text[:20]}' is no number of hours") from error
    if not timedelta() < lasts <= _LONGEST:
        raise HTTPException(422, f"it lasts up to {_LONGEST.days} days")
    return lasts


def _without_controller(deps: ConsoleDeps) -> Sequence[str]:
    if deps.controller.is_known:
        return ()
    return ("This monitor knows no controller: set TIPOFF_CONTROLLER_URL, or use `tipoff trigger`.",)


def _form_key(request: Request, deps: ConsoleDeps) -> str:
    # Of the session and the instant at which the form was drawn: sent again by the browser it asks for the same run,
    # opened anew for another.
    return event_id("console-form", request.state.csrf, deps.now().isoformat())


def _trigger(deps: ConsoleDeps, name: str, body: dict[str, object], key: str) -> DecisionBatch:
    answer = deps.controller.ask(
        "POST",
        f"/workflows/{quote(name, safe='')}/runs",
        json=body,
        # The controller refuses a longer key.
        headers={"Idempotency-Key": key[:200]} if key else {},
    )
    return DecisionBatch.model_validate_json(answer)


def _results(batch: DecisionBatch) -> list[Result]:
    return [
        (
            f"{decision.workflow_name}: {pluralize(len(batch.requests), 'request')}. {decision.reason}",
            str(url("/run", id=decision.occurrence_id)),
        )
        for decision in batch.decisions
    ]


def _missed(deps: ConsoleDeps, request: Request, day: str | None = None) -> list[Expectation]:
    """Return what a day missed and nobody found since, the earliest first."""
    now = deps.now()
    given = {"date": day} if day else dict(request.query_params)
    about = day_of(given, business_date(now))
    found = deps.snapshots.get(deps.sources.day(about, now), _PATIENCE)
    if found.value is None:
        raise HTTPException(503, f"the day is not known: {found.fault or 'it is being read; try again'}")
    rows = found.value.expectations
    # A unit may be expected several times a day; once found, its missed attempts are nothing to make good.
    settled = {(row.workflow_name, row.subject) for row in rows if row.found}
    # One row a unit, its last: what is asked for is the data and not each attempt.
    missed = {
        (row.workflow_name, row.subject): row
        for row in rows
        if row.status == "MISSING" and (row.workflow_name, row.subject) not in settled
    }
    return sorted(missed.values(), key=lambda row: row.expected_run_time)


def _named(row: Expectation) -> str:
    about = f" of {row.subject}" if row.subject not in (None, "-") else ""
    return f"{row.workflow_name}{about} for {row.date}"


def _replays(deps: ConsoleDeps, identifier: str) -> list[Replay]:
    # From the dataset and not from the newest rows: a letter that is replayed may be weeks old.
    letters = read_dead_letters(deps.monitor.warehouse, deps.environment, EVER, ids=[identifier])
    if not letters:
        raise HTTPException(404, "There is no such dead letter.")
    return plan_replays(letters, deps.topics, deps.bucket_of)
