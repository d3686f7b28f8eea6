"""The process that parses risky payloads: `python -m tipoff_scraper_runner.parser_server MEMORY CPU RESULT`.

It reads jobs from standard input and forks a child with resource limits for each. A fork takes milliseconds, a start of
Python with the PDF library a second.
"""

import contextlib
import importlib
import io
import logging
import os
import pickle
import resource
import signal
import sys
import traceback
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

from tipoff_scraper_runner.errors import NotPublished, ScrapeFailure, TooCostly, Unforeseen

_LENGTH = 8
# Our own exit code: Python exits with 1 after any unforeseen error.
_EXIT_MEMORY = 3
_MAX_LINES = 200
"""Limit of forwarded log lines per payload: a scraper that logs each of 100,000 rows must not fill the pipe."""
_MAX_LINE_CHARACTERS = 2000
_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({})))
_PLAIN_TYPES = int | float | bool | None


def read_frame(source: BinaryIO) -> bytes:
    """Read one frame. Raises EOFError when the other side is gone."""
    length = source.read(_LENGTH)
    body = source.read(int.from_bytes(length, "big")) if len(length) == _LENGTH else b""
    if len(length) < _LENGTH or len(body) < int.from_bytes(length, "big"):
        raise EOFError("the other side is gone")
    return body


def write_frame(target: BinaryIO, body: bytes) -> None:
    """Write one frame. Raises OSError when the other side is gone."""
    target.write(len(body).to_bytes(_LENGTH, "big"))
    target.write(body)
    target.flush()


def main(arguments: list[str]) -> int:
    """Serve jobs until standard input ends, with the service."""
    memory_bytes, cpu_seconds, result_bytes = map(int, arguments)
    # Redirect standard output: text that a scraper prints must not get into the results.
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends this process
    while True:
        try:
            job = read_frame(jobs)
        except EOFError:
            return 0
        answer, imported = _answer(job, memory_bytes, cpu_seconds, result_bytes)
        write_frame(answers, answer)
        # The child's imports are lost when it ends; repeated here, they are inherited by later children.
        for name in imported:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _answer(job: bytes, memory_bytes: int, cpu_seconds: int, result_bytes: int) -> tuple[bytes, list[str]]:
    """Run a job in a child; return the response (log lines, pickled result or exception) and the child's imported
    modules.

    The service logs the lines, because only the service has the execution's ids and the secrets to redact.
    """
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        _run_child(job, sending, memory_bytes, cpu_seconds)
    os.close(sending)
    # Read to the end before waitpid(): a child would block for ever on a full pipe.
    with os.fdopen(receiving, "rb") as pipe:
        result = pipe.read(result_bytes + 1)
    if len(result) > result_bytes:
        # The child may still be writing.
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    frames = [pickle.loads(frame) for frame in _frames(result)]  # noqa: S301  # our own child wrote them
    lines = [frame for frame in frames if isinstance(frame, dict)]
    found = next((frame for frame in frames if isinstance(frame, tuple)), None)
    imported: list[str] = []
    if len(result) > result_bytes:
        answer = _refusal(f"the parsed result exceeds {result_bytes} bytes")
    elif status == 0 and found is not None:
        answer, imported = found
    else:
        answer = _refusal(_ending_reason(status, memory_bytes, cpu_seconds))
    return pickle.dumps((lines, answer)), imported


def _frames(written: bytes) -> Iterator[bytes]:
    """Yield the complete frames that a child wrote."""
    source = io.BytesIO(written)
    with contextlib.suppress(EOFError):
        while True:
            yield read_frame(source)


