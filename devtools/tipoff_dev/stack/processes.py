"""Processes that are started together and never outlive the process that started them."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tipoff_cli.errors import CommandFailed
from tipoff_dev.stack.fork_server import LIBRARIES, Start

READY_SECONDS = 180.0
STOP_SECONDS = 8.0


class StackError(CommandFailed):
    """The stack cannot carry out a command; the message gives the reason and the remedy."""


@dataclass(frozen=True)
class Program:
    """A child process: a module with its arguments, and exactly this environment beside necessities such as PATH."""

    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: Path


class ForkedProcess:
    """A process of the fork server, with the methods of `subprocess.Popen` that have the same names."""

    def __init__(self, pipe: int) -> None:
        """pipe: the pipe to which the server writes the process id and the exit code.

        Raises ValueError when the server has ended.
        """
        self._lines = os.fdopen(pipe, "rb")
        try:
            self.pid = int(self._lines.readline())
        except ValueError:
            self._lines.close()
            raise
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process has ended. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        if self.returncode is None:
            if not select.select([self._lines], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            line = self._lines.readline()
            self._lines.close()
            if not line:
                # The server was killed, so no other process would end this one.
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            self.returncode = int(line or -signal.SIGKILL)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal unless the process has ended."""
        if self.poll() is None:
            # The process may end here, before the server has reported its exit code.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The owner's end of `tipoff_dev.stack.fork_server`. Its processes end with the owner."""

    def __init__(self, libraries: Sequence[str] = LIBRARIES) -> None:
        """libraries: the modules to import once, before the first process is forked."""
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-m", "tipoff_dev.stack.fork_server", str(theirs.fileno()), *libraries],
                stdin=subprocess.DEVNULL,
                env=_inherited(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def start(self, start: Start) -> ForkedProcess:
        """Start a process. Raises StackError when the server has ended."""
        reading, writing = os.pipe()
        with self._lock:
            # A server that has ended refuses the request; a server that ends now does not answer it.
            with suppress(OSError):
                socket.send_fds(self._socket, [json.dumps(start).encode() + b"\n"], [writing])
            os.close(writing)
            try:
                return ForkedProcess(reading)
            except ValueError:
                raise StackError(
                    "the process that starts the others has ended; start the stack again"
                ) from None

    @property
    def runs(self) -> bool:
        """Whether the server can start processes."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the server and all its processes."""
        self._socket.close()
        self._process.wait()


_shared: list[ForkServer] = []


def fork_server() -> ForkServer:
    """Return the server that all stacks of this process share; start another if it has ended."""
    if not _shared or not _shared[-1].runs:
        _shared.append(ForkServer())
        atexit.register(_shared[-1].close)
    return _shared[-1]


@dataclass
class Child:
    """A running module: its display name, program, process and log."""

    name: str
    program: Program
    process: ForkedProcess
    log: Path

    def check(self) -> None:
        """Raise StackError with the end of the log when the process has ended."""
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-1500:]
            raise StackError(
                f"{self.name} ended with exit code {self.process.returncode}:\n{tail}(log: {self.log})"
            )

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Terminate the process, and kill it when it still runs after `seconds`."""
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Processes:
    """The modules that one stack has started. Each writes its output to a file in `folder`."""

    def __init__(self, logs: Path, server: ForkServer | None = None) -> None:
        """server: the server that forks the processes; None for the shared server of this process."""
        self.folder = logs
        self.folder.mkdir(parents=True, exist_ok=True)
        self.children: dict[str, Child] = {}
        self.set_aside: set[str] = set()
        """Children that have ended and are started again later; `check` ignores them."""
        self._server = server or fork_server()

    def start(self, name: str, program: Program) -> Child:
        """Start `python -m module arguments` with an empty log."""
        (self.folder / f"{name}.log").unlink(missing_ok=True)
        return self._start(name, program)

    def set_environment(self, name: str, environment: Mapping[str, str]) -> None:
        """Set a child's environment for its next start."""
        child = self.children[name]
        child.program = replace(child.program, environment=environment)

    def restart(self, name: str) -> Child:
        """End the child unless it has ended, and start it again; its log is continued."""
        child = self.children[name]
        child.stop()
        return self._start(name, child.program)

    def _start(self, name: str, program: Program) -> Child:
        log = self.folder / f"{name}.log"
        process = self._server.start(
            Start(
                module=program.module,
                arguments=list(program.arguments),
                environment={**_inherited(), **program.environment},
                cwd=str(program.cwd),
                log=str(log),
            )
        )
        child = Child(name, program, process, log)
        self.children[name] = child
        self.set_aside.discard(name)
        return child

    def set_aside_failed(self, names: Collection[str]) -> bool:
        """Set aside those of the named children that exited with a fault; return whether any did."""
        # A negative exit code means a signal, hence not a fault in an edited file.
        failed = [name for name in names if (self.children[name].process.poll() or 0) > 0]
        self.set_aside.update(failed)
        return bool(failed)

    def check(self) -> None:
        """Raise StackError when a child has ended that is not set aside."""
        for name, child in self.children.items():
            if name not in self.set_aside:
                child.check()

    def stop(self, first: Collection[str] = ()) -> None:
        """Stop all children: first those in `first`, which use the others. Kill a child that does not end in time."""
        for names in (first, self.children):
            children = [child for name, child in self.children.items() if name in names]
            for child in children:
                child.process.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            for child in children:
                child.stop(max(0.0, deadline - time.monotonic()))
        self.children.clear()


def _inherited() -> dict[str, str]:
    """Return the caller's variables that a Python process needs, and no others: no setting may leak into a service."""
    kept = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT", "TZ", "XDG_CACHE_HOME"]
    # `make coverage` sets this variable to measure the services too; no service reads it.
    kept.append("COVERAGE_PROCESS_CONFIG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONUNBUFFERED": "1"}
