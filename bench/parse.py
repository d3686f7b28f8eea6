"""Speed of the parsers on the payloads of the fake sources.

    python -m bench.parse [--seconds 0.5] [--json]

Each scraper's payload is fetched from the fake sources in this process and parsed again and again; reported are the
median, megabytes and records a second. The injury report, which takes longest, is parsed once more in its own process,
for the time without warm-up and the process's peak of resident memory. Exit code 1 when one of these misses its aim.
"""

from __future__ import annotations

import os
import time
from multiprocessing import get_context

from bench.command import Figures, run
from bench.measures import median_ms, resident_mib
from tipoff_cli.checkout import SCRAPERS
from tipoff_dev.fuzz.payloads import parameters_of, payload_of
from tipoff_scraper_runner.registry import RegisteredScraper, load_registry

AIM_MS, AIM_MIB = 1_500, 143
COLD = "nbac_injury_report"


def speed(scraper: RegisteredScraper, seconds: float) -> dict[str, float]:
    """Time the parser on a payload, repeatedly for so many seconds."""
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


def parse_cold(name: str) -> dict[str, float]:
    """Parse once; measure the time and the process's peak of memory.

    The process has imported more than a runner, namely the fake sources.
    """
    scraper = load_registry(SCRAPERS)[name]
    parameters = scraper.module.Parameters.model_validate(parameters_of(scraper))
    payload = payload_of(scraper, parameters)
    started = time.perf_counter()
    scraper.module.parse(payload, parameters)
    seconds = time.perf_counter() - started
    return {"parse_ms": median_ms([seconds]), "peak_mib": round(resident_mib(os.getpid(), peak=True), 1)}


def main(seconds: float = 0.5) -> Figures:
    """Measure each parser for so many seconds."""
    with get_context("spawn").Pool(1) as process:
        cold = process.apply(parse_cold, (COLD,))
    fleet = load_registry(SCRAPERS)
    speeds = {name: speed(scraper, seconds) for name, scraper in fleet.items()}
    aims = {
        f"{COLD}, cold, within {AIM_MS:,} ms": cold["parse_ms"] < AIM_MS,
        f"and {AIM_MIB} MiB": cold["peak_mib"] < AIM_MIB,
    }
    return {"scraper": speeds, "cold": cold, "aims": aims}


if __name__ == "__main__":
    run(main)
