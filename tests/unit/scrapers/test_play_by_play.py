from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_http import HttpAt
from nba_games import BEFORE, DAY, GAME, LIVE, OVER, OVERTIME_DAY, OVERTIME_GAME, SCENARIO, edited
from odd import assert_set_aside

from scrapers.nbacom.nbac_play_by_play.scraper import ActionRecord, Parameters, fetch, parse
from tipoff_dev.fakes.sources.game_story import final_points
from tipoff_dev.fakes.sources.play_by_play_json import write_play_by_play
from tipoff_scraper_runner.errors import Blocked, NotPublished, SourceChanged, Undecodable

PARAMETERS = Parameters(game_date=DAY, game_id=GAME.id)
PAYLOAD = write_play_by_play(SCENARIO, DAY, GAME, OVER) or b""
SOURCE = "cdn.nba.com/*"


def records(payload: bytes = PAYLOAD) -> list[ActionRecord]:
    return [record for record in parse(payload, PARAMETERS).records if isinstance(record, ActionRecord)]


def test_the_actions_run_from_the_tip_to_the_end_of_the_game() -> None:
    actions = records()
    orders = [action.order_number for action in actions]

    assert (actions[0].action_type, actions[0].sub_type, actions[0].clock_seconds) == ("period", "start", 720)
    assert (actions[-1].action_type, actions[-1].sub_type, actions[-1].clock_seconds) == ("game", "end", 0)
    assert orders == sorted(set(orders))
    assert {action.time_actual.utcoffset() for action in actions} == {timedelta(0)}


def test_score_never_falls_and_ends_at_final_score() -> None:
    actions = records()

    assert (actions[-1].score_home, actions[-1].score_away) == final_points(GAME)
    assert parse(PAYLOAD, PARAMETERS).summary["broken_laws"] == []
    scored = sum(
        {"2pt": 2, "3pt": 3, "freethrow": 1}.get(action.action_type, 0)
        for action in actions
        if action.shot_result == "Made"
    )
    assert scored == sum(final_points(GAME))


def test_action_has_every_field() -> None:
    shot = next(action for action in records() if action.action_type == "3pt")
    own = next(action for action in records() if action.action_type == "period")

    assert (shot.is_field_goal, shot.shot_distance, shot.x, shot.side) == (True, 24.5, 12.5, "left")
    assert shot.team in ("PHI", "NYK")
    assert shot.player_name is not None
    assert (own.team, own.person_id, own.player_name, own.is_field_goal) == (None, None, None, False)


def test_an_overtime_is_a_fifth_period() -> None:
    after = datetime(OVERTIME_DAY.year, OVERTIME_DAY.month, OVERTIME_DAY.day, tzinfo=UTC) + timedelta(days=2)
    payload = write_play_by_play(SCENARIO, OVERTIME_DAY, OVERTIME_GAME, after) or b""
    overtime = Parameters(game_date=OVERTIME_DAY, game_id=OVERTIME_GAME.id)

    assert parse(payload, overtime).summary["periods"] == 5


def test_order_in_the_document_does_not_matter() -> None:
    turned = edited(PAYLOAD, lambda document: document["game"]["actions"].reverse())

    assert parse(turned, PARAMETERS) == parse(PAYLOAD, PARAMETERS)


def test_falling_score_is_reported_as_broken_law() -> None:
    def edit(document: Any) -> None:
        document["game"]["actions"][-2]["scoreHome"] = "0"

    broken = parse(edited(PAYLOAD, edit), PARAMETERS).summary["broken_laws"]

    assert isinstance(broken, list)
    assert "the score falls" in str(broken[0])


def test_play_by_play_before_tip_off_is_not_published(http_at: HttpAt) -> None:
    with pytest.raises(NotPublished, match=f"playbyplay_{GAME.id}.json answers 403, while"):
        fetch(PARAMETERS, http_at(BEFORE.isoformat()))


def test_a_live_game_is_no_data_with_its_state(http_at: HttpAt) -> None:
    found = parse(fetch(PARAMETERS, http_at(LIVE.isoformat())).body, PARAMETERS)

    assert found.records == ()
    assert f"game {GAME.id} is not over: its last action is" in found.empty_reason
    assert "period 2" in found.empty_reason


def test_play_by_play_after_game_is_read(http_at: HttpAt) -> None:
    found = parse(fetch(PARAMETERS, http_at(OVER.isoformat())).body, PARAMETERS)

    assert 300 < len(found.records) < 1000
    assert found.summary["drift"] == {"added": [], "missing_optional": []}


def test_no_actions_yet_is_no_data() -> None:
    empty = edited(PAYLOAD, lambda document: document["game"].update(actions=[]))

    assert "has no actions yet" in parse(empty, PARAMETERS).empty_reason


def test_incident_5_refusal_is_blocked(http_at: HttpAt) -> None:
    http = http_at(OVER.isoformat())
    http.fault(path=SOURCE, status=403)

    with pytest.raises(Blocked):
        fetch(PARAMETERS, http)


def test_a_truncated_document_is_undecodable(http_at: HttpAt) -> None:
    http = http_at(OVER.isoformat())
    http.fault(path=SOURCE, body="truncated")

    with pytest.raises(Undecodable, match="the play-by-play is not JSON"):
        parse(fetch(PARAMETERS, http).body, PARAMETERS)


@pytest.mark.parametrize("key", ["actionType", "scoreHome", "timeActual", "orderNumber"])
def test_missing_required_key_is_named(key: str) -> None:
    def edit(document: Any) -> None:
        del document["game"]["actions"][3][key]

    assert_set_aside(parse(edited(PAYLOAD, edit), PARAMETERS), rf"actions\[3\] has no key '{key}'")


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"scoreHome": "many"}, "scoreHome is 'many'"),
        ({"clock": "11:38 left"}, "not a length of time"),
        ({"timeActual": "2025-01-15T19:10:00"}, "timeActual is"),
        ({"personId": "7"}, "personId is str"),
    ],
)
def test_action_with_invalid_value_is_set_aside(keys: dict[str, object], complaint: str) -> None:
    changed = edited(PAYLOAD, lambda document: document["game"]["actions"][3].update(keys))

    assert_set_aside(parse(changed, PARAMETERS), complaint)


def test_repeated_action_counts_once_and_differing_copy_is_set_aside() -> None:
    def edit(document: Any) -> None:
        actions = document["game"]["actions"]
        actions += [actions[0], {**actions[1], "description": "something else"}]

    found = parse(edited(PAYLOAD, edit), PARAMETERS)

    assert found.records == parse(PAYLOAD, PARAMETERS).records
    assert_set_aside(found, "action 4 is listed twice with different values")


def test_the_actions_of_another_game_are_refused() -> None:
    with pytest.raises(SourceChanged, match="requested game 0022400001"):
        parse(PAYLOAD, Parameters(game_date=DAY, game_id="0022400001"))


COVERS = {
    "nbac_play_by_play": {
        "normal": test_play_by_play_after_game_is_read,
        "empty": test_no_actions_yet_is_no_data,
        "not_published": test_play_by_play_before_tip_off_is_not_published,
        "blocked": test_incident_5_refusal_is_blocked,
        "changed": test_missing_required_key_is_named,
        "truncated": test_a_truncated_document_is_undecodable,
    },
}
