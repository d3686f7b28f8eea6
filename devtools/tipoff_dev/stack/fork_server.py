"""`python -m tipoff_dev.stack.fork_server DESCRIPTOR LIBRARY...`: a process that forks one for each module of a stack.

Two thirds of what a service costs to start are imports of libraries that all services share. This server imports them
once. It imports nothing of Tipoff, so that a module which is started anew after an edit runs what was edited.

It takes from a socket a line of JSON for each, a `Start`, with the writing end of a pipe, and writes two lines there:
the id of the process, and when that has ended its exit code. When the socket closes, however its owner ended, kill -9
included, the server stops what it started and ends as well.
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
"""No service's image has them. Google's client of BigQuery imports them where they are installed, as the embedded
warehouse's needs and the tests' are beside the developer's services: half a second of processor at each start."""
GRACE_SECONDS = 5.0
"""How long processes have to end by themselves after their owner has ended."""
_ENDING = (signal.SIGINT, signal.SIGTERM)


class Start(TypedDict):
    """A module to run in a process of its own."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    """All variables that the process gets."""
    cwd: str
    log: str
    """The file to which its output is appended."""


def import_libraries(names: Sequence[str]) -> None:
    """Import what services share, and leave it out of every collection of cycles from then on.

    It stays for good. Each forked process would look through it again and again, and copy it by doing so: a sixth of
    what a stack costs to start.

    Raises:
        RuntimeError: a library began a thread, which a forked process would lack.
    """
    # None in place of a module makes its import fail as if it were not installed.
    sys.modules.update(dict.fromkeys(NOT_IN_IMAGES))  # type: ignore[arg-type]
    gc.disable()
    for name in names:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    if threading.active_count() > 1:
        raise RuntimeError(f"{threading.enumerate()} began with an import: take the library from LIBRARIES")


def serve(owner: socket.socket) -> Start | None:
    """Fork a process for each `Start` until the owner has ended. In a process that was forked, return what it is to
    run; in the server, return None."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)  # one that is ignored would not wake
    # A terminal's Ctrl-C is the owner's to answer. Blocked and not ignored, so that what is sent to a process that was
    # forked a moment ago waits until it runs its module.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    pipes = dict[int, int]()
    with woken, waker, owner:
        while True:
            ready, _, _ = select.select([owner, woken], [], [])
            if woken in ready:
                woken.recv(1024)
                report_ended(pipes)
            if owner in ready:
                # One at a time: the owner waits for the id before it sends another.
                line, (*pipe,), _, _ = socket.recv_fds(owner, 1 << 20, 1)
                while line and not line.endswith(b"\n"):
                    line += owner.recv(1 << 20)
                if not line:
                    signal.set_wakeup_fd(-1)  # closed below, while processes go on ending
                    break
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    # Left open here, they would hide the end of the others.
                    for descriptor in (*pipe, *pipes.values()):
                        os.close(descriptor)
                    to_run: Start = json.loads(line)
                    return to_run
                (pipes[pid],) = pipe
                answer(pipes[pid], pid)
    end(pipes)
    return None


def report_ended(pipes: dict[int, int]) -> None:
    """Write the exit codes of those that have ended into their pipes, and take them out of `pipes`, which is by id."""
    while pipes:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            break
        pipe = pipes.pop(pid)
        answer(pipe, os.waitstatus_to_exitcode(status))
        os.close(pipe)


def answer(pipe: int, number: int) -> None:
    """Write a line to the owner, unless it has ended: its socket, which closes then too, ends the server."""
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, b"%d\n" % number)


def end(pipes: dict[int, int]) -> None:
    """Tell the processes to end, and kill those that do not in time."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pipes:
            os.kill(pid, number)
        deadline = time.monotonic() + GRACE_SECONDS
        while pipes and time.monotonic() < deadline:
            time.sleep(0.02)
            report_ended(pipes)


def name_process(module: str) -> None:
    """Let `top` and `ps` tell by its name what the process runs; the kernel keeps 15 characters. Linux only."""
    name = module.removeprefix("tipoff_").removeprefix("gcp_emulators.").removeprefix("dev.fakes.")
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/comm").write_text(name[:15])


def run(start: Start) -> None:
    """Run the module as `__main__`, as if it had been started by itself."""
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
    sys.path[0] = start["cwd"]  # as `python -m` has it
    if not start["module"].startswith("tipoff_"):  # an emulator, which may need them
        for name in NOT_IN_IMAGES:
            del sys.modules[name]
    sys.argv = [start["module"], *start["arguments"]]
    runpy.run_module(start["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    import_libraries(sys.argv[2:])
    to_run = serve(socket.socket(fileno=int(sys.argv[1])))
    if to_run is not None:
        run(to_run)
