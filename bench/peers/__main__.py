"""The same work on Tipoff and on Prefect, Dagster, Airflow and procrastinate, one after the other on one machine.

    python -m bench.peers [--tasks 500] [--only tipoff prefect ...] [--json] [--write docs/reference/benchmarks.md]

Each peer has its own environment in build/bench-peers, made once from bench/peers/requirements, and its own PostgreSQL
server with Debian's default settings; its script (NAME_peer.py) describes the measurement. The column of a peer states
the measures that it lacks. `--write` writes the page of the documentation.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.command import bench_parser
from bench.figures import fill_page
from bench.measures import loop_seconds
from bench.peers import postgres
from tipoff_cli.checkout import REPOSITORY

HERE = Path(__file__).parent
ENVIRONMENTS = REPOSITORY / "build/bench-peers"
PEERS = ("prefect", "dagster", "airflow", "procrastinate")
DISTRIBUTION = {"airflow": "apache-airflow"}
TITLES = {"tipoff": "Tipoff", **{peer: peer.capitalize() for peer in PEERS}, "procrastinate": "procrastinate"}
ORCHESTRATORS = ("prefect", "dagster", "airflow")
"""Peers with workflows; procrastinate is a queue with jobs only, without workflows, occurrences or dependencies."""
TIMEOUT_SECONDS = 3_600
MEASURES = (
    ("per_second", "{tasks} no-op tasks, tasks a second", True),
    ("cpu_ms_a_task", "CPU a task, all processes, ms", False),
    ("trigger_ms", "one trigger to its durable record, median ms", False),
    ("evaluation_10", "CPU of an evaluation of 10 workflows, ms", False),
    ("evaluation_100", "of 100", False),
    ("evaluation_500", "of 500", False),
    ("idle_mib", "memory with nothing to do, MiB", False),
    ("cold_start_seconds", "cold start until ready, s", False),
)
"""Key, label, and whether more is better."""


def environment(peer: str) -> Path:
    """Return the peer's own Python; create its environment when missing or outdated. Raises CalledProcessError."""
    folder, wanted = ENVIRONMENTS / peer, HERE / "requirements" / f"{peer}.txt"
    python, made = folder / "bin/python", folder / ".complete"
    if not made.exists() or made.read_text() != wanted.read_text():
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        install = [uv, "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*install, "--python", python, "-r", wanted], check=True)
        made.write_text(wanted.read_text())
    return python


def measure_peer(peer: str, tasks: int) -> dict[str, Any]:
    """Run the peer's script; return its report, or the reason why there is none."""
    try:
        python = environment(peer)
        with postgres.running() as server, tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder:
            options = ["--tasks", str(tasks), "--folder", folder, "--database", server.url]
            done = subprocess.run(
                [python, HERE / f"{peer}_peer.py", *options, "--postgres", str(server.process_id)],
                stdout=subprocess.PIPE,
                text=True,
                timeout=TIMEOUT_SECONDS,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            )
            found = reported(done)
            return {**found, "version": version(peer), "postgres": server.version}
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        return {"failed": f"{type(error).__name__}: {error}"[:200]}


def reported(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the last result that a script has printed, empty without one, and its failure."""
    lines = [line for line in done.stdout.splitlines() if line.startswith("{") and line.endswith("}")]
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found | ({"failed": f"its script ended with {done.returncode}"} if done.returncode else {})


def version(peer: str) -> str:
    """Return the pinned version."""
    text = (HERE / "requirements" / f"{peer}.txt").read_text()
    found = re.search(rf"^{DISTRIBUTION.get(peer, peer)}==([^ ;\\]+)", text, re.MULTILINE)
    return found[1] if found else "unknown"


def measure_tipoff(tasks: int) -> dict[str, Any]:
    """Measure Tipoff's script in the same way; it runs in this environment."""
    command = [sys.executable, "-m", "bench.peers.tipoff_side", "--tasks", str(tasks)]
    return reported(subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY))


def value(found: Mapping[str, Any], key: str) -> float | None:
    """Read a measure of a side; None when it was not taken."""
    if key.startswith("evaluation_"):
        evaluations: Mapping[str, float] = found.get("evaluation_cpu_ms") or {}
        return evaluations.get(key.removeprefix("evaluation_"))
    number: float | None = found.get(key)
    return number


def ratios(sides: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return how many times better Tipoff is, by measure and peer; below 1, the peer is better."""
    found: dict[str, dict[str, float]] = {}
    for key, _, more in MEASURES:
        own = value(sides.get("tipoff", {}), key)
        for peer in PEERS:
            theirs = value(sides.get(peer, {}), key)
            if own and theirs:
                found.setdefault(key, {})[peer] = round(own / theirs if more else theirs / own, 2)
    return found


def page(found: Mapping[str, Any]) -> str:
    """Return the documentation's page of one run."""
    sides = found["sides"]
    rows = [
        (
            label.format(tasks=found["tasks"]),
            [cell(side, key, found["ratios"].get(key, {}).get(name)) for name, side in sides.items()],
        )
        for key, label, _ in MEASURES
    ]
    servers = sorted({side["postgres"] for side in sides.values() if side.get("postgres")})
    return fill_page(
        "peers/page.md.jinja",
        **found,
        titles=TITLES,
        rows=rows,
        best=max((value(sides.get(name, {}), "per_second") or 0.0 for name in ORCHESTRATORS), default=0.0),
        own=value(sides.get("tipoff", {}), "per_second"),
        versions={
            name: side.get("version") or (version(name) if name in PEERS else "")
            for name, side in sides.items()
        },
        servers=f" {', '.join(servers)}" if servers else "",
    )


def cell(side: Mapping[str, Any], key: str, ratio: float | None) -> str:
    """Return a measure of a side, with how many times better Tipoff is."""
    number = value(side, key)
    return "not measured" if number is None else f"{number:g}" + (f" ({ratio:g})" if ratio else "")


def main() -> None:
    """Measure the peers, and print or write the page."""
    parser = bench_parser(__doc__)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--only", nargs="+", default=["tipoff", *PEERS], choices=["tipoff", *PEERS])
    parser.add_argument("--write", type=Path, help="file for the page")
    arguments = parser.parse_args()
    sides: dict[str, Any] = {}
    for name in sorted(arguments.only, key=["tipoff", *PEERS].index):
        print(f"measuring {name}", file=sys.stderr, flush=True)
        sides[name] = (
            measure_tipoff(arguments.tasks) if name == "tipoff" else measure_peer(name, arguments.tasks)
        )
    found = {
        "tasks": arguments.tasks,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "loop_seconds": loop_seconds(),
        },
        "sides": sides,
        "ratios": ratios(sides),
    }
    if arguments.write:
        arguments.write.write_text(page(found))
    print(json.dumps(found) if arguments.json else page(found))


if __name__ == "__main__":
    main()
