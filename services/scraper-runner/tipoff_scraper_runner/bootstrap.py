"""The runner's wiring."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI

from tipoff_common.catalog import scrapers_folder
from tipoff_common.cloud import Cloud
from tipoff_common.push import PushEndpoint
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.handlers import ACCEPTED
from tipoff_scraper_runner.http_clients import connected_opener
from tipoff_scraper_runner.parser import ParserProcess
from tipoff_scraper_runner.registry import load_registry
from tipoff_scraper_runner.request_memory import RequestMemory
from tipoff_scraper_runner.settings import RunnerSettings


@dataclass(frozen=True)
class Wiring:
    """The application, its routers and the dependencies of its handlers, as `app` registers them."""

    app: FastAPI
    endpoint: PushEndpoint
    """Reads the events that Pub/Sub pushes."""
    manual_routes: APIRouter
    """Authenticates the caller of every route declared on it."""
    scheduler_service_account: str | None
    """The account whose calls have the source SCHEDULER."""
    deps: Deps


def bootstrap(settings: RunnerSettings) -> Wiring:
    """Wire the service. Raises ConfigurationError."""
    # The fleet is loaded first: most configuration faults are in it, and they need no connection to be reported.
    registry = load_registry(settings.scrapers)
    described = sorted(scrapers_folder(settings.scrapers).glob("*/*/scraper.yaml"))
    cloud = Cloud("scraper-runner", settings, config_files=tuple(described))
    return Wiring(
        # The warehouse is not needed: the runner writes no rows, and has to work while BigQuery is down.
        app=cloud.app("Fetches: runs one scraper for one request.", needs=("data", "state")),
        endpoint=cloud.push_endpoint(ACCEPTED),
        manual_routes=cloud.authenticated_router(),
        scheduler_service_account=settings.scheduler_service_account,
        deps=Deps(
            environment=settings.environment,
            registry=registry,
            memory=RequestMemory(cloud.state),
            data=cloud.data,
            publisher=cloud.publisher,
            open_http=connected_opener(settings, cloud.state),
            parse=ParserProcess().parse,
            # One thread for each request that is handled at the same time.
            writes=ThreadPoolExecutor(settings.concurrency, thread_name_prefix="payload"),
        ),
    )
