"""Delay of the learned policy in finding publications, beside fixed beats and an oracle.

    python -m bench.discovery [--trace FILE.csv] [--seeds 30] [--plot FILE.svg] [--plot-synthetic FILE.svg] [--json]

The trace is a CSV with columns `date` and `published_at_local` (ISO 8601), the window 16:00 to 24:00; days published
before the window opened teach the policy and do not count. The price is chosen on 2020 and 2021 alone: the lowest price
with at most --looks looks a day in these years. Synthetic sources are replayed as well, each with --seeds seeds; their
figure is the ratio of the policy's delay to that of an hourly beat, at the same number of looks.
"""

from __future__ import annotations

import csv
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from bench.command import Figures, run
from bench.figures import fill_page

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small; threads only wait for each other

import itertools

from tipoff_planning.discovery.backtest import (
    NO_TIP_OFFS,
    LearnedLooks,
    PublicationTime,
    ReplaySummary,
    replay,
    summarize,
)
from tipoff_planning.discovery.intervals import PublicationInterval
from tipoff_planning.discovery.model import PublicationModel, fit
from tipoff_planning.discovery.policy import Guards, plan, widen
from tipoff_planning.discovery.steps import BIN_MINUTES

WINDOW = 8 * 60
OPENS = 16 * 60
MAX_GAP = 120
BUDGET = 60
"""A budget large enough that only the price limits the checks, as in the figures to compare with."""
PRICES = (1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 7.0, 10.0)
BEATS = (60, 30, 15, 5)
CHOSEN_ON = (2020, 2021)
START = date(2025, 1, 6)


def beat(every: int) -> Sequence[float]:
    """Return the minutes of a fixed beat."""
    return range(0, WINDOW + 1, every)


def learned(
    published: Sequence[PublicationTime], price: float, tip_offs: Mapping[date, float] = NO_TIP_OFFS
) -> list[Any]:
    """Replay days on learned checks."""
    looks = LearnedLooks(WINDOW, Guards(BUDGET, price, MAX_GAP), beat(30), tip_offs=tip_offs)
    return replay(published, looks, looks.note)


def fixed(published: Sequence[PublicationTime], every: int) -> list[Any]:
    """Replay days on a fixed beat."""
    return replay(published, lambda _: beat(every))


def rounded(summary: ReplaySummary) -> dict[str, float]:
    """Round a summary for printing."""
    return {name: round(value, 2) for name, value in asdict(summary).items()}


# The trace


def read_trace(file: Path) -> list[PublicationTime]:
    """Read days of publication from a CSV file."""
    days = []
    with file.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            at = datetime.fromisoformat(row["published_at_local"])
            minute = at.hour * 60 + at.minute + at.second / 60 - OPENS
            days.append(PublicationTime(date.fromisoformat(row["date"]), minute))
    return days


def oracle(published: Sequence[PublicationTime], price: float) -> ReplaySummary:
    """Plan each day by the true times of the fortnights before and after it, including its own."""
    looks = {}
    for number, day in enumerate(published):
        near = [
            other.minute for other in published[max(0, number - 14) : number + 15] if other.minute is not None
        ]
        model = known_model(day.game_date, [(minute, 3.0) for minute in near])
        looks[day.game_date] = plan(model, Guards(BUDGET, price, MAX_GAP))
    return summarize(replay(published, looks.__getitem__))


