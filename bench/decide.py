"""CPU time of one evaluation's decisions, for more and more workflows.

    python -m bench.decide [--repetitions 5] [--json]

Workflows of every kind, on a day of twelve games, half of what is due found already. Measured is `decide` alone: it is
pure, and what surrounds it is one query and one listing whatever the number of workflows. Printed is the CPU time and
its ratio to linear growth from 100 workflows on. Exit code 1 when an aim is missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.support.controller import (
    DAY,
    at,
    at_times,
    configured_of,
    daily,
    discovery,
    fact,
    game,
    history,
    interval,
    per_game,
    workflow,
)

from bench.command import bench_parser, report
from bench.measures import median_ms
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.decision import DecisionInputs
from tipoff_planning.decisions import decide
from tipoff_planning.workflows import Configuration

NOW = at("12:15")
SIZES = (1, 100, 1_000, 10_000)
LINEAR_FROM = 100
AIMS_MS: Mapping[int, float] = {1_000: 100, 10_000: 1_000}
KINDS = (
    workflow(daily(), "bulletin"),
    workflow(at_times("08:00", "12:00", "20:00"), "bulletin"),
    workflow(discovery(), "digest"),
    workflow(discovery("09:00", "13:00", budget=5), "bulletin"),
    workflow(interval(), "bulletin"),
)
"""The kinds in equal parts; a tenth of all runs for each game beside them."""
PER_GAME = workflow(per_game("2h30m"), "box_score")


def configuration(count: int) -> Configuration:
    """Build a configuration of so many workflows, of all kinds in turn."""
    return configured_of(
        {f"w{index}": PER_GAME if index % 10 == 9 else KINDS[index % len(KINDS)] for index in range(count)}
    )


def games() -> list[Game]:
    """Build the games of the days around the bench's own, a quarter of an hour apart."""
    days = [(place, DAY + timedelta(days=place - 1)) for place in range(3)]
    return [
        game(place * 10_000 + number, at("19:00", day) + number * timedelta(minutes=15), game_date=day)
        for place, day in days
        for number in range(12)
    ]


def measure(count: int, repetitions: int) -> dict[str, Any]:
    """Decide about `count` workflows; return the decisions and the median CPU time."""
    yesterday = DAY - timedelta(days=1)
    found = [fact("box_score", subject=game.game_id, game_date=yesterday) for game in games()[:6]]
    past = history(fact("digest", triggered_at=NOW - timedelta(hours=1)), *found)
    inputs = DecisionInputs(configuration(count), Calendar(games(), NOW - timedelta(hours=7)), past, NOW)
    seconds, decisions = [], 0
    for _ in range(repetitions):
        begun = time.process_time()
        decisions = len(decide(inputs))
        seconds.append(time.process_time() - begun)
    return {
        "workflows": count,
        "decisions": decisions,
        "cpu_ms": median_ms(seconds),
        "aim_ms": AIMS_MS.get(count),
    }


def main() -> int:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    found = {count: measure(count, arguments.repetitions) for count in SIZES}
    for count, one in found.items():
        linear = found[LINEAR_FROM]["cpu_ms"] * count / LINEAR_FROM
        one["to_linear"] = round(one["cpu_ms"] / linear, 2) if count >= LINEAR_FROM else None
    aims = {
        f"{count:,} workflows in {aim:g} ms": found[count]["cpu_ms"] <= aim for count, aim in AIMS_MS.items()
    }
    return report({"evaluations": list(found.values()), "aims": aims}, arguments)


if __name__ == "__main__":
    sys.exit(main())
