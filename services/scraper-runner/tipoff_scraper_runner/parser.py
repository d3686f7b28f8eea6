"""Parsing of payloads: in this process when they are small plain JSON, else in a process that may be killed.

A payload of a few kilobytes can unfold into gigabytes, or keep a parser busy for hours. A process of its own is given
so much memory and CPU time and no more; when it needs more it is killed, and the service goes on.
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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

from tipoff_common.clock import ZONE_VARIABLE
from tipoff_common.ports import Unavailable
from tipoff_scraper_runner.errors import TooCostly
from tipoff_scraper_runner.parser_server import read_frame, write_frame
from tipoff_scraper_runner.registry import Registered
from tipoff_scraper_runner.scraper import Parsed, ScrapeParameters

MIB = 1024 * 1024
_HARMLESS_BYTES = 1 * MIB
_HARMLESS_VALUES = 50_000
"""JSON values that are decoded in the service itself; they take at most about 10 MiB."""
# The fleet's zone among them: a scraper that computes business days gets the same ones wherever it is parsed.
_INHERITED = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "HOME", "LANG", "TZ", ZONE_VARIABLE)
"""Environment variables of a parser's process; the source's secrets are not among them."""


class Parse(Protocol):
    """Parses one payload."""

    def __call__(
        self, scraper: Registered, body: bytes, parameters: ScrapeParameters, *, apart: bool = False
    ) -> Parsed:
        """apart: never in this process. Raises what the scraper's `parse` raises, TooCostly and Unavailable."""


def parse_in_process(
    scraper: Registered,
    body: bytes,
    parameters: ScrapeParameters,
    *,
    apart: bool = False,  # noqa: ARG001  # there is no other process
) -> Parsed:
    """Parse without any bound; for tests and benchmarks, whose payloads are their own."""
    parsed: Parsed = scraper.module.parse(body, parameters)
    return parsed


@dataclass(frozen=True)
class Limits:
    """Limits for the parsing of one payload."""

    memory_bytes: int = 384 * MIB
    """Beyond what the process has before; the largest document known takes 60 MiB."""
    cpu_seconds: int = 30
    """The largest document known takes 2 s."""
    result_bytes: int = 16 * MIB
    """Of the records, as they come back; the longest list known has 3 MiB."""
    patience_seconds: float = 75.0
    """Until an answer comes, CPU time shared with others included."""


class ParserProcess:
    """A warm process that forks a child for each payload, so that imports are paid for once.

    It is started at the first payload that needs it: an instance that sees none starts as fast as before. One payload
    is parsed at a time, as on the one CPU that an instance has.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # frozen
        self._limits, self._lock = limits, threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None

    def parse(
        self, scraper: Registered, body: bytes, parameters: ScrapeParameters, *, apart: bool = False
    ) -> Parsed:
        """Parse `body` here when it is small plain JSON, else apart.

        Raises:
            TooCostly: it would take more memory or time than it may.
            Unavailable: the process could not be started.
            Whatever the scraper's `parse` raises.
        """
        if not apart and _is_plain_json(body):
            return parse_in_process(scraper, body, parameters)
        # The path goes along: a fleet outside the installed packages is found by it.
        job = pickle.dumps((scraper.module_name, body, parameters.model_dump(mode="json"), sys.path))
        # One at a time: the process has one pair of pipes, and an instance one CPU.
        with self._lock:
            answer = self._ask(job, len(body))
        lines, pickled = pickle.loads(answer)  # noqa: S301  # our own child wrote it
        for line in lines:
            _log(line)
        result = pickle.loads(pickled)  # noqa: S301  # as above
        if isinstance(result, Exception):
            raise result  # made by the scraper in the child; its traceback stays there
        parsed: Parsed = result
        return parsed

    def close(self) -> None:
        """End the process; the next payload that needs it starts another."""
        with self._lock:
            self._stop()

    def _ask(self, job: bytes, size: int) -> bytes:
        """Have a job done; once more if the process was lost while it was idle, and not by this payload."""
        problem: Exception | None = None
        for _ in range(2):
            server = self._running()
            try:
                return _exchange(server, job, self._limits.patience_seconds)
            # Not tried again: this payload took all the time there is, and would take it once more.
            except TimeoutError as error:
                self._stop()
                problem = error
                break
            except (OSError, EOFError) as error:
                self._stop()
                problem = error
        raise TooCostly(f"parsing {size} bytes ended the parser's process: {problem}") from problem

    def _running(self) -> subprocess.Popen[bytes]:
        # A process that ended while nobody asked anything is replaced without a word.
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
                    start_new_session=True,  # so that ending it ends its child too
                )
            except OSError as error:
                raise Unavailable(f"no process for parsing could be started: {error}") from error
            # The pipe's end tells the process when this one is gone; this leaves no zombie in one that ends in order.
            atexit.register(self.close)
        return self._server

    def _stop(self) -> None:
        if self._server is not None:
            atexit.unregister(self.close)
            # Killed rather than asked: it may be busy with a payload that never ends.
            _end(self._server)
            self._server.communicate()
            self._server = None


def _log(line: Mapping[str, object]) -> None:
    """Log a line of the parser's process as one of this run: with its ids, and without its secrets."""
    record = logging.makeLogRecord(dict(line))
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def _is_plain_json(body: bytes) -> bool:
    """Return whether `body` is JSON by its first byte, holds no markup, and takes little memory to decode.

    What a parser makes of anything else is unknown: Python's own parser of HTML takes minutes for 70 kB of unfinished
    tags, and a PDF may unfold without any bound.
    """
    start = body.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")
    # Without "<" there is neither a tag nor a PDF's dictionary, so one bracket before a page does not bring it here.
    return start.startswith((b"{", b"[")) and b"<" not in body and is_harmless(body)


def is_harmless(body: bytes) -> bool:
    """Return whether decoding `body` as JSON takes little memory, whatever is in it."""
    return len(body) <= _HARMLESS_BYTES and json_values(body) <= _HARMLESS_VALUES


def json_values(body: bytes) -> int:
    """Return the most values that reading a JSON document makes: each follows a comma, a colon or a bracket."""
    return sum(body.count(mark) for mark in (b",", b":", b"[", b"{"))


def _exchange(server: "subprocess.Popen[bytes]", job: bytes, patience: float) -> bytes:
    """Send a job and wait for its answer. Raises TimeoutError, and OSError or EOFError when the process is gone."""
    late = threading.Event()

    def end() -> None:
        # Killing the process ends every read and write on its pipes, however far they have come.
        late.set()
        _end(server)

    watchdog = threading.Timer(patience, end)
    watchdog.daemon = True
    watchdog.start()
    try:
        write_frame(cast(BinaryIO, server.stdin), job)
        return read_frame(cast(BinaryIO, server.stdout))
    except (OSError, EOFError) as error:
        if late.is_set():
            raise TimeoutError(f"no answer within {patience:g} s") from error
        raise
    finally:
        watchdog.cancel()


def _end(server: "subprocess.Popen[bytes]") -> None:
    """Kill the process and the child that it forked."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
