"""Routes of the monitor."""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from tipoff_common.auth import Caller
from tipoff_common.authenticated_routes import current_caller
from tipoff_common.clock import fleet_zone
from tipoff_common.problems import problems
from tipoff_common.push import PUSH_PROBLEMS, Delivery
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import unknown_name
from tipoff_monitor.actions import Refusal, acknowledge, find, silence, unsilence
from tipoff_monitor.bootstrap import Wiring, bootstrap
from tipoff_monitor.console.routes import console_routes
from tipoff_monitor.deps import Deps
from tipoff_monitor.handlers import flush_outbox, handle_delivery
from tipoff_monitor.incidents import Memory
from tipoff_monitor.rehearsal import rehearse, route_of
from tipoff_monitor.settings import MonitorSettings
from tipoff_monitor.simulation import Simulation, StoredSimulation
from tipoff_monitor.views import shown, watching
from tipoff_planning.alerts import (
    Incident,
    RouteView,
    ShownIncident,
    Silence,
    SilenceRequest,
    TestResult,
    Watching,
)

Person = Annotated[Caller, Depends(current_caller)]


def create_app(settings: MonitorSettings) -> FastAPI:
    """Build the application."""
    return routes(bootstrap(settings))


def routes(wiring: Wiring) -> FastAPI:
    """Add the routes to the wired application."""
    app, manual, deps = wiring.app, wiring.manual, wiring.deps

    @app.exception_handler(Refusal)
    async def refused(_request: Request, error: Refusal) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, error.status)

    @app.post("/events", status_code=204, tags=["Pub/Sub"], responses=PUSH_PROBLEMS)
    def receive(delivery: Annotated[Delivery, Depends(wiring.endpoint)]) -> None:
        """Handle `tipoff.tick.fired.v1` with tick `watch`, and `tipoff.alert.changed.v1`."""
        handle_delivery(delivery, deps, wall_now())

    _add_incident_routes(manual, deps)
    _add_silence_routes(manual, deps)
    _add_rule_routes(manual, deps)

    @manual.put("/simulation", status_code=204, tags=["manual"])
    def keep_simulation(body: Simulation, caller: Person) -> None:
        """Store a simulated season, the output of `tipoff simulate --json`, for the console; replaces the last one."""
        deps.state.keep_simulation(
            StoredSimulation(configurations=body.configurations, sent_at=wall_now(), sent_by=caller.email)
        )

    app.include_router(manual)
    # After all other routes: the console's last route matches every remaining address.
    console_routes(app, wiring.console(wall_now))
    return app


def _add_incident_routes(manual: APIRouter, deps: Deps) -> None:
    @manual.get("/incidents", tags=["manual"])
    def list_incidents(everything: bool = False) -> Watching:
        """List the open incidents; with `everything`, also the pending and the recently resolved ones."""
        memory, _ = deps.state.read_or_set_aside()
        return watching(memory, deps.book.file, wall_now(), everything=everything)

    @manual.get("/incidents/{name:path}", tags=["manual"], responses=problems(404))
    def show_incident(name: str) -> ShownIncident:
        """Return one incident with its remedy, by id, rule/subject, or the beginning of either."""
        memory, _ = deps.state.read_or_set_aside()
        return shown(name, memory, deps.book.file)

    @manual.post("/acknowledgements/{name:path}", tags=["manual"], responses=problems(404, 409))
    def acknowledge_incident(name: str, caller: Person) -> Incident:
        """Acknowledge an incident: stop its reminders, and its escalation unless it grows."""
        now = wall_now()
        memory = deps.state.update(
            lambda it: acknowledge(it, name, caller.email, deps.book.file, deps.environment, now)
        )
        # Publish now and not with the next watch: other people see the acknowledgement within seconds.
        flush_outbox(deps)
        return find(memory, name)


def _add_silence_routes(manual: APIRouter, deps: Deps) -> None:
    @manual.post("/silences", status_code=201, tags=["manual"], responses=problems(404))
    def make_silence(body: SilenceRequest, caller: Person) -> Silence:
        """Silence a rule, or one subject and those that begin with it, until an instant."""
        _require_rule(body.rule, deps)
        # Refused and not ignored: a silence in the past is a mistaken time zone, and would not stop any notification.
        if body.until <= wall_now():
            raise HTTPException(
                422,
                f"until {body.until.astimezone(fleet_zone()):%Y-%m-%d %H:%M} is in the past; use a later instant",
            )
        # `change` runs again when another process wrote in between; the result of its last run is the written one.
        written: list[Silence] = []

        def change(memory: Memory) -> Memory:
            after, item = silence(memory, body.rule, body.subject, body.until, caller.email, body.why)
            written[:] = [item]
            return after

        deps.state.update(change)
        return written[0]

    @manual.delete("/silences/{name}", status_code=204, tags=["manual"], responses=problems(404))
    def end_silence(name: str, caller: Person) -> None:  # noqa: ARG001  # every authenticated caller may end a silence
        """End a silence, by its id or its rule."""
        deps.state.update(lambda memory: unsilence(memory, name))


def _add_rule_routes(manual: APIRouter, deps: Deps) -> None:
    @manual.get("/routes", tags=["manual"])
    def list_routes() -> list[RouteView]:
        """List the channels of each rule."""
        return [route_of(name, deps, wall_now()) for name in deps.book.file.all_rules]

    @manual.post("/rules/{name}/rehearsals", tags=["manual"], responses=problems(404))
    def rehearse_rule(name: str, dry_run: bool = True, escalated: bool = False) -> TestResult:
        """Return a rule's channels and the text of its message; without `dry_run`, send them a test message."""
        _require_rule(name, deps)
        return rehearse(name, deps, wall_now(), dry_run=dry_run, escalated=escalated)


def _require_rule(name: str, deps: Deps) -> None:
    if name not in (rules := deps.book.file.all_rules):
        raise HTTPException(404, unknown_name("rule", name, rules))
