"""The runner's wiring."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, FastAPI
from pydantic import SecretStr

from tipoff_common.catalog import ScraperSpec, scrapers_folder
from tipoff_common.cloud import Cloud
from tipoff_common.ports import Objects
from tipoff_common.push import PushEndpoint
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.execution import OpenHttp
from tipoff_scraper_runner.fake_sources import FakeSources
from tipoff_scraper_runner.handlers import ACCEPTED
from tipoff_scraper_runner.host_pauses import HostPauses
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.pacing import Pacer
from tipoff_scraper_runner.parser import ParserProcess
from tipoff_scraper_runner.registry import load_registry
from tipoff_scraper_runner.request_memory import RequestMemory
from tipoff_scraper_runner.settings import RunnerSettings


@dataclass(frozen=True)
class Wiring:
    """What `app` needs to route requests."""

    app: FastAPI
    endpoint: PushEndpoint
    """Reads what Pub/Sub pushes."""
    manual_routes: APIRouter
    """Routes declared on it ask who calls."""
    scheduler_service_account: str | None
    """Whose calls have the source SCHEDULER."""
    deps: Deps


def http_opener(
    fake_sources: Mapping[str, str] = {},
    *,
    max_instances: int = 1,
    proxy_url: SecretStr | None = None,
    state: Objects | None = None,
) -> OpenHttp:
    """Open each execution's HTTP client; all share this process's part of each rate, and the pauses hosts asked for.

    state: the bucket by which instances share those pauses; None keeps them in this process.
    """
    # One of each for the process: the source sees the process, not the execution.
    pacer, pauses = Pacer(sharers=max_instances), HostPauses(state)
    fakes = FakeSources(fake_sources)
    proxy = proxy_url.get_secret_value() if proxy_url else None

    def open_http(spec: ScraperSpec, now: datetime, replaying: bool) -> HttpxHttp:
        return HttpxHttp(spec, now, pacer, pauses, fakes=fakes, replaying=replaying, proxy_url=proxy)

    return open_http


def connected_opener(settings: RunnerSettings, state: Objects) -> OpenHttp:
    """Open HTTP clients as the settings say."""
    return http_opener(
        settings.fake_sources,
        max_instances=settings.max_instances,
        proxy_url=settings.proxy_url,
        state=state,
    )


def bootstrap(settings: RunnerSettings) -> Wiring:
    """Wire the service. Raises ConfigurationError."""
    # The fleet comes first: without it nothing needs to be connected, and its faults are the ones people make.
    registry = load_registry(settings.scrapers)
    described = sorted(scrapers_folder(settings.scrapers).glob("*/*/scraper.yaml"))
    cloud = Cloud("scraper-runner", settings, config_files=tuple(described))
    return Wiring(
        # Not the warehouse: the runner writes no rows, and must go on while BigQuery is down.
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
            # One payload for each request that is handled at a time.
            writes=ThreadPoolExecutor(settings.concurrency, thread_name_prefix="payload"),
        ),
    )
