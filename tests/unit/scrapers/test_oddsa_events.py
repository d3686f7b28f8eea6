from typing import Any

import pytest
from odds_payloads import EVENT_ID, QUOTA, error, event, history
from served import BLOCK_PAGE, REGISTRY, assert_read_or_named, count, failure, reason, records, run, served

from scrapers.oddsapi.api import quota

NAME = "oddsa_events"
TONIGHT = [
    event(1, "Los Angeles Clippers", "Brooklyn Nets", "2025-01-16T03:40:00Z"),
    event(2),
    event(3, "Boston Celtics", "Utah Jazz", "2025-01-17T00:10:00Z"),
    event(4, "Utah Jazz", "Miami Heat", "2025-01-15T01:10:00Z"),
]


def test_events_are_ordered_by_start_and_their_ids_fan_out() -> None:
    source = served(TONIGHT, headers=QUOTA)
    executed = run(NAME, source)

    assert count(executed) == 2
    assert executed.fan_out_keys == {"event_id": (f"{2:032x}", f"{1:032x}")}
    assert executed.data_summary["events_by_date"] == {"2025-01-14": 1, "2025-01-15": 2, "2025-01-16": 1}
    assert executed.data_summary["quota"] == {"used": 100, "remaining": 400, "last": 4, "warning": False}
    assert executed.data_summary["drift"] == {"added": [], "missing_optional": []}
    assert source.asked[0].url.path == "/v4/sports/basketball_nba/events"
    assert dict(source.asked[0].url.params) == {"apiKey": "the-odds-key", "dateFormat": "iso"}
    assert records(NAME, TONIGHT)[1] == {
        "event_id": f"{1:032x}",
        "commence_time": "2025-01-16T03:40:00Z",
        "game_date": "2025-01-15",
        "home_team": "LAC",
        "away_team": "BKN",
    }


def test_api_key_is_absent_from_execution() -> None:
    executed = run(NAME, served(TONIGHT))

    assert executed.data_summary["source_url"] == (
        "https://api.the-odds-api.com/v4/sports/basketball_nba/events?dateFormat=iso"
    )
    assert "the-odds-key" not in executed.model_dump_json()


def test_history_is_requested_at_instant_and_unwrapped() -> None:
    source = served(history(TONIGHT))
    executed = run(NAME, source, as_of="2025-01-15T12:00:00-05:00")

    assert count(executed) == 2
    assert executed.data_summary["as_of"] == "2025-01-15T16:55:39+00:00"
    assert source.asked[0].url.path == "/v4/historical/sports/basketball_nba/events"
    assert source.asked[0].url.params["date"] == "2025-01-15T17:00:00Z"


@pytest.mark.parametrize(
    ("commence", "day"),
    [
        ("2025-01-16T04:59:00Z", "2025-01-15"),  # before midnight in New York
        ("2025-01-16T05:40:00Z", "2025-01-15"),  # a late tip-off in the West belongs to that evening
        ("2024-10-05T08:30:00Z", "2024-10-05"),  # a game in Australia
        ("2025-07-06T03:30:00Z", "2025-07-05"),
    ],
)
def test_incident_21_event_belongs_to_its_evening_in_new_york(commence: str, day: str) -> None:
    assert [row["game_date"] for row in records(NAME, [event(commence=commence)], game_date=day)] == [day]


def test_drift_of_the_start_changes_neither_day_nor_teams() -> None:
    before, after = records(NAME, [event()]), records(NAME, [event(commence="2025-01-16T00:12:38Z")])

    assert [{**row, "commence_time": ""} for row in before] == [{**row, "commence_time": ""} for row in after]


def test_second_event_of_game_is_reported_and_repeated_event_counts_once() -> None:
    executed = run(NAME, served([event(1), event(2), event(2)]))

    assert count(executed) == 2
    assert executed.data_summary["matchups_twice"] == ["NYK@PHI"]


def test_list_without_events_is_no_data() -> None:
    executed = run(NAME, served([]))

    assert reason(executed) == "the source lists no events"
    assert executed.fan_out_keys == {}


def test_only_events_of_other_days_are_no_data() -> None:
    assert reason(run(NAME, served(TONIGHT), game_date="2025-01-20")) == (
        "the source lists 4 events, from 2025-01-14 to 2025-01-16, none on 2025-01-20"
    )


@pytest.mark.parametrize(
    "code", ["INVALID_KEY", "DEACTIVATED_KEY", "HISTORICAL_UNAVAILABLE_ON_FREE_USAGE_PLAN"]
)
def test_refused_key_is_blocked(code: str) -> None:
    executed = run(NAME, served(error(code, "key the-odds-key is no good"), status=401))

    assert f"answers 401 {code}: key *** is no good" in failure(executed, "blocked")


