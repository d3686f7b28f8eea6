"""The HTTP client that scrapers are given: paced, retried, bounded in time and size."""

import time
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from tipoff_common import __version__
from tipoff_common.catalog import ScraperSpec
from tipoff_scraper_runner.errors import HttpFailure, TimedOut
from tipoff_scraper_runner.pacing import Pacer
from tipoff_scraper_runner.scraper import Response

USER_AGENT = f"Tipoff/{__version__} (scheduled data collection)"
MAX_BYTES = 64 * 1024 * 1024
_TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})


class _Transient(Exception):
    """An answer worth asking for again within this execution."""


class HttpxHttp:
    """One execution's access to its source.

    now: the instant of the scrape, aware UTC.
    retries: transport retries so far.
    """

    def __init__(
        self,
        spec: ScraperSpec,
        now: datetime,
        pacer: Pacer,
        *,
        upstream_url: str | None = None,
        replaying: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.now = now
        self.retries = 0
        self._spec, self._pacer, self._upstream, self._replaying = spec, pacer, upstream_url, replaying
        self._deadline = time.monotonic() + spec.timeout_seconds
        self._client = httpx.Client(headers={"User-Agent": USER_AGENT}, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(
        self, url: str, *, headers: Mapping[str, str] = {}, expected: frozenset[int] = frozenset()
    ) -> Response:
        retrying = Retrying(
            retry=retry_if_exception_type(_Transient),
            stop=stop_after_attempt(self._spec.retry.attempts),
            wait=wait_exponential_jitter(initial=0.5, max=10),
            before_sleep=self._count_retry,
            reraise=True,
        )
        try:
            return retrying(self._get_once, url, headers, expected)
        except _Transient as error:
            raise HttpFailure(f"{error} ({self._spec.retry.attempts} tries)") from error

    def _get_once(self, url: str, headers: Mapping[str, str], expected: frozenset[int]) -> Response:
        self._pacer.wait(urlsplit(url).netloc, self._spec.rate_limit.per_second)
        try:
            with self._client.stream(
                "GET",
                self._address(url),
                headers={**headers, **self._replay_header()},
                timeout=self._remaining(),
            ) as answer:
                if answer.status_code not in expected:
                    _check_status(url, answer)
                return Response(answer.status_code, url, dict(answer.headers), self._read(url, answer))
        except httpx.TimeoutException as error:
            raise TimedOut(f"no answer from {url} within {self._spec.timeout_seconds:g} s") from error
        except httpx.HTTPError as error:
            raise _Transient(f"{url} could not be reached: {error}") from error

    def _read(self, url: str, answer: httpx.Response) -> bytes:
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise HttpFailure(f"{url} sends more than {MAX_BYTES} bytes")
            self._remaining()
        return bytes(body)

    def _remaining(self) -> float:
        """Seconds left of the scraper's timeout, which covers all calls of one execution."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimedOut(f"{self._spec.name} did not finish within {self._spec.timeout_seconds:g} s")
        return left

    def _address(self, url: str) -> str:
        if self._upstream is None:
            return url
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._upstream.rstrip('/')}/{parts.netloc}{parts.path}{query}"

    def _replay_header(self) -> Mapping[str, str]:
        """Tells the stand-in which instant is being replayed; a real source never sees it."""
        return {"X-Tipoff-Event-Time": self.now.isoformat()} if self._replaying and self._upstream else {}

    def _count_retry(self, _state: RetryCallState) -> None:
        self._remaining()
        self.retries += 1


def _check_status(url: str, answer: httpx.Response) -> None:
    if answer.is_success:
        return
    if answer.status_code in _TRANSIENT_STATUSES:
        raise _Transient(f"{url} answered {answer.status_code}")
    raise HttpFailure(f"{url} answered {answer.status_code}")
