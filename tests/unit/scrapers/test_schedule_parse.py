import json
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest
from fake_http import HttpAt
from hypothesis import given, settings
from hypothesis import strategies as st
from odd import assert_set_aside
from tests.support.examples import examples
from tests.support.scenario import SCENARIO

from scrapers.nbacom.nbac_schedule.document import read_schedule
from scrapers.nbacom.nbac_schedule.games import GameRecord
from scrapers.nbacom.nbac_schedule.scraper import Parameters, fetch, parse
from tipoff_dev.fakes.sources.schedule_json import write_schedule
from tipoff_scraper_runner.errors import Blocked, SourceChanged, Undecodable
from tipoff_scraper_runner.scraper import Parsed

TODAY = Parameters(game_date=date(2025, 1, 15))
NOON = datetime(2025, 1, 15, 17, tzinfo=UTC)
PAYLOAD = write_schedule(SCENARIO, NOON)
SOURCE = "cdn.nba.com/*"


def games(parsed: Parsed) -> dict[str, GameRecord]:
    return {game.game_id: game for game in parsed.records if isinstance(game, GameRecord)}


def only(**keys: object) -> bytes:
    """Return a schedule of one game with replaced keys; a key set to `...` is left out."""
    document = json.loads(PAYLOAD)
    day = next(day for day in document["leagueSchedule"]["gameDates"] if day["gameDate"].startswith("01/15"))
    game = {key: value for key, value in {**day["games"][0], **keys}.items() if value is not ...}
    document["leagueSchedule"]["gameDates"] = [{**day, "games": [game]}]
    return json.dumps(document).encode()


def one(**keys: object) -> GameRecord:
    (game,) = games(parse(only(**keys), TODAY)).values()
    return game


def test_last_read_schedule_is_cached() -> None:
    assert read_schedule(PAYLOAD) is read_schedule(bytes(PAYLOAD))
    assert read_schedule(only()).games != read_schedule(PAYLOAD).games


def test_a_game_has_every_field() -> None:
    assert one() == GameRecord(
        game_id="0022400562",
        season_year="2024-25",
        game_date=date(2025, 1, 15),
        tipoff=datetime(2025, 1, 16, 0, 0, tzinfo=UTC),
        time_tbd=False,
        game_type="regular",
        status="scheduled",
        postponed=False,
        postponed_status="N",
        home_team="PHI",
        home_team_id=1610612755,
        away_team="NYK",
        away_team_id=1610612752,
        game_label=None,
        game_sub_label=None,
        arena="Wells Fargo Center",
    )


def test_summary_counts_games_of_season_and_day() -> None:
    assert parse(PAYLOAD, TODAY).summary == {
        "season_year": "2024-25",
        "games_by_type": {"regular": 261, "all_star": 2},
        "games_on_game_date": 11,
        "undecided": 0,
        "postponed": 2,
        "postponed_statuses": {"N": 261, "Y": 2},
        "first_date": "2025-01-06",
        "last_date": "2025-02-20",
    }


@pytest.mark.parametrize(
    ("day", "count"), [("2025-01-09", 6), ("2025-01-17", 0), ("2025-02-15", 0), ("2025-02-16", 2)]
)
def test_days_off_and_postponements_reduce_game_count(day: str, count: int) -> None:
    scheduled = len(SCENARIO.games.get(date.fromisoformat(day), ()))
    summary = parse(PAYLOAD, Parameters(game_date=date.fromisoformat(day))).summary

    assert summary["games_on_game_date"] == count
    assert scheduled - count == (1 if day == "2025-01-09" else 0)


def test_incident_20_game_is_postponed_from_its_announcement() -> None:
    before = write_schedule(SCENARIO, datetime(2025, 1, 9, 17, 59, tzinfo=UTC))
    after = write_schedule(SCENARIO, datetime(2025, 1, 9, 18, 0, tzinfo=UTC))
    (game_id,) = [
        game.id for day, game in SCENARIO.all_games() if day == date(2025, 1, 9) and game.postponed_at
    ]

    assert not games(parse(before, TODAY))[game_id].postponed
    postponed = games(parse(after, TODAY))[game_id]
    assert (postponed.postponed, postponed.status) == (True, "scheduled")


