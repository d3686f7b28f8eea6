"""What the command line costs before it does anything: CPU of a process, as multiples of a bare interpreter's.

Seconds depend on the machine, the multiples hardly; a change of an import shows in them at once.

    python -m bench.cli_start [--json]
"""

import subprocess
import sys

from bench.command import bench_parser, report
from bench.measures import cpu_seconds_of_children

ROUNDS = 5
COMMANDS = (
    ("--help",),
    ("--version",),
    ("status", "--help"),
    ("query", "--list"),
    ("validate",),
    ("status",),
)


def cpu_ms(*arguments: str) -> float:
    """Return the least CPU time, user and system, of some runs of Python with all its children."""
    spent = []
    for _ in range(ROUNDS):
        before = cpu_seconds_of_children()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
        spent.append(cpu_seconds_of_children() - before)
    return round(min(spent) * 1e3)


def main() -> int:
    """Measure and print."""
    arguments = bench_parser(__doc__).parse_args()
    bare = cpu_ms("-c", "pass")
    found = {"python -c pass": bare} | {
        f"tipoff {' '.join(command)}": cpu_ms("-m", "tipoff_cli", *command) for command in COMMANDS
    }
    rows = {name: {"cpu_ms": spent, "times_bare": round(spent / bare, 1)} for name, spent in found.items()}
    return report({"command": rows}, arguments)


if __name__ == "__main__":
    sys.exit(main())
