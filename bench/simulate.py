"""How long a season takes to simulate on one core, beside the aim of 30 s.

    python bench/simulate.py --schedule FILE [--workflows FILE] [--json]

FILE is a landed schedule or a scheduleLeagueV2 payload; all its days are simulated with ticks every 15 minutes. The
aim is meant for a season of 1,400 games. CPU time is what is compared, as other work on the machine does not count.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from arguments import bench_parser
from tipoff_cli.calendars import payload_parser
from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_common.catalog import load_catalog
from tipoff_planning.loading import load_workflows
from tipoff_planning.schedule_file import read_games
from tipoff_simulator.engine import Season, simulate
from tipoff_simulator.report import report
from tipoff_simulator.world import load_world

AIM_SECONDS = 30.0


def measure(schedule: Path, workflows: Path) -> dict[str, float | int]:
    """Simulate a season; return how long it took and what it counted."""
    catalog = load_catalog(SCRAPERS)
    games = read_games(schedule, payload_parser(catalog["nbac_schedule"]))
    days = [game.game_date for game in games]
    season = Season(
        load_workflows(workflows, catalog), load_world(None, catalog), games, min(days), max(days)
    )
    wall, cpu = time.perf_counter(), time.process_time()
    numbers = report(season, simulate(season))
    seconds = time.process_time() - cpu
    return {
        "games": len(games),
        "days": (season.last - season.first).days + 1,
        "ticks": numbers.ticks,
        "occurrences": sum(item.occurrences for item in numbers.workflows.values()),
        "requests": sum(item.requests for item in numbers.sources.values()),
        "missing": numbers.missing,
        "missed": numbers.missed,
        "wall_seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(seconds, 2),
        "ratio_to_aim": round(seconds / AIM_SECONDS, 2),
    }


def main() -> int:
    """Exit code 1 when the aim is not met, or when something was missed although nothing went wrong."""
    parser = bench_parser(__doc__)
    parser.add_argument("--schedule", type=Path, required=True, metavar="FILE")
    parser.add_argument("--workflows", type=Path, default=WORKFLOWS, metavar="FILE")
    options = parser.parse_args()
    numbers = measure(options.schedule, options.workflows)
    if options.json:
        print(json.dumps(numbers))
    else:
        print(
            f"{numbers['games']} games, {numbers['days']} days, {numbers['ticks']} ticks, "
            f"{numbers['occurrences']} occurrences, {numbers['requests']} requests: {numbers['cpu_seconds']} s of CPU "
            f"({numbers['wall_seconds']} s on the clock), {numbers['ratio_to_aim']} of the {AIM_SECONDS:g} s aimed at"
        )
    return int(numbers["cpu_seconds"] > AIM_SECONDS or bool(numbers["missing"] or numbers["missed"]))


if __name__ == "__main__":
    sys.exit(main())