@pytest.mark.parametrize(
    ("letter", "text", "postponed"),
    [("N", "7:00 pm ET", False), ("A", "7:00 pm ET", False), ("Y", "7:00 pm ET", True), ("N", "PPD", True)],
)
def test_incident_20_placeholder_letter_does_not_postpone_game(
    letter: str, text: str, postponed: bool
) -> None:
    game = one(postponedStatus=letter, gameStatusText=text)

    assert (game.postponed, game.postponed_status) == (postponed, letter)


def test_incident_21_a_game_that_tips_after_midnight_keeps_the_leagues_date() -> None:
    late = [game for day, game in SCENARIO.all_games() if game.tip == "24:30"]
    game = games(parse(PAYLOAD, TODAY))[late[0].id]

    assert game.game_date == date(2025, 1, 25)
    assert game.tipoff == datetime(2025, 1, 26, 5, 30, tzinfo=UTC)


def test_incident_21_local_times_with_false_z_are_ignored() -> None:
    wrong = "2031-01-01T00:00:00Z"

    assert one(gameDateTimeEst=wrong, homeTeamTime=wrong, awayTeamTime=wrong, gameDateEst=wrong) == one()


@pytest.mark.parametrize("keys", [{"gameStatusText": "TBD"}, {"gameTimeEst": "0001-01-01T00:00:00Z"}])
def test_undecided_time_is_no_tip_off_at_midnight(keys: dict[str, str]) -> None:
    game = one(**keys, gameDateTimeUTC="2025-01-15T05:00:00Z")

    assert (game.tipoff, game.time_tbd, game.game_date) == (None, True, date(2025, 1, 15))


def test_teams_to_be_decided_are_null() -> None:
    undecided = {"teamId": 0, "teamTricode": "", "score": 0}
    game = one(homeTeam=undecided, awayTeam=undecided)

    assert (game.home_team, game.home_team_id, game.away_team, game.away_team_id) == (None, 0, None, 0)


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        ("001", "preseason"),
        ("002", "regular"),
        ("003", "all_star"),
        ("004", "playoffs"),
        ("005", "play_in"),
        ("006", "cup_final"),
    ],
)
def test_the_prefix_of_the_id_is_the_kind_of_game(prefix: str, kind: str) -> None:
    assert one(gameId=f"{prefix}2400001").game_type == kind


@pytest.mark.parametrize(("number", "status"), [(1, "scheduled"), (2, "live"), (3, "final")])
def test_status_number_maps_to_name(number: int, status: str) -> None:
    assert one(gameStatus=number).status == status


def test_seasons_without_labels_have_null_labels() -> None:
    game = one(gameLabel=..., gameSubLabel=..., arenaName=None)

    assert (game.game_label, game.game_sub_label, game.arena) == (None, None, None)
    assert one(gameLabel="Emirates NBA Cup", gameSubLabel="East Group A").game_label == "Emirates NBA Cup"


