"""Tests of simulated faults: each affects the intended runs and no others."""

from datetime import date
from pathlib import Path

import pytest

from tests.support.seasons import WORKFLOWS, Simulated, simulated
from tipoff_common.outcomes import Status

DAY = date(2025, 1, 15)
REFEREES = "nbac_referee_assignments"
REFEREE_DISCOVERY = f"""
  referee_discovery:
    description: who officiates, all of them
    schedule: {{kind: discovery, window: {{start: "09:00", end: "17:00"}}, every: 30m, until: complete}}
    steps: [{{scraper: {REFEREES}}}]
"""
GAME = "0022400528"  # of 9 January, 22:00


def on_the_day(folder: Path, world: str) -> Simulated:
    return simulated(folder, world, first=DAY, last=DAY)


def gap(start: str, end: str) -> str:
    return f"ticks: {{gaps: [{{start: 2025-01-15T{start}:00-05:00, end: 2025-01-15T{end}:00-05:00}}]}}"


def test_search_is_missed_on_day_of_outage_with_reason(tmp_path: Path) -> None:
    season = simulated(
        tmp_path,
        "outages: [{start: 2025-01-09T10:00:00-05:00, end: 2025-01-09T20:00:00-05:00,"
        " sources: [nbacom], kind: blocked}]",
    )
    assert season.missed("injury_discovery") == [("2025-01-09", "nbac_injury_report failed: blocked")]
    assert season.missed("post_game") == season.missed("betting_lines") == []
    assert season.report.missing == 0


def test_outage_of_all_sources_delays_find(tmp_path: Path) -> None:
    season = on_the_day(
        tmp_path, "outages: [{start: 2025-01-15T10:00:00-05:00, end: 2025-01-15T16:30:00-05:00, kind: quota}]"
    )
    assert season.missed("injury_discovery") == []
    numbers = season.report.workflows["injury_discovery"]
    assert (numbers.failed, numbers.found) == (6, 1)
    assert numbers.delay is not None
    assert numbers.delay.median > 60


def test_source_without_data_delays_find_without_failures(tmp_path: Path) -> None:
    season = on_the_day(
        tmp_path, "outages: [{start: 2025-01-15T10:00:00-05:00, end: 2025-01-15T16:30:00-05:00, kind: null}]"
    )
    numbers = season.report.workflows["injury_discovery"]
    assert (numbers.failed, numbers.found) == (0, 1)
    assert numbers.delay is not None
    assert numbers.delay.median > 60


def test_incomplete_document_is_requested_until_complete_or_missed(tmp_path: Path) -> None:
    publication = "kind: time_of_day, earliest: '09:00', usual: '09:05', latest: '09:10', incomplete: 1"
    seasons = {
        after: simulated(
            tmp_path,
            f"publication: {{{REFEREES}: {{{publication}, complete_after: {after}}}}}",
            workflows=WORKFLOWS + REFEREE_DISCOVERY,
            first=DAY,
            last=DAY,
        )
        for after in ("90m", "20h")
    }
    found, never = (season.report.workflows["referee_discovery"] for season in seasons.values())
    got = [done.fact for done in seasons["90m"].log.memory.done if done.fact.scraper == REFEREES]
    assert [
        bool(fact.completeness and fact.completeness.missing) for fact in got if fact.status is Status.SUCCESS
    ] == [True] * 3 + [False]
    assert (found.found, found.missed) == (1, [])
    assert found.delay is not None
    assert found.delay.median > 90
    assert seasons["20h"].missed("referee_discovery") == [("2025-01-15", f"{REFEREES} stayed incomplete")]
    assert never.found == 0
    for season in seasons.values():
        assert set(season.statuses("referee_discovery")) <= {"ON_TIME", "SKIPPED_OK"}


def test_transient_failures_are_retried(tmp_path: Path) -> None:
    season = simulated(tmp_path, "failures: {nbac_injury_report: {http: 0.3}}")
    numbers = season.report.workflows["injury_discovery"]
    assert numbers.failed > 0
    assert numbers.attempts > season.statuses("injury_discovery")["ON_TIME"]
    assert numbers.missed == []


def test_failed_parent_is_the_reason_for_unrequested_children(tmp_path: Path) -> None:
    season = on_the_day(
        tmp_path,
        "outages: [{start: 2025-01-15T00:00:00-05:00, end: 2025-01-16T00:00:00-05:00,"
        " scrapers: [oddsa_events], kind: quota}]",
    )
    reasons = {reason for _, reason in season.missed("betting_lines")}
    assert reasons == {"oddsa_events failed: quota"}
    assert all(done.fact.scraper != "oddsa_player_props" for done in season.log.memory.done)