def known_model(day: date, parts: Sequence[tuple[float, float]]) -> PublicationModel:
    """Return the distribution of a mixture of normals, each a mean and a standard deviation in minutes."""
    edges = [number * BIN_MINUTES for number in range(WINDOW // BIN_MINUTES + 1)]

    def below(minute: float) -> float:
        return sum(
            0.5 * (1 + math.erf((minute - mean) / (spread * math.sqrt(2)))) for mean, spread in parts
        ) / len(parts)

    masses = [below(end) - below(start) for start, end in itertools.pairwise(edges)]
    return PublicationModel(
        version="known",
        window_minutes=WINDOW,
        fitted_for=day,
        first_day=None,
        last_day=None,
        days=0,
        early=below(0),
        masses=tuple(masses),
        never=max(0.0, 1 - sum(masses) - below(0)),
        calibration=None,
    )


def measure_trace(file: Path, most_looks: float) -> dict[str, Any]:
    """Replay a real trace on the fixed beat and on learned checks at several prices."""
    published = read_trace(file)
    runs = {price: learned(published, price) for price in PRICES}

    def in_years(days: Iterable[Any], years: tuple[int, ...]) -> ReplaySummary:
        return summarize([day for day in days if day.game_date.year in years])

    fitting = [price for price, days in runs.items() if in_years(days, CHOSEN_ON).looks_per_day <= most_looks]
    price = min(fitting, default=max(PRICES))
    whole = summarize(runs[price])
    return {
        "days": len(published),
        "price": price,
        "mean_delay_min": round(whole.mean_delay, 2),
        "p95_delay_min": round(whole.p95_delay, 2),
        "attempts_per_day": round(whole.looks_per_day, 2),
        "reported_2022": rounded(in_years(runs[price], (2022,))),
        "chosen_on_2020_2021": rounded(in_years(runs[price], CHOSEN_ON)),
        "learned": {str(key): rounded(summarize(days)) for key, days in runs.items()},
        "fixed": {str(every): rounded(summarize(fixed(published, every))) for every in BEATS},
        "oracle": {str(key): rounded(oracle(published, key)) for key in PRICES},
        "first_five_days": {
            "learned": rounded(summarize(runs[price][:5])),
            "fixed_30": rounded(summarize(fixed(published, 30)[:5])),
        },
    }


# Synthetic sources


@dataclass(frozen=True)
class Synthetic:
    """One kind of source: the minute of publication by day, None for a silent day."""

    name: str
    minute: Callable[[Random, int], float | None]
    tip_off: Callable[[int], float] | None = None
    """The first tip-off of a day, in minutes of the window."""


def _within(minute: float) -> float:
    return min(max(minute, 1.0), WINDOW - 1.0)


def _tip_off(day: int) -> float:
    """Return a first tip-off as in a season: from the afternoon to late, without a pattern."""
    return Random(f"tip-off/{day}").choice((120.0, 150.0, 180.0, 300.0, 330.0, 420.0))  # noqa: S311  # luck


def _weekend(day: int) -> bool:
    return (START + timedelta(day)).weekday() > 4


SOURCES = (
    Synthetic("sharp", lambda luck, _: _within(luck.gauss(200, 6))),
    Synthetic("broad", lambda luck, _: luck.uniform(10, WINDOW - 10)),
    Synthetic("two_peaks", lambda luck, _: _within(luck.gauss(100 if luck.random() < 0.6 else 330, 10))),
    Synthetic("drifting", lambda luck, day: _within(luck.gauss(60 + 2.0 * day, 6))),
    Synthetic("weekday", lambda luck, day: _within(luck.gauss(320 if _weekend(day) else 120, 8))),
    Synthetic("silent_days", lambda luck, _: None if luck.random() < 0.2 else _within(luck.gauss(200, 10))),
    Synthetic("follows_tip_off", lambda luck, day: _within(luck.gauss(_tip_off(day) - 90, 8)), _tip_off),
    Synthetic("ignores_tip_off", lambda luck, _: _within(luck.gauss(200, 6)), _tip_off),
    Synthetic("changing", lambda luck, day: _within(luck.gauss(120 if day < 60 else 330, 8))),
)
DAYS = 120
SYNTHETIC_PRICES = (1.0, 4.0, 12.0)


def year_of(source: Synthetic, seed: int) -> list[PublicationTime]:
    """Draw a year of a synthetic source."""
    luck = Random(f"{source.name}/{seed}")  # noqa: S311  # luck, not a secret
    return [PublicationTime(START + timedelta(day), source.minute(luck, day)) for day in range(DAYS)]


def tip_offs_of(source: Synthetic) -> Mapping[date, float]:
    """Return the first tip-offs of the year; none for a source that is replayed without them."""
    if source.tip_off is None:
        return NO_TIP_OFFS
    return {START + timedelta(day): source.tip_off(day) for day in range(DAYS)}


def at_looks(curve: Sequence[tuple[float, float]], looks: float) -> float:
    """Return the delay of a curve of (looks, delay) at so many looks; beyond the curve, that of its nearest end."""
    points = sorted(curve)
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        if x1 <= looks <= x2:
            return y1 + (y2 - y1) * (looks - x1) / (x2 - x1) if x2 > x1 else min(y1, y2)
    return points[0][1] if looks < points[0][0] else points[-1][1]


def measure_synthetic(seeds: int, only: Sequence[str]) -> dict[str, Any]:
    """Replay synthetic sources on an hourly beat and on learned checks, over several seeds."""
    results = {}
    for source in SOURCES:
        if "all" not in only and source.name not in only:
            continue
        ratios, adapted, quantiles, gains = [], [], [], []
        tip_offs = tip_offs_of(source)
        for seed in range(seeds):
            published = year_of(source, seed)
            hourly = summarize(fixed(published, 60))
            others = [price for price in SYNTHETIC_PRICES if price != CALIBRATED_AT]
            runs = {price: learned(published, price, tip_offs) for price in others}
            runs[CALIBRATED_AT], reported = learned_and_told(published, CALIBRATED_AT, seed, tip_offs)
            quantiles += reported
            delay = at_looks(curve_of(runs.values()), hourly.looks_per_day)
            ratios.append(delay / hourly.mean_delay)
            if tip_offs:
                without = [learned(published, price) for price in SYNTHETIC_PRICES]
                gains.append(delay / at_looks(curve_of(without), hourly.looks_per_day))
            if source.name == "changing":
                adapted.append(days_to_adapt(runs[CALIBRATED_AT]))
        results[source.name] = {
            "delay_ratio_to_hourly": round(fmean(ratios), 3),
            "worst_seed": round(max(ratios), 3),
            "calibration_points": calibration_points(quantiles),
        }
        if gains:
            results[source.name]["delay_ratio_to_no_tip_offs"] = round(fmean(gains), 3)
        if adapted:
            results[source.name] |= {"days_to_adapt": round(fmean(adapted), 2), "slowest": max(adapted)}
        print(f"{source.name}: {results[source.name]}", file=sys.stderr, flush=True)
    return results


def curve_of(runs: Iterable[Sequence[Any]]) -> list[tuple[float, float]]:
    """Return looks a day and mean delay of each replay."""
    return [(summary.looks_per_day, summary.mean_delay) for summary in map(summarize, runs)]


CALIBRATED_AT = 4.0
SETTLED_DAYS = 20
"""Days of history before predictions are compared: a fortnight that is scored, and a few days before."""
LEVELS = tuple(number / 20 for number in range(1, 20))


def learned_and_told(
    published: Sequence[PublicationTime], price: float, seed: int, tip_offs: Mapping[date, float]
) -> tuple[list[Any], list[float]]:
    """Replay days; return them with the predicted quantile of each day's true time."""
    looks = LearnedLooks(WINDOW, Guards(BUDGET, price, MAX_GAP), beat(30), tip_offs=tip_offs)
    luck, days, quantiles = Random(seed), [], []  # noqa: S311  # luck, not a secret
    for number, day in enumerate(published):
        if number >= SETTLED_DAYS:
            quantiles.append(quantile_of(looks.model(day.game_date), day, luck))
        days += replay([day], looks, looks.note)
    return days, quantiles


def quantile_of(model: PublicationModel, day: PublicationTime, luck: Random) -> float:
    """Return the predicted share of days that publish before this one; a random draw for silent and early days, which
    have no order."""
    if day.minute is None:
        return 1 - model.never * luck.random()
    if day.minute < 0:
        return model.early * luck.random()
    number = min(int(day.minute // model.bin_minutes), len(model.masses) - 1)
    part = day.minute / model.bin_minutes - number
    return model.early + sum(model.masses[:number]) + part * model.masses[number]


def calibration_points(quantiles: Sequence[float]) -> float:
    """Return the largest distance of observed from predicted shares of the days, in points."""
    shares = [sum(value <= level for value in quantiles) / len(quantiles) for level in LEVELS]
    return round(100 * max(abs(share - level) for share, level in zip(shares, LEVELS, strict=True)), 1)


def measure_speed() -> dict[str, Any]:
    """Fit and plan, for each source, the day after a year of days."""
    sources, days, histories = 100, 365, []
    for number in range(sources):
        luck = Random(f"speed/{number}")  # noqa: S311  # luck, not a secret
        seen: list[PublicationInterval] = []
        replay(
            [PublicationTime(START + timedelta(day), _within(luck.gauss(200, 30))) for day in range(days)],
            lambda _: beat(30),
            seen.append,
        )
        histories.append(seen)
    begun = time.process_time()
    for seen in histories:
        model = fit(seen, START + timedelta(days), WINDOW)
        plan(widen(model), Guards(17, 3.5, MAX_GAP))
    return {"sources": sources, "days": days, "cpu_seconds": round(time.process_time() - begun, 2)}


def days_to_adapt(days: Sequence[Any]) -> int:
    """Count the days after the change at day 60 until a delay is within the mean of the fixed hourly beat again."""
    quick = (number for number, day in enumerate(days[60:]) if day.delay is not None and day.delay <= 15)
    return next(quick, len(days) - 60)


def draw_trace(trace: Mapping[str, Any]) -> str:
    """Draw mean delay against looks a day as SVG: fixed beats, the learned policy by price, and the oracle."""

    def place(summary: Mapping[str, float]) -> tuple[float, float]:
        """Return a point's place: curves.svg.jinja has 7 looks on 560 units from 60, 35 minutes on 290 above 310."""
        return round(60 + summary["looks_per_day"] / 7 * 560, 1), round(
            310 - summary["mean_delay"] / 35 * 290, 1
        )

    curves = {
        name: [place(summary) for summary in trace[name].values() if summary["looks_per_day"] <= 7]
        for name in ("fixed", "learned", "oracle")
    }
    return fill_page("curves.svg.jinja", curves=curves)


def draw_synthetic(results: Mapping[str, Any]) -> str:
    """Draw each synthetic source's delay as SVG, relative to the hourly beat."""
    ratios = {name: item["delay_ratio_to_hourly"] for name, item in results.items()}
    return fill_page("bars.svg.jinja", ratios=ratios)


def main(
    trace: Path | None = None,
    looks: float = 2.71,
    seeds: int = 30,
    only: Sequence[str] = ("all",),
    plot: Path | None = None,
    plot_synthetic: Path | None = None,
) -> Figures:
    """Measure.

    trace: file of real publication times; looks: the most looks a day for the choice of the price; plot: file for the
    curves. seeds: number of seeds for each synthetic source, 0 for no replay; only: names of the synthetic sources;
    plot_synthetic: file for their bars.
    """
    figures: dict[str, Any] = {}
    if trace:
        figures["trace"] = measure_trace(trace, looks)
        if plot:
            plot.write_text(draw_trace(figures["trace"]), encoding="utf-8")
    if seeds:
        figures["synthetic"] = measure_synthetic(seeds, only)
        figures["speed"] = measure_speed()
        if plot_synthetic:
            plot_synthetic.write_text(draw_synthetic(figures["synthetic"]), encoding="utf-8")
    return figures


if __name__ == "__main__":
    run(main)