@settings(max_examples=examples(10), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_order_of_keys_and_items_is_irrelevant(seed: int) -> None:
    order = Random(seed)  # noqa: S311  # no secret depends on it

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = [(key, shuffled(item)) for key, item in value.items()]
            order.shuffle(items)
            return dict(items)
        if isinstance(value, list):
            items = [shuffled(item) for item in value]
            order.shuffle(items)
            return items
        return value

    assert parse(json.dumps(shuffled(json.loads(PAYLOAD))).encode(), TODAY) == parse(PAYLOAD, TODAY)


def test_repeated_game_counts_once_and_differing_copy_is_set_aside() -> None:
    document = json.loads(only())
    day = document["leagueSchedule"]["gameDates"][0]
    day["games"].append(dict(day["games"][0]))
    assert len(parse(json.dumps(document).encode(), TODAY).records) == 1

    day["games"][1]["gameStatus"] = 3
    found = parse(json.dumps(document).encode(), TODAY)
    assert [game.status for game in games(found).values()] == ["scheduled"]
    assert_set_aside(found, "0022400562.*is listed twice with different values")


@pytest.mark.parametrize(
    "key",
    ["gameId", "gameStatus", "gameStatusText", "gameDateTimeUTC", "homeTeam", "awayTeam"],
)
def test_missing_required_key_is_named(key: str) -> None:
    with pytest.raises(SourceChanged, match=rf"gameDates\[0\]\.games\[0\] has no key '{key}'; its keys are "):
        parse(only(**{key: ...}), TODAY)


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"gameStatus": "1"}, "gameStatus is str .* not int"),
        ({"gameStatus": True}, "gameStatus is bool"),
        ({"gameStatus": 4}, "gameStatus is 4"),
        ({"gameId": "0072400001"}, "known prefixes"),
        ({"gameDateTimeUTC": "soon"}, "not an ISO 8601 instant"),
        ({"gameDateTimeUTC": "2025-01-15T19:00:00"}, "without its UTC offset"),
        ({"homeTeam": None}, "homeTeam is null"),
        ({"homeTeam": {"teamId": 1}}, r"no team has the id 1"),
        ({"gameLabel": 7}, "gameLabel is int"),
    ],
)
def test_invalid_value_is_a_changed_source(keys: dict[str, object], complaint: str) -> None:
    with pytest.raises(SourceChanged, match=complaint):
        parse(only(**keys), TODAY)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "the document is list"),
        ({}, "no key 'leagueSchedule'"),
        ({"leagueSchedule": {"gameDates": []}}, "no key 'seasonYear'"),
        ({"leagueSchedule": {"seasonYear": "2024-25"}}, "no key 'gameDates'"),
        ({"leagueSchedule": {"seasonYear": "2024-25", "gameDates": [1]}}, r"gameDates\[0\] is int"),
        (
            {
                "leagueSchedule": {
                    "seasonYear": "2024-25",
                    "gameDates": [{"gameDate": "2025-01-15", "games": []}],
                }
            },
            "not 'MM/DD/YYYY 00:00:00'",
        ),
    ],
)
def test_a_document_of_another_shape_is_a_changed_source(document: object, complaint: str) -> None:
    with pytest.raises(SourceChanged, match=complaint):
        parse(json.dumps(document).encode(), TODAY)


def test_incident_8_schedule_without_games_has_no_empty_reason() -> None:
    empty = json.dumps({"leagueSchedule": {"seasonYear": "2024-25", "gameDates": []}}).encode()

    parsed = parse(empty, TODAY)
    assert (list(parsed.records), parsed.empty_reason) == ([], "")


@pytest.mark.parametrize(
    "body", [PAYLOAD[:-200], b"", b"<!DOCTYPE html><html></html>", b"\xff\xfe", b"[" * 100_000]
)
def test_non_json_is_undecodable_and_shows_its_first_bytes(body: bytes) -> None:
    with pytest.raises(Undecodable, match="it begins"):
        parse(body, TODAY)


def test_schedule_is_fetched_unchanged(http_at: HttpAt) -> None:
    payload = fetch(TODAY, http_at("2025-01-15T12:00:00-05:00"))

    assert payload.body == PAYLOAD
    assert payload.suffix == "json"
    assert payload.url == "https://cdn.nba.com/static/json/staticData/scheduleLeagueV2.json"


@pytest.mark.parametrize(
    ("fault", "error", "complaint"),
    [
        ({"status": 403}, Blocked, "the host refuses this client"),
        ({"status": 404}, SourceChanged, "it has moved"),
        ({"body": "html"}, Blocked, "b'<!DOCTYPE html>"),
    ],
)
def test_failed_fetch_raises_error_of_its_kind(
    http_at: HttpAt, fault: dict[str, object], error: type[Exception], complaint: str
) -> None:
    http = http_at("2025-01-15T12:00:00-05:00")
    http.fault(path=SOURCE, **fault)

    with pytest.raises(error, match=complaint):
        fetch(TODAY, http)


def test_a_truncated_schedule_is_undecodable(http_at: HttpAt) -> None:
    http = http_at("2025-01-15T12:00:00-05:00")
    http.fault(path=SOURCE, body="truncated")

    with pytest.raises(Undecodable, match=r"b'\{\"meta\""):
        parse(fetch(TODAY, http).body, TODAY)


COVERS = {
    "nbac_schedule": {
        "normal": test_schedule_is_fetched_unchanged,
        "empty": test_incident_8_schedule_without_games_has_no_empty_reason,
        "not_published": "never: the schedule of the season always exists",
        "blocked": test_failed_fetch_raises_error_of_its_kind,
        "changed": test_a_document_of_another_shape_is_a_changed_source,
        "truncated": test_a_truncated_schedule_is_undecodable,
    },
}
