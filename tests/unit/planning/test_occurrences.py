"""Tests of occurrences: a pure function of configuration, calendar and date."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.controller import (
    DAY,
    Json,
    at,
    at_times,
    calendar,
    configured,
    configured_of,
    daily,
    discovery,
    fixture_file,
    game,
    interval,
    per_game,
    slate,
    utc,
    workflow,
)
from tests.support.fleets import discoveries, intervals, per_games, times_of_day
from tipoff_planning.calendar import Calendar
from tipoff_planning.occurrences import (
    Occurrence,
    agenda,
    begun_since,
    days_before,
    games_of,
    occurrences,
    window_of,
)

SPRING, AUTUMN = date(2025, 3, 9), date(2025, 11, 2)


def of(
    schedule: Json, games: Calendar | None = None, day: date = DAY, scraper: str = "bulletin"
) -> tuple[Occurrence, ...]:
    return occurrences(configured(one=workflow(schedule, scraper)), games, day)


def times(found: tuple[Occurrence, ...]) -> list[str]:
    return [f"{item.expected:%dT%H:%MZ}" for item in found]


def test_daily_is_once_from_opening_to_closing() -> None:
    (one,) = of(daily("05:00", "10:00"))
    assert (one.expected, one.deadline) == (at("05:00"), at("10:00"))
    assert (one.day, one.game_date, one.subject, one.slot) == (DAY, DAY, "-", 0)


def test_time_of_day_is_in_the_files_zone() -> None:
    """Five in the morning ran at ten (incident 13): times are in the file's zone."""
    (one,) = of(daily("05:00", "10:00"))
    assert one.expected == utc("2025-01-15T10:00:00")


def test_file_may_have_another_zone() -> None:
    configuration = configured_of({"one": workflow(at_times("05:00"), "bulletin")}, "America/Los_Angeles")
    assert times(occurrences(configuration, None, DAY)) == ["15T13:00Z"]


def test_a_workflow_may_have_a_zone_of_its_own() -> None:
    """The morning in Tokyo is the previous evening in New York and belongs to that day of the fleet."""
    schedule = daily("06:00", "08:00", days=["mon", "tue", "wed", "thu", "fri", "sat"])
    configuration = configured(one=workflow(schedule, "bulletin", timezone="Asia/Tokyo"))
    (one,) = occurrences(configuration, None, DAY)
    assert (one.day, one.game_date) == (DAY, DAY + timedelta(days=1))
    assert (one.expected, one.deadline) == (at("16:00"), at("18:00"))
    # The evening of Saturday, 18 January in New York is Sunday morning in Tokyo.
    found = [occurrences(configuration, None, date(2025, 1, number)) for number in (17, 18, 19)]
    assert [[item.game_date.day for item in items] for items in found] == [[18], [], [20]]


def test_window_across_midnight_belongs_to_its_opening_day() -> None:
    found = of(discovery("22:00", "02:00", every="2h"))
    night = DAY + timedelta(days=1)
    assert [item.expected for item in found] == [at("22:00"), at("00:00", night), at("02:00", night)]
    assert {(item.day, item.game_date) for item in found} == {(DAY, DAY)}
    assert of(discovery("22:00", "02:00", every="2h", days=["thu"])) == ()
    (one,) = of(daily("22:00", "02:00", about="yesterday"))
    assert (one.deadline, one.game_date) == (at("02:00", night), DAY - timedelta(days=1))


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 3), (AUTUMN, 5)])
def test_a_window_across_midnight_into_a_clock_change_closes_by_the_clock(day: date, hours: int) -> None:
    (one,) = of(daily("23:00", "03:00"), day=day - timedelta(days=1))
    assert one.deadline - one.expected == timedelta(hours=hours)
    assert one.deadline == at("03:00", day)


def test_fixed_time_is_due_for_duration_of_within() -> None:
    found = of(at_times("08:00", "23:30", within="45m"))
    assert [(item.expected, item.deadline) for item in found] == [
        (at("08:00"), at("08:45")),
        (at("23:30"), at("00:15", DAY + timedelta(days=1))),
    ]


def test_a_discovery_polls_from_opening_to_closing() -> None:
    found = of(discovery("11:00", "14:00", every="1h"))
    assert [item.expected for item in found] == [at("11:00"), at("12:00"), at("13:00"), at("14:00")]
    assert all(item.deadline == item.expected + timedelta(hours=1) for item in found)


