"""All figures of docs/explanation/scaling.md in one run, written into it between its two marks.

    python -m bench.figures [--sizes 50 500 5000] [--print]

Runs `fan_out.py`, `tick_to_row.py`, `evaluation.py` and `cost.py`, one after the other, with nothing beside them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bench.command import bench_parser
from tipoff_cli.checkout import REPOSITORY

DOCUMENT = REPOSITORY / "docs/explanation/scaling.md"
BEGIN = "<!-- Written by bench/figures.py from here -->"
END = "<!-- Written by bench/figures.py to here -->"
EXECUTIONS = (20_000, 1_000_000, 10_000_000)
EMULATORS = ("pubsub", "bigquery", "storage")


def run(program: str, *arguments: str) -> Any:
    """Return the JSON that a bench prints as its last line. A bench that misses its aim still reports."""
    print(f"running {program}", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{program}", *arguments, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    return json.loads(done.stdout.splitlines()[-1])


def fan_out_table(found: Mapping[str, Any]) -> list[str]:
    """Return a row for each size."""
    lines = [
        "| units | published | fetches | rows | executions a second | CPU an execution, all processes | storage calls"
        " of the runner | of the controller | trigger p95 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for size, at in found["sizes"].items():
        lines.append(
            f"| {int(size):,} | {at['published']:,} | {at['fetches']:,} | {at['distinct_rows']:,} |"
            f" {at['per_second']:g} | {at['cpu_ms_an_execution_of_all']:g} ms |"
            f" {at['storage_calls_an_execution_of']['scraper-runner']:.2f} |"
            f" {at['storage_calls_an_execution_of']['controller']:.2f} | {at['trigger_p95_ms']:.0f} ms |"
        )
    return lines


def shares(cpu: Mapping[str, float]) -> str:
    """Say which process takes how much of an execution."""
    cloud = sum(cpu[name] for name in EMULATORS)
    return (
        f"the scraper-runner {cpu['scraper-runner']:.1f} ms, the controller {cpu['controller']:.1f} ms, the logger"
        f" {cpu['logger']:.1f} ms, and the emulators of the cloud {cloud:.1f} ms"
    )


def section(sizes: list[int]) -> str:
    """Everything between the marks."""
    fan_out = run("fan_out", "--sizes", *map(str, sizes))
    hops = run("tick_to_row")["measured"]
    evaluations = run("evaluation")["evaluations"]
    cost = run("cost", "--executions", *map(str, EXECUTIONS))["USD a month"]
    first, last = evaluations[0], evaluations[-1]
    largest = fan_out["sizes"][str(max(sizes))]
    lines = [
        BEGIN,
        "",
        "One run fans out over N units that fetch nothing, through the whole local stack on"
        f" {fan_out['cores']} cores, on which `x += i & 7` 20 million times takes {fan_out['loop_seconds']:g} s of CPU"
        f" (`bench/fan_out.py`, {datetime.now(UTC).date().isoformat()}).",
        "",
        *fan_out_table(fan_out),
        "",
        f"Of the CPU time of {max(sizes):,} units, {shares(largest['cpu_ms_an_execution'])}. On Google Cloud only the"
        " services are paid for; the runner is what a fleet scales by, and it scales by instances.",
        "",
        f"From a tick to its last row it takes {hops['ratio_to_google_hops']['median_ms']:g} times as long as the same"
        f" Pub/Sub hops with empty handlers ({hops['tick_to_row']['median_ms']:g} ms,"
        f" {hops['empty_google_hops']['median_ms']:g} ms; `bench/tick_to_row.py`): an evaluation, a scrape of the"
        " season's schedule, and two appends. The hops publish by Google's client, which batches for 5 ms; by that"
        f" of the services they take {hops['empty_lean_hops']['median_ms']:g} ms.",
        "",
        "An evaluation with 200 occurrences open, by executions a day before it (`bench/evaluation.py`):",
        "",
        "| executions a day | CPU | calls to the bucket | KiB moved | rows of the dataset's answer |",
        "|---|---|---|---|---|",
        *(
            f"| {at['executions']:,} | {at['cpu_ms']:g} ms | {at['calls']} | {at['kib']:g} | {at['rows']} |"
            for at in evaluations
        ),
        "",
        f"From the first to the last its CPU time grows by {(last['cpu_ms'] / first['cpu_ms'] - 1) * 100:+.0f}%.",
        "",
        "## What a month costs",
        "",
        "`python -m bench.cost --executions 20000 1000000 10000000` works it out from counted operations, in USD:",
        "",
        "| executions | Cloud Run | Cloud Storage | Pub/Sub | BigQuery | the rest | all |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {int(executions):,} | {at['cloud_run']:.2f} | {at['storage']:.2f} | {at['pubsub']:.2f} |"
            f" {at['bigquery']:.2f} | {at['scheduler'] + at['logging'] + at['registry']:.2f} | {at['total']:.2f} |"
            for executions, at in cost.items()
        ),
        "",
        END,
    ]
    return "\n".join(lines)


def main() -> None:
    """Run the benches and print their figures."""
    parser = bench_parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 500, 5_000])
    parser.add_argument("--print", action="store_true", help="leave the document as it is")
    arguments = parser.parse_args()
    made = section(arguments.sizes)
    if arguments.print:
        print(made)
        return
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(before + made + after)


if __name__ == "__main__":
    main()
