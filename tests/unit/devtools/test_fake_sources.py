import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import httpx
import pytest
import yaml
from pydantic import ValidationError

from tests.support.scenario import SCENARIO
from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources.app import EVENT_TIME_HEADER, REPORTS, SCHEDULE, create_app
from tipoff_dev.fakes.sources.injury_pdf import write_report
from tipoff_dev.fakes.sources.publication import published_at, report_rows, titled
from tipoff_dev.fakes.sources.scenario import DEFAULT_SCENARIO, Scenario, at
from tipoff_dev.fakes.sources.testing import in_process_client

NOW = datetime(2025, 1, 15, 21, 0, tzinfo=UTC)
OFFICIAL = {"Referer": "https://official.nba.com/"}
FIRST = f"/{REPORTS}Injury-Report_2025-01-15_12PM.pdf"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with in_process_client(create_app(SCENARIO, lambda: NOW)) as test_client:
        yield test_client


def at_time(text: str) -> dict[str, str]:
    return {**OFFICIAL, EVENT_TIME_HEADER: f"{text}-05:00"}


def test_health_names_the_scenario(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {
        "service": "fake-sources",
        "scenario": "game_day_2025_01_15",
        "folder": str(Path.cwd()),
    }


def test_report_is_served_from_its_publication_on(client: httpx.Client) -> None:
    assert client.get(FIRST, headers=at_time("2025-01-15T12:39:59")).status_code == 403
    answer = client.get(FIRST, headers=at_time("2025-01-15T12:40:00"))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")


def test_request_without_event_time_uses_the_clock(client: httpx.Client) -> None:
    assert client.get(FIRST, headers=OFFICIAL).status_code == 200
    later = f"/{REPORTS}Injury-Report_2025-01-15_04PM.pdf"
    assert client.get(later, headers=OFFICIAL).status_code == 403


@pytest.mark.parametrize("instant", ["noon", "2025-01-15T12:00:00"])
def test_invalid_event_time_is_refused(client: httpx.Client, instant: str) -> None:
    assert client.get(FIRST, headers={**OFFICIAL, EVENT_TIME_HEADER: instant}).status_code == 400


@pytest.mark.parametrize(
    "headers", [{}, {"Referer": "https://www.nba.com/"}, {"Referer": "https://example.org/"}]
)
def test_without_the_right_referer_everything_is_forbidden(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    assert client.get(FIRST, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "name",
    [
        "Injury-Report_2025-01-15_11AM.pdf",
        "Injury-Report_2025-01-15_12_30PM.pdf",
        "Injury-Report_2025-01-15_13PM.pdf",
        "Injury-Report_2025-13-15_01PM.pdf",
        "Injury-Report_2025-02-16_01PM.pdf",
        "nothing.pdf",
        "",
    ],
)
def test_never_published_report_is_forbidden(client: httpx.Client, name: str) -> None:
    assert client.get(f"/{REPORTS}{name}", headers=at_time("2025-03-01T12:00:00")).status_code == 403


def test_archived_report_is_always_served(client: httpx.Client) -> None:
    archived = f"/{REPORTS}Injury-Report_2026-02-08_03_30PM.pdf"

    assert client.get(archived, headers=at_time("2025-01-01T00:00:00")).content.startswith(b"%PDF")


@pytest.mark.parametrize(
    "path",
    [
        "example.org/index.html",
        "cdn.nba.com/static/other.json",
        "cdn.nba.com/static/json/liveData/boxscore/boxscore_0022400999.json",
        "stats.nba.com/stats/leaguedash",
    ],
)
def test_path_unknown_to_the_fake_is_501_with_remedy(client: httpx.Client, path: str) -> None:
    answer = client.get(f"/{path}", headers={"Referer": "https://www.nba.com/"})
    host, _, rest = path.partition("/")
    assert answer.status_code == 501
    assert answer.text == (
        f"the fake of {host} has nothing at /{rest}; add it to the fake, or use the real source: "
        f"tipoff up --live {host}"
    )


def test_the_schedule_follows_the_time(client: httpx.Client) -> None:
    headers = {"Referer": "https://www.nba.com/"}

    def statuses(instant: str) -> list[int]:
        answer = client.get(f"/{SCHEDULE}", headers={**headers, EVENT_TIME_HEADER: instant}).json()
        days = {day["gameDate"]: day["games"] for day in answer["leagueSchedule"]["gameDates"]}
        return [game["gameStatus"] for game in days["01/15/2025 00:00:00"]]

    assert set(statuses("2025-01-15T17:00:00Z")) == {1}
    assert set(statuses("2025-01-16T01:30:00Z")) == {1, 2}
    assert set(statuses("2025-01-16T12:00:00Z")) == {3}


def test_unplayed_games_score_zero_and_carry_a_false_z(client: httpx.Client) -> None:
    answer = client.get(f"/{SCHEDULE}", headers={"Referer": "https://www.nba.com/"}).json()
    days = {day["gameDate"]: day["games"] for day in answer["leagueSchedule"]["gameDates"]}
    game = days["01/16/2025 00:00:00"][0]

    assert game["homeTeam"]["score"] == 0
    assert game["gameDateTimeEst"] == "2025-01-16T19:00:00Z"
    assert game["gameDateTimeUTC"] == "2025-01-17T00:00:00Z"


def test_fault_holds_until_cleared(client: httpx.Client) -> None:
    fault = {"path": f"{REPORTS}*", "status": 503}
    assert client.post("/control/faults", json=fault).status_code == 201
    assert client.get("/control/faults").json()[0]["status"] == 503

    assert [client.get(FIRST, headers=OFFICIAL).status_code for _ in range(3)] == [503, 503, 503]
    assert client.get(f"/{SCHEDULE}", headers={"Referer": "https://www.nba.com/"}).status_code == 200

    assert client.delete("/control/faults").status_code == 204
    assert client.get(FIRST, headers=OFFICIAL).status_code == 200


def test_fault_ends_after_its_times(client: httpx.Client) -> None:
    client.post("/control/faults", json={"path": "*", "status": 500, "times": 2})

    assert [client.get(FIRST, headers=OFFICIAL).status_code for _ in range(3)] == [500, 500, 200]


def test_a_held_answer_comes_when_the_faults_are_cleared() -> None:
    async def ask() -> int:
        transport = httpx.ASGITransport(create_app(SCENARIO, lambda: NOW))
        async with httpx.AsyncClient(transport=transport, base_url="http://fake.test") as client:
            await client.post("/control/faults", json={"path": "*", "held": True})
            answer = asyncio.create_task(client.get(FIRST, headers=OFFICIAL))
            while not (await client.get("/control/requests")).json()["total"]:
                continue
            assert not answer.done()
            await client.delete("/control/faults")
            return (await answer).status_code

    assert asyncio.run(ask()) == 200


def test_a_fault_can_be_bounded_in_time(client: httpx.Client) -> None:
    bounds = {"since": "2025-01-15T14:00:00-05:00", "until": "2025-01-15T15:00:00-05:00"}
    client.post("/control/faults", json={"path": "*", "status": 500, **bounds})

    hours = ("13:59:59", "14:00:00", "14:59:59", "15:00:00")
    assert [client.get(FIRST, headers=at_time(f"2025-01-15T{hour}")).status_code for hour in hours] == [
        200,
        500,
        500,
        200,
    ]


def test_fault_truncates_or_replaces_bodies(client: httpx.Client) -> None:
    whole = client.get(FIRST, headers=OFFICIAL).content
    client.post("/control/faults", json={"path": "*", "body": "truncated"})
    assert client.get(FIRST, headers=OFFICIAL).content == whole[: len(whole) // 2]

    client.post("/control/faults", json={"path": "*", "body": "html"})
    page = client.get(FIRST, headers=OFFICIAL)
    assert (page.status_code, page.content[:15]) == (200, b"<!DOCTYPE html>")


def test_a_fault_with_an_unknown_setting_is_refused(client: httpx.Client) -> None:
    assert client.post("/control/faults", json={"path": "*", "stauts": 500}).status_code == 422


def test_requests_are_counted_by_path(client: httpx.Client) -> None:
    for _ in range(2):
        client.get(FIRST, headers=OFFICIAL)
    client.get("/control/faults")

    assert client.get("/control/requests").json() == {"total": 2, "paths": {FIRST[1:]: 2}}
    assert client.delete("/control/requests").status_code == 204
    assert client.get("/control/requests").json() == {"total": 0, "paths": {}}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Injury-Report_2025-01-15_08AM.pdf", datetime(2025, 1, 15, 8, 30, tzinfo=EASTERN)),
        ("Injury-Report_2025-12-22_08AM.pdf", datetime(2025, 12, 22, 8, 30, tzinfo=EASTERN)),
        ("Injury-Report_2025-12-22_09_00AM.pdf", datetime(2025, 12, 22, 9, 0, tzinfo=EASTERN)),
        ("Injury-Report_2025-12-22_09AM.pdf", None),
        ("Injury-Report_2025-01-15_00AM.pdf", None),
        ("Injury-Report_2026-02-08_03_31PM.pdf", None),
    ],
)
def test_report_name_maps_to_its_title_time(name: str, title: datetime | None) -> None:
    assert titled(name) == title


def test_publication_follows_the_scenario() -> None:
    def out(name: str) -> datetime | None:
        return published_at(SCENARIO, f"Injury-Report_2025-01-{name}.pdf")

    assert out("15_11AM") is None
    assert out("15_12PM") == datetime(2025, 1, 15, 12, 40, tzinfo=EASTERN)
    assert out("15_01PM") == datetime(2025, 1, 15, 13, 30, tzinfo=EASTERN)
    assert out("14_08AM") == datetime(2025, 1, 14, 8, 30, tzinfo=EASTERN)
    assert out("01_08AM") is None


def test_single_reports_can_be_moved_or_withheld() -> None:
    name = "Injury-Report_2025-01-15_01PM.pdf"
    moved = "2025-01-15T17:00:00-05:00"

    def out(published: str | None) -> datetime | None:
        reports = {"published": {name: published}}
        return published_at(Scenario.model_validate({**raw_scenario(), "reports": reports}), name)

    assert out(moved) == datetime.fromisoformat(moved)
    assert out(None) is None


def test_teams_hand_in_by_the_rule_or_late() -> None:
    day = date(2025, 1, 15)

    def waiting(hour: int) -> set[str]:
        rows = report_rows(SCENARIO, datetime(2025, 1, 15, hour, 30, tzinfo=EASTERN))
        return {row.team for row in rows if row.game_date == day and not row.player_name}

    assert {"Chicago Bulls", "Golden State Warriors", "Miami Heat"} <= waiting(12)
    assert waiting(14) == {"Golden State Warriors", "Miami Heat"}
    assert waiting(18) == set()


def test_the_same_report_has_the_same_bytes() -> None:
    title = datetime(2025, 1, 15, 17, 30, tzinfo=EASTERN)
    rows = report_rows(SCENARIO, title)

    assert write_report(title, rows) == write_report(title, rows)


def test_times_past_24_are_the_night_after() -> None:
    assert at(date(2025, 1, 25), "24:30") == datetime(2025, 1, 26, 0, 30, tzinfo=EASTERN)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"publication": {}}, "publication"),
        ({"games": {"2025-01-15": [{"id": "0022400001", "home": "XYZ"}]}}, "unknown teams XYZ"),
        ({"games": {"2025-01-15": [{"id": "0022400001"}, {"id": "0022400001"}]}}, "0022400001 appear twice"),
        ({"reports": {"always": ["report.pdf"]}}, "reports.always.0"),
    ],
)
def test_inconsistent_scenario_is_refused(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Scenario.model_validate({**raw_scenario(), **change})


@cache
def raw_scenario() -> dict[str, object]:
    return {
        key: value
        for key, value in yaml.safe_load(DEFAULT_SCENARIO.read_text(encoding="utf-8")).items()
        if key != "injuries"
    }
