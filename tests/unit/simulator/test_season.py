"""Tests of a season without faults, and of equal results in two runs."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.seasons import FIRST, LAST, WORKFLOWS, Simulated, simulated
from tipoff_cli.checkout import SCRAPERS
from tipoff_common.catalog import load_catalog
from tipoff_common.outcomes import Status
from tipoff_common.yaml_source import ConfigurationError
from tipoff_planning.calendar import Calendar
from tipoff_planning.occurrences import occurrences
from tipoff_simulator.outcomes import standing_runs
from tipoff_simulator.world import load_world

MORE = """
  rosters:
    description: another workflow
    schedule: {kind: at, times: ["08:00"]}
    steps: [{scraper: espn_roster, for_each: team}]
"""


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulated(tmp_path_factory.mktemp("calm"))


def test_without_faults_nothing_is_missed(calm: Simulated) -> None:
    assert (calm.report.missing, calm.report.missed) == (0, 0)
    for workflow, numbers in calm.report.workflows.items():
        assert set(calm.statuses(workflow)) <= {"ON_TIME", "SKIPPED_OK"}
        assert numbers.failed == numbers.empty == 0
        assert numbers.found > 0


def test_simulated_runs_equal_expected_occurrences(calm: Simulated) -> None:
    season = calm.season
    calendar = Calendar(season.games, calm.log.ended_at)
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    expected = {item.id for day in days for item in occurrences(season.configuration, calendar, day)}
    assert {run.occurrence_id for run in standing_runs(calm.log)} == expected


def test_search_stops_after_its_find(calm: Simulated) -> None:
    numbers = calm.report.workflows["injury_discovery"]
    assert numbers.found == numbers.attempts - numbers.no_data == 4  # one find a day
    assert numbers.delay is not None
    assert 0 <= numbers.delay.median <= numbers.delay.p95 <= 60


def test_fan_out_requests_each_event_once(calm: Simulated) -> None:
    events = sum(done.fact.scraper == "oddsa_events" for done in calm.log.memory.done)
    props = [done for done in calm.log.memory.done if done.fact.scraper == "oddsa_player_props"]
    assert events == calm.report.workflows["betting_lines"].occurrences
    assert len({done.fact.request_id for done in props}) == len(props) > events


def test_the_load_is_counted_by_source_and_hour(calm: Simulated) -> None:
    requests = {name: numbers.requests for name, numbers in calm.report.sources.items()}
    assert sum(requests.values()) == sum(item.attempts for item in calm.report.workflows.values())
    for numbers in calm.report.sources.values():
        assert 0 < numbers.most_in_an_hour <= numbers.requests


def test_the_same_seed_gives_the_same_season(calm: Simulated, tmp_path: Path) -> None:
    assert simulated(tmp_path).report == calm.report
    assert simulated(tmp_path, seed=2).report.workflows != calm.report.workflows


def test_added_workflow_does_not_change_results_of_others(tmp_path: Path) -> None:
    world = "failures: {nbac_injury_report: {http: 0.3}, nbac_team_boxscore: {blocked: 0.3}}"
    alone = simulated(tmp_path, world).report.workflows
    together = simulated(tmp_path, world, workflows=WORKFLOWS + MORE).report.workflows
    assert alone == {name: together[name] for name in alone}


def test_season_may_be_a_single_day(tmp_path: Path) -> None:
    day = date(2025, 1, 15)
    one = simulated(tmp_path, first=day, last=day)
    assert one.report.games == 11
    assert one.report.workflows["post_game"].found == 11


def test_hourly_ticks_miss_nothing(tmp_path: Path) -> None:
    hourly = simulated(tmp_path, every=timedelta(hours=1))
    assert hourly.report.missed == 0
    assert hourly.report.ticks == 5 * 24


def test_the_usual_world_names_only_scrapers_that_exist() -> None:
    catalog = load_catalog(SCRAPERS)
    assert set(load_world(None, catalog).publication) <= set(catalog)


@pytest.mark.parametrize("world", ["usual", "rough"])
def test_worlds_that_ship_can_be_read(world: str) -> None:
    from tipoff_simulator.world import USUAL

    assert load_world(USUAL.with_name(f"{world}.yaml"), load_catalog(SCRAPERS)).name == world


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("publication: {nbac_nothing: {kind: always}}", 2, "nbac_nothing"),
        ("failures: {nbac_schedule: {http: 0.7, timeout: 0.6}}", 1, "more than 1"),
        ("failures: {nbac_schedule: {tired: 0.1}}", 2, "timeout"),
        ("outages:\n- {start: 2025-01-02T00:00:00Z, end: 2025-01-01T00:00:00Z}", 3, "empty"),
        (
            "outages:\n- {start: 2025-01-01T00:00:00Z, end: 2025-01-02T00:00:00Z, sources: [nowhere]}",
            3,
            "nowhere",
        ),
        (
            "outages:\n- {start: 2025-01-01T00:00:00Z, end: 2025-01-02T00:00:00Z, kind: htp}",
            3,
            "unknown value 'htp'; use one of",
        ),
        ("ticks: {late: 0.1}", 2, "late_by"),
        ("ticks: {missed: 1.5}", 2, "less than or equal to 1"),
        ("postponed: 0.1", 1, "postponed_before_tip"),
        (
            'publication: {nbac_schedule: {kind: time_of_day, earliest: "12:00", usual: "11:00", latest: "13:00"}}',
            2,
            "order",
        ),
        (
            "publication: {nbac_schedule: {kind: after_tip, earliest: 1h, usual: 3h, latest: 2h}}",
            2,
            "order",
        ),
        ("weather: bad", 2, "unknown key"),
    ],
)
def test_a_fault_of_a_world_is_named_with_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    path = tmp_path / "world.yaml"
    path.write_text(f"name: faulty\n{text}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_world(path, load_catalog(SCRAPERS))
    assert f"{path}:{line}: " in str(caught.value)
    assert what in str(caught.value)


def test_hourly_refresh_is_exact_despite_lag(tmp_path: Path) -> None:
    """A refresh after 1h came after 1h30 in production; a simulation without lag did not show it."""
    searching = WORKFLOWS.replace("every: 1h}", "every: 30m, refresh_after_found: 1h}", 1)
    assert searching != WORKFLOWS
    season = simulated(tmp_path, workflows=searching)
    assert season.season.world.ticks.lag_seconds > 0
    found: dict[date, list[datetime]] = {}
    for done in season.log.memory.done:
        if done.fact.scraper == "nbac_injury_report" and done.fact.status is Status.SUCCESS:
            found.setdefault(done.fact.game_date, []).append(done.fact.triggered_at)
    gaps = {later - earlier for looks in found.values() for earlier, later in pairwise(looks)}
    assert gaps == {timedelta(hours=1)}
