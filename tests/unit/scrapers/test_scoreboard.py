from datetime import date, datetime
from typing import Any

import pytest
from fake_http import HttpAt
from nba_games import BEFORE, DAY, GAME, LIVE, OVER, SCENARIO, edited
from odd import assert_set_aside

from scrapers.nbacom.cdn import PROBE_URL as TODAY_URL
from scrapers.nbacom.nbac_scoreboard.scraper import Parameters, ScoreboardRecord, fetch, parse
from tipoff_dev.fakes.sources.game_story import final_points
from tipoff_dev.fakes.sources.scoreboard_json import write_scoreboard
from tipoff_scraper_runner.errors import Blocked, SourceChanged, Undecodable

PARAMETERS = Parameters(game_date=DAY)
PAYLOAD = write_scoreboard(SCENARIO, DAY, OVER)
STATS_URL = "https://stats.nba.com/stats/scoreboardv3?GameDate=2025-01-15&LeagueID=00"
DAY_OFF = date(2025, 2, 14)


def record_at(now: datetime) -> ScoreboardRecord:
    found = parse(write_scoreboard(SCENARIO, DAY, now), PARAMETERS)
    games = [game for game in found.records if isinstance(game, ScoreboardRecord)]
    return next(game for game in games if game.game_id == GAME.id)


def test_scheduled_game_has_tip_off_and_no_clock() -> None:
    game = record_at(BEFORE)

    assert (game.status, game.status_text, game.period, game.clock_seconds) == (
        "scheduled",
        "7:00 pm ET",
        0,
        None,
    )
    assert (game.home_team, game.home_score, game.home_periods) == ("PHI", 0, ())
    assert game.tipoff == datetime.fromisoformat("2025-01-16T00:00:00+00:00")


def test_live_game_has_clock_and_score() -> None:
    game = record_at(LIVE)

    assert (game.status, game.period, game.clock_seconds) == ("live", 2, 330)
    assert game.home_score == sum(game.home_periods)


def test_final_game_has_score_by_period() -> None:
    game = record_at(OVER)

    assert (game.status, game.clock_seconds, len(game.home_periods)) == ("final", None, game.period)
    assert (game.home_score, game.away_score) == final_points(GAME)
    assert (sum(game.home_periods), sum(game.away_periods)) == final_points(GAME)


def test_the_summary_counts_games_by_status() -> None:
    found = parse(PAYLOAD, PARAMETERS)

    assert found.summary["games_by_status"] == {"final": 8, "live": 3}
    assert found.summary["drift"] == {"added": [], "missing_optional": []}
    assert found.about == DAY


def test_slate_has_tip_off_of_each_game_or_none() -> None:
    """The controller compares the slate with its calendar."""
    games = {
        game.matchup: game
        for game in parse(PAYLOAD, PARAMETERS).records
        if isinstance(game, ScoreboardRecord)
    }
    slate = parse(PAYLOAD, PARAMETERS).slate
    assert slate == {matchup: game.tipoff for matchup, game in games.items()}
    first = next(iter(games.values()))

    def call_off(document: Any) -> None:
        for game in document["scoreboard"]["games"]:
            if game["gameId"] == first.game_id:
                game.update(gameStatusText="PPD", gameStatus=1, gameTimeUTC="2025-01-16T00:00:00Z")

    called_off = parse(edited(PAYLOAD, call_off), PARAMETERS).slate
    assert called_off is not None
    assert [matchup for matchup, tipoff in called_off.items() if tipoff is None] == [first.matchup]


def test_day_without_games_is_no_data_with_reason() -> None:
    found = parse(write_scoreboard(SCENARIO, DAY_OFF, OVER), Parameters(game_date=DAY_OFF))

    assert (found.records, found.empty_reason) == (
        [],
        "the scoreboard of 2025-02-14 lists no games of the league",
    )


def test_todays_scoreboard_comes_from_the_cdn_also_after_midnight(http_at: HttpAt) -> None:
    http = http_at("2025-01-16T01:00:00-05:00")

    assert parse(fetch(PARAMETERS, http).body, PARAMETERS).about == DAY
    assert http.requested_urls == [TODAY_URL]


def test_day_not_yet_on_cdn_comes_from_stats_host(http_at: HttpAt) -> None:
    http = http_at("2025-01-15T09:00:00-05:00")

    assert parse(fetch(PARAMETERS, http).body, PARAMETERS).about == DAY
    assert http.requested_urls == [TODAY_URL, STATS_URL]


