"""The process that parses what may do harm: `python -m tipoff_scraper_runner.parser_server MEMORY CPU RESULT`.

It reads jobs from standard input and forks a child for each, which is given bounds and may die. A fork takes
milliseconds where a start of Python and of the PDF library takes a second.
"""

import contextlib
import importlib
import logging
import os
import pickle
import resource
import signal
import sys
import traceback
from typing import BinaryIO, NoReturn

from tipoff_scraper_runner.errors import NotPublished, ScrapeFailure, TooCostly, Unforeseen

_LENGTH = 8
# A code of our own: Python's 1 would be any unforeseen error.
_EXIT_MEMORY = 3


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
    """Serve until standard input ends, which it does when the service ends."""
    memory_bytes, cpu_seconds, result_bytes = map(int, arguments)
    # Whatever a scraper prints must not get among the answers.
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    logging.getLogger().addHandler(logging.NullHandler())
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the service, which ends this process by itself
    while True:
        try:
            job = read_frame(jobs)
        except EOFError:
            return 0
        answer, imported = _answer(job, memory_bytes, cpu_seconds, result_bytes)
        write_frame(answers, answer)
        # A child takes its imports with it when it ends; made here, the children after it find them.
        for name in imported:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _answer(job: bytes, memory_bytes: int, cpu_seconds: int, result_bytes: int) -> tuple[bytes, list[str]]:
    """Return the pickled result or exception of a job, and which modules its child imported."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        _run_child(job, sending, memory_bytes, cpu_seconds)
    os.close(sending)
    # Read to the end before waiting for it: a child with more to say than a pipe holds would wait for ever.
    with os.fdopen(receiving, "rb") as pipe:
        result = pipe.read(result_bytes + 1)
    if len(result) > result_bytes:
        # It may still be writing.
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if len(result) > result_bytes:
        return _refusal(f"what was read in it takes more than {result_bytes} bytes"), []
    if status == 0 and result:
        answer, imported = pickle.loads(result)  # noqa: S301  # our own child wrote it
        return answer, imported
    code = os.waitstatus_to_exitcode(status)
    # By CPU time or by the alarm: both mean that it would have gone on.
    if code in (-signal.SIGXCPU, -signal.SIGALRM):
        return _refusal(f"parsing it takes more than {cpu_seconds} s of CPU time"), []
    # SIGKILL is the kernel's way when the container is short of memory.
    if code == _EXIT_MEMORY or code == -signal.SIGKILL:
        return _refusal(f"parsing it takes more than {memory_bytes} bytes of memory"), []
    return _refusal(f"parsing it ended its process (exit code {code})"), []


def _refusal(why: str) -> bytes:
    return pickle.dumps(
        TooCostly(f"the payload is too costly: {why}; it is kept, and no delivery parses it again")
    )


def _run_child(job: bytes, sending: int, memory_bytes: int, cpu_seconds: int) -> NoReturn:
    """Parse within bounds, write the result, and end the process without any of Python's own cleaning up."""
    try:
        before = set(sys.modules)
        _bound(memory_bytes, cpu_seconds)
        answer = _pickled(_parse(job))
        imported = [name for name in sys.modules if name not in before]
        with os.fdopen(sending, "wb") as pipe:
            pipe.write(pickle.dumps((answer, imported)))
        os._exit(0)
    except MemoryError:
        os._exit(_EXIT_MEMORY)
    except BaseException:  # noqa: BLE001  # os._exit must be reached whatever happens, or the child would serve
        traceback.print_exc()
        os._exit(1)


def _bound(memory_bytes: int, cpu_seconds: int) -> None:
    """Give this process so much and no more."""
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123  # a file of the kernel
        mapped = int(statm.read().split()[0]) * resource.getpagesize()
    # Beyond what is mapped already: the imports of the server count towards the child's address space.
    resource.setrlimit(resource.RLIMIT_AS, (mapped + memory_bytes,) * 2)
    # A second between the soft limit and the hard one, so that it ends by SIGXCPU, which says why.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    # A core file of hundreds of megabytes would fill the container's disk, which is memory.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A parser that waits instead of working ends too; twice the CPU time, as the CPU is shared.
    signal.alarm(cpu_seconds * 2)
    # Where the container itself runs out of memory, this is the process to end and not the service.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb") as score:  # noqa: PTH123
        score.write(b"1000")


def _parse(job: bytes) -> object:
    """Run the scraper's `parse`; return what it returns or raises."""
    name, body, parameters, path = pickle.loads(job)  # noqa: S301  # the service wrote it
    # The service's own: its fleet may lie outside the installed packages.
    sys.path[:] = path
    try:
        module = importlib.import_module(name)
        return module.parse(body, module.Parameters.model_validate(parameters))
    except MemoryError:
        raise
    except (NotPublished, ScrapeFailure) as error:
        return error
    except Exception as error:  # noqa: BLE001  # an unforeseen error is a fact about this payload
        return Unforeseen(f"{type(error).__name__}: {error}", traceback.format_exc())


def _pickled(result: object) -> bytes:
    try:
        answer = pickle.dumps(result)
        if isinstance(result, Exception):
            pickle.loads(answer)  # noqa: S301  # an exception that asks for more arguments fails only here
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # as above
        return pickle.dumps(
            Unforeseen(f"{type(result).__name__} cannot be sent: {error}", traceback.format_exc())
        )
    return answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
