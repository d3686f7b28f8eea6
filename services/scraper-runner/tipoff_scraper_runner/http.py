"""The HTTP client of scrapers: paced, retried, bounded in time and size, with secrets redacted."""

import logging
import os
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx
from pydantic import JsonValue, SecretStr, TypeAdapter, ValidationError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from tipoff_common import __version__
from tipoff_common.bounds import storable_object
from tipoff_common.catalog import ScraperSpec
from tipoff_common.clock import readable
from tipoff_scraper_runner.bounded_transport import bounded_transport
from tipoff_scraper_runner.errors import HttpFailure, RetryAfter, TimedOut, TooLarge, Undecodable
from tipoff_scraper_runner.fake_sources import FAKED, NOT_SERVED, VIA_FAKE, FakeSources
from tipoff_scraper_runner.host_pauses import HostPauses
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.scraper import Response
from tipoff_scraper_runner.secret_redactor import SecretRedactor
from tipoff_scraper_runner.source_request import SourceRequest, source_request

NO_FAKES = FakeSources()
USER_AGENT = f"Tipoff/{__version__} (scheduled data collection)"
MAX_BYTES = 32 * 1024 * 1024
"""Limit for all decoded bodies of one execution together. An instance has 1 GiB of memory for eight executions; the
largest known document has 6 MiB."""
MAX_PAUSE = timedelta(days=7)
"""Upper bound of an obeyed `Retry-After`; a longer one is a mistake, and would stop a source's scrapes for good."""
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Accepted Content-Encodings. Each unpacks at most a thousandfold, so a network chunk stays small; nested encodings
would multiply the factor."""
# As many as known sources chain; a redirect loop has to end well within the timeout.
MAX_REDIRECTS = 5
# Without 403 and 404: their meaning differs by source, so a scraper declares the ones it expects.
_TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})
_BACK_OFF = wait_exponential_jitter(multiplier=0.5, max=10)
_NOTES: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])

# These libraries log whole addresses and headers, secrets included, at INFO and DEBUG.
for _name in ("httpx", "httpcore", "hpack", "h2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class _Transient(Exception):
    """A failed try that may succeed when it is repeated within this execution."""

    def __init__(self, message: str, wait: float = 0.0, host: str = "") -> None:
        """wait: seconds that the source asks to wait. host: the host that asks for it."""
        super().__init__(message)
        self.wait, self.host = wait, host


class HttpxHttp:
    """One execution's access to its source."""

    def __init__(
        self,
        spec: ScraperSpec,
        now: datetime,
        pacer: Pacer,
        pauses: HostPauses | None = None,
        *,
        fakes: FakeSources = NO_FAKES,
        replaying: bool = False,
        proxy_url: str | None = None,
        environ: Mapping[str, str] = os.environ,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.now = now
        """The instant of the scrape, aware UTC."""
        self.retries = 0
        """Transport retries so far."""
        self.notes: dict[str, JsonValue] = {}
        """The scraper's notes, and the host that a fake answered for."""
        self.redactor = SecretRedactor(spec, environ, fake=bool(fakes), proxy_url=proxy_url)
        """Keeps the execution's secrets out of texts."""
        self._spec, self._pacer, self._fakes, self._replaying = spec, pacer, fakes, replaying
        self._pauses = pauses or HostPauses()
        self._started = time.monotonic()
        # One deadline for all calls; otherwise a scraper of several pages would have the timeout for each page.
        self._deadline = self._started + spec.timeout_seconds
        self._bytes_left = MAX_BYTES
        self._client = httpx.Client(
            # Request only encodings of bounded ratio: brotli and zstd unpack far more than a thousandfold.
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
            transport=transport or bounded_transport(self._seconds_left, proxy_url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._client.close()

    def secret(self, name: str) -> SecretStr:
        """See `Http.secret`."""
        return self.redactor.secret(name)

    def note(self, name: str, value: JsonValue) -> None:
        """See `Http.note`."""
        # Validated here, so that the trace names the scraper's line, and so that a dry run fails as well.
        try:
            _NOTES.validate_python({name: value})
        except ValidationError as error:
            raise TypeError(
                f"note {name!r} is a {type(value).__name__}, which JSON cannot represent;"
                " use texts, numbers, booleans, null, and lists and objects of them"
            ) from error
        # A copy: the scraper's later changes to a list or object would not be validated.
        self.notes.update(storable_object({name: value}))

    def get(
        self,
        url: str,
        *,
        query: Mapping[str, str | SecretStr] = {},
        headers: Mapping[str, str | SecretStr] = {},
        expected: frozenset[int] = frozenset(),
    ) -> Response:
        """See `Http.get`."""
        # The only retry layer: httpx's transport and the scrapers have none, so the number of tries is exact.
        retrying = Retrying(
            retry=retry_if_exception_type(_Transient),
            stop=stop_after_attempt(self._spec.retry.attempts),
            wait=_wait,
            before_sleep=self._before_retry,
            reraise=True,
        )
        try:
            return retrying(self._follow, source_request(url, query, headers), expected)
        except _Transient as error:
            message = f"{error} ({self._spec.retry.attempts} tries)"
            # Report a requested wait that exceeds the remaining time as such, even after the last try. The remaining
            # time may be negative after a slow connection, and without a requested wait `wait` is 0: hence the max().
            if error.wait > max(0.0, self._seconds_left()):
                raise self._pause_failure(message, error) from error
            raise HttpFailure(message) from error

    def _follow(self, request: SourceRequest, expected: frozenset[int]) -> Response:
        """Send the request and follow redirects; each is checked before it is followed."""
        # httpx's own redirects would send headers with secrets to any host that the source names.
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send(request, expected)
            if isinstance(answer, Response):
                return answer
            request = request.redirected(answer, shown=self.redactor.redact(answer))
        raise HttpFailure(f"more than {MAX_REDIRECTS} redirects, the last to {self._shown(request)}")

    def _take_turn(self, host: str) -> None:
        """Wait for this process's turn at the host; a replay does not wait.

        Raises RetryAfter while a pause of the host is too long to wait for, TimedOut when no turn comes in time.
        """
        if until := self._pauses.until(host, self._instant()):
            pause = (until - self._instant()).total_seconds()
            if pause >= self._remaining():
                raise RetryAfter(f"{host} allows no requests before {readable(until)}", until, host)
            # Wait for a short pause, so that it slows a fan-out down instead of failing it.
            if not self._replaying:
                time.sleep(max(0.0, pause))
        rate = self._spec.rate_limit.per_second
        if not self._replaying and not self._pacer.wait(host, rate, within=self._remaining()):
            raise TimedOut(
                f"{host} is limited to {rate:g} requests per second; no slot was free"
                f" within the {self._spec.timeout_seconds:g} s of {self._spec.name}"
            )

    def _send(self, request: SourceRequest, expected: frozenset[int]) -> Response | str:
        """Send one request; return the response, or the location that it redirects to."""
        address = self._fakes.address(request.url)
        if address is None:
            self.redactor.refuse_fake_values()
        else:
            self.notes[FAKED] = request.host
        shown = self._shown(request) + (VIA_FAKE if address else "")
        # For every try and every redirect; otherwise retries would be a burst.
        self._take_turn(request.host)
        headers = {**request.headers, **(self._replay_header() if address else {})}
        answer: httpx.Response | None = None
        try:
            with self._client.stream(
                "GET", address or request.url, headers=headers, timeout=self._remaining()
            ) as answer:
                if address and answer.status_code == NOT_SERVED:
                    # Before `expected`: a document missing from a fake may exist at the source, so it is never no_data.
                    raise HttpFailure(f"{shown}: {self._read(shown, answer).decode(errors='replace')}")
                # An expected redirect is a response: some sources redirect a missing document to a page for people.
                if answer.status_code not in expected:
                    if answer.has_redirect_location:
                        return answer.headers["Location"]
                    _check_status(shown, request.host, answer)
                # Before the body is read, which unpacks it.
                _check_encoding(shown, answer)
                redacted = {name: self.redactor.redact(value) for name, value in answer.headers.items()}
                return Response(answer.status_code, shown, redacted, self._read(shown, answer))
        # Nothing was sent yet, so another try may help. A source that does not respond has used up the timeout.
        except httpx.ConnectTimeout as error:
            raise _Transient(f"{shown} does not accept a connection") from error
        except httpx.TimeoutException as error:
            within = f"within {self._spec.timeout_seconds:g} s"
            if answer is not None:
                raise TimedOut(
                    f"{shown} answered {answer.status_code} but did not send its whole body {within}"
                ) from error
            raise TimedOut(f"{shown} did not answer {within}") from error
        except httpx.DecodingError as error:
            encoding = answer.headers.get("Content-Encoding") if answer is not None else None
            raise Undecodable(
                f"{shown} answered with a corrupt body in encoding {encoding}: {error}"
            ) from error
        except httpx.HTTPError as error:
            fault = "could not be reached"
            if answer is not None:
                fault = f"answered {answer.status_code} and closed the connection within its body"
            raise _Transient(f"{shown} {fault}: {self.redactor.redact(str(error))}") from error
        except httpx.InvalidURL as error:
            raise HttpFailure(f"{shown} is not an address: {self.redactor.redact(str(error))}") from error

    def _read(self, shown: str, answer: httpx.Response) -> bytes:
        """Read the body within the remaining bytes and time; mask every secret that it repeats."""
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            # Counted after unpacking: memory holds the unpacked bytes.
            self._bytes_left -= len(chunk)
            if self._bytes_left < 0:
                raise TooLarge(f"{shown}: more than {MAX_BYTES} bytes in all responses of this scrape")
            # Check the deadline at each chunk: no read times out while a source sends a byte a second.
            self._remaining()
        return self.redactor.redact_bytes(bytes(body))

    def _seconds_left(self) -> float:
        """Return the seconds left of the scraper's timeout, which covers all calls of one execution."""
        return self._deadline - time.monotonic()

    def _remaining(self) -> float:
        """Return the seconds left. Raises TimedOut when there are none."""
        seconds = self._seconds_left()
        if seconds <= 0:
            raise TimedOut(f"{self._spec.name} did not finish within {self._spec.timeout_seconds:g} s")
        return seconds

    def _shown(self, request: SourceRequest) -> str:
        """Return the redacted address; a redirect may repeat a secret in it."""
        return self.redactor.redact(request.shown)

    def _replay_header(self) -> Mapping[str, str]:
        """Return the header with the replayed instant; only a fake source gets it."""
        return {"X-Tipoff-Event-Time": self.now.isoformat()} if self._replaying else {}

    def _instant(self) -> datetime:
        """Return the current instant of this scrape; in a replay the clock stands still."""
        return self.now if self._replaying else self.now + timedelta(seconds=time.monotonic() - self._started)

    def _before_retry(self, state: RetryCallState) -> None:
        """Count the retry, or raise when the wait is longer than the remaining time."""
        seconds = self._seconds_left()
        if state.upcoming_sleep < seconds:
            self.retries += 1
            return
        error = state.outcome.exception() if state.outcome else None
        message = f"{error}; {seconds:.0f} s are left, too few to retry in {state.upcoming_sleep:.0f} s"
        if isinstance(error, _Transient) and error.wait > 0:
            raise self._pause_failure(message, error)
        raise HttpFailure(message)

    def _pause_failure(self, message: str, error: _Transient) -> RetryAfter:
        """Store the pause for every other scrape, and build the failure that carries it."""
        since = self._instant()
        until = since + min(timedelta(seconds=min(error.wait, MAX_PAUSE.total_seconds())), MAX_PAUSE)
        self._pauses.pause(error.host, since, until)
        return RetryAfter(message, until, error.host)


def _wait(state: RetryCallState) -> float:
    """Return the wait that the source asks for, and never less than the back-off."""
    error = state.outcome.exception() if state.outcome else None
    return max(_BACK_OFF(state), error.wait if isinstance(error, _Transient) else 0.0)


def _check_status(shown: str, host: str, answer: httpx.Response) -> None:
    if answer.is_success:
        return
    # Retry only these statuses; a repeated request for a 404 is in vain.
    if answer.status_code in _TRANSIENT_STATUSES:
        raise _Transient(f"{shown} answered {answer.status_code}", _retry_after(answer.headers), host)
    raise HttpFailure(f"{shown} answered {answer.status_code}")


def _check_encoding(shown: str, answer: httpx.Response) -> None:
    """Refuse a body with several encodings or an encoding that was not requested. Raises Undecodable."""
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise Undecodable(
            f"{shown} answered in the unsupported encoding {encoding!r:.100}; gzip and deflate are supported"
        )


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait by `Retry-After`; 0 without a valid one.

    The header holds a number of seconds, or an instant. An instant is compared with the `Date` of the same response, as
    the source's clock may differ from ours.
    """
    stated = headers.get("Retry-After", "")
    # ASCII only: HTTP has no digits of other scripts.
    if stated.isascii() and stated.isdecimal():
        return float(stated)
    try:
        return (
            parsedate_to_datetime(stated) - parsedate_to_datetime(headers.get("Date", ""))
        ).total_seconds()
    # OverflowError: a year of more digits than a C int holds.
    except (TypeError, ValueError, OverflowError):
        return 0.0
