"""Parsing of payloads: of small plain JSON in this process, of any other payload in a process with limits.

A payload of a few kilobytes can unfold into gigabytes, or keep a parser busy for hours. The separate process has limits
of memory and CPU time. A payload that exceeds them ends only that process.
"""

import atexit
import codecs
import contextlib
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

from tipoff_common.clock import ZONE_VARIABLE
from tipoff_common.ports import Overloaded, Unavailable
from tipoff_scraper_runner.errors import TooCostly
from tipoff_scraper_runner.parser_server import read_frame, write_frame
from tipoff_scraper_runner.registry import RegisteredScraper
from tipoff_scraper_runner.scraper import Parsed, ScrapeParameters

MIB = 1024 * 1024
_HARMLESS_BYTES = 1 * MIB
_HARMLESS_VALUES = 50_000
"""Limit of JSON values that are decoded in the service itself; they take at most about 10 MiB."""
# They include the fleet's zone, so that a scraper computes the same business days in both processes.
_INHERITED = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "HOME", "LANG", "TZ", ZONE_VARIABLE)
"""Environment variables passed to the parser's process; they do not include the source's secrets."""


class Parse(Protocol):
    """Parses one payload."""

    def __call__(
        self,
        scraper: RegisteredScraper,
        body: bytes,
        parameters: ScrapeParameters,
        *,
        apart: bool = False,
        start_by: float | None = None,
    ) -> Parsed:
        """Parse `body`. Raises TooCostly, Unavailable and the errors of the scraper's `parse`.

        apart: never parse in this process.
        start_by: an instant of `time.monotonic`; when other payloads are still being parsed then, raise Overloaded.
        """


def parse_in_process(
    scraper: RegisteredScraper,
    body: bytes,
    parameters: ScrapeParameters,
    *,
    apart: bool = False,  # noqa: ARG001  # there is no other process
    start_by: float | None = None,  # noqa: ARG001  # nor a queue for it
) -> Parsed:
    """Parse without limits; for tests and benchmarks, whose payloads are trusted."""
    parsed: Parsed = scraper.module.parse(body, parameters)
    return parsed


@dataclass(frozen=True)
class Limits:
    """Limits for the parsing of one payload."""

    memory_bytes: int = 384 * MIB
    """Memory on top of the process's own; the largest known document takes 60 MiB."""
    cpu_seconds: int = 30
    """The largest known document takes 2 s."""
    result_bytes: int = 16 * MIB
    """Size of the pickled result with its log lines; the longest known list has 3 MiB."""
    patience_seconds: float = 75.0
    """Wall-clock limit until the result; longer than the CPU time, as the CPU is shared."""


