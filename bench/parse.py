"""How fast the parsers are, on what the fake sources serve.

    python bench/parse.py [--seconds 0.5] [--json]

Each scraper's payload is fetched from the fake sources in this process and parsed again and again; told are the median,
megabytes and records a second. The injury report is measured besides with 120 rows, in a process of its own: the time
of one parse with nothing warmed up, and the process's peak of resident memory. Exit code 1 when that misses its aim.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from arguments import bench_parser
from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources.injury_pdf import ReportRow, write_report
from tipoff_dev.fuzz.payloads import DAY, parameters_of, payload_of
from tipoff_scraper_runner.cli import SCRAPERS_DIR
from tipoff_scraper_runner.registry import Registered, load_registry

AIM_SECONDS, AIM_MEGABYTES = 1.5, 150.0
ROWS = 120
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Speed:
    """One scraper on its payload. seconds: the median of one parse."""

    scraper: str
    payload_bytes: int
    records: int
    seconds: float

    @property
    def megabytes_a_second(self) -> float:
        """Payload parsed a second, in MB."""
        return self.payload_bytes / self.seconds / MEGABYTE

    @property
    def records_a_second(self) -> float:
        """Records made a second."""
        return self.records / self.seconds


@dataclass(frozen=True)
class Cold:
    """The injury report with `ROWS` rows in a process that has parsed nothing. megabytes: peak resident memory."""

    payload_bytes: int
    records: int
    seconds: float
    megabytes: float

    @property
    def in_aim(self) -> bool:
        """Whether the first parse is within the aims."""
        return self.seconds < AIM_SECONDS and self.megabytes < AIM_MEGABYTES


def speed(name: str, scraper: Registered, seconds: float) -> Speed:
    """Time the parser on a payload, as often as fits in so many seconds."""
    parameters = scraper.module.Parameters.model_validate(parameters_of(scraper))
    payload = payload_of(scraper, parameters)
    records = len(scraper.module.parse(payload, parameters).records)
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < until:
        started = time.perf_counter()
        scraper.module.parse(payload, parameters)
        times.append(time.perf_counter() - started)
    return Speed(name, len(payload), records, statistics.median(times))


def report_of(rows: int) -> bytes:
    """Return an injury report of a full night, with reasons that wrap."""
    reasons = ("Injury/Illness - Left Achilles; Tendon Repair", "G League - Two-Way", "Rest", "Not With Team")
    matchups = (
        ("NYK@PHI", "New York Knicks"),
        ("NYK@PHI", "Philadelphia 76ers"),
        ("BKN@LAC", "Brooklyn Nets"),
    )
    return write_report(
        datetime(2025, 1, 15, 17, 30, tzinfo=EASTERN),
        [
            ReportRow(
                DAY,
                "07:00 (ET)",
                *matchups[number * len(matchups) // rows],
                f"Player{number}, Sample",
                "Out" if number % 2 else "Questionable",
                reasons[number % len(reasons)],
            )
            for number in range(rows)
        ],
    )


def cold(rows: int = ROWS) -> Cold:
    """Parse in a process of its own, imports included; measure time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.pdf"
        file.write_bytes(report_of(rows))
        done = subprocess.run(
            [sys.executable, __file__, "--parse", str(file)], capture_output=True, text=True, check=True
        )
    return Cold(**json.loads(done.stdout))


def parse_once(file: Path) -> Cold:
    """Parse in the process of its own, which has more imported than a runner has: the fake sources too."""
    from scrapers.nbacom.nbac_injury_report import scraper

    payload = file.read_bytes()
    started = time.perf_counter()
    records = len(scraper.parse(payload, scraper.Parameters(game_date=DAY)).records)
    seconds = time.perf_counter() - started
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
    return Cold(len(payload), records, seconds, megabytes)


def show(speeds: list[Speed], report: Cold) -> None:
    """Print a row for each parser, and the first parse of a process."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("scraper", "payload", "records", "one parse", "MB/s", "records/s"):
        table.add_column(column, justify="left" if column == "scraper" else "right")
    for one in speeds:
        table.add_row(
            one.scraper,
            f"{one.payload_bytes / 1000:.0f} kB",
            str(one.records),
            f"{one.seconds * 1000:.1f} ms",
            f"{one.megabytes_a_second:.2f}",
            f"{one.records_a_second:,.0f}",
        )
    console = Console()
    console.print(table)
    verdict = "in aim" if report.in_aim else "MISSES its aim"
    console.print(
        f"injury report of {report.records} rows, cold: {report.seconds:.2f} s (aim {AIM_SECONDS:g}),"
        f" {report.megabytes:.0f} MB (aim {AIM_MEGABYTES:g}): {verdict}",
        highlight=False,
    )


def main() -> int:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each parser is measured")
    parser.add_argument("--parse", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.parse:
        sys.stdout.write(json.dumps(asdict(parse_once(options.parse))))
        return 0
    fleet: Mapping[str, Registered] = load_registry(SCRAPERS_DIR)
    speeds = [speed(name, scraper, options.seconds) for name, scraper in fleet.items()]
    report = cold()
    if options.json:
        sys.stdout.write(
            json.dumps({"speeds": [asdict(one) for one in speeds], "cold": asdict(report)}) + "\n"
        )
    else:
        show(speeds, report)
    return 0 if report.in_aim else 1


if __name__ == "__main__":
    sys.exit(main())
