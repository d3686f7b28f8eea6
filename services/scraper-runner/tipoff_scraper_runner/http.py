"""The HTTP client that scrapers are given: paced, retried, bounded in time and size, silent about secrets."""

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
from tipoff_scraper_runner.errors import HttpFailure, TimedOut, ToldToWait, TooLarge, Undecodable
from tipoff_scraper_runner.fake_sources import FAKED, NOT_SERVED, VIA_FAKE, FakeSources
from tipoff_scraper_runner.host_pauses import HostPauses
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.scraper import Response
from tipoff_scraper_runner.secret_redactor import SecretRedactor
from tipoff_scraper_runner.source_request import SourceRequest, source_request

NO_FAKES = FakeSources()
USER_AGENT = f"Tipoff/{__version__} (scheduled data collection)"
MAX_BYTES = 32 * 1024 * 1024
"""Of all decoded bodies of one execution. An instance has 1 GiB and handles eight at a time; the largest document known
has 6 MiB."""
MAX_PAUSE = timedelta(days=7)
"""The longest `Retry-After` that is obeyed; a longer one is a mistake, and would silence a source for good."""
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Content-Encodings that are read. Each unpacks at most a thousandfold, so what the network gives at a time stays
small; one within another would multiply that."""
# As many as sources chain; a circle must end well within the timeout.
MAX_REDIRECTS = 5
# Not 403 and 404: what they mean differs by source, so a scraper says which of them it expects.
_TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})
_BACK_OFF = wait_exponential_jitter(multiplier=0.5, max=10)
_NOTES: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])

# These log whole addresses and headers, with the secrets in them, at INFO and DEBUG.
for _name in ("httpx", "httpcore", "hpack", "h2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class _Transient(Exception):
    """An answer worth asking for again within this execution."""

    def __init__(self, message: str, wait: float = 0.0, host: str = "") -> None:
        """wait: seconds that the source asks to wait. host: which one asks."""
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
        """What the scraper noted, and whether a fake answered."""
        self.redactor = SecretRedactor(spec, environ, fake=bool(fakes), proxy_url=proxy_url)
        """Keeps the execution's secrets out of texts."""
        self._spec, self._pacer, self._fakes, self._replaying = spec, pacer, fakes, replaying
        self._pauses = pauses or HostPauses()
        self._started = time.monotonic()
        # One deadline for all calls: a scraper that pages would otherwise have the timeout for each page.
        self._deadline = self._started + spec.timeout_seconds
        self._bytes_left = MAX_BYTES
        self._client = httpx.Client(
            # Only what `_ENCODINGS` can bound is asked for: brotli and zstd
            # unpack far more than a thousandfold.
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
            transport=transport or bounded_transport(self._left, proxy_url),
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
        # Refused here, where the trace names the scraper's line, and in a dry run too, which keeps nothing.
        try:
            _NOTES.validate_python({name: value})
        except ValidationError as error:
            raise TypeError(
                f"note {name!r} is a {type(value).__name__} that JSON cannot hold;"
                " note texts, numbers, booleans, null, and lists and objects of them"
            ) from error
        # A copy: what the scraper does to a list or object afterwards was checked by nobody.
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
        # The only retry layer: httpx's transport and the scrapers have none, so that tries are counted once.
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
            # A wait longer than what is left is told as what it is, even if no try is left either. After a connection
            # that took all of the time, less than nothing is left, and nobody asked to wait.
            if error.wait > max(0.0, self._left()):
                raise self._told_to_wait(message, error) from error
            raise HttpFailure(message) from error

    def _follow(self, request: SourceRequest, expected: frozenset[int]) -> Response:
        """Send the request and follow redirects, each judged before it is followed."""
        # httpx's own following would send headers with secrets on to wherever the source points.
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send(request, expected)
            if isinstance(answer, Response):
                return answer
            request = request.redirected(answer, shown=self.redactor.redact(answer))
        raise HttpFailure(f"{self._shown(request)} is the last of more than {MAX_REDIRECTS} redirects")

    def _take_turn(self, host: str) -> None:
        """Wait for this process's turn at the host; a replayed day has no use for the wall clock's pace.

        Raises ToldToWait while the host has asked not to be asked, TimedOut when no turn comes in time.
        """
        if until := self._pauses.until(host, self._instant()):
            pause = (until - self._instant()).total_seconds()
            if pause >= self._remaining():
                raise ToldToWait(f"{host} asked not to be asked before {readable(until)}", until, host)
            # Short enough to be waited for, so that a fan-out is slowed down and not failed.
            if not self._replaying:
                time.sleep(max(0.0, pause))
        rate = self._spec.rate_limit.per_second
        if not self._replaying and not self._pacer.wait(host, rate, within=self._remaining()):
            raise TimedOut(
                f"{host} is asked {rate:g} times a second, and no turn comes free"
                f" within the {self._spec.timeout_seconds:g} s of {self._spec.name}"
            )

    def _send(self, request: SourceRequest, expected: frozenset[int]) -> Response | str:
        """Send one request; return the answer, or where it redirects to."""
        address = self._fakes.address(request.url)
        if address is None:
            self.redactor.refuse_fake_values()
        else:
            self.notes[FAKED] = request.host
        shown = self._shown(request) + (VIA_FAKE if address else "")
        # For every try and every redirect, or retries would be a burst.
        self._take_turn(request.host)
        headers = {**request.headers, **(self._replay_header() if address else {})}
        try:
            with self._client.stream(
                "GET", address or request.url, headers=headers, timeout=self._remaining()
            ) as answer:
                if address and answer.status_code == NOT_SERVED:
                    # Before `expected`: what a fake lacks says nothing about the source, so it is never no_data.
                    raise HttpFailure(f"{shown}: {self._read(shown, answer).decode(errors='replace')}")
                # A redirect that is expected is an answer: some sources send a missing
                # document to a page for people.
                if answer.status_code not in expected:
                    if answer.has_redirect_location:
                        return answer.headers["Location"]
                    _check_status(shown, request.host, answer)
                # Before the body is read: by then it would be unpacked.
                _check_encoding(shown, answer)
                redacted = {name: self.redactor.redact(value) for name, value in answer.headers.items()}
                return Response(answer.status_code, shown, redacted, self._read(shown, answer))
        # Nothing was sent yet, so another try may help; a source that does not answer has had its time.
        except httpx.ConnectTimeout as error:
            raise _Transient(f"{shown} does not accept a connection") from error
        except httpx.TimeoutException as error:
            raise TimedOut(f"{shown} did not answer within {self._spec.timeout_seconds:g} s") from error
        except httpx.DecodingError as error:
            encoding = answer.headers.get("Content-Encoding")
            raise Undecodable(
                f"{shown} answers with a broken body in encoding {encoding}: {error}"
            ) from error
        except httpx.HTTPError as error:
            raise _Transient(f"{shown} could not be reached: {self.redactor.redact(str(error))}") from error
        except httpx.InvalidURL as error:
            raise HttpFailure(f"{shown} is not an address: {self.redactor.redact(str(error))}") from error

    def _read(self, shown: str, answer: httpx.Response) -> bytes:
        """Read the body within what is left of bytes and time; a secret that is repeated in it is masked."""
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            # Counted after unpacking: this is what the memory holds, whatever the wire carried.
            self._bytes_left -= len(chunk)
            if self._bytes_left < 0:
                raise TooLarge(
                    f"{shown} sends more than {MAX_BYTES} bytes, counting what was fetched before it"
                )
            # With each chunk: a source that sends a byte a second never lets a read time out.
            self._remaining()
        return self.redactor.redact_bytes(bytes(body))

    def _left(self) -> float:
        """Return the seconds left of the scraper's timeout, which covers all calls of one execution."""
        return self._deadline - time.monotonic()

    def _remaining(self) -> float:
        """Return the seconds left. Raises TimedOut when there are none."""
        left = self._left()
        if left <= 0:
            raise TimedOut(f"{self._spec.name} did not finish within {self._spec.timeout_seconds:g} s")
        return left

    def _shown(self, request: SourceRequest) -> str:
        """Return the address to show; a redirect may repeat a secret in it."""
        return self.redactor.redact(request.shown)

    def _replay_header(self) -> Mapping[str, str]:
        """Name the replayed instant to the fake source; a real source never gets this header."""
        return {"X-Tipoff-Event-Time": self.now.isoformat()} if self._replaying else {}

    def _instant(self) -> datetime:
        """Return what time it is for this scrape; a replayed day stands still while it is scraped."""
        return self.now if self._replaying else self.now + timedelta(seconds=time.monotonic() - self._started)

    def _before_retry(self, state: RetryCallState) -> None:
        """Count the retry, or end the scrape when the wait is longer than what is left of it."""
        left = self._left()
        if state.upcoming_sleep < left:
            self.retries += 1
            return
        error = state.outcome.exception() if state.outcome else None
        message = f"{error}; {left:.0f} s are left, too few to ask again in {state.upcoming_sleep:.0f} s"
        if isinstance(error, _Transient) and error.wait > 0:
            raise self._told_to_wait(message, error)
        raise HttpFailure(message)

    def _told_to_wait(self, message: str, error: _Transient) -> ToldToWait:
        """Note the pause for every other scrape, and make the failure that carries it."""
        since = self._instant()
        until = since + min(timedelta(seconds=min(error.wait, MAX_PAUSE.total_seconds())), MAX_PAUSE)
        self._pauses.pause(error.host, since, until)
        return ToldToWait(message, until, error.host)


def _wait(state: RetryCallState) -> float:
    """Wait as long as the source asks for, and never less than the back-off."""
    error = state.outcome.exception() if state.outcome else None
    return max(_BACK_OFF(state), error.wait if isinstance(error, _Transient) else 0.0)


def _check_status(shown: str, host: str, answer: httpx.Response) -> None:
    if answer.is_success:
        return
    # Only these may answer otherwise a moment later; a 404 that is asked for again is asked for in vain.
    if answer.status_code in _TRANSIENT_STATUSES:
        raise _Transient(f"{shown} answered {answer.status_code}", _retry_after(answer.headers), host)
    raise HttpFailure(f"{shown} answered {answer.status_code}")


def _check_encoding(shown: str, answer: httpx.Response) -> None:
    """Refuse a body that is packed more than once, or in a way that was not asked for. Raises Undecodable."""
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise Undecodable(f"{shown} answers in encoding {encoding!r:.100}; one of gzip and deflate is read")


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait by `Retry-After`; 0 without one that can be read.

    It is a number of seconds, or an instant, which is compared with the `Date` of the same answer: the source's clock
    need not be ours.
    """
    stated = headers.get("Retry-After", "")
    # In ASCII, as digits of other scripts are no number to HTTP.
    if stated.isascii() and stated.isdecimal():
        return float(stated)
    try:
        return (
            parsedate_to_datetime(stated) - parsedate_to_datetime(headers.get("Date", ""))
        ).total_seconds()
    # OverflowError: a year of more digits than a C int holds.
    except (TypeError, ValueError, OverflowError):
        return 0.0