class ParserProcess:
    """A process that forks a child for each payload, so that modules are imported once.

    It starts with the first payload that needs it, so that it does not slow down the start of an instance. It parses
    one payload at a time, as an instance has one CPU.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # frozen
        self._limits, self._lock = limits, threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None

    def parse(
        self,
        scraper: RegisteredScraper,
        body: bytes,
        parameters: ScrapeParameters,
        *,
        apart: bool = False,
        start_by: float | None = None,
    ) -> Parsed:
        """Parse `body` in this process when it is small plain JSON, otherwise in the separate one.

        Raises:
            TooCostly: parsing exceeded a limit of memory, time or result size.
            Overloaded: the process was busy with other payloads until `start_by`.
            Unavailable: the process could not be started.
            NotPublished, ScrapeFailure: those of the scraper's `parse`. Any other error of it comes unchanged from this
                process, and as Unforeseen from the separate one.
        """
        if not apart and _is_plain_json(body):
            return parse_in_process(scraper, body, parameters)
        # sys.path is part of the job: a fleet outside the installed packages is imported through it.
        job = pickle.dumps((scraper.module_name, body, parameters.model_dump(mode="json"), sys.path))
        # One payload at a time: the process has one pair of pipes, and an instance one CPU.
        if not self._lock.acquire(timeout=-1 if start_by is None else max(0.0, start_by - time.monotonic())):
            raise Overloaded("the parser's process is busy with other payloads")
        try:
            answer = self._run_job(job, len(body))
        finally:
            self._lock.release()
        lines, pickled = pickle.loads(answer)  # noqa: S301  # our own child wrote it
        for line in lines:
            _log(line)
        result = pickle.loads(pickled)  # noqa: S301  # as above
        if isinstance(result, Exception):
            raise result  # from the scraper in the child, without its traceback
        parsed: Parsed = result
        return parsed

    def close(self) -> None:
        """End the process; the next payload that needs it starts another."""
        with self._lock:
            self._stop()

    def _run_job(self, job: bytes, size: int) -> bytes:
        """Run a job; repeat it once if the process ended, as it may have ended while it was idle."""
        problem: Exception | None = None
        patience = self._limits.patience_seconds
        # One limit for both attempts, as the lease of the request has room for one.
        ends = time.monotonic() + patience
        for _ in range(2):
            server = self._running()
            try:
                return _exchange(server, job, ends - time.monotonic())
            # Not repeated: this payload used up the time, and would do so again.
            except TimeoutError as error:
                self._stop()
                raise TooCostly(
                    f"parsing {size} bytes ended the parser's process: no answer within {patience:g} s"
                ) from error
            except (OSError, EOFError) as error:
                self._stop()
                problem = error
        raise TooCostly(f"parsing {size} bytes ended the parser's process: {problem}") from problem

    def _running(self) -> subprocess.Popen[bytes]:
        # Replace a process that ended while it was idle.
        if self._server is None or self._server.poll() is not None:
            self._stop()
            limits = self._limits
            command = [sys.executable, "-m", "tipoff_scraper_runner.parser_server"]
            numbers = [limits.memory_bytes, limits.cpu_seconds, limits.result_bytes]
            environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
            try:
                self._server = subprocess.Popen(  # noqa: S603  # this very interpreter and our own module
                    [*command, *map(str, numbers)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=environment,
                    start_new_session=True,  # a process group: killing it kills the child too
                )
            except OSError as error:
                raise Unavailable(f"the parser process cannot be started: {error}") from error
            # End the process at an orderly exit, without a zombie; after a crash it ends by the end of its input.
            atexit.register(self.close)
        return self._server

    def _stop(self) -> None:
        if self._server is not None:
            atexit.unregister(self.close)
            # Killed, not asked to end: it may be busy with a payload that never ends.
            _end(self._server)
            self._server.communicate()
            self._server = None


def _log(line: Mapping[str, object]) -> None:
    """Log a line of the parser's process here, which adds the execution's ids and redacts its secrets."""
    record = logging.makeLogRecord(dict(line))
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def _is_plain_json(body: bytes) -> bool:
    """Return whether `body` is JSON by its first byte, has no markup, and takes little memory to decode.

    The cost of any other payload is unknown: Python's own HTML parser takes minutes for 70 kB of unfinished tags, and a
    PDF may unfold without any bound.
    """
    start = body.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")
    # Without "<" there is neither a tag nor a PDF dictionary; a page with a bracket before it is excluded.
    return start.startswith((b"{", b"[")) and b"<" not in body and is_harmless(body)


def is_harmless(body: bytes) -> bool:
    """Return whether decoding `body` as JSON takes little memory, for any content."""
    return len(body) <= _HARMLESS_BYTES and json_values(body) <= _HARMLESS_VALUES


def json_values(body: bytes) -> int:
    """Return an upper bound of the values in a JSON document: each follows a comma, a colon or a bracket."""
    return sum(body.count(mark) for mark in (b",", b":", b"[", b"{"))


def _exchange(server: "subprocess.Popen[bytes]", job: bytes, seconds: float) -> bytes:
    """Send a job and return its result. Raises TimeoutError, and OSError or EOFError when the process is gone."""
    late = threading.Event()

    def end() -> None:
        # Killing the process ends every pending read and write on its pipes.
        late.set()
        _end(server)

    watchdog = threading.Timer(seconds, end)
    watchdog.daemon = True
    watchdog.start()
    try:
        write_frame(cast(BinaryIO, server.stdin), job)
        return read_frame(cast(BinaryIO, server.stdout))
    except (OSError, EOFError) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        watchdog.cancel()


def _end(server: "subprocess.Popen[bytes]") -> None:
    """Kill the process and the child that it forked."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
