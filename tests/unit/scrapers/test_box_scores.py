"""Tests of `nbac_player_boxscore` and `nbac_team_boxscore`: two readings of one document."""

from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from fake_http import HttpAt
from nba_games import BEFORE, DAY, GAME, LIVE, OVER, OVERTIME_DAY, OVERTIME_GAME, SCENARIO, Edit, edited
from odd import assert_set_aside

from scrapers.nbacom.box_score import GameParameters
from scrapers.nbacom.cdn import PROBE_URL
from scrapers.nbacom.nbac_player_boxscore import scraper as players
from scrapers.nbacom.nbac_player_boxscore.scraper import PlayerBoxRecord
from scrapers.nbacom.nbac_team_boxscore import scraper as teams
from scrapers.nbacom.nbac_team_boxscore.scraper import TeamBoxRecord
from tipoff_dev.fakes.sources.box_score_json import write_box_score
from tipoff_scraper_runner.errors import Blocked, NotPublished, SourceChanged, Undecodable
from tipoff_scraper_runner.scraper import Parsed

PAYLOAD = write_box_score(SCENARIO, DAY, GAME, OVER) or b""
URL = f"https://cdn.nba.com/static/json/liveData/boxscore/boxscore_{GAME.id}.json"
BOTH = pytest.mark.parametrize("scraper", [players, teams])


def parameters_of(scraper: ModuleType, game_id: str = GAME.id) -> GameParameters:
    parameters: GameParameters = scraper.Parameters(game_date=DAY, game_id=game_id)
    return parameters


def parsed(scraper: ModuleType, payload: bytes = PAYLOAD) -> Parsed:
    found: Parsed = scraper.parse(payload, parameters_of(scraper))
    return found


def player_records(payload: bytes = PAYLOAD) -> list[PlayerBoxRecord]:
    return [record for record in parsed(players, payload).records if isinstance(record, PlayerBoxRecord)]


def test_a_players_line_has_every_field() -> None:
    record = player_records()[0]

    assert (record.game_id, record.team, record.opponent, record.home) == (GAME.id, "PHI", "NYK", True)
    assert (record.starter, record.played, record.status, record.position) == (True, True, "ACTIVE", "SF")
    assert record.seconds_played == 32 * 60
    assert record.field_goals_made == record.two_pointers_made + record.three_pointers_made
    assert (
        record.points
        == 2 * record.two_pointers_made + 3 * record.three_pointers_made + record.free_throws_made
    )


def test_absent_players_are_listed_with_reason() -> None:
    absent = [record for record in player_records() if record.team == "NYK" and not record.played]

    assert [
        (record.status, record.not_playing_reason, record.not_playing_description) for record in absent
    ] == [
        ("ACTIVE", "DNP_COACH", None),
        ("INACTIVE", "INACTIVE_INJURY", "Left Ankle; Sprain"),
        ("INACTIVE", "INACTIVE_GLEAGUE_TWOWAY", None),
    ]
    assert {record.seconds_played for record in absent} == {0}


@pytest.mark.parametrize(
    ("day", "game", "minutes", "periods"), [(DAY, GAME, 240, 4), (OVERTIME_DAY, OVERTIME_GAME, 265, 5)]
)
def test_a_team_plays_240_minutes_and_25_more_an_overtime(
    day: Any, game: Any, minutes: int, periods: int
) -> None:
    after = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=2)
    payload = write_box_score(SCENARIO, day, game, after) or b""
    summary = players.parse(payload, players.Parameters(game_date=day, game_id=game.id)).summary

    assert summary["periods"] == periods
    assert summary["team_minutes"] == {game.home: minutes, game.away: minutes}
    assert summary["broken_laws"] == []


