"""CPU time of one evaluation's decisions, for more and more workflows.

    python bench/decide.py [--repetitions 5] [--json]

Workflows of every kind, on a day of twelve games, half of what is due found already. Measured is `decide` alone: it is
pure, and what surrounds it is one query and one listing whatever the number of workflows. Printed is the CPU time and
its ratio to linear growth from 100 workflows on. Exit code 1 when an aim is missed.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any

from arguments import bench_parser
from tipoff_common.catalog import Catalog, load_catalog
from tipoff_common.clock import local_instant
from tipoff_common.events import Source
from tipoff_common.outcomes import Status
from tipoff_planning.calendar import Calendar, Game, GameStatus
from tipoff_planning.decision import DecisionInputs
from tipoff_planning.decisions import decide
from tipoff_planning.history import ExecutionFact, History
from tipoff_planning.loading import load_workflows
from tipoff_planning.workflows import Configuration

REPOSITORY = Path(__file__).parents[1]
SCRAPERS = REPOSITORY / "tests/fixtures/scrapers"
DAY = date(2025, 1, 15)
NOW = local_instant(DAY, clock(12, 15))
SIZES = (1, 100, 1_000, 10_000)
AIMS: Mapping[int, float] = {1_000: 0.100, 10_000: 1.000}
KINDS: tuple[tuple[Mapping[str, Any], str], ...] = (
    ({"kind": "daily", "window": {"start": "05:00", "end": "10:00"}}, "bulletin"),
    ({"kind": "at", "times": ["08:00", "12:00", "20:00"]}, "bulletin"),
    ({"kind": "discovery", "window": {"start": "11:00", "end": "18:00"}, "every": "1h"}, "digest"),
    ({"kind": "discovery", "window": {"start": "09:00", "end": "13:00"}, "budget": 5}, "bulletin"),
    ({"kind": "interval", "every": "2h", "before_first_tip": "6h"}, "bulletin"),
)
"""The kinds in equal parts; a tenth of all runs for each game beside them."""
PER_GAME = ({"kind": "per_game", "first": "2h30m", "every": "30m", "until": "4h"}, "box_score")


@dataclass(frozen=True)
class DecideTimes:
    """seconds: CPU, the median of the repetitions. ratio: to linear growth from 100 workflows on."""

    workflows: int
    decisions: int
    seconds: float
    ratio: float | None


def configuration(count: int, catalog: Catalog) -> Configuration:
    """Build a configuration of so many workflows, of all kinds in turn."""
    workflows = {}
    for index in range(count):
        schedule, scraper = PER_GAME if index % 10 == 9 else KINDS[index % len(KINDS)]
        workflows[f"w{index}"] = {
            "description": "one of many",
            "schedule": schedule,
            "steps": [{"scraper": scraper}],
        }
    file = {
        "version": 1,
        "timezone": "America/New_York",
        "calendar": {"scraper": "slate"},
        "workflows": workflows,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "workflows.yaml"
        path.write_text(json.dumps(file))
        return load_workflows(path, catalog)


def games() -> list[Game]:
    """Build the games of the days around the bench's own."""
    return [
        Game(
            game_id=f"00224{offset + 1}{number:04}",
            game_date=DAY + timedelta(days=offset),
            game_type="regular",
            tipoff=local_instant(DAY + timedelta(days=offset), clock(19)) + number * timedelta(minutes=15),
            status=GameStatus.SCHEDULED,
            postponed=False,
            home_team=f"H{number:02}",
            away_team=f"A{number:02}",
        )
        for offset in (-1, 0, 1)
        for number in range(12)
    ]


def history() -> History:
    """Build what was found: the digest of the day, and half of last night's games."""
    facts = [fact("digest", DAY, "-", NOW - timedelta(hours=1))]
    yesterday = DAY - timedelta(days=1)
    facts += [fact("box_score", yesterday, f"002240{number:04}", NOW) for number in range(6)]
    return History({item.request_id: item for item in facts})


def fact(scraper: str, game_date: date, subject: str, at: datetime) -> ExecutionFact:
    """Build a success."""
    return ExecutionFact(
        f"{scraper}-{subject}", scraper, game_date, subject, Status.SUCCESS, None, Source.CONTROLLER, at
    )


def measure(count: int, repetitions: int, catalog: Catalog) -> tuple[float, int]:
    """CPU seconds of one decision about `count` workflows, and how many decisions that were."""
    configured, past = configuration(count, catalog), history()
    calendar = Calendar(games(), NOW - timedelta(hours=7))
    times, decisions = [], 0
    for _ in range(repetitions):
        begin = time.process_time()
        decisions = len(decide(DecisionInputs(configured, calendar, past, NOW)))
        times.append(time.process_time() - begin)
    return statistics.median(times), decisions


def main() -> int:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    catalog = load_catalog(SCRAPERS)
    found: list[DecideTimes] = []
    base: float | None = None
    for count in SIZES:
        seconds, decisions = measure(count, arguments.repetitions, catalog)
        base = seconds / count if count == 100 else base
        found.append(DecideTimes(count, decisions, seconds, seconds / count / base if base else None))
    if arguments.json:
        print(json.dumps([asdict(item) for item in found]))
    else:
        print(f"{'workflows':>9} {'decisions':>9} {'CPU ms':>9} {'aim ms':>7} {'to linear':>9}")
        for item in found:
            aim = f"{AIMS[item.workflows] * 1000:.0f}" if item.workflows in AIMS else "-"
            ratio = f"{item.ratio:.2f}" if item.ratio else "-"
            print(f"{item.workflows:>9} {item.decisions:>9} {item.seconds * 1000:>9.2f} {aim:>7} {ratio:>9}")
    return int(any(item.seconds > AIMS.get(item.workflows, item.seconds) for item in found))


if __name__ == "__main__":
    sys.exit(main())
