from typing import Any

import pytest
from served import BLOCK_PAGE, REGISTRY, assert_read_or_named, count, failure, reason, records, run, served

NAME = "espn_scoreboard"


def side(where: str, abbreviation: str, score: str) -> dict[str, Any]:
    return {"homeAway": where, "score": score, "team": {"abbreviation": abbreviation}}


def game(
    number: int = 1,
    home: tuple[str, str] = ("PHI", "0"),
    away: tuple[str, str] = ("NY", "0"),
    date: str = "2025-01-16T00:00Z",
    status: tuple[str, str] = ("STATUS_SCHEDULED", "pre"),
    period: int = 0,
) -> dict[str, Any]:
    """Return a game on 2025-01-15 in New York. home, away: ESPN's code and score. status: name and state."""
    return {
        "id": str(401700000 + number),
        "date": date,
        "name": "Sample at Sample",
        "competitions": [{"competitors": [side("home", *home), side("away", *away)]}],
        "status": {
            "period": period,
            "displayClock": "0.0",
            "type": {"name": status[0], "state": status[1], "shortDetail": status[0].lower()},
        },
    }


def scoreboard(*games: dict[str, Any]) -> dict[str, Any]:
    return {"leagues": [{"id": "46"}], "events": list(games)}


NIGHT = scoreboard(
    game(2, ("UTAH", "99"), ("SA", "101"), "2025-01-16T02:00Z", ("STATUS_FINAL", "post"), 4),
    game(1, ("GS", "55"), ("NO", "54"), "2025-01-16T00:30Z", ("STATUS_HALFTIME", "in"), 2),
    game(3, ("WSH", "0"), ("NY", ""), "2025-01-16T00:30Z"),
    game(4, ("LAL", "0"), ("LAC", "0"), "2025-01-16T03:30Z", ("STATUS_POSTPONED", "post")),
)


def test_games_are_ordered_by_start_and_id() -> None:
    numbers = [int(row["event_id"]) - 401700000 for row in records(NAME, NIGHT)]
    assert numbers == [1, 3, 2, 4]


def test_request_names_day_and_its_games_are_counted_by_status() -> None:
    source = served(NIGHT)
    executed = run(NAME, source)

    assert count(executed) == 4
    assert executed.data_summary["games_by_status"] == {"final": 1, "live": 1, "postponed": 1, "scheduled": 1}
    assert executed.data_summary["drift"] == {"added": [], "missing_optional": []}
    assert source.asked[0].url.params["dates"] == "20250115"


def test_slate_has_start_of_each_game_or_off() -> None:
    """The slate uses the league's tricodes, as the controller compares it with the calendar."""
    assert run(NAME, served(NIGHT)).data_summary["slate"] == {
        "NOP@GSW": "2025-01-16T00:30:00+00:00",
        "NYK@WAS": "2025-01-16T00:30:00+00:00",
        "SAS@UTA": "2025-01-16T02:00:00+00:00",
        "LAC@LAL": "off",
    }


def test_codes_scores_and_states_are_read() -> None:
    live, soon, final, off = records(NAME, NIGHT)

    assert live == {
        "event_id": "401700001",
        "game_date": "2025-01-15",
        "start": "2025-01-16T00:30:00Z",
        "status": "live",
        "status_detail": "status_halftime",
        "period": 2,
        "clock": "0.0",
        "home_team": "GSW",
        "home_score": 55,
        "away_team": "NOP",
        "away_score": 54,
    }
    assert (soon["away_team"], soon["away_score"], soon["home_team"]) == ("NYK", 0, "WAS")
    assert (final["home_team"], final["away_team"], final["status"]) == ("UTA", "SAS", "final")
    assert off["status"] == "postponed"


def test_unknown_status_name_is_read_by_its_state() -> None:
    (row,) = records(NAME, scoreboard(game(status=("STATUS_SOMETHING_NEW", "in"))))

    assert row["status"] == "live"


def test_incident_21_a_late_tip_belongs_to_its_evening() -> None:
    (row,) = records(NAME, scoreboard(game(date="2025-01-16T05:30Z")))

    assert row["game_date"] == "2025-01-15"