def test_players_add_up_to_their_teams_and_teams_to_the_score() -> None:
    by_team: dict[str, int] = {}
    for record in player_records():
        by_team[record.team] = by_team.get(record.team, 0) + record.points
    lines = [record for record in parsed(teams).records if isinstance(record, TeamBoxRecord)]

    assert {line.team: line.points for line in lines} == by_team == parsed(players).summary["score"]
    assert all(line.score == line.points == sum(line.period_points) for line in lines)
    assert [line.points for line in lines] == [line.points_against for line in reversed(lines)]


@BOTH
def test_inconsistent_totals_are_reported_as_broken_laws(scraper: ModuleType) -> None:
    def edit(document: Any) -> None:
        home = document["game"]["homeTeam"]
        home["score"] += 1
        home["players"][0]["statistics"]["minutes"] = "PT30M00.00S"

    broken = parsed(scraper, edited(PAYLOAD, edit)).summary["broken_laws"]

    assert isinstance(broken, list)
    assert [str(law).split(":")[0] for law in broken] == ["PHI"] * 3
    assert "238.0 minutes, not 240" in str(broken[0])


@BOTH
def test_box_score_before_tip_off_is_not_published(scraper: ModuleType, http_at: HttpAt) -> None:
    http = http_at(BEFORE.isoformat())

    with pytest.raises(NotPublished, match=rf"{GAME.id}.json answers 403, while .* is served"):
        scraper.fetch(parameters_of(scraper), http)
    assert http.requested_urls == [URL, PROBE_URL]


@BOTH
def test_a_live_game_is_no_data_with_its_state(scraper: ModuleType, http_at: HttpAt) -> None:
    payload = scraper.fetch(parameters_of(scraper), http_at(LIVE.isoformat()))
    found = scraper.parse(payload.body, parameters_of(scraper))

    assert found.records == ()
    assert found.empty_reason == f"game {GAME.id} is live (Q2 5:30), not final"


@BOTH
def test_box_score_after_game_is_read(scraper: ModuleType, http_at: HttpAt) -> None:
    payload = scraper.fetch(parameters_of(scraper), http_at(OVER.isoformat()))
    found = scraper.parse(payload.body, parameters_of(scraper))

    assert (payload.url, payload.suffix) == (URL, "json")
    assert len(found.records) == (26 if scraper is players else 2)
    assert found.about == DAY
    assert found.summary["drift"] == {"added": [], "missing_optional": []}


@BOTH
def test_incident_5_refusal_is_blocked(scraper: ModuleType, http_at: HttpAt) -> None:
    http = http_at(OVER.isoformat())
    http.fault(path="cdn.nba.com/*", status=403)

    with pytest.raises(Blocked, match="which always exists, answers 403"):
        scraper.fetch(parameters_of(scraper), http)


@BOTH
def test_incident_5_moved_document_is_a_changed_source(scraper: ModuleType, http_at: HttpAt) -> None:
    http = http_at(OVER.isoformat())
    http.fault(path="cdn.nba.com/*", status=404)

    with pytest.raises(SourceChanged, match="which always exists, answers 404"):
        scraper.fetch(parameters_of(scraper), http)


@BOTH
@pytest.mark.parametrize("path", ["cdn.nba.com/*", PROBE_URL.removeprefix("https://")])
def test_web_page_instead_of_document_is_blocked(scraper: ModuleType, path: str, http_at: HttpAt) -> None:
    http = http_at(BEFORE.isoformat())
    http.fault(path=path, body="html")

    with pytest.raises(Blocked, match="a web page instead of"):
        scraper.fetch(parameters_of(scraper), http)


@BOTH
def test_a_truncated_document_is_undecodable(scraper: ModuleType, http_at: HttpAt) -> None:
    http = http_at(OVER.isoformat())
    http.fault(path="cdn.nba.com/*", body="truncated")

    with pytest.raises(Undecodable, match="the box score is not JSON"):
        scraper.parse(scraper.fetch(parameters_of(scraper), http).body, parameters_of(scraper))


