"""Tests of the schedule's currency on its day: season, games that should be over, lost games."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest
from fake_http import HttpAt
from nba_games import SCENARIO, edited
from served import Served, failure, run

from scrapers.nbacom.nbac_schedule.fetching import SECOND_URL, URL
from scrapers.nbacom.nbac_schedule.scraper import Parameters, fetch, lost, parse
from tipoff_dev.fakes.sources.schedule_json import write_schedule
from tipoff_scraper_runner.errors import Blocked, SourceChanged
from tipoff_scraper_runner.scraper import Parsed

FIRST, SECOND = (url.removeprefix("https://") for url in (URL, SECOND_URL))
NOON = "2025-01-15T12:00:00-05:00"
TODAY = date(2025, 1, 15)


def as_of(instant: str, on: date, edit: Callable[[Any], None] = lambda _: None) -> Parsed:
    """Return the source's schedule as of `instant`, fetched on the day `on`."""
    payload = edited(write_schedule(SCENARIO, datetime.fromisoformat(instant)), edit)
    return parse(payload, Parameters(game_date=on))


def test_the_schedule_of_the_day_is_not_suspect() -> None:
    found = as_of(NOON, TODAY)

    assert (found.suspect, found.contradictions) == ("", [])


@pytest.mark.parametrize("day", [date(2025, 10, 1), date(2025, 10, 25), date(2026, 6, 1)])
def test_a_schedule_of_last_season_is_suspect_and_still_read(day: date) -> None:
    found = as_of(NOON, day)

    season = f"{day.year if day.month > 9 else day.year - 1}"
    assert found.suspect.startswith(f"the schedule is of season 2024-25, but {day} is in season {season}-")
    assert len(found.records) == 263


@pytest.mark.parametrize("day", [date(2024, 7, 1), date(2024, 9, 30)])
def test_schedule_of_coming_season_is_current_in_summer(day: date) -> None:
    found = as_of(NOON, day)

    assert (found.suspect, found.contradictions) == ("", [])


def test_past_day_of_another_season_is_a_contradiction() -> None:
    found = as_of(NOON, date(2023, 11, 5))

    assert (found.suspect, found.contradictions) == (
        "",
        ["requested 2023-11-05 of season 2023-24, but the schedule is of season 2024-25"],
    )


def test_frozen_schedule_is_suspect_once_its_games_should_be_over() -> None:
    """At noon of the 15th that evening's games are still scheduled; two days later they must be over."""
    assert as_of(NOON, date(2025, 1, 16)).suspect == ""
    found = as_of(NOON, date(2025, 1, 17))

    assert found.suspect == (
        "the schedule is frozen: on 2025-01-17 all 11 games of 2025-01-15 are still scheduled"
    )
    assert len(found.contradictions) == 11


def test_single_overdue_game_is_a_contradiction_but_not_suspect() -> None:
    def forget(document: Any) -> None:
        day = document["leagueSchedule"]["gameDates"][0]
        day["games"][0].update(gameStatus=1, gameStatusText="7:00 pm ET")

    found = as_of(NOON, TODAY, forget)

    assert found.suspect == ""
    (contradictions,) = found.contradictions
    assert contradictions.endswith("of 2025-01-06 is still scheduled on 2025-01-15")


def test_games_that_are_off_or_undecided_are_not_overdue() -> None:
    def undecide(document: Any) -> None:
        for day in document["leagueSchedule"]["gameDates"]:
            for number, game in enumerate(day["games"]):
                game.update(gameStatus=1, gameStatusText="PPD" if number % 2 else "TBD")

    found = as_of(NOON, date(2025, 3, 1), undecide)

    assert (found.suspect, found.contradictions) == ("", [])


@pytest.mark.parametrize(("kept", "gone"), [(1.0, False), (0.95, False), (0.85, True), (0.1, True)])
def test_lost_games_are_reported_only_above_threshold(kept: float, gone: bool) -> None:
    before = [{"game_id": record.game_id, "season_year": "2024-25"} for record in _games(as_of(NOON, TODAY))]

    def shrink(document: Any) -> None:
        for day in document["leagueSchedule"]["gameDates"]:
            whole = day["games"]
            day["games"] = [game for game in whole if int(game["gameId"]) % 100 < 100 * kept]

    result = lost(as_of(NOON, TODAY, shrink), before)

    assert bool(result) == gone
    assert not gone or "of the 263 games of season 2024-25 of the previous edition are missing" in result


def test_games_of_another_season_are_not_lost() -> None:
    before = [{"game_id": f"00223{number:05}", "season_year": "2023-24"} for number in range(1200)]

    assert lost(as_of(NOON, TODAY), before) == ""


def _games(parsed: Parsed) -> list[Any]:
    return list(parsed.records)


@pytest.mark.parametrize("fault", [{"status": 403}, {"status": 404}, {"body": "html"}])
def test_the_second_address_is_tried_when_the_first_is_refused(
    http_at: HttpAt, fault: dict[str, object]
) -> None:
    http = http_at(NOON)
    http.fault(path=FIRST, **fault)

    payload = fetch(Parameters(game_date=TODAY), http)

    assert (payload.url, http.requested_urls) == (SECOND_URL, [URL, SECOND_URL])
    assert URL in str(http.notes["first_address"])