def test_a_budget_is_spread_over_the_window_to_its_last_minute() -> None:
    """Six attempts were spent before eleven, and the report came at one (incident 3)."""
    found = of(discovery("06:00", "18:00", budget=7))
    assert [item.expected for item in found] == [at(f"{hour:02}:00") for hour in range(6, 19, 2)]


def test_single_attempt_is_made_at_window_close() -> None:
    (one,) = of(discovery("11:00", "14:00", budget=1))
    assert one.expected == at("14:00")


def test_window_about_yesterday_has_yesterdays_game_date() -> None:
    """The occurrence has its own game date, whatever night it runs in (incidents 1 and 34)."""
    found = of(discovery("01:00", "02:00", every="30m", about="yesterday"))
    assert [item.expected for item in found] == [at("01:00"), at("01:30"), at("02:00")]
    assert {(item.day, item.game_date) for item in found} == {(DAY, DAY - timedelta(days=1))}


def test_late_times_are_about_the_same_day() -> None:
    """Same-night windows at 22:00 and 23:30 collected the night before (incident 34)."""
    assert [item.game_date for item in of(at_times("22:00", "23:30"))] == [DAY, DAY]


def test_workflow_runs_only_on_its_weekdays() -> None:
    schedule = daily(days=["mon", "thu"])
    week = [DAY + timedelta(days=offset) for offset in range(7)]
    assert [day.strftime("%a") for day in week if of(schedule, day=day)] == ["Thu", "Mon"]


def test_per_game_follows_each_tip_off() -> None:
    games = calendar(game(1, at("12:00")), game(2, at("22:30")))
    found = of(per_game("2h", "1h", "3h"), games, scraper="box_score")
    assert [(item.subject, item.slot, item.expected) for item in found] == [
        ("0022400001", 120, at("14:00")),
        ("0022400001", 180, at("15:00")),
        ("0022400002", 120, at("00:30", DAY + timedelta(days=1))),
        ("0022400002", 180, at("01:30", DAY + timedelta(days=1))),
    ]
    assert {item.day for item in found} == {DAY}


def test_noon_and_midnight_games_have_same_offset_from_tip_off() -> None:
    """Slots are absolute instants, relative to the game's tip-off (incidents 1 and 22)."""
    christmas = date(2024, 12, 25)
    noon = game(1, at("12:00", christmas))
    coast = game(2, utc("2024-12-26T06:10:00"), game_date=christmas)
    found = of(per_game("2h30m", "30m", "2h30m"), calendar(noon, coast), christmas, "box_score")
    assert [item.expected - item.games[0].tipoff for item in found if item.games[0].tipoff] == [
        timedelta(hours=2, minutes=30)
    ] * 2
    assert [item.game_date for item in found] == [christmas, christmas]


def test_moved_game_keeps_its_occurrence_ids() -> None:
    before = of(per_game(), calendar(game(1, at("19:00"))), scraper="box_score")
    after = of(per_game(), calendar(game(1, at("20:30"))), scraper="box_score")
    assert [item.id for item in before] == [item.id for item in after]
    assert [b.expected - a.expected for a, b in zip(before, after, strict=True)] == [
        timedelta(minutes=90)
    ] * len(before)


def test_interval_runs_from_before_first_tip_until_last_tip() -> None:
    games = calendar(game(1, at("13:00")), game(2, at("19:00")))
    found = of(interval("3h", "6h", "30m"), games)
    assert [item.expected for item in found] == [at(f"{hour:02}:00") for hour in (7, 10, 13, 16, 19)]
    assert {item.subject for item in found} == {"-"}


@given(
    tips=st.lists(st.integers(0, 26 * 60), min_size=2, max_size=4),
    every=st.integers(1, 600),
    before=st.integers(1, 24 * 60),
    day=st.sampled_from([DAY, SPRING, AUTUMN]),
)
def test_first_game_called_off_keeps_ids_of_interval_slots(
    tips: list[int], every: int, before: int, day: date
) -> None:
    """A slot with the number of an earlier run would not run (incident 20)."""
    games = [game(n, at("00:00", day) + timedelta(minutes=tip)) for n, tip in enumerate(sorted(tips))]
    schedule = interval(f"{every}m", f"{before}m")
    planned = {item.id: item.expected for item in of(schedule, calendar(*games), day)}
    left = of(schedule, calendar(*games[1:]), day)
    assert len({item.id for item in left}) == len(left)
    assert all(planned.get(item.id, item.expected) == item.expected for item in left)