def _drop(*path: str) -> Edit:
    def edit(document: Any) -> None:
        node = document["game"]
        for key in path[:-1]:
            node = node[int(key)] if key.isdigit() else node[key]
        del node[path[-1]]

    return edit


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        (("gameStatus",), r"document\.game has no key 'gameStatus'"),
        (("homeTeam", "players"), r"homeTeam has no key 'players'"),
    ],
)
def test_missing_required_key_is_named(path: tuple[str, ...], missing: str) -> None:
    with pytest.raises(SourceChanged, match=missing):
        parsed(players, edited(PAYLOAD, _drop(*path)))


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        (("awayTeam", "players", "2", "played"), r"awayTeam\.players\[2\] has no key 'played'"),
        (("awayTeam", "players", "2", "statistics", "steals"), "has no key 'steals'"),
    ],
)
def test_a_player_without_a_required_key_is_set_aside(path: tuple[str, ...], missing: str) -> None:
    found = parsed(players, edited(PAYLOAD, _drop(*path)))

    assert_set_aside(found, missing)
    assert len(found.records) == 25


def test_a_team_statistic_that_is_missing_is_named() -> None:
    with pytest.raises(SourceChanged, match="has no key 'benchPoints'"):
        parsed(teams, edited(PAYLOAD, _drop("homeTeam", "statistics", "benchPoints")))


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("played", "yes", r"played is 'yes': .*not a flag"),
        ("status", "SUSPENDED", "status is 'SUSPENDED'"),
        ("personId", None, "personId is None"),
    ],
)
def test_player_with_invalid_value_is_set_aside(key: str, value: object, complaint: str) -> None:
    def edit(document: Any) -> None:
        document["game"]["homeTeam"]["players"][0][key] = value

    assert_set_aside(parsed(players, edited(PAYLOAD, edit)), complaint)


def test_player_with_invalid_minutes_is_set_aside() -> None:
    def edit(document: Any) -> None:
        document["game"]["homeTeam"]["players"][0]["statistics"]["minutes"] = "half an hour"

    assert_set_aside(parsed(players, edited(PAYLOAD, edit)), "'half an hour' is not a length of time")


@BOTH
def test_the_box_score_of_another_game_is_refused(scraper: ModuleType) -> None:
    with pytest.raises(SourceChanged, match=f"requested game 0022400001, but the box score is of {GAME.id}"):
        scraper.parse(PAYLOAD, parameters_of(scraper, "0022400001"))


def test_added_and_dropped_fields_are_drift() -> None:
    def edit(document: Any) -> None:
        for side in ("homeTeam", "awayTeam"):
            for player in document["game"][side]["players"]:
                player["nickname"] = "Ace"
                del player["nameI"]

    assert parsed(players, edited(PAYLOAD, edit)).summary["drift"] == {
        "added": ["player.nickname"],
        "missing_optional": ["player.nameI"],
    }


@pytest.mark.parametrize("game_id", ["22400562", "0022400562/../x", "1022400562"])
def test_nothing_but_a_game_id_reaches_the_url(game_id: str) -> None:
    with pytest.raises(ValueError, match="game_id"):
        parameters_of(players, game_id)


COVERS = {
    "nbac_player_boxscore": {
        "normal": test_box_score_after_game_is_read,
        "empty": test_a_live_game_is_no_data_with_its_state,
        "not_published": test_box_score_before_tip_off_is_not_published,
        "blocked": test_incident_5_refusal_is_blocked,
        "changed": test_missing_required_key_is_named,
        "truncated": test_a_truncated_document_is_undecodable,
    },
    "nbac_team_boxscore": {
        "normal": test_box_score_after_game_is_read,
        "empty": test_a_live_game_is_no_data_with_its_state,
        "not_published": test_box_score_before_tip_off_is_not_published,
        "blocked": test_incident_5_refusal_is_blocked,
        "changed": test_a_team_statistic_that_is_missing_is_named,
        "truncated": test_a_truncated_document_is_undecodable,
    },
}
