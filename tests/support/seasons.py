"""Small simulated seasons: the fake sources' schedule, a configuration of every kind, a world as YAML text."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.scenario import SCENARIO
from tipoff_cli.calendars import payload_parser
from tipoff_cli.checkout import SCRAPERS
from tipoff_common.catalog import Catalog, load_catalog
from tipoff_dev.fakes.sources.schedule_json import write_schedule
from tipoff_planning.calendar import Game
from tipoff_planning.loading import load_workflows
from tipoff_planning.schedule_file import read_games
from tipoff_simulator.engine import Log, Season, simulate
from tipoff_simulator.report import SeasonReport, report
from tipoff_simulator.world import load_world

FIRST, LAST = date(2025, 1, 8), date(2025, 1, 11)
BEFORE_ANY_IS_OFF = datetime(2025, 1, 6, tzinfo=UTC)

WORKFLOWS = """
version: 1
timezone: America/New_York
calendar: {scraper: nbac_schedule}
workflows:
  morning_operations:
    description: the schedule of games
    schedule: {kind: daily, window: {start: "05:00", end: "10:00"}}
    steps: [{scraper: nbac_schedule}]
  injury_discovery:
    description: the day's first injury report
    schedule: {kind: discovery, window: {start: "11:00", end: "18:00"}, every: 1h}
    steps:
      - scraper: nbac_injury_report
        parameters: {as_of: "{slot}"}
  post_game:
    description: box scores of each game
    schedule: {kind: per_game, first: 2h30m, every: 30m, until: 6h}
    steps: [{scraper: nbac_team_boxscore}, {scraper: nbac_player_boxscore}]
  betting_lines:
    description: props of each event
    schedule: {kind: interval, every: 2h, before_first_tip: 4h}
    steps:
      - {scraper: oddsa_events}
      - {scraper: oddsa_player_props, for_each: {step: oddsa_events, key: event_id}}
"""


@dataclass(frozen=True)
class Simulated:
    """The run of a season, with its log and report."""

    season: Season
    log: Log
    report: SeasonReport

    def missed(self, workflow: str) -> list[tuple[str, str]]:
        """Return (game date, reason) of each run that a workflow missed."""
        return [(str(item.game_date), item.reason) for item in self.report.workflows[workflow].missed]

    def statuses(self, workflow: str) -> dict[str, int]:
        return {status.value: count for status, count in self.report.workflows[workflow].statuses.items()}


@cache
def _schedule() -> bytes:
    return write_schedule(SCENARIO, BEFORE_ANY_IS_OFF)


@cache
def _catalog() -> Catalog:
    return load_catalog(SCRAPERS)


@cache
def _games() -> tuple[Game, ...]:
    with TemporaryDirectory() as folder:
        return read_games(write_season(Path(folder)), payload_parser(_catalog()["nbac_schedule"]))


def write_season(folder: Path) -> Path:
    """Write the schedule as the source publishes it before any game is called off."""
    path = folder / "schedule.json"
    path.write_bytes(_schedule())
    return path


def simulated(
    folder: Path,
    world: str = "",
    *,
    workflows: str = WORKFLOWS,
    first: date = FIRST,
    last: date = LAST,
    **options: Any,
) -> Simulated:
    """Run a season. world: YAML beside its name; options: further fields of the season."""
    (folder / "workflows.yaml").write_text(workflows)
    (folder / "world.yaml").write_text(f"name: test\n{world}")
    catalog = _catalog()
    season = Season(
        configuration=load_workflows(folder / "workflows.yaml", catalog),
        world=load_world(folder / "world.yaml", catalog),
        games=_games(),
        first=first,
        last=last,
        **options,
    )
    log = simulate(season)
    return Simulated(season, log, report(season, log))