def test_a_game_called_off_in_time_is_cancelled_and_not_missed(tmp_path: Path) -> None:
    """The postponement comes after the lock at 05:00 and is read within the hour."""
    season = simulated(
        tmp_path, f'postponements: [{{game_id: "{GAME}", announced: 2025-01-09T14:00:00-05:00}}]'
    )
    assert season.statuses("post_game")["CANCELLED"] == 8  # its slots from 2h30m to 6h after tip-off
    assert season.report.missed == 0
    assert all(done.fact.subject != GAME for done in season.log.memory.done)


def test_a_game_called_off_late_wastes_attempts_and_is_not_missed(tmp_path: Path) -> None:
    season = simulated(
        tmp_path, f'postponements: [{{game_id: "{GAME}", announced: 2025-01-09T22:30:00-05:00}}]'
    )
    wasted = [done for done in season.log.memory.done if done.fact.subject == GAME]
    assert {done.fact.status.value for done in wasted} == {"no_data"}
    assert season.report.missed == 0
    assert season.report.workflows["post_game"].empty == 1


def test_rescheduled_game_is_collected_on_its_new_date(tmp_path: Path) -> None:
    season = simulated(
        tmp_path,
        f'postponements: [{{game_id: "{GAME}", announced: 2025-01-08T12:00:00-05:00,'
        " tipoff: 2025-01-11T22:00:00-05:00}]",
    )
    got = {str(done.fact.game_date) for done in season.log.memory.done if done.fact.subject == GAME}
    assert got == {"2025-01-11"}
    assert season.report.missed == 0


def test_random_postponements_cause_no_misses(tmp_path: Path) -> None:
    season = simulated(tmp_path, "postponed: 0.3\npostponed_before_tip: 6h")
    assert season.statuses("post_game")["CANCELLED"] > 0
    assert season.report.missed == 0


@pytest.mark.parametrize(
    ("missing", "injury"),
    [
        (gap("11:00", "11:10"), {"ON_TIME"}),
        (gap("11:00", "11:20"), {"ON_TIME", "LATE"}),  # 11:30 and some seconds is more than half an hour
        (gap("11:00", "11:40"), {"ON_TIME", "LATE"}),
        (gap("11:00", "12:00"), {"ON_TIME", "MISSING"}),
    ],
)
def test_missed_ticks_are_caught_up_until_the_deadline(
    tmp_path: Path, missing: str, injury: set[str]
) -> None:
    season = on_the_day(tmp_path, missing)
    assert set(season.statuses("injury_discovery")) - {"SKIPPED_OK"} == injury
    assert season.missed("injury_discovery") == []
    assert season.report.missing == ("MISSING" in injury)


def test_a_window_without_any_tick_is_missed(tmp_path: Path) -> None:
    season = on_the_day(tmp_path, gap("10:50", "19:10"))
    assert season.missed("injury_discovery") == [("2025-01-15", "no tick came in time")]
    assert season.statuses("injury_discovery") == {"MISSING": 8}


def test_doubled_ticks_change_nothing(tmp_path: Path) -> None:
    once = simulated(tmp_path).report
    twice = simulated(tmp_path, "ticks: {doubled: 1.0}").report
    assert twice.ticks == 2 * once.ticks
    assert twice.workflows == once.workflows
    assert twice.sources == once.sources


def test_late_and_missed_ticks_lose_no_run(tmp_path: Path) -> None:
    season = simulated(tmp_path, "ticks: {missed: 0.2, late: 0.5, late_by: 10m}")
    assert season.report.missed == 0
    assert season.report.ticks < 5 * 96


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (
            'earliest: "11:30", usual: "12:00", latest: "13:00", never: 1.0',
            "nbac_injury_report was never published",
        ),
        (
            'earliest: "18:30", usual: "18:30", latest: "18:30"',
            "nbac_injury_report was published after the last attempt",
        ),
    ],
)
def test_document_not_published_in_time_is_missed(tmp_path: Path, rule: str, reason: str) -> None:
    season = on_the_day(tmp_path, f"publication: {{nbac_injury_report: {{kind: time_of_day, {rule}}}}}")
    assert season.missed("injury_discovery") == [("2025-01-15", reason)]
    assert season.report.workflows["injury_discovery"].no_data == 8


def test_missing_tick_after_publication_has_its_own_reason(tmp_path: Path) -> None:
    season = on_the_day(
        tmp_path,
        'publication: {nbac_injury_report: {kind: time_of_day, earliest: "17:30", usual: "17:30", latest: "17:30"}}\n'
        + gap("17:40", "20:00"),
    )
    assert season.missed("injury_discovery") == [
        ("2025-01-15", "no tick came after nbac_injury_report was published")
    ]