def _ending_reason(status: int, memory_bytes: int, cpu_seconds: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    # The CPU limit or the alarm: in both cases parsing had not finished.
    if code in (-signal.SIGXCPU, -signal.SIGALRM):
        return f"parsing exceeds {cpu_seconds} s of CPU time"
    # The kernel sends SIGKILL when the container runs out of memory.
    if code == _EXIT_MEMORY or code == -signal.SIGKILL:
        return f"parsing exceeds {memory_bytes} bytes of memory"
    return f"parsing ended its process (exit code {code})"


def _refusal(reason: str) -> bytes:
    return pickle.dumps(
        TooCostly(f"the payload is too costly: {reason}; it is saved, and no delivery parses it again")
    )


def _run_child(job: bytes, sending: int, memory_bytes: int, cpu_seconds: int) -> NoReturn:
    """Parse within limits, write the result, and exit without Python's cleanup."""
    try:
        before = set(sys.modules)
        _bound(memory_bytes, cpu_seconds)
        with os.fdopen(sending, "wb") as pipe:
            # Lines are written at once: for a killed child they are the only diagnosis.
            logging.basicConfig(level=logging.INFO, handlers=[_Lines(pipe)], force=True)
            answer = _pickled(_parse(job))
            imported = [name for name in sys.modules if name not in before]
            write_frame(pipe, pickle.dumps((answer, imported)))
        os._exit(0)
    except MemoryError:
        os._exit(_EXIT_MEMORY)
    except BaseException:  # noqa: BLE001  # os._exit must be reached after any error, or the child would serve jobs
        traceback.print_exc()
        os._exit(1)


class _Lines(logging.Handler):
    """Log handler that writes the first `_MAX_LINES` records as frames of plain values."""

    def __init__(self, pipe: BinaryIO) -> None:
        super().__init__()
        self._pipe, self._lines_left = pipe, _MAX_LINES

    def emit(self, record: logging.LogRecord) -> None:
        # As every handler of `logging` does: a faulty log call loses its line and does not fail the parse.
        try:
            self._write(record)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # see above
            self.handleError(record)

    def _write(self, record: logging.LogRecord) -> None:
        if self._lines_left == 0:
            return
        self._lines_left -= 1
        fields = {
            name: value if isinstance(value, _PLAIN_TYPES) else str(value)[:_MAX_LINE_CHARACTERS]
            for name, value in vars(record).items()
            if name not in _STANDARD_ATTRIBUTES
        }
        text = record.getMessage()
        if self._lines_left == 0:
            text = f"{text[:_MAX_LINE_CHARACTERS]} (the last of at most {_MAX_LINES} log lines for a payload)"
        if record.exc_info:
            fields["exception"] = logging.Formatter().formatException(record.exc_info)[-_MAX_LINE_CHARACTERS:]
        line = {
            **fields,
            "name": record.name,
            "levelno": record.levelno,
            "levelname": record.levelname,
            "created": record.created,
            "msg": text[: _MAX_LINE_CHARACTERS + 100],
        }
        write_frame(self._pipe, pickle.dumps(line))


def _bound(memory_bytes: int, cpu_seconds: int) -> None:
    """Limit the memory and CPU time of this process."""
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123  # a file of the kernel
        mapped = int(statm.read().split()[0]) * resource.getpagesize()
    # On top of the mapped memory: the imports of the server count towards the child's address space.
    resource.setrlimit(resource.RLIMIT_AS, (mapped + memory_bytes,) * 2)
    # The soft limit is a second below the hard one, so that the child ends by SIGXCPU, which identifies the cause.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    # A core file of hundreds of megabytes would fill the container's disk, which is memory.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The alarm ends a parser that waits without using CPU; it has twice the CPU time, as the CPU is shared.
    signal.alarm(cpu_seconds * 2)
    # When the container runs out of memory, the kernel should end this process and not the service.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb") as score:  # noqa: PTH123
        score.write(b"1000")


def _parse(job: bytes) -> object:
    """Run the scraper's `parse`; return its result or its exception."""
    name, body, parameters, path = pickle.loads(job)  # noqa: S301  # the service wrote it
    # The service's path: its fleet may lie outside the installed packages.
    sys.path[:] = path
    try:
        module = importlib.import_module(name)
        return module.parse(body, module.Parameters.model_validate(parameters))
    except MemoryError:
        raise
    except (NotPublished, ScrapeFailure) as error:
        return error
    # An unforeseen error is the result for this payload, and so is a call of sys.exit().
    except (Exception, SystemExit) as error:  # noqa: BLE001  # see above
        return Unforeseen(f"{type(error).__name__}: {error}", traceback.format_exc())


def _pickled(result: object) -> bytes:
    try:
        answer = pickle.dumps(result)
        if isinstance(result, Exception):
            pickle.loads(answer)  # noqa: S301  # an exception with more required arguments fails only here
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # as above
        return pickle.dumps(
            Unforeseen(f"{type(result).__name__} cannot be sent: {error}", traceback.format_exc())
        )
    return answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