@pytest.mark.parametrize(("schedule", "scraper"), [(interval(), "bulletin"), (per_game(), "box_score")])
def test_game_without_tip_off_has_no_occurrence(schedule: Json, scraper: str) -> None:
    assert of(schedule, calendar(game(1, None)), scraper=scraper) == ()


@pytest.mark.parametrize(
    ("schedule", "scraper"),
    [(interval(), "bulletin"), (per_game(), "box_score"), (discovery(), "digest"), (daily(), "digest")],
)
def test_day_without_games_has_no_occurrences_needing_games(schedule: Json, scraper: str) -> None:
    """Days off looked degraded (incident 31), such as the All-Star break and the summer."""
    assert of(schedule, calendar(), scraper=scraper) == ()
    assert of(schedule, None, scraper=scraper) == ()


def test_workflow_without_games_is_expected_every_day() -> None:
    assert of(daily(), calendar()) == of(daily(), None)
    assert len(of(daily(), None)) == 1


def test_preseason_games_are_not_fetched() -> None:
    configuration = configured(one=workflow(per_game(), "box_score"))
    games = calendar(game(1, at("19:00"), game_type="preseason"), game(2, at("19:00"), game_type="play_in"))
    assert [item.game_id for item in games_of(configuration, games, DAY)] == ["0022400002"]


def test_about_yesterday_needs_yesterdays_games() -> None:
    """Parameters and games were of different days (incident 18)."""
    yesterday = calendar(game(1, at("19:00", DAY - timedelta(days=1))))
    (one,) = of(daily(about="yesterday"), yesterday, scraper="digest")
    assert [item.game_date for item in one.games] == [one.game_date]
    assert of(daily(about="yesterday"), calendar(game(1, at("19:00"))), scraper="digest") == ()


def test_occurrences_are_sorted_by_time() -> None:
    found = occurrences(fixture_file("schedules"), calendar(*slate(4)), DAY)
    assert [item.expected for item in found] == sorted(item.expected for item in found)
    assert len({item.id for item in found}) == len(found)


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
@pytest.mark.parametrize(
    "schedule",
    [
        daily("05:00", "10:00"),
        at_times("00:30", "04:00", "23:59"),
        discovery("11:00", "18:00", every="20m"),
        discovery("03:00", "06:00", budget=4),
    ],
)
def test_a_clock_change_loses_and_doubles_nothing(schedule: Json, day: date) -> None:
    """The day has as many runs at the same times as the day before (incident 13)."""
    before = of(schedule, day=day - timedelta(days=1))
    found = of(schedule, day=day)
    zone = configured(one=workflow(schedule, "bulletin")).zone
    assert [f"{item.expected.astimezone(zone):%H:%M}" for item in found] == [
        f"{item.expected.astimezone(zone):%H:%M}" for item in before
    ]
    assert {item.day for item in found} == {day}


@pytest.mark.parametrize(
    "schedule", [daily("02:15", "02:45"), at_times("02:30"), discovery("02:10", "02:50", budget=1)]
)
def test_a_window_inside_the_skipped_hour_still_yields_its_occurrence(schedule: Json) -> None:
    (one,) = of(schedule, day=SPRING)
    assert one.expected < one.deadline
    assert one.expected.astimezone(configured(one=workflow(schedule, "bulletin")).zone).date() == SPRING


def test_window_starting_in_skipped_hour_keeps_its_length() -> None:
    (one,) = of(daily("02:30", "03:10"), day=SPRING)
    assert one.deadline - one.expected == timedelta(minutes=40)


def test_repeated_time_of_day_is_expected_once_at_first_instant() -> None:
    (one,) = of(at_times("01:30"), day=AUTUMN)
    assert one.expected == utc("2025-11-02T05:30:00")


def test_slots_begun_since_last_tick_are_found_across_midnight() -> None:
    """The previous evening's window goes on after midnight, when a new day has begun."""
    configuration = configured(
        late=workflow(discovery("22:00", "02:00", every="5m"), "bulletin"),
        slow=workflow(discovery("11:00", "18:00", every="1h"), "digest"),
    )
    assert configuration.faster_than(timedelta(minutes=15)) == ("late",)
    assert configuration.finer_tick(timedelta(minutes=15)) == timedelta(minutes=5)
    five = timedelta(minutes=5)
    night = DAY + timedelta(days=1)
    for moment, due in ((at("21:55"), set()), (at("22:00"), {"late"}), (at("00:05", night), {"late"})):
        assert begun_since(configuration, None, ("late",), moment, five) == due


