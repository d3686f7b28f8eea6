"""CPU time of one evaluation's decisions, for more and more workflows.

    python -m bench.decide [--workflows 100 1000 10000] [--times 5] [--json]

Workflows of every kind, on a day of twelve games, with half of the due documents found already. Measured is `decide`
alone: it is pure, and the rest of an evaluation is one query and one listing for any number of workflows. `to_linear`
is the ratio to a time that grows linearly from the first size. Exit code 1 when an aim is missed.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.support import controller as given

from bench.command import Figures, run
from bench.evaluation import games
from bench.measures import median_ms
from tipoff_planning.calendar import Calendar
from tipoff_planning.decision import DecisionInputs
from tipoff_planning.decisions import decide
from tipoff_planning.workflows import Configuration

NOW = given.at("12:15")
AIMS_MS: Mapping[int, float] = {1_000: 100, 10_000: 1_000}
LINEAR = 1.5
"""The maximum of `to_linear` for each size."""
KINDS = (
    given.workflow(given.daily(), "bulletin"),
    given.workflow(given.at_times("08:00", "12:00", "20:00"), "bulletin"),
    given.workflow(given.discovery(), "digest"),
    given.workflow(given.discovery("09:00", "13:00", budget=5), "bulletin"),
    given.workflow(given.interval(), "bulletin"),
)
"""Kinds of workflows; `configuration` takes each twice and the last once, beside PER_GAME once."""
PER_GAME = given.workflow(given.per_game("2h30m"), "box_score")


def configuration(count: int) -> Configuration:
    """Build a configuration of so many workflows, of all kinds in turn."""
    read = given.configured_of(
        {f"kind{place}": kind for place, kind in enumerate((*KINDS, *KINDS[:-1], PER_GAME))}
    )
    kinds = list(read.workflows.values())
    # Copy the workflows, as reading so many is slow and not measured; copy deep, so that no two share cached values.
    copies = {f"w{index}": kinds[index % len(kinds)].model_copy(deep=True) for index in range(count)}
    return replace(read, file=read.file.model_copy(update={"workflows": copies}))


def measure(count: int, times: int) -> dict[str, Any]:
    """Decide about `count` workflows; return the decisions and the median CPU time."""
    yesterday = given.DAY - timedelta(days=1)
    found = [given.fact("box_score", game.game_id, game_date=yesterday) for game in games()[:6]]
    past = given.history(given.fact("digest", triggered_at=NOW - timedelta(hours=1)), *found)
    configured, calendar = configuration(count), Calendar(games(), NOW - timedelta(hours=7))
    gc.collect()
    gc.freeze()  # as a service does: the garbage collector skips older objects
    seconds, decisions = [], 0
    for _ in range(times):
        begun = time.process_time()
        # Build new inputs for each run, as an evaluation does: their caches last for one tick.
        decisions = len(decide(DecisionInputs(configured, calendar, past, NOW)))
        seconds.append(time.process_time() - begun)
    return {"workflows": count, "decisions": decisions, "cpu_ms": median_ms(seconds)}


def main(workflows: Sequence[int] = (100, 1_000, 10_000), times: int = 5) -> Figures:
    """Measure."""
    found = [measure(count, times) for count in workflows]
    aims = {}
    for one in found:
        count = one["workflows"]
        one["to_linear"] = round(one["cpu_ms"] / found[0]["cpu_ms"] * workflows[0] / count, 2)
        if one is not found[0]:
            aims[f"{count:,} workflows in {LINEAR:g} times the linear time"] = one["to_linear"] <= LINEAR
        if limit := AIMS_MS.get(count):
            aims[f"{count:,} workflows in {limit:,} ms"] = one["cpu_ms"] <= limit
    return {"evaluations": found, "aims": aims}


if __name__ == "__main__":
    run(main)