@pytest.mark.parametrize(
    ("status", "error", "complaint"),
    [(403, Blocked, "scheduleLeagueV2.json, which always exists"), (404, SourceChanged, "it has moved")],
)
def test_error_of_first_address_is_raised_when_both_are_refused(
    http_at: HttpAt, status: int, error: type[Exception], complaint: str
) -> None:
    http = http_at(NOON)
    http.fault(path="cdn.nba.com/*", status=status)

    with pytest.raises(error, match=complaint):
        fetch(Parameters(game_date=TODAY), http)


def answers(first: bytes, second: bytes) -> Served:
    return Served([httpx.Response(200, content=first), httpx.Response(200, content=second)])


FROZEN, CURRENT = (
    write_schedule(SCENARIO, datetime.fromisoformat(NOON) + timedelta(days=days)) for days in (-5, 0)
)


def test_the_second_address_is_tried_when_the_first_is_frozen() -> None:
    source = answers(FROZEN, CURRENT)
    executed = run("nbac_schedule", source)

    assert [str(request.url) for request in source.asked] == [URL, SECOND_URL]
    assert executed.outcome.status.value == "success"
    assert executed.data_summary["source_url"] == SECOND_URL
    assert "is frozen" in str(executed.data_summary["first_address"])


def test_scrape_fails_with_reason_when_both_addresses_are_frozen() -> None:
    executed = run("nbac_schedule", answers(FROZEN, FROZEN))

    assert "is frozen: on 2025-01-15" in failure(executed, "source_changed")
    assert executed.data_summary["source_url"] == URL


def test_current_schedule_is_requested_once() -> None:
    source = answers(CURRENT, b"never")
    run("nbac_schedule", source)

    assert len(source.asked) == 1


def undecided(name: str | None) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        names = dict.fromkeys(("teamName", "teamCity", "teamTricode", "teamSlug"), name)
        game = document["leagueSchedule"]["gameDates"][0]["games"][0]
        for side in ("homeTeam", "awayTeam"):
            game[side] = {**game[side], **names, "teamId": 0, "score": 0}
        game.update(gameStatus=1, gameStatusText="TBD", gameTimeEst="0001-01-01T00:00:00Z")

    return edit


@pytest.mark.parametrize("name", [None, "", " "])
def test_game_without_teams_is_kept_as_undecided(name: str | None) -> None:
    found = as_of(NOON, TODAY, undecided(name))

    assert found.set_aside == ()
    assert found.summary["undecided"] == 1
    assert len(found.records) == 263


@pytest.mark.parametrize("instant", [None, "", "0001-01-01T00:00:00Z"])
def test_game_with_placeholder_time_is_kept_as_undecided(instant: str | None) -> None:
    def untime(document: Any) -> None:
        game = document["leagueSchedule"]["gameDates"][0]["games"][0]
        game.update(gameDateTimeUTC=instant, gameStatusText=None, postponedStatus=None, gameStatus=1)

    found = as_of(NOON, TODAY, untime)

    assert found.set_aside == ()
    (game,) = [game for game in _games(found) if game.game_date == date(2025, 1, 6) and game.time_tbd]
    assert (game.tipoff, game.postponed) == (None, False)


def test_foreign_club_is_kept_without_league_team() -> None:
    def invite(document: Any) -> None:
        game = document["leagueSchedule"]["gameDates"][0]["games"][0]
        game["gameId"] = f"001{game['gameId'][3:]}"
        game["homeTeam"].update(teamId=12315, teamTricode="RMD", teamName="Real Madrid")

    found = as_of(NOON, TODAY, invite)
    (game,) = [record for record in _games(found) if record.game_type == "preseason"]

    assert (game.home_team, game.home_team_id, found.set_aside) == (None, 12315, ())


def test_game_of_unknown_team_is_set_aside() -> None:
    def rename(document: Any) -> None:
        game = document["leagueSchedule"]["gameDates"][0]["games"][0]
        game["homeTeam"].update(teamId=1610612767, teamTricode="SEA")

    found = as_of(NOON, TODAY, rename)

    (reason,) = found.set_aside
    assert "unknown team 'SEA'" in reason
    assert len(found.records) == 262


@pytest.mark.parametrize("season", ["", "2024", "24-25", "２０２４-２５"])
def test_malformed_season_is_a_changed_source(season: str) -> None:
    with pytest.raises(SourceChanged, match="seasonYear"):
        as_of(NOON, TODAY, lambda document: document["leagueSchedule"].update(seasonYear=season))


def test_byte_order_mark_is_skipped_in_scrape_and_parse() -> None:
    marked = b"\xef\xbb\xbf" + CURRENT

    assert run("nbac_schedule", answers(marked, b"never")).outcome.status.value == "success"
    assert parse(marked, Parameters(game_date=TODAY)) == parse(CURRENT, Parameters(game_date=TODAY))
    assert json.loads(marked)


def test_a_document_larger_than_any_schedule_is_left_to_the_bounded_parser() -> None:
    """Parsing it here would use the memory in this process that the parser's process is not allowed to use."""
    bomb = b"[" + b"[]," * 1_200_001 + b"[]]"
    source = answers(bomb, b"never")

    assert "the document is list" in failure(run("nbac_schedule", source), "source_changed")
    assert len(source.asked) == 1