def test_slot_due_before_its_own_day_is_found() -> None:
    """The slot six hours before a game at one in the morning is on the day before."""
    configuration = configured(early=workflow(interval(every="5m", before="6h"), "bulletin"))
    tomorrow = DAY + timedelta(days=1)
    games = calendar(game(1, at("01:00", tomorrow), game_date=tomorrow))
    found = begun_since(configuration, games, ("early",), at("19:00"), timedelta(minutes=5))
    assert found == {"early"}


@pytest.mark.parametrize(("budget", "apart"), [(2, 120), (5, 30)])
def test_each_attempt_of_budget_is_due_until_next_attempt(budget: int, apart: int) -> None:
    found = of(discovery("11:00", "13:00", budget=budget))
    assert [item.deadline for item in found[:-1]] == [item.expected for item in found[1:]]
    assert found[-1].deadline - found[-1].expected == timedelta(minutes=apart)


@pytest.mark.parametrize(("every", "interval"), [("1h", "1h"), ("90m", "1h30m"), ("45m", "45m")])
def test_occurrence_reason_writes_interval_as_in_file(every: str, interval: str) -> None:
    found = of(discovery("11:00", "18:00", every=every))
    assert found[0].reason == f"discovery, every {interval}, 11:00 to 18:00"


def test_only_search_on_its_days_has_a_window() -> None:
    searching = configured(one=workflow(discovery("11:00", "18:00", days=["wed"]), "bulletin"))
    assert window_of(searching, "one", DAY) == (at("11:00"), at("18:00"))
    assert window_of(searching, "one", DAY + timedelta(days=1)) is None
    over_midnight = configured(one=workflow(discovery("22:00", "02:00"), "bulletin"))
    assert window_of(over_midnight, "one", DAY) == (at("22:00"), at("02:00", DAY + timedelta(days=1)))
    # A daily schedule has similar times but is no search.
    assert window_of(configured(one=workflow(daily(), "bulletin")), "one", DAY) is None


def test_agenda_has_yesterdays_reported_and_tomorrows_next_slots() -> None:
    """The next occurrence of tomorrow is enough for `next_check`; yesterday's early ones need no more reports."""
    fixed = at_times("12:00", "17:00", "17:30", "23:00", within="1h")
    ((_, expected),) = agenda(configured(one=workflow(fixed, "bulletin")), None, DAY)
    assert times(tuple(expected)) == [
        "14T22:30Z",  # 17:30: its window ended at 18:30, within six hours of midnight
        "15T04:00Z",
        "15T17:00Z",
        "15T22:00Z",
        "15T22:30Z",
        "16T04:00Z",
        "16T17:00Z",
    ]


def test_changed_schedule_reuses_no_id_for_another_instant() -> None:
    """When 09:00 and 17:00 become 17:00 at noon, 17:00 must not get the id of the found 09:00."""
    nine, five = of(at_times("09:00", "17:00"))
    assert [item.id for item in of(at_times("17:00"))] == [five.id]
    assert [item.id for item in of(at_times("08:00", "17:00"))][1:] == [five.id]
    assert not {item.id for item in of(discovery("08:00", "12:00"))} & {
        item.id for item in of(discovery("14:00", "18:00"))
    }
    assert nine.id != five.id


@given(
    schedules=st.lists(times_of_day() | discoveries() | intervals, min_size=2, max_size=3),
    zones=st.lists(st.sampled_from(["America/New_York", "America/Los_Angeles", "Asia/Tokyo"]), min_size=3),
    day=st.sampled_from([DAY, SPRING, AUTUMN]),
)
def test_id_identifies_a_single_instant_across_configurations(
    schedules: list[Json], zones: list[str], day: date
) -> None:
    """A slot with the id of an earlier run would not run."""
    found = [
        item
        for schedule, zone in zip(schedules, zones, strict=False)
        for offset in (-1, 0, 1)
        for item in occurrences(
            configured(
                one=workflow(
                    schedule, "bulletin", **({} if schedule["kind"] == "interval" else {"timezone": zone})
                )
            ),
            calendar(*slate(3, day)),
            day + timedelta(days=offset),
        )
    ]
    instants = {item.id: item.expected for item in found}
    assert all(instants[item.id] == item.expected for item in found)


@given(schedules=st.tuples(per_games(), per_games()))
def test_id_identifies_a_single_offset_from_tip_off_across_schedules(
    schedules: tuple[Json, Json],
) -> None:
    games = calendar(game(1, at("12:00")), game(2, at("22:30")))
    found = [item for schedule in schedules for item in of(schedule, games, scraper="box_score")]
    instants = {item.id: item.expected for item in found}
    assert all(instants[item.id] == item.expected for item in found)


