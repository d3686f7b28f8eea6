"""The shell of a deployment: it runs commands in the folder of the fleet's repository, or records them in tests."""

import os
import subprocess
from collections.abc import Mapping
from typing import Protocol

from tipoff_cli.checkout import FLEET


class ShellFailed(Exception):
    """A command ended with another exit code than 0; the message has the command and what it said."""


class Shell(Protocol):
    """A runner of commands. Both methods raise ShellFailed."""

    def ask(self, *command: str) -> str:
        """Run the command; return what it prints on stdout."""

    def do(self, *command: str, environment: Mapping[str, str] = {}) -> None:
        """Run the command before the person's eyes."""


class LocalShell:
    """Commands in the folder of the fleet's repository."""

    def ask(self, *command: str) -> str:
        """Run a command and return its output. Raises CommandFailed."""
        done = subprocess.run(  # noqa: S603  # our own commands
            command, cwd=FLEET.folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise ShellFailed(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def do(self, *command: str, environment: Mapping[str, str] = {}) -> None:
        """Run a command whose output people see. Raises CommandFailed."""
        print("+", *command, flush=True)  # noqa: T201
        variables = {**os.environ, **environment}
        done = subprocess.run(command, cwd=FLEET.folder, env=variables, check=False)  # noqa: S603  # our own commands
        if done.returncode:
            raise ShellFailed(f"{' '.join(command)}: exit code {done.returncode}")


def last_line(error: ShellFailed) -> str:
    """Render what a failed command said, to stand below a fault."""
    return f"\n  ({str(error).splitlines()[-1]})"
