"""Routes of the scraper-runner."""

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException

from tipoff_common.auth import Caller
from tipoff_common.authenticated_routes import IdempotencyKey, current_caller
from tipoff_common.events import ScrapeExecuted, ScrapeRequested, Source
from tipoff_common.problems import problems
from tipoff_common.push import PUSH_PROBLEMS, Delivery
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import unknown_name
from tipoff_scraper_runner.bootstrap import Wiring, bootstrap
from tipoff_scraper_runner.handlers import run_request
from tipoff_scraper_runner.manual import ManualExecution, UnusableParameters, manual_request
from tipoff_scraper_runner.settings import RunnerSettings


def create_app(settings: RunnerSettings) -> FastAPI:
    """Build the service."""
    return routes(bootstrap(settings))


def routes(wiring: Wiring) -> FastAPI:
    """Add the runner's routes to its application."""
    app, manual_routes, deps = wiring.app, wiring.manual_routes, wiring.deps

    @app.post("/events", status_code=204, tags=["Pub/Sub"], responses=PUSH_PROBLEMS)
    def receive(delivery: Annotated[Delivery, Depends(wiring.endpoint)]) -> None:
        """`tipoff.scrape.requested.v1`: execute the request, unless another delivery does (503)."""
        # The endpoint has rejected every other event type.
        if isinstance(delivery.event, ScrapeRequested):
            run_request(delivery.event, deps, wall_now())

    @manual_routes.post("/scrapers/{name}/executions", tags=["manual"], responses=problems(404))
    def execute_scraper(
        name: str,
        body: ManualExecution,
        caller: Annotated[Caller, Depends(current_caller)],
        idempotency_key: IdempotencyKey = None,
    ) -> ScrapeExecuted:
        """Run one scraper now and return its execution, which is logged like any other.

        The same `Idempotency-Key` gives the same execution without fetching again.
        """
        scraper = deps.registry.get(name)
        if scraper is None:
            raise HTTPException(404, unknown_name("scraper", name, deps.registry))
        # The caller's identity sets the source, never the body: the log has to state where an execution came from.
        source = Source.SCHEDULER if caller.email == wiring.scheduler_service_account else Source.CLOUD_RUN
        try:
            command = manual_request(
                scraper,
                {"game_date": body.game_date.isoformat(), **body.parameters},
                source=source,
                triggered_by=caller.email,
                now=wall_now(),
                idempotency_key=idempotency_key,
            )
        except UnusableParameters as error:
            raise HTTPException(422, error.faults) from error
        # Claimed like a request from Pub/Sub, so a call repeated after a lost response does not fetch again.
        return run_request(command, deps, wall_now())

    # After the routes are declared: FastAPI copies the routes that the router has at this moment.
    app.include_router(manual_routes)
    return app