def test_two_times_at_same_instant_are_a_single_run() -> None:
    """The clocks go forward from 02:00 to 03:00."""
    (one,) = of(at_times("02:00", "03:00"), day=SPRING)
    assert (one.expected, one.reason) == (at("03:00", SPRING), "at 02:00")
    assert len(of(at_times("02:00", "03:00"))) == 2


def test_agenda_has_tomorrows_first_slot_of_each_game() -> None:
    games = slate(2, DAY + timedelta(days=1))
    ((_, expected),) = agenda(configured(one=workflow(per_game(), "box_score")), calendar(*games), DAY)
    assert [(item.subject, item.slot) for item in expected] == [(item.game_id, 120) for item in games]


@pytest.mark.parametrize(
    ("schedule", "zone", "back"),
    [
        (daily("05:00", "10:00"), None, 1),
        (at_times("23:00", within="19h"), None, 1),  # over at 18:00 on the next day, reported for six hours
        (at_times("23:00", within="19h1m"), None, 2),
        (at_times("00:30", "23:00", within="20h"), None, 2),
        (discovery("22:00", "12:00", every="6h"), None, 1),
        (discovery("22:00", "12:00", every="2h"), None, 1),
        (interval(), None, 1),
        (per_game(), None, 1),
        # In another zone a window may open at any time of the fleet's day, and clocks may change within it.
        (daily("05:00", "22:00"), "Asia/Tokyo", 1),
        (daily("05:00", "22:01"), "Asia/Tokyo", 2),
        (daily("05:00", "22:01"), None, 1),
        (at_times("08:00", within="17h"), "Asia/Tokyo", 1),
        (at_times("08:00", within="17h1m"), "Asia/Tokyo", 2),
        (discovery("08:00", "20:00", every="5h"), "Asia/Tokyo", 1),
        (discovery("08:00", "20:00", every="5h1m"), "Asia/Tokyo", 2),
    ],
)
def test_days_before_cover_exactly_the_windows_still_reported(
    schedule: Json, zone: str | None, back: int
) -> None:
    """Every evaluation computes each additional day for every workflow."""
    more = {"timezone": zone} if zone else {}
    configuration = configured(one=workflow(schedule, "bulletin", **more))
    expected = [DAY - timedelta(days=number) for number in range(back, 0, -1)]
    assert list(days_before("one", configuration, DAY)) == expected


@pytest.mark.parametrize(
    ("clock", "begun"), [("11:59", False), ("12:00", True), ("12:14", True), ("12:15", False)]
)
def test_slot_begun_at_a_tick_belongs_to_that_tick_only(clock: str, begun: bool) -> None:
    configuration = configured(one=workflow(at_times("12:00"), "bulletin"))
    found = begun_since(configuration, None, ["one"], at(clock), timedelta(minutes=15))
    assert bool(found) is begun


def test_window_in_another_zone_belongs_to_fleet_day_of_its_opening() -> None:
    """The window opens at 13:00 in Tokyo, which is 23:00 in New York."""
    schedule = discovery("13:00", "23:00", every="2h")
    configuration = configured(one=workflow(schedule, "bulletin", timezone="Asia/Tokyo"))
    found = occurrences(configuration, None, DAY)
    night = at("23:00")
    assert [item.expected for item in found] == [night + timedelta(hours=2 * number) for number in range(6)]
    assert {item.day for item in found} == {DAY}


def test_time_of_day_in_another_zone_belongs_to_its_fleet_day() -> None:
    configuration = configured(one=workflow(at_times("13:00", "15:00"), "bulletin", timezone="Asia/Tokyo"))
    assert [item.expected for item in occurrences(configuration, None, DAY)] == [at("01:00"), at("23:00")]


@pytest.mark.parametrize(
    ("schedule", "minutes"),
    [(interval("2h"), 120), (per_game("2h", "30m", "3h"), 30), (discovery(every="1h"), 60)],
)
def test_slot_is_due_until_next_slot(schedule: Json, minutes: int) -> None:
    found = of(schedule, calendar(game(1, at("19:00"))))
    assert {item.deadline - item.expected for item in found} == {timedelta(minutes=minutes)}


def test_window_emptied_by_clock_change_keeps_its_length() -> None:
    """02:00 is 03:00 on that day, so both ends are one instant."""
    (found,) = of(daily("02:00", "03:00"), day=SPRING)
    assert found.deadline - found.expected == timedelta(hours=1)
