"""Routes of the controller."""

from datetime import date, time
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query

from tipoff_common.auth import Caller
from tipoff_common.authenticated_routes import IdempotencyKey, current_caller
from tipoff_common.clock import GameDate, Instant, local_instant
from tipoff_common.problems import problems
from tipoff_common.push import PUSH_PROBLEMS, Delivery
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import unknown_name
from tipoff_controller.bootstrap import Wiring, bootstrap
from tipoff_controller.deps import Deps
from tipoff_controller.execution_groups import ExecutionGroups
from tipoff_controller.follow_ups import note_executions
from tipoff_controller.handlers import receive_delivery
from tipoff_controller.manual import draft_run, read_run, run_workflow
from tipoff_controller.manual_pauses import UnknownName, UnusablePause, pause, resume
from tipoff_controller.remembered import find_occurrences, recall
from tipoff_controller.settings import ControllerSettings
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.expectations import DayExpectations, read_expectations
from tipoff_planning.manual_runs import IdempotencyKeyConflict, ManualRun, RunProgress, UnusableRun
from tipoff_planning.pauses import DeclaredTarget, Pause, PauseRequest
from tipoff_planning.remembered import FoundOccurrence, RememberedOccurrence

GameDates = Annotated[list[date], Query(alias="day", max_length=31, description="game dates")]


def create_app(settings: ControllerSettings) -> FastAPI:
    """Build the controller's application from its settings."""
    return routes(bootstrap(settings))


def routes(wiring: Wiring) -> FastAPI:
    """Declare the controller's routes on the application of its wiring."""
    app, manual, deps = wiring.app, wiring.manual, wiring.deps
    # One instance per process: executions share a log entry only within the same groups.
    groups = ExecutionGroups(
        lambda key, events: note_executions(key, events, deps, wall_now()), deps.occurrences.under_way
    )

    @app.post("/events", status_code=204, tags=["Pub/Sub"], responses=PUSH_PROBLEMS)
    async def receive(delivery: Annotated[Delivery, Depends(wiring.endpoint)]) -> None:
        """Handle ticks, executions, decisions of manual runs, and requests that ran out of delivery attempts."""
        await receive_delivery(delivery, deps, groups, wall_now)

    _add_run_routes(manual, deps)
    _add_history_routes(manual, deps)
    _add_pause_routes(manual, deps)
    # Last: `include_router` copies the present routes of a router, and later ones would be unreachable.
    app.include_router(manual)
    return app


def _add_run_routes(manual: APIRouter, deps: Deps) -> None:
    def require_workflow(name: str) -> None:
        if name not in deps.configuration.workflows:
            raise HTTPException(404, unknown_name("workflow", name, deps.configuration.workflows))

    @manual.post("/workflows/{name}/runs", status_code=202, tags=["manual"], responses=problems(404, 409))
    def trigger_workflow(
        name: str,
        run: ManualRun,
        caller: Annotated[Caller, Depends(current_caller)],
        dry_run: bool = False,
        idempotency_key: IdempotencyKey = None,
    ) -> DecisionBatch:
        """Run a workflow for a game date now, regardless of earlier results.

        Returns the decision and its requests. With `dry_run` nothing is published. The same `Idempotency-Key`
        identifies the same run.
        """
        require_workflow(name)
        try:
            batch = draft_run(
                name, run, deps, caller=caller.email, now=wall_now(), idempotency_key=idempotency_key
            )
            # Drafting alone writes nothing, so a dry run cannot take the key of the run that follows it.
            return batch if dry_run else run_workflow(batch, deps)
        except IdempotencyKeyConflict as error:
            raise HTTPException(409, str(error)) from error
        except UnusableRun as error:
            raise HTTPException(422, str(error)) from error

    # `:path`, because a caller's key may contain slashes.
    @manual.get("/workflows/{name}/runs/{key:path}", tags=["manual"], responses=problems(404))
    def progress_of_run(name: str, key: str) -> RunProgress:
        """Return the progress of the run with this `Idempotency-Key`."""
        require_workflow(name)
        found = read_run(name, key, deps)
        if found is None:
            raise HTTPException(404, f"{name} has no run with the key '{key}'; start a run by POST")
        return found


def _add_history_routes(manual: APIRouter, deps: Deps) -> None:
    @manual.get("/schedule/{day}", tags=["manual"])
    def expected_against_actual(
        day: GameDate, as_of: Instant | None = None, with_night: bool = False
    ) -> DayExpectations:
        """Compare the expected runs of a business day with the actual ones, as known at `as_of` (default: now).

        With `with_night`, include the previous day's runs whose deadline is after midnight.
        """
        # Midnight in the fleet's zone, not in UTC: the zone defines the business day.
        midnight = local_instant(day, time()) if with_night else None
        return read_expectations(
            deps.warehouse, deps.environment, day, as_of or wall_now(), midnight=midnight
        )

    @manual.get("/remembered", tags=["manual"])
    def occurrences_of_an_id(
        identifier: Annotated[str, Query(min_length=1, max_length=2_000)], days: GameDates
    ) -> list[FoundOccurrence]:
        """Find occurrences by an id: of an occurrence, of a manual run, of a request, or of a request's event.

        The first eight characters of the id of a request or its event are enough.
        Manual runs are found for any date, other occurrences only on the given days.
        """
        return find_occurrences(identifier, days, deps)

    @manual.get("/remembered/{occurrence_id}", tags=["manual"])
    def memory_of_an_occurrence(occurrence_id: str, days: GameDates) -> list[RememberedOccurrence]:
        """Return the plan, requests and executions of an occurrence on each given day, unlogged ones included.

        A manual run is returned for its own days.
        """
        return recall(occurrence_id, days, deps)


def _add_pause_routes(manual: APIRouter, deps: Deps) -> None:
    @manual.get("/pauses", tags=["manual"])
    def list_pauses() -> tuple[Pause, ...]:
        """List the current pauses, the one that ends first at the top."""
        now = wall_now()
        return deps.pauses.read(now).standing(now)

    @manual.post("/pauses", status_code=201, tags=["manual"], responses=problems(404))
    def begin(body: PauseRequest, caller: Annotated[Caller, Depends(current_caller)]) -> Pause:
        """Pause a workflow or a scraper until an instant; requests under way still finish.

        A new pause of the same target replaces its current pause.
        """
        try:
            return pause(body, deps, by=caller.email, now=wall_now())
        except UnknownName as error:
            raise HTTPException(404, str(error)) from error
        except UnusablePause as error:
            raise HTTPException(422, str(error)) from error

    @manual.delete("/pauses/{name}", tags=["manual"], responses=problems(404))
    def end(
        name: str, caller: Annotated[Caller, Depends(current_caller)], target: DeclaredTarget | None = None
    ) -> Pause:
        """Resume a workflow or a scraper before its pause is over; return the ended pause."""
        try:
            return resume(name, target, deps, by=caller.email, now=wall_now())
        except UnknownName as error:
            raise HTTPException(404, str(error)) from error
        except UnusablePause as error:
            raise HTTPException(422, str(error)) from error
