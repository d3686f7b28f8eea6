"""Tests of weeks in which a search learns its source's publication time."""

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.seasons import Simulated, simulated
from tipoff_planning.discovery.plans import Fallback

FIRST, LAST = date(2025, 1, 6), date(2025, 2, 2)
WORKFLOWS = """
version: 1
timezone: America/New_York
calendar: {{scraper: nbac_schedule}}
workflows:
  morning_operations:
    description: the schedule of games
    schedule: {{kind: daily, window: {{start: "05:00", end: "10:00"}}}}
    steps: [{{scraper: nbac_schedule}}]
  movement:
    description: signings, waivers and trades
    schedule: {{kind: discovery, window: {{start: "11:00", end: "19:00"}}, every: 1h}}
    discovery: {{strategy: {strategy}}}
    steps: [{{scraper: nbac_player_movement}}]
"""
WORLD = """
publication:
  nbac_player_movement: {kind: time_of_day, earliest: "13:05", usual: "13:20", latest: "13:40"}
"""


def season(folder: Path, strategy: str, world: str = WORLD, last: date = LAST) -> Simulated:
    workflows = WORKFLOWS.format(strategy=strategy)
    return simulated(folder, world, workflows=workflows, first=FIRST, last=last)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return season(tmp_path_factory.mktemp("learned"), "learned")


def attempts(run: Simulated) -> dict[date, int]:
    found: dict[date, int] = {}
    for done in run.log.memory.done:
        if done.workflow == "movement":
            found[done.fact.game_date] = found.get(done.fact.game_date, 0) + 1
    return found


def test_learned_search_halves_median_delay_of_fixed_beat(learned: Simulated, tmp_path: Path) -> None:
    fixed = season(tmp_path, "fixed").report.workflows["movement"]
    numbers = learned.report.workflows["movement"]
    assert numbers.found == fixed.found == 28
    assert numbers.delay is not None
    assert fixed.delay is not None
    assert numbers.delay.median < fixed.delay.median / 2
    assert numbers.attempts <= fixed.attempts


def test_budget_and_max_gap_are_kept_every_day(learned: Simulated) -> None:
    plans = {day: plan for (_, day), plan in learned.log.plans.items()}
    for day, count in attempts(learned).items():
        assert count <= plans[day].budget == 9
    for plan in plans.values():
        minutes = [0, *(check.minute for check in plan.checks)]
        assert all(later - earlier <= 120 for earlier, later in pairwise(minutes))


def test_first_five_days_keep_fixed_beat_and_others_do_not(learned: Simulated) -> None:
    plans = {day: plan for (_, day), plan in learned.log.plans.items() if day <= LAST}
    few = [day for day, plan in plans.items() if plan.fallback is Fallback.FEW_DAYS]
    assert few == [FIRST + timedelta(days=number) for number in range(5)]
    assert all(plan.learned for day, plan in plans.items() if day not in few)


def test_no_expected_run_is_missing(learned: Simulated) -> None:
    assert learned.report.missing == 0
    assert set(learned.statuses("movement")) <= {"ON_TIME", "SKIPPED_OK"}


def test_lost_or_late_ticks_lose_no_day(tmp_path: Path) -> None:
    world = f"{WORLD}ticks: {{missed: 0.2, doubled: 0.1, late: 0.2, late_by: 4m}}\n"
    run = season(tmp_path, "learned", world, FIRST + timedelta(days=20))
    assert run.report.workflows["movement"].found == 21
    assert all(count <= 9 for count in attempts(run).values())


def test_same_season_gives_same_plans(learned: Simulated, tmp_path: Path) -> None:
    again = season(tmp_path, "learned", last=FIRST + timedelta(days=8))
    assert again.log.plans.keys() <= learned.log.plans.keys()
    assert all(
        plan == learned.log.plans[key] for key, plan in again.log.plans.items() if key[1] <= again.season.last
    )