def test_scoreboard_without_games_is_no_data() -> None:
    assert reason(run(NAME, served(scoreboard()))) == "the scoreboard lists no games"


def test_incident_2_scoreboard_of_another_day_is_no_success() -> None:
    yesterday = run(NAME, served(scoreboard(game(date="2025-01-15T00:00Z"))))
    tomorrow = run(NAME, served(scoreboard(game(date="2025-01-17T00:00Z"))))

    assert reason(yesterday) == "requested 2025-01-15, but the document is still that of 2025-01-14"
    assert "requested 2025-01-15, but the document is about 2025-01-16" in failure(tomorrow, "source_changed")


def test_games_of_other_days_are_filtered_and_counted() -> None:
    executed = run(NAME, served(scoreboard(game(1), game(2, date="2025-01-17T00:00Z"))))

    assert count(executed) == 1
    assert executed.data_summary["events_of_other_days"] == 1


def test_games_of_several_other_days_are_a_changed_source() -> None:
    executed = run(
        NAME, served(scoreboard(game(1, date="2025-01-18T00:00Z"), game(2, date="2025-01-17T00:00Z")))
    )

    assert "0 records" in failure(executed, "source_changed")


def test_blocked() -> None:
    assert "answers 403" in failure(run(NAME, served(b"", status=403)), "blocked")
    assert "a web page instead of" in failure(run(NAME, served(BLOCK_PAGE)), "blocked")


def spoilt_game(**changed: Any) -> dict[str, Any]:
    return scoreboard({**game(), **changed})


def test_game_of_unknown_club_is_set_aside_and_others_are_kept() -> None:
    executed = run(NAME, served(scoreboard(game(1), game(2, home=("UTAH", "0"), away=("RMD", "0")))))

    assert count(executed) == 1
    assert executed.data_summary["set_aside"] == {
        "count": 1,
        "examples": ["unknown team 'RMD'; if it is a spelling of a team, add it to scrapers/teams.py"],
    }
    assert executed.data_summary["completeness"]["missing"] == ["NYK@PHI", "events[1]"]  # type: ignore[index,call-overload]


def test_day_with_only_exhibitions_is_no_data_and_names_games() -> None:
    """An example is the All-Star weekend."""
    document = scoreboard(game(1, ("SHAQ", "0"), ("CHK", "0")), game(2, ("KEN", "0"), ("CAN", "0")))

    assert reason(run(NAME, served(document))) == ("no league game; only exhibitions: CHK@SHAQ, CAN@KEN")


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"leagues": []}, "no key 'events'"),
        (spoilt_game(competitions=[]), "has 0 competitions"),
        (spoilt_game(competitions=[{"competitors": [side("home", "PHI", "0")]}]), "has 0 away teams"),
        (
            scoreboard(*(game(number, home=(f"X{number}", "0")) for number in range(4))),
            "4 of 4 games are unusable; the first: unknown team 'X0'",
        ),
        (scoreboard(game(home=("PHI", "ten"))), "not a number"),
        (scoreboard(game(status=("STATUS_X", "limbo"))), "state is 'limbo'"),
    ],
)
def test_changed_is_named(document: Any, complaint: str) -> None:
    assert complaint in failure(run(NAME, served(document)), "source_changed")


def test_repeated_game_counts_once() -> None:
    assert count(run(NAME, served(scoreboard(game(), game())))) == 1


def test_incident_5_moved_scoreboard_is_a_changed_source() -> None:
    assert "answers 404" in failure(run(NAME, served(b"", status=404)), "source_changed")


def test_truncated() -> None:
    assert "it begins" in failure(run(NAME, served(b'{"leagues": [')), "decode")


def test_hostile_values_are_read_or_named() -> None:
    assert_read_or_named(REGISTRY[NAME].module, NIGHT)


COVERS = {
    "espn_scoreboard": {
        "normal": test_codes_scores_and_states_are_read,
        "empty": test_scoreboard_without_games_is_no_data,
        "not_published": test_scoreboard_without_games_is_no_data,
        "blocked": test_blocked,
        "changed": test_changed_is_named,
        "truncated": test_truncated,
    },
}
