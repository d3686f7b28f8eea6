"""Tests of the project's own configuration over the fake sources' season: without faults no expected run is missed."""

from datetime import timedelta

import pytest

from tests.support.scenario import SCENARIO
from tests.support.seasons import Simulated, simulated
from tipoff_cli.checkout import WORKFLOWS
from tipoff_common.events import Action

GAME_DAYS = sorted(SCENARIO.games)


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Simulate from the day before the first games to the day after the last, with days off and the All-Star break."""
    return simulated(
        tmp_path_factory.mktemp("season"),
        workflows=WORKFLOWS.read_text(encoding="utf-8"),
        first=GAME_DAYS[0] - timedelta(days=1),
        last=GAME_DAYS[-1] + timedelta(days=1),
    )


def test_no_expected_run_is_missed_or_fails(season: Simulated) -> None:
    report = season.report
    assert (report.missing, report.missed) == (0, 0), report.model_dump_json(indent=2)
    assert all(numbers.failed == 0 for numbers in report.workflows.values())


def test_every_workflow_has_something_to_do(season: Simulated) -> None:
    for name, numbers in season.report.workflows.items():
        assert numbers.found > 0, name
        assert numbers.decisions[Action.RUN] > 0, name


def test_every_counted_game_is_collected_by_every_game_workflow(season: Simulated) -> None:
    types = season.season.configuration.file.calendar.game_types
    timed = [game for game in season.season.games if game.game_type in types and game.tipoff is not None]
    for name in ("post_game", "play_by_play", "gamebook"):
        assert season.report.workflows[name].found == len(timed) > 200


def test_hourly_requests_stay_below_limit_for_every_source(season: Simulated) -> None:
    """stats.nba.com and the paid sources get few requests; the maximum of each source is on a game night."""
    busiest = {source: numbers.most_in_an_hour for source, numbers in season.report.sources.items()}
    assert busiest.keys() == {"balldontlie", "espn", "nbacom", "oddsapi"}
    assert max(busiest.values()) < 120


def test_only_workflows_without_games_run_on_days_off(season: Simulated) -> None:
    """Days off looked degraded (incident 31)."""
    played = {game.game_date for game in season.season.games if game.game_type != "all_star"}
    off = {done.workflow for done in season.log.memory.done if done.fact.game_date not in played}
    assert off <= {"morning_operations", "player_movement", "player_list"}
    assert off
