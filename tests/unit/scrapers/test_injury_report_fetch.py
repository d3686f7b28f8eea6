"""Tests of the fetch of the injury report. A 403 means not published, never existed or refused; a system that did not
distinguish them was stale for nine days (incident 5 of docs/explanation/incidents.md)."""

from datetime import date

import pytest
from fake_http import HttpAt

from scrapers.nbacom.nbac_injury_report.fetching import PROBE_URL
from scrapers.nbacom.nbac_injury_report.scraper import Parameters, fetch, parse
from scrapers.nbacom.nbac_injury_report.urls import BASE_URL, MAX_CANDIDATES
from tipoff_scraper_runner.errors import Blocked, NotPublished, SourceChanged, Undecodable

TODAY = Parameters(game_date=date(2025, 1, 15))
REPORTS = "ak-static.cms.nba.com/referee/injury/*"
PROBE = PROBE_URL.removeprefix("https://")
BEFORE, AFTER = "2025-01-15T12:39:00-05:00", "2025-01-15T12:40:00-05:00"


def test_newest_published_report_wins(http_at: HttpAt) -> None:
    http = http_at("2025-01-15T16:29:00-05:00")

    payload = fetch(TODAY, http)

    assert payload.url == BASE_URL + "Injury-Report_2025-01-15_03PM.pdf"
    assert payload.suffix == "pdf"
    assert payload.body.startswith(b"%PDF")
    assert http.requested_urls == [payload.url]


def test_late_report_is_not_published_until_its_minute(http_at: HttpAt) -> None:
    before, after = http_at(BEFORE), http_at(AFTER)

    with pytest.raises(NotPublished, match=r"2025-01-15_12PM\.pdf and 11 before it: 403, .* is served"):
        fetch(TODAY, before)

    assert before.requested_urls[-1] == PROBE_URL
    assert len(before.requested_urls) == MAX_CANDIDATES + 1
    assert len(parse(fetch(TODAY, after).body, TODAY).records) > 0


def test_as_of_takes_precedence_over_now(http_at: HttpAt) -> None:
    parameters = TODAY.model_validate({"game_date": "2025-01-15", "as_of": "2025-01-15T14:45:00-05:00"})

    assert fetch(parameters, http_at("2025-02-01T12:00:00-05:00")).url.endswith("_02PM.pdf")


def test_exact_report_is_the_only_report_requested(http_at: HttpAt) -> None:
    exact = Parameters(game_date=date(2025, 1, 15), hour=1, period="PM")
    early = Parameters(game_date=date(2025, 1, 15), hour=8, period="AM")
    http = http_at("2025-01-15T20:00:00-05:00")

    assert fetch(exact, http).url == BASE_URL + "Injury-Report_2025-01-15_01PM.pdf"
    with pytest.raises(NotPublished, match="08AM"):
        fetch(early, http)
    assert http.requested_urls[1:] == [BASE_URL + "Injury-Report_2025-01-15_08AM.pdf", PROBE_URL]


def test_nothing_is_requested_before_the_day(http_at: HttpAt) -> None:
    http = http_at("2025-01-14T22:00:00-05:00")

    with pytest.raises(NotPublished, match="can be published by 2025-01-14 22:00 ET"):
        fetch(TODAY, http)
    assert http.requested_urls == []


def test_incident_5_refusal_is_blocked(http_at: HttpAt) -> None:
    http = http_at(AFTER)
    http.fault(path=REPORTS, status=403)

    with pytest.raises(Blocked, match="which exists, answers 403"):
        fetch(TODAY, http)


def test_incident_5_moved_reports_are_a_changed_source(http_at: HttpAt) -> None:
    http = http_at(AFTER)
    http.fault(path=REPORTS, status=404)

    with pytest.raises(SourceChanged, match="which exists, answers 404"):
        fetch(TODAY, http)


def test_incident_5_moved_probe_is_a_changed_source(http_at: HttpAt) -> None:
    http = http_at(BEFORE)
    http.fault(path=PROBE, status=404)

    with pytest.raises(SourceChanged, match="12PM"):
        fetch(TODAY, http)


@pytest.mark.parametrize("path", [REPORTS, PROBE])
def test_web_page_is_blocked_and_shows_its_first_bytes(http_at: HttpAt, path: str) -> None:
    http = http_at(BEFORE)
    http.fault(path=path, body="html")

    with pytest.raises(Blocked, match=r"answers 200 with b'<!DOCTYPE html>"):
        fetch(TODAY, http)


def test_empty_report_is_undecodable(http_at: HttpAt) -> None:
    http = http_at(AFTER)
    http.fault(path=REPORTS, body="empty")

    with pytest.raises(Undecodable, match="nothing"):
        fetch(TODAY, http)


COVERS = {
    "nbac_injury_report": {
        "not_published": test_late_report_is_not_published_until_its_minute,
        "blocked": test_incident_5_refusal_is_blocked,
    },
}
