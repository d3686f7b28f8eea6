"""`python -m tipoff_dev.stack.fork_server DESCRIPTOR LIBRARY...`: a server that forks a process for each module.

Imports of libraries that all services share are two thirds of a service's cost to start. The server imports them once.
It imports no module of Tipoff, so that a module that is restarted after an edit runs the edited code.

The server receives from a socket a line of JSON for each process, a `Start`, with the writing end of a pipe. It writes
two lines to the pipe: the process id and, after the process has ended, its exit code. When the socket closes, even
after a kill -9 of the owner, the server stops its processes and exits.
"""

import contextlib
import gc
import importlib
import json
import os
import pathlib
import runpy
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import TypedDict

LIBRARIES = (
    "anyio._backends._asyncio",
    "cloudevents.core.bindings.http",
    "fastapi",
    "google.auth.transport.requests",
    "google.cloud.bigquery",
    "google.cloud.pubsub_v1",
    "google.cloud.storage",
    "httpx",
    "opentelemetry.sdk.trace",
    "pydantic.v1",
    "pydantic_settings",
    "requests",
    "sqlglot",
    "uvicorn.lifespan.on",
    "uvicorn.logging",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
    "yaml",
)
NOT_IN_IMAGES = ("pandas", "pyarrow")
"""Packages that no service's image has. Google's BigQuery client imports them where they are installed, as in a
developer's environment for the embedded warehouse and the tests: half a second of CPU time at each start."""
GRACE_SECONDS = 5.0
"""Time between SIGTERM and SIGKILL for the processes of an owner that has ended."""
_ENDING = (signal.SIGINT, signal.SIGTERM)


class Start(TypedDict):
    """A module to run in its own process."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    """All environment variables of the process."""
    cwd: str
    log: str
    """The file to which its output is appended."""


def import_libraries(names: Sequence[str]) -> None:
    """Import the libraries that services share, and exclude their objects from garbage collection.

    These objects are never freed. Each forked process would otherwise scan them repeatedly, and copy their memory by
    doing so: a sixth of the cost to start a stack.

    Raises:
        RuntimeError: a library started a thread, which a forked process would lack.
    """
    # None in place of a module makes its import fail as if it were not installed.
    sys.modules.update(dict.fromkeys(NOT_IN_IMAGES))  # type: ignore[arg-type]
    gc.disable()
    for name in names:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    if threading.active_count() > 1:
        raise RuntimeError(
            f"an import started threads, {threading.enumerate()}: remove the library from LIBRARIES"
        )


def serve(owner: socket.socket) -> Start | None:
    """Fork a process for each `Start` until the owner has ended. Return the `Start` in the forked process, and None in
    the server."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)  # an ignored signal would not wake the server
    # The owner handles a terminal's Ctrl-C. Blocked and not ignored, so that a signal to a newly forked process waits
    # until the process runs its module.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    pipes = dict[int, int]()
    with woken, waker, owner:
        while True:
            ready, _, _ = select.select([owner, woken], [], [])
            if woken in ready:
                woken.recv(1024)
                report_ended(pipes)
            if owner in ready:
                # One request at a time: the owner waits for the process id before it sends another.
                line, (*pipe,), _, _ = socket.recv_fds(owner, 1 << 20, 1)
                while line and not line.endswith(b"\n"):
                    line += owner.recv(1 << 20)
                if not line:
                    signal.set_wakeup_fd(-1)  # `waker` is closed below, while processes may still end
                    break
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    # Copies of the pipes left open here would hide the end of file from the owner.
                    for descriptor in (*pipe, *pipes.values()):
                        os.close(descriptor)
                    to_run: Start = json.loads(line)
                    return to_run
                (pipes[pid],) = pipe
                answer(pipes[pid], pid)
    end(pipes)
    return None


def report_ended(pipes: dict[int, int]) -> None:
    """Write the exit codes of ended processes to their pipes, and remove them from `pipes`, whose keys are the ids."""
    while pipes:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            break
        pipe = pipes.pop(pid)
        answer(pipe, os.waitstatus_to_exitcode(status))
        os.close(pipe)


def answer(pipe: int, number: int) -> None:
    """Write a line to the owner. Ignore an owner that has ended: its closed socket makes the server exit."""
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, b"%d\n" % number)


def end(pipes: dict[int, int]) -> None:
    """Terminate the processes, and kill those that still run after `GRACE_SECONDS`."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pipes:
            os.kill(pid, number)
        deadline = time.monotonic() + GRACE_SECONDS
        while pipes and time.monotonic() < deadline:
            time.sleep(0.02)
            report_ended(pipes)


def name_process(module: str) -> None:
    """Name the process after its module for `top` and `ps`; the kernel keeps 15 characters. Linux only."""
    name = module.removeprefix("tipoff_").removeprefix("gcp_emulators.").removeprefix("dev.fakes.")
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/comm").write_text(name[:15])


def run(start: Start) -> None:
    """Run the module as `__main__`, as `python -m` does."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    output = os.open(start["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.close(output)
    os.environ.clear()
    os.environ.update(start["environment"])
    name_process(start["module"])
    os.chdir(start["cwd"])
    sys.path[0] = start["cwd"]  # as `python -m` sets it
    if not start["module"].startswith("tipoff_"):  # an emulator, which may need these packages
        for name in NOT_IN_IMAGES:
            del sys.modules[name]
    sys.argv = [start["module"], *start["arguments"]]
    runpy.run_module(start["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    import_libraries(sys.argv[2:])
    to_run = serve(socket.socket(fileno=int(sys.argv[1])))
    if to_run is not None:
        run(to_run)
