"""The shell of a deployment: it runs commands in the folder of the fleet's repository, or records them in tests."""

import os
import subprocess
from collections.abc import Mapping
from typing import Protocol

from tipoff_cli.checkout import FLEET


class ShellFailed(Exception):
    """A command that failed; the message has the command, and its error output or exit code."""


class Shell(Protocol):
    """A runner of commands. Both methods raise ShellFailed."""

    def ask(self, *command: str) -> str:
        """Run the command; return its standard output."""

    def do(self, *command: str, environment: Mapping[str, str] = {}) -> None:
        """Run the command with its output on the terminal."""


class LocalShell:
    """Commands in the folder of the fleet's repository."""

    def ask(self, *command: str) -> str:
        """Run a command and return its standard output. Raises ShellFailed."""
        done = subprocess.run(  # noqa: S603  # our own commands
            command, cwd=FLEET.folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise ShellFailed(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def do(self, *command: str, environment: Mapping[str, str] = {}) -> None:
        """Run a command with its output on the terminal. Raises ShellFailed."""
        print("+", *command, flush=True)  # noqa: T201
        variables = {**os.environ, **environment}
        done = subprocess.run(command, cwd=FLEET.folder, env=variables, check=False)  # noqa: S603  # our own commands
        if done.returncode:
            raise ShellFailed(f"{' '.join(command)}: exit code {done.returncode}")


def last_line(error: ShellFailed) -> str:
    """Return the last line of a failed command's message, indented to stand below a fault."""
    return f"\n  ({str(error).splitlines()[-1]})"