def test_web_page_instead_of_list_is_blocked() -> None:
    assert "b'<!DOCTYPE html>" in failure(run(NAME, served(BLOCK_PAGE)), "blocked")
    assert "403 without a code: b'<!DOCTYPE" in failure(run(NAME, served(BLOCK_PAGE, status=403)), "blocked")


def test_spent_quota_is_distinguished_from_refused_key() -> None:
    spent = {"x-requests-remaining": "0", "x-requests-used": "500", "x-requests-last": "0"}
    executed = run(NAME, served(error("OUT_OF_USAGE_CREDITS"), status=401, headers=spent))

    assert "OUT_OF_USAGE_CREDITS" in failure(executed, "quota")
    assert executed.data_summary["quota"] == {"used": 500, "remaining": 0, "last": 0, "warning": True}


@pytest.mark.parametrize(("used", "warned"), [(0, False), (399, False), (400, True), (500, True)])
def test_quota_warning_starts_at_four_fifths(used: int, warned: bool) -> None:
    headers = {
        "x-requests-used": str(used),
        "x-requests-remaining": f"{500 - used}.0",
        "x-requests-last": "1",
    }

    assert quota(headers) == {"used": used, "remaining": 500 - used, "last": 1, "warning": warned}


@pytest.mark.parametrize("headers", [{}, {"x-requests-used": "many", "x-requests-remaining": "inf"}])
def test_unreported_quota_is_null(headers: dict[str, str]) -> None:
    assert quota(headers) == {"used": None, "remaining": None, "last": None, "warning": None}


def test_rate_limited_request_is_a_quota_failure_without_retry() -> None:
    source = served(error("EXCEEDED_FREQ_LIMIT"), status=429, headers={"Retry-After": "600"})

    assert "answered 429" in failure(run(NAME, source), "quota")
    assert len(source.asked) == 1


def test_all_star_game_is_reported_and_not_fanned_out() -> None:
    executed = run(NAME, served([event(1), event(2, home="Team LeBron", away="Team Giannis")]))

    assert count(executed) == 1
    assert executed.data_summary["exhibitions"] == ["Team Giannis@Team LeBron"]
    assert executed.fan_out_keys == {"event_id": (f"{1:032x}",)}


def test_day_with_only_all_star_game_is_no_data() -> None:
    found = reason(run(NAME, served([event(2, home="Team LeBron", away="Team Giannis")])))

    assert found == ("no league game on 2025-01-15; only exhibitions: Team Giannis@Team LeBron")


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"events": []}, "document has no key"),
        ("[]", "document is str, not a list"),
        ([1], r"document[0] is int, not an object"),
        ([event(number, home=f"Team {number}") for number in range(1, 5)], "unknown team 'Team 1'"),
        ([{**event(), "commence_time": "soon"}], "not an ISO 8601 instant"),
        ([{"id": "x"}], "has no key 'commence_time'"),
        (
            [event(), {**event(1), "id": "../odds"}, {**event(2), "id": "x"}],
            "is '../odds', not the id of an event",
        ),
    ],
)
def test_changed_is_named(document: Any, complaint: str) -> None:
    assert complaint in failure(run(NAME, served(document)), "source_changed")


def test_first_of_differing_events_is_kept_and_second_set_aside() -> None:
    executed = run(NAME, served([event(), event(home="Boston Celtics")]))

    assert count(executed) == 1
    assert executed.data_summary["set_aside"]["examples"] == [  # type: ignore[index,call-overload]
        f"event {EVENT_ID} is listed twice with different values"
    ]


@pytest.mark.parametrize(("status", "code"), [(404, "UNKNOWN_SPORT"), (422, "INVALID_DATE_FORMAT")])
def test_rejected_request_is_a_changed_source(status: int, code: str) -> None:
    assert f"answers {status} {code}" in failure(
        run(NAME, served(error(code), status=status)), "source_changed"
    )


def test_incident_5_missing_path_is_a_changed_source() -> None:
    assert "answers 404 without a code" in failure(
        run(NAME, served(b"not found", status=404)), "source_changed"
    )


@pytest.mark.parametrize("body", [b'[{"id": "0123', b"", b"\xff\xfe[", b"[" * 100_000])
def test_truncated_is_undecodable(body: bytes) -> None:
    assert "it begins" in failure(run(NAME, served(body)), "decode")


def test_a_new_field_is_drift() -> None:
    executed = run(NAME, served([event(broadcast="TNT")]))

    assert executed.data_summary["drift"] == {"added": ["event.broadcast"], "missing_optional": []}


def test_hostile_values_are_read_or_named() -> None:
    assert_read_or_named(REGISTRY[NAME].module, history(TONIGHT))


COVERS = {
    "oddsa_events": {
        "normal": test_events_are_ordered_by_start_and_their_ids_fan_out,
        "empty": test_list_without_events_is_no_data,
        "not_published": test_only_events_of_other_days_are_no_data,
        "blocked": test_refused_key_is_blocked,
        "changed": test_changed_is_named,
        "truncated": test_truncated_is_undecodable,
    },
}
