import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scrapers.nbacom.nbac_injury_report.scraper import Parameters
from scrapers.nbacom.nbac_injury_report.urls import MAX_CANDIDATES, candidates, exact, reports_of
from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources.publication import titled

HOURLY_DAY = date(2025, 1, 15)
QUARTER_DAY = date(2026, 2, 8)
SWITCH_DAY = date(2025, 12, 22)


def names(reports: object) -> list[str]:
    return [
        report.file_name.removeprefix("Injury-Report_").removesuffix(".pdf")
        for report in reports  # type: ignore[attr-defined]
    ]


def et(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=EASTERN)


def test_an_hourly_report_is_named_by_the_hour_and_titled_at_half_past() -> None:
    report = exact(HOURLY_DAY, 8, 0, "AM")

    assert report.url == "https://ak-static.cms.nba.com/referee/injury/Injury-Report_2025-01-15_08AM.pdf"
    assert report.instant == datetime(2025, 1, 15, 13, 30, tzinfo=UTC)


def test_a_quarter_hour_report_is_named_and_titled_exactly() -> None:
    report = exact(QUARTER_DAY, 3, 30, "PM")

    assert report.file_name == "Injury-Report_2026-02-08_03_30PM.pdf"
    assert report.instant == datetime(2026, 2, 8, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hour", "period", "name"),
    [(12, "AM", "12AM"), (1, "AM", "01AM"), (12, "PM", "12PM"), (11, "PM", "11PM")],
)
def test_noon_and_midnight_are_twelve(hour: int, period: str, name: str) -> None:
    assert names([exact(HOURLY_DAY, hour, 0, period)]) == [f"2025-01-15_{name}"]


def test_name_format_changes_on_2025_12_22_at_nine() -> None:
    assert names(reports_of(SWITCH_DAY))[7:11] == [
        "2025-12-22_07AM",
        "2025-12-22_08AM",
        "2025-12-22_09_00AM",
        "2025-12-22_09_15AM",
    ]
    assert len(reports_of(SWITCH_DAY - timedelta(days=1))) == 24
    assert len(reports_of(SWITCH_DAY + timedelta(days=1))) == 96


def test_candidates_across_format_change_use_both_formats() -> None:
    assert names(candidates(SWITCH_DAY, et("2025-12-22T09:20"))) == [
        "2025-12-22_09_15AM",
        "2025-12-22_09_00AM",
        *[f"2025-12-22_{hour:02}AM" for hour in (8, 7, 6, 5, 4, 3, 2, 1)],
        "2025-12-22_12AM",
    ]


@pytest.mark.parametrize(("day", "count"), [(date(2025, 3, 9), 23), (date(2026, 3, 8), 92)])
def test_spring_has_no_report_in_the_hour_that_is_skipped(day: date, count: int) -> None:
    found = names(reports_of(day))

    assert len(found) == count
    assert not [name for name in found if name.split("_")[1] == "02" and name.endswith("AM")]
    with pytest.raises(ValueError, match="daylight saving"):
        exact(day, 2, 0, "AM")


@pytest.mark.parametrize(("day", "count"), [(date(2024, 11, 3), 24), (date(2026, 11, 1), 96)])
def test_autumn_has_the_repeated_hour_once(day: date, count: int) -> None:
    found = reports_of(day)

    assert len(found) == len({report.file_name for report in found}) == count
    one, two = (exact(day, hour, 0, "AM") for hour in (1, 2))
    assert two.instant - one.instant == timedelta(hours=2)


def test_hourly_candidates_are_newest_first_and_never_future() -> None:
    assert names(candidates(HOURLY_DAY, et("2025-01-15T02:31"))) == [
        "2025-01-15_02AM",
        "2025-01-15_01AM",
        "2025-01-15_12AM",
    ]
    assert names(candidates(HOURLY_DAY, et("2025-01-15T02:29")))[0] == "2025-01-15_01AM"


def test_quarter_hour_candidates_are_two_hours_in_full_then_by_the_hour() -> None:
    found = names(candidates(QUARTER_DAY, et("2026-02-08T15:37")))

    assert [name.removeprefix("2026-02-08_") for name in found] == [
        *("03_30PM", "03_15PM", "03_00PM", "02_45PM", "02_30PM", "02_15PM", "02_00PM", "01_45PM"),
        *("01_00PM", "12_00PM", "11_00AM", "10_00AM"),
    ]


@pytest.mark.parametrize(("day", "newest"), [(HOURLY_DAY, "11PM"), (QUARTER_DAY, "11_45PM")])
def test_newest_candidate_after_the_day_is_its_last_report(day: date, newest: str) -> None:
    later = datetime.combine(day + timedelta(days=30), datetime.min.time(), tzinfo=UTC)

    assert names(candidates(day, later))[0] == f"{day}_{newest}"


def test_no_candidates_before_the_day() -> None:
    assert candidates(HOURLY_DAY, et("2025-01-14T23:59")) == ()


@given(
    day=st.dates(date(2021, 10, 1), date(2030, 6, 30)),
    hours=st.floats(min_value=-6, max_value=60, allow_nan=False),
)
def test_candidates_are_few_distinct_past_reports_of_the_day_newest_first(day: date, hours: float) -> None:
    as_of = datetime.combine(day, datetime.min.time(), tzinfo=EASTERN).astimezone(UTC) + timedelta(
        hours=hours
    )
    found = candidates(day, as_of)
    instants = [report.instant for report in found]

    assert len(found) <= MAX_CANDIDATES
    assert set(found) <= set(reports_of(day))
    assert instants == sorted(set(instants), reverse=True)
    assert all(instant <= as_of for instant in instants)
    assert all(instant.astimezone(EASTERN).date() == day for instant in instants)


@given(day=st.dates(date(2021, 10, 1), date(2030, 6, 30)))
def test_every_file_name_identifies_its_instant(day: date) -> None:
    for report in reports_of(day):
        assert titled(report.file_name).astimezone(UTC) == report.instant
        match = re.fullmatch(r"Injury-Report_\d{4}-\d\d-\d\d_(\d\d)_?(\d\d)?([AP]M)\.pdf", report.file_name)
        assert match
        assert exact(day, int(match[1]), int(match[2] or 0), match[3]) == report


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"hour": 8}, "both or neither"),
        ({"period": "AM"}, "both or neither"),
        ({"minute": 15}, "give hour and period"),
        ({"hour": 8, "minute": 15, "period": "AM"}, "hourly"),
        ({"hour": 13, "period": "PM"}, "less than or equal to 12"),
        ({"hour": 0, "period": "AM"}, "greater than or equal to 1"),
        ({"hour": 3, "minute": 20, "period": "PM"}, "0, 15, 30 or 45"),
        ({"as_of": "2025-01-15T12:00:00"}, "timezone"),
    ],
)
def test_parameters_that_name_no_report_are_refused(parameters: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Parameters.model_validate({"game_date": "2025-01-15", **parameters})