def test_past_day_comes_from_stats_host(http_at: HttpAt) -> None:
    http = http_at("2025-02-01T12:00:00-05:00")

    assert parse(fetch(PARAMETERS, http).body, PARAMETERS).about == DAY
    assert http.requested_urls == [STATS_URL]


@pytest.mark.parametrize("now", ["2025-01-15T20:00:00-05:00", "2025-02-01T12:00:00-05:00"])
def test_incident_5_refusal_is_blocked(now: str, http_at: HttpAt) -> None:
    http = http_at(now)
    http.fault(path="*", status=403)

    with pytest.raises(Blocked, match="which always exists, answers 403"):
        fetch(PARAMETERS, http)


@pytest.mark.parametrize("now", ["2025-01-15T20:00:00-05:00", "2025-02-01T12:00:00-05:00"])
def test_moved_scoreboard_is_a_changed_source(now: str, http_at: HttpAt) -> None:
    http = http_at(now)
    http.fault(path="*", status=404)

    with pytest.raises(SourceChanged, match="which always exists, answers 404"):
        fetch(PARAMETERS, http)


@pytest.mark.parametrize("now", ["2025-01-15T20:00:00-05:00", "2025-02-01T12:00:00-05:00"])
def test_web_page_instead_of_document_is_blocked(now: str, http_at: HttpAt) -> None:
    http = http_at(now)
    http.fault(path="*", body="html")

    with pytest.raises(Blocked, match="a web page instead of"):
        fetch(PARAMETERS, http)


def test_a_truncated_document_is_undecodable() -> None:
    with pytest.raises(Undecodable, match="the scoreboard is not JSON"):
        parse(PAYLOAD[: len(PAYLOAD) // 2], PARAMETERS)


@pytest.mark.parametrize("key", ["gameStatus", "gameTimeUTC", "gameClock", "homeTeam"])
def test_missing_required_key_is_named(key: str) -> None:
    def edit(document: Any) -> None:
        del document["scoreboard"]["games"][1][key]

    found = parse(edited(PAYLOAD, edit), PARAMETERS)

    assert_set_aside(found, rf"games\[1\] has no key '{key}'")
    assert len(found.records) == len(SCENARIO.games[DAY]) - 1


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [({"gameStatus": 9}, "gameStatus is 9"), ({"gameTimeUTC": "soon"}, "not an ISO 8601 instant")],
)
def test_game_with_invalid_value_is_set_aside(keys: dict[str, object], complaint: str) -> None:
    changed = edited(PAYLOAD, lambda document: document["scoreboard"]["games"][1].update(keys))

    assert_set_aside(parse(changed, PARAMETERS), complaint)


def test_malformed_date_is_a_changed_source() -> None:
    changed = edited(PAYLOAD, lambda document: document["scoreboard"].update(gameDate="15/01/2025"))

    with pytest.raises(SourceChanged, match="gameDate is '15/01/2025'"):
        parse(changed, PARAMETERS)


def test_repeated_game_counts_once_and_differing_copy_is_set_aside() -> None:
    def edit(document: Any) -> None:
        games = document["scoreboard"]["games"]
        games += [games[0], {**games[1], "period": 7}]

    found = parse(edited(PAYLOAD, edit), PARAMETERS)

    assert found.records == parse(PAYLOAD, PARAMETERS).records
    assert_set_aside(found, "is listed twice with different values")


def test_field_of_single_host_is_no_drift() -> None:
    def edit(document: Any) -> None:
        for game in document["scoreboard"]["games"]:
            game["broadcasters"] = {}
            game["oddsFromNowhere"] = 1

    assert parse(edited(PAYLOAD, edit), PARAMETERS).summary["drift"] == {
        "added": ["game.oddsFromNowhere"],
        "missing_optional": [],
    }


COVERS = {
    "nbac_scoreboard": {
        "normal": test_final_game_has_score_by_period,
        "empty": test_day_without_games_is_no_data_with_reason,
        "not_published": test_day_without_games_is_no_data_with_reason,
        "blocked": test_incident_5_refusal_is_blocked,
        "changed": test_missing_required_key_is_named,
        "truncated": test_a_truncated_document_is_undecodable,
    },
}
