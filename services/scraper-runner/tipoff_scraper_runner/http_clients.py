"""Construction of the HTTP clients of all executions in this process."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import SecretStr

from tipoff_common.catalog import ScraperSpec
from tipoff_common.ports import Objects
from tipoff_scraper_runner.execution import OpenHttp
from tipoff_scraper_runner.fake_sources import FakeSources
from tipoff_scraper_runner.host_pauses import HostPauses
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.settings import RunnerSettings


def http_opener(
    fake_sources: Mapping[str, str] = {},
    *,
    max_instances: int = 1,
    proxy_url: SecretStr | None = None,
    state: Objects | None = None,
) -> OpenHttp:
    """Return a function that opens an execution's HTTP client; all clients share the rate limits and the hosts' pauses.

    state: the bucket through which instances share the pauses; None keeps them in this process.
    """
    # One of each per process: the source sees the process, not the execution.
    pacer, pauses = Pacer(sharers=max_instances), HostPauses(state)
    fakes = FakeSources(fake_sources)
    proxy = proxy_url.get_secret_value() if proxy_url else None

    def open_http(spec: ScraperSpec, now: datetime, replaying: bool) -> HttpxHttp:
        return HttpxHttp(spec, now, pacer, pauses, fakes=fakes, replaying=replaying, proxy_url=proxy)

    return open_http


def connected_opener(settings: RunnerSettings, state: Objects) -> OpenHttp:
    """Return the opener for these settings."""
    return http_opener(
        settings.fake_sources,
        max_instances=settings.max_instances,
        proxy_url=settings.proxy_url,
        state=state,
    )
