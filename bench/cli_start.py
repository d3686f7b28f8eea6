"""What the command line costs before it does anything: CPU of a process, as multiples of a bare interpreter's.

Seconds depend on the machine, the multiples hardly; a change of an import shows in them at once.

    python bench/cli_start.py
"""

import resource
import subprocess
import sys

ROUNDS = 5
COMMANDS = (
    ("--help",),
    ("--version",),
    ("status", "--help"),
    ("query", "--list"),
    ("validate",),
    ("status",),
)


def cpu(command: list[str]) -> float:
    """Return the least CPU seconds, user and system, of some runs of a command with all its children."""
    least = float("inf")
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return least


def main() -> None:
    """Measure and print."""
    bare = cpu([sys.executable, "-c", "pass"])
    print(f"{'python -c pass':<28}{bare:6.3f} s")
    for arguments in COMMANDS:
        spent = cpu([sys.executable, "-m", "tipoff_cli", *arguments])
        print(f"{'tipoff ' + ' '.join(arguments):<28}{spent:6.3f} s{spent / bare:8.1f} times")


if __name__ == "__main__":
    main()
