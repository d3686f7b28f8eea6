"""Child processes that are started together and never outlive the one who started them."""

import os
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tipoff_cli.errors import CommandFailed

READY_SECONDS = 180.0
STOP_SECONDS = 8.0


class StackError(CommandFailed):
    """The stack cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class Program:
    """What a child runs: a module with its arguments, exactly this environment beside what a process needs to live."""

    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: Path


@dataclass
class Child:
    """A running module: its name for people, what it runs, its process and its log."""

    name: str
    program: Program
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise StackError with the end of the log when the process has ended."""
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-1500:]
            raise StackError(
                f"{self.name} ended with exit code {self.process.returncode}:\n{tail}(log: {self.log})"
            )

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask the process to end and kills it when it does not in time."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Processes:
    """Starts modules and stops all of them. Each writes its output to a file in `folder`."""

    def __init__(self, logs: Path) -> None:
        self.folder = logs
        self.folder.mkdir(parents=True, exist_ok=True)
        self.children: dict[str, Child] = {}
        self._lifeline, self._writing_end = os.pipe()

    def start(self, name: str, program: Program) -> Child:
        """Start `python -m module arguments`; its log begins anew."""
        (self.folder / f"{name}.log").unlink(missing_ok=True)
        return self._start(name, program)

    def set_environment(self, name: str, environment: Mapping[str, str]) -> None:
        """Give a child other variables from its next start on."""
        child = self.children[name]
        child.program = replace(child.program, environment=environment)

    def restart(self, name: str) -> Child:
        """End the child unless it has ended, and start it as before; its log goes on."""
        child = self.children[name]
        child.stop()
        return self._start(name, child.program)

    def _start(self, name: str, program: Program) -> Child:
        command = [
            sys.executable,
            "-m",
            "tipoff_dev.stack.child",
            str(self._lifeline),
            program.module,
            *program.arguments,
        ]
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  # our own interpreter and modules
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**_inherited(), **program.environment},
                cwd=program.cwd,
                pass_fds=(self._lifeline,),
                start_new_session=True,
            )
        child = Child(name, program, process, log)
        self.children[name] = child
        return child

    def check(self) -> None:
        """Raise StackError when any child has ended."""
        for child in self.children.values():
            child.check()

    def stop(self, first: Collection[str] = ()) -> None:
        """Ask every child to stop, those named `first` before the others, which they use, and kills what does not."""
        for names in (first, self.children):
            children = [child for name, child in self.children.items() if name in names]
            for child in children:
                if child.process.poll() is None:
                    child.process.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            for child in children:
                child.stop(max(0.0, deadline - time.monotonic()))
        self.children.clear()
        for descriptor in (self._lifeline, self._writing_end):
            os.close(descriptor)


def _inherited() -> dict[str, str]:
    """Return what a Python process needs of the caller's environment, so that no setting leaks into a service."""
    kept = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT", "TZ"]
    # By it `make coverage` measures the services too; no service reads it.
    kept.append("COVERAGE_PROCESS_CONFIG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONUNBUFFERED": "1"}
