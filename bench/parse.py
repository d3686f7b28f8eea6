"""How fast the parsers are, on what the fake sources serve.

    python -m bench.parse [--seconds 0.5] [--json]

Each scraper's payload is fetched from the fake sources in this process and parsed again and again; told are the median,
megabytes and records a second. The injury report is measured besides with 120 rows, in a process of its own: the time
of one parse with nothing warmed up, and the process's peak of resident memory. Exit code 1 when that misses its aim.
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from multiprocessing import get_context

from bench.command import Figures, run
from bench.measures import median_ms, resident_mib
from tipoff_cli.checkout import SCRAPERS
from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources.injury_pdf import ReportRow, write_report
from tipoff_dev.fuzz.payloads import DAY, parameters_of, payload_of
from tipoff_scraper_runner.registry import Registered, load_registry

AIM_MS, AIM_MIB = 1_500, 143
ROWS = 120


def speed(scraper: Registered, seconds: float) -> dict[str, float]:
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
    median = median_ms(times)
    return {
        "payload_kb": round(len(payload) / 1e3, 1),
        "records": records,
        "parse_ms": median,
        "mb_per_second": round(len(payload) / 1e3 / median, 2),
        "records_per_second": round(records / median * 1e3),
    }


def injury_report(rows: int) -> bytes:
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


def parse_cold(payload: bytes) -> dict[str, float]:
    """Parse an injury report once; measure the time and the process's peak of memory.

    The process has more imported than a runner has: the fake sources too.
    """
    from scrapers.nbacom.nbac_injury_report import scraper

    started = time.perf_counter()
    records = len(scraper.parse(payload, scraper.Parameters(game_date=DAY)).records)
    seconds = time.perf_counter() - started
    return {
        "records": records,
        "parse_ms": median_ms([seconds]),
        "peak_mib": round(resident_mib(os.getpid(), peak=True), 1),
    }


def main(seconds: float = 0.5) -> Figures:
    """Measure each parser for so many seconds."""
    with get_context("spawn").Pool(1) as process:
        cold = process.apply(parse_cold, (injury_report(ROWS),))
    fleet = load_registry(SCRAPERS)
    speeds = {name: speed(scraper, seconds) for name, scraper in fleet.items()}
    aims = {
        f"the injury report, cold, within {AIM_MS:,} ms": cold["parse_ms"] < AIM_MS,
        f"and {AIM_MIB} MiB": cold["peak_mib"] < AIM_MIB,
    }
    return {"scraper": speeds, "injury report, cold": cold, "aims": aims}


if __name__ == "__main__":
    run(main)
