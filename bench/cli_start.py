"""Measure the start of the command line beside the imports of its libraries and beside a bare interpreter.

    python -m bench.cli_start [--times 5] [--json]

Each command runs in its own process, `status` without a stack. Then another process only imports the libraries that the
command imported. Seconds depend on the machine, the ratios hardly: `to_libraries` shows the share of our own code, and
a library imported too early shows in `to_bare` at once.
"""

from __future__ import annotations

import subprocess
import sys

from bench.command import Figures, run
from bench.measures import cpu_seconds_of_children

COMMANDS = ("--help", "--version", "status --help", "query --list", "validate", "status")
IMPORT_ALL = """
import contextlib, importlib, sys
for name in sys.argv[1:]:
    with contextlib.suppress(ImportError):  # as in the command: libraries try packages that are not installed
        importlib.import_module(name)
"""


def cpu_ms(times: int, *arguments: str) -> float:
    """Return the least CPU time, user and system, of some runs of Python with all its children."""
    spent = []
    for _ in range(times):
        before = cpu_seconds_of_children()
        done = subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
        spent.append(cpu_seconds_of_children() - before)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
    return round(min(spent) * 1e3, 1)


def imported(*arguments: str) -> list[str]:
    """Return the modules that Python imports, in the order in which their imports end."""
    command = [sys.executable, "-X", "importtime", *arguments]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stderr.splitlines()
    # The first line is the head of the table.
    return [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")][1:]


def measure(command: str, times: int, bare: float, interpreter: list[str]) -> dict[str, float]:
    """Measure a command, and the import of its libraries; `interpreter` are the modules of every process."""
    arguments = ("-m", "tipoff_cli", *command.split())
    libraries = [
        name for name in imported(*arguments) if not name.startswith("tipoff_") and name not in interpreter
    ]
    spent, imports = cpu_ms(times, *arguments), cpu_ms(times, "-c", IMPORT_ALL, *libraries)
    return {
        "cpu_ms": spent,
        "libraries": len(libraries),
        "libraries_ms": imports,
        "to_libraries": round(spent / imports, 2),
        "to_bare": round(spent / bare, 1),
    }


def main(times: int = 5) -> Figures:
    """Measure."""
    bare, interpreter = cpu_ms(times, "-c", "pass"), imported("-c", "pass")
    found = {f"tipoff {command}": measure(command, times, bare, interpreter) for command in COMMANDS}
    return {"bare_ms": bare, "command": found}


if __name__ == "__main__":
    run(main)
