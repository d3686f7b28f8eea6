"""Tests of the newest schedule that the fleet has landed."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest

from tests.support.controller import DAY, World, at, configured, daily, document, game, slate, workflow
from tipoff_common.ports import ObjectInfo, Unavailable
from tipoff_planning.calendar import Calendar
from tipoff_planning.landed_calendar import LandedCalendar

CONFIGURATION = configured(one=workflow(daily(), "bulletin"))
NOON = at("12:00")


def world() -> World:
    return World(CONFIGURATION)


def count(calendar: Calendar | None) -> int | None:
    return len(calendar.games_on(DAY, ["regular"])) if calendar else None


def test_without_a_landed_schedule_there_is_no_calendar() -> None:
    assert world().deps.calendar.current(NOON) is None


def test_newest_schedule_is_chosen_by_fetch_time() -> None:
    made = world()
    made.land(slate(2), at("05:00"))
    made.land(slate(3), at("04:00"))
    calendar = made.deps.calendar.current(NOON)
    assert count(calendar) == 2
    assert calendar is not None
    assert calendar.fetched_at == at("05:00")


def test_newer_schedule_replaces_calendar() -> None:
    made = world()
    made.land(slate(2), at("05:00"))
    assert count(made.deps.calendar.current(NOON)) == 2
    made.land(slate(3), at("06:00"))
    assert count(made.deps.calendar.current(NOON)) == 3


def test_refetched_schedule_updates_fetch_time() -> None:
    """The path is a function of the content: the same file is written again with a later `fetched-at`."""
    made = world()
    for clock in ("05:00", "11:00"):
        made.now(at(clock))
        made.data.put(
            "fixture/slate/same.json",
            document(slate(1)),
            content_type="application/json",
            metadata={"fetched-at": at(clock).isoformat()},
        )
        calendar = made.deps.calendar.current(NOON)
        assert calendar is not None
        assert calendar.fetched_at == at(clock)


def test_a_schedule_is_read_once() -> None:
    made = world()
    made.land(slate(1), at("05:00"))
    first = made.deps.calendar.current(NOON)
    made.data.bodies = dict.fromkeys(made.data.bodies, b"not read")
    assert made.deps.calendar.current(NOON) is first


@pytest.mark.parametrize(
    "body", [document(slate(3))[:-9], b'{"records": []}', b'{"leagueSchedule": {}}', b"\xff"]
)
def test_invalid_file_keeps_previous_calendar_and_age(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    made = world()
    made.land(slate(2), at("05:00"))
    made.land_bytes(body, at("06:00"))
    for _ in range(2):
        calendar = made.deps.calendar.current(NOON)
        assert calendar is not None
        assert (count(calendar), calendar.age(at("07:00"))) == (2, timedelta(hours=2))
    (messages,) = [record.getMessage() for record in caplog.records]
    assert messages.startswith("landed schedule cannot be read: fixture/slate/")


def test_only_unreadable_files_give_no_calendar() -> None:
    made = world()
    made.land_bytes(b"{", at("06:00"))
    assert made.deps.calendar.current(NOON) is None


def test_last_calendar_is_kept_while_bucket_is_down() -> None:
    made = world()
    made.land([game(1, at("19:00"))], at("05:00"))
    before = made.deps.calendar.current(NOON)
    made.data.down = True
    assert made.deps.calendar.current(NOON) is before


def test_unread_calendar_raises_unavailable_while_bucket_is_down() -> None:
    made = world()
    made.land([game(1, at("19:00"))], at("05:00"))
    made.data.down = True
    with pytest.raises(Unavailable):
        made.deps.calendar.current(NOON)


def test_files_in_other_folders_are_ignored() -> None:
    made = world()
    made.data.put("fixture/slate-notes/x.json", document(slate(1)), content_type="application/json")
    assert made.deps.calendar.current(NOON) is None


def test_invalid_fetch_time_falls_back_to_write_time() -> None:
    made = world()
    made.now(at("06:00"))
    made.data.put(
        "fixture/slate/by-hand.json",
        document(slate(1)),
        content_type="application/json",
        metadata={"fetched-at": "yesterday"},
    )
    calendar = made.deps.calendar.current(NOON)
    assert calendar is not None
    assert calendar.fetched_at == at("06:00")


def test_broken_file_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    made = world()
    made.land(slate(2), at("05:00"))
    made.land_bytes(b"{", at("06:00"))
    for _ in range(3):
        assert count(made.deps.calendar.current(NOON)) == 2
    assert len(caplog.records) == 1


def test_later_written_file_wins_at_equal_fetch_times() -> None:
    """A fixed parser reads the same payload again."""
    made = world()
    for name, hour, games in (("a", "07:00", 3), ("b", "06:00", 2)):
        made.now(at(hour))
        made.data.put(
            f"fixture/slate/{name}.json",
            document(slate(games)),
            content_type="application/json",
            metadata={"fetched-at": at("05:00").isoformat()},
        )
    assert count(made.deps.calendar.current(NOON)) == 3


def test_folder_may_have_trailing_slash_or_be_absent() -> None:
    made = world()
    made.land(slate(2), at("05:00"))
    assert count(LandedCalendar(made.data, "fixture/slate/").current(NOON)) == 2
    assert LandedCalendar(made.data, None).current(NOON) is None


def test_file_removed_after_listing_is_skipped() -> None:
    made = world()
    made.land(slate(2), at("05:00"))
    made.land(slate(3), at("06:00"))
    listed = list(made.data.list("fixture/slate/"))
    newest = max(info.name for info in listed)
    del made.data.bodies[newest]
    made.data.list = lambda _prefix: iter(listed)  # type: ignore[method-assign]
    assert count(made.deps.calendar.current(NOON)) == 2


def test_last_calendar_is_kept_when_every_file_is_gone() -> None:
    made = world()
    made.land(slate(2), at("05:00"))
    assert count(made.deps.calendar.current(NOON)) == 2
    made.data.bodies.clear()
    assert count(made.deps.calendar.current(NOON)) == 2


@pytest.mark.parametrize("days", [40, 400, 1200])
def test_files_listed_do_not_grow_with_age_of_fleet(days: int) -> None:
    """Each look listed every schedule that had ever landed."""
    made = world()
    for back in range(days):
        made.land(slate(1), at("05:00", DAY - timedelta(days=back)))
    answer, listed = made.data.list, list[str]()

    def counted(prefix: str) -> Iterator[ObjectInfo]:
        for info in answer(prefix):
            listed.append(info.name)
            yield info

    made.data.list = counted  # type: ignore[method-assign]
    for _ in range(2):
        listed.clear()
        assert count(LandedCalendar(made.data, "fixture/slate").current(NOON)) == 1
        assert len(listed) == DAY.day


@pytest.mark.parametrize(
    ("landed_for", "now"),
    [
        (DAY, NOON),
        (date(2025, 1, 31), at("00:30", date(2025, 2, 1))),
        (date(2025, 2, 1), at("23:30", date(2025, 1, 31))),
        (date(2024, 12, 31), at("01:00", date(2025, 1, 2))),
        (date(2024, 9, 1), NOON),
        (date(2025, 6, 1), NOON),
    ],
)
def test_schedule_is_found_in_month_around_now_and_else_anywhere(landed_for: date, now: datetime) -> None:
    made = world()
    made.land(slate(1), at("05:00", landed_for))
    assert made.deps.calendar.current(now) is not None


def test_broken_files_of_month_leave_schedule_of_another_month() -> None:
    made = world()
    made.land(slate(2), at("05:00", DAY - timedelta(days=30)))
    made.land_bytes(b"{", at("05:00"))
    assert count(made.deps.calendar.current(NOON)) == 2
