"""Tests of cleanup's tick handler: one run and one correct row for each tick."""

import logging
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.samples import NOON, tick
from tests.unit.cleanup.bench import (
    DAY,
    FOLDER,
    HOUR,
    MINUTE,
    QUARTER,
    RULE,
    Receipt,
    World,
    body,
    file,
    path,
)
from tipoff_cleanup.handlers import ACCEPTED
from tipoff_cleanup.observation import NO_RECEIPTS
from tipoff_common.events import CleanupCompleted, FileLanded, Source, TickFired
from tipoff_common.identity import content_hash
from tipoff_common.ports import Unavailable


def two_lost() -> World:
    """Return a world with two lost files: a file that landed after both was processed long ago."""
    world = World(files=[file("new", 50), file("old", 60), file("older", 90)])
    world.receive("new")
    return world


def hide_old_receipts(world: World) -> None:
    """Hide receipts older than a day from the query over the lookback."""
    answer = world.warehouse.answer

    def recent_only(sql: str, parameters: object) -> object:
        kept = world.receipts
        if "overtaken_before" in sql:
            world.receipts = {
                name: receipt for name, receipt in kept.items() if receipt.processed_at > NOON - DAY
            }
        try:
            return answer(sql, parameters)  # type: ignore[arg-type]
        finally:
            world.receipts = kept

    world.warehouse.answer = recent_only  # type: ignore[assignment]


@pytest.fixture
def world() -> World:
    return two_lost()


def test_lost_files_are_republished_oldest_first(world: World) -> None:
    run = world.run()
    assert world.republished == [path("older"), path("old")]
    assert (run.files_checked, run.missing_files_found, run.republished_count, run.errors) == (3, 2, 2, ())
    assert [
        (missing.gcs_path, missing.age_minutes, missing.republished) for missing in run.missing_files
    ] == [
        (path("older"), 90, True),
        (path("old"), 60, True),
    ]


def test_republish_repeats_the_files_event_marked_as_recovery(world: World) -> None:
    world.run()
    first = world.bus.of(FileLanded)[0]
    assert (first.recovery, first.republish, first.source) == (True, 1, Source.RECOVERY)
    original = file("older", 90)
    for name in ("execution_id", "content_sha256", "landed_at", "game_date", "workflow"):
        assert getattr(first, name) == getattr(original, name), name


def test_run_without_missing_files_is_published() -> None:
    run = World().run()
    assert (run.files_checked, run.missing_files, run.errors, run.storm_guard) == (0, (), (), False)


@pytest.mark.parametrize("early", [timedelta(0), timedelta(milliseconds=200), timedelta(seconds=4)])
def test_early_tick_is_a_separate_run(world: World, early: timedelta) -> None:
    """An early tick counted as the previous one: the previous row was published again and no file was republished."""
    before = world.run(NOON - QUARTER)
    run = world.run(NOON - early)
    assert run.cleanup_id != before.cleanup_id
    assert run.cleanup_time == NOON - early
    assert world.run(NOON + timedelta(seconds=1)).cleanup_id == run.cleanup_id


@pytest.mark.parametrize("table", ["file_receipts", "scraper_execution_log", "cleanup_operations"])
def test_unreadable_table_stops_republishing(
    world: World, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A failed query republished everything (incident 15)."""
    world.unreadable = table
    run = world.run()
    assert world.republished == []
    assert run.errors == (f"{table} cannot be read",)
    assert [(record.levelname, record.detail) for record in caplog.records] == [("ERROR", *run.errors)]  # type: ignore[attr-defined]
    assert (run.missing_files, run.republished_count, run.findings) == ((), 0, ())
    assert (run.phase2_behind, run.storm_guard) == (False, False)


def test_without_any_receipts_nothing_is_republished_and_an_error_is_recorded() -> None:
    """Processed files were guessed from table names (incident 14)."""
    world = World(files=[file("ancient", 60 * 23)])
    run = world.run()
    assert world.republished == []
    assert run.errors == (NO_RECEIPTS,)


def test_a_first_file_after_a_quiet_day_is_no_error() -> None:
    assert World(files=[file("first", 5)]).run().errors == ()


def test_a_receipt_from_before_the_lookback_counts() -> None:
    """Content that landed again has the same path and no second announcement."""
    world = two_lost()
    world.receive("old", at=NOON - 30 * DAY)
    hide_old_receipts(world)
    world.run()
    assert world.republished == [path("older")]


def test_dry_run_logs_republishes_without_publishing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.pubsub_enabled = False
    with caplog.at_level(logging.INFO):
        run = world.run()
    assert world.republished == []
    assert (len(run.missing_files), run.republished_count, run.pubsub_enabled) == (2, 0, False)
    would = [record.gcs_path for record in caplog.records if "would republish" in record.message]  # type: ignore[attr-defined]
    assert would == [path("older"), path("old")]


def test_dry_run_does_not_count_as_republish(world: World) -> None:
    world.pubsub_enabled = False
    for number in range(5):
        world.run(NOON + number * QUARTER)
    world.pubsub_enabled = True
    world.run(NOON + 5 * QUARTER)
    assert {event.republish for event in world.bus.of(FileLanded)} == {1}


def test_a_file_is_republished_three_times_then_given_up(world: World) -> None:
    """A file was republished forever; one bug sent 600 e-mails (incidents 17 and 23)."""
    runs = [world.run(NOON + number * QUARTER) for number in range(24)]
    numbers = [event.republish for event in world.bus.of(FileLanded) if event.execution_id == "e-old"]
    assert numbers == [1, 2, 3]
    assert [number for number, run in enumerate(runs) if run.republished_count] == [0, 2, 6]
    assert next(number for number, run in enumerate(runs) if run.given_up_count) == 14
    assert runs[-1].given_up_count == len(runs[-1].missing_files) == 2
    for run in runs[14:]:
        assert [(finding.kind, finding.gcs_path) for finding in run.findings] == [
            ("given_up", path("older")),
            ("given_up", path("old")),
        ]
        assert run.findings[0].detail == "republished 3 times without a receipt; given up"


def test_given_up_file_is_reported_until_its_receipt_arrives(world: World) -> None:
    for number in range(15):
        world.run(NOON + number * QUARTER)
    world.receive("older", at=NOON + 4 * HOUR)
    (finding,) = world.run(NOON + 5 * HOUR).findings
    assert (finding.kind, finding.gcs_path) == ("given_up", path("old"))


def test_file_marked_given_up_before_a_crash_is_still_reported(world: World) -> None:
    """A crash between the marker and the row must not hide the file."""
    for number in range(14):
        world.run(NOON + number * QUARTER)
    world.deps.memory.mark_given_up(path("old"), NOON + 14 * QUARTER)
    found = {finding.gcs_path for finding in world.run(NOON + 14 * QUARTER).findings}
    assert found == {path("older"), path("old")}


def test_findings_that_need_a_person_are_not_pushed_out_by_unknown_receipts(world: World) -> None:
    del world.data.bodies[path("old").removeprefix("gs://data/")]
    world.receive(*(f"stray{number}" for number in range(300)), at=NOON - 2 * HOUR)
    run = world.run()
    assert (len(run.findings), run.findings[0].kind) == (200, "object_missing")


def test_phase_2_down_for_six_hours_is_stated_and_nothing_is_republished() -> None:
    world = World(files=[file("seen", 200)])
    world.receive("seen", at=NOON - 3 * HOUR)
    for number in range(24):
        world.land(file(f"n{number}", -15 * number))
        run = world.run(NOON + number * QUARTER)
        assert run.phase2_behind is (number >= 4)
        assert run.behind_since == (NOON if number >= 4 else None)
    assert world.republished == []
    up = NOON + 24 * QUARTER
    world.receive(*(f"n{number}" for number in range(24)), at=up)
    run = world.run(up + QUARTER)
    assert (run.phase2_behind, run.behind_since, run.waiting_count, run.missing_files) == (False, None, 0, ())
    assert world.republished == []


def test_a_phase_2_that_is_down_for_longer_than_the_lookback_stays_behind() -> None:
    world = World(files=[file("seen", 60)])
    world.receive("seen")
    for hours in range(0, 40, 4):
        world.land(file(f"n{hours}", -60 * hours))
        assert world.run(NOON + hours * HOUR).phase2_behind is (hours > 0)


def test_run_with_phase_2_behind_counts_lost_and_waiting_files() -> None:
    """Phase 2 dropped all 43 messages; the latest two are not proven lost yet, as no later file has a receipt."""
    world = World(files=[*(file(f"n{number}", 230 - number) for number in range(41)), file("seen", 180)])
    world.receive("seen", at=NOON - 3 * HOUR)
    world.land(file("late", 120), file("later", 61))
    run = world.run()
    assert (run.phase2_behind, run.missing_files_found, run.republished_count) == (True, 41, 41)
    assert (run.waiting_count, run.behind_since) == (43, NOON - 120 * MINUTE)


def test_phase_2_is_not_behind_when_all_waiting_files_are_lost() -> None:
    """A later file has a receipt, so Phase 2 is up and dropped these messages."""
    world = World(files=[*(file(f"n{number}", 230 - number) for number in range(39)), file("seen", 180)])
    world.receive("seen", at=NOON - 3 * HOUR)
    run = world.run()
    assert (run.phase2_behind, run.republished_count) == (False, 39)


def test_old_receipt_of_relanded_file_does_not_prove_phase_2_is_up() -> None:
    """An unchanged file is not announced again, so its old receipt does not prove that Phase 2 is up today."""
    world = World(files=[file("seen", 26 * 60), file("waiting", 50), file("again", 40)])
    world.receive("seen", at=NOON - 25 * HOUR)
    world.receive("again", at=NOON - 26 * HOUR)
    runs = [world.run(NOON + number * QUARTER) for number in range(20)]
    assert [run.phase2_behind for run in runs] == [False] + 19 * [True]
    assert (world.republished, runs[-1].given_up_count) == ([], 0)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(25, 80)), max_size=5))
@settings(max_examples=examples(30), deadline=None)
def test_relanded_files_do_not_affect_waiting_files(again: list[tuple[int, int]]) -> None:
    def runs(*more: tuple[int, int]) -> tuple[object, ...]:
        landed = (file(f"again{number}", minutes) for number, (minutes, _) in enumerate(more))
        world = World(files=[file("lost", 200), file("seen", 180), file("waiting", 50), *landed])
        world.receive("seen", at=NOON - 170 * MINUTE)
        for number, (_, hours) in enumerate(more):
            world.receive(f"again{number}", at=NOON - hours * HOUR)
        found = [world.run(NOON + number * QUARTER) for number in range(0, 8, 2)]
        return world.republished, [(run.phase2_behind, run.missing_files_found) for run in found]

    assert runs(*again) == runs()


@pytest.mark.parametrize(("seconds", "behind"), [(0, False), (299, False), (600, True)])
def test_receipt_from_a_slightly_slow_clock_counts(seconds: int, behind: bool) -> None:
    world = World(files=[file("waiting", 70), file("later", 65)])
    world.receive("later", at=NOON - 65 * MINUTE - timedelta(seconds=seconds))
    assert world.run().phase2_behind is behind


def test_phase_2_behind_counts_only_waiting_files() -> None:
    """A file that was processed before the lookback does not wait."""
    world = World(files=[file("waiting", 61), file("again", 120)])
    world.receive("again", at=NOON - 30 * DAY)
    hide_old_receipts(world)
    run = world.run()
    assert (run.phase2_behind, run.waiting_count, run.behind_since) == (True, 1, NOON - 61 * MINUTE)


def test_logger_delay_of_twenty_minutes_republishes_nothing() -> None:
    """Receipts arrive in any order, some at once and some late."""
    world = World(cleanup_rows_late=20 * MINUTE)
    for number in range(40):
        world.land(file(f"n{number}", -3 * number))
        at = NOON + (3 * number + 1) * MINUTE
        world.receive(f"n{number}", at=at, late=(number * 7 % 21) * MINUTE)
    runs = [world.run(NOON + number * QUARTER) for number in range(12)]
    assert world.republished == []
    assert {(run.errors, run.findings, run.phase2_behind) for run in runs} == {((), (), False)}


def test_dataset_behind_the_grace_stops_republishing(world: World) -> None:
    """The dataset lacks cleanup's own rows, so it may lack receipts as well."""
    world.cleanup_rows_late = 50 * MINUTE
    world.receive("old", "older")
    for number in range(4):
        run = world.run(NOON + number * QUARTER)
    del world.receipts[path("old")]
    run = world.run(NOON + 4 * QUARTER)
    assert "the dataset is behind" in run.errors[0]
    assert (world.republished, run.missing_files) == ([], ())
    world.cleanup_rows_late = timedelta(0)
    world.run(NOON + 5 * QUARTER)
    assert world.republished == [path("old")]


@pytest.mark.parametrize("minutes", [-3, 3])
def test_wrong_clock_does_not_stop_republishing(world: World, minutes: int) -> None:
    """A cleanup with a slow clock dated each run before its tick, found no row as late as the tick, and treated the
    dataset as behind from then on: it republished no file any more."""
    world.clock_ahead = minutes * MINUTE
    world.receive("old", "older")
    for number in range(4):
        assert world.run(NOON + number * HOUR).errors == ()
    del world.receipts[path("old")]
    assert world.run(NOON + 4 * HOUR).errors == ()
    assert world.republished == [path("old")]


def storm(lost: int, of: int) -> World:
    world = World(files=[file(f"n{number:03d}", 200 - number * 0.1) for number in range(of)])
    world.receive(*(f"n{number:03d}" for number in range(lost, of)))
    return world


def test_storm_guard_stops_all_republishing() -> None:
    """Processed files were guessed from table names, with 5,000 republishes a day (incident 14)."""
    world = storm(51, 100)
    run = world.run()
    assert world.republished == []
    assert (run.storm_guard, run.missing_files_found, run.republished_count) == (True, 51, 0)
    world.receive("n000")
    run = world.run(NOON + QUARTER)
    assert (run.storm_guard, run.republished_count) == (False, 50)


def test_given_up_files_do_not_trigger_the_storm_guard() -> None:
    """A newly lost file is republished although files that were given up are still in the lookback."""
    world = World(files=[*(file(f"f{number}", 90 + number) for number in range(60)), file("new", 50)])
    world.receive("new")
    memory = world.deps.memory
    for number in range(59):
        memory.mark_given_up(path(f"f{number}"), NOON)
    run = world.run()
    assert (run.storm_guard, world.republished) == (False, [path("f59")])


def test_a_file_that_was_processed_before_the_lookback_is_not_waited_for() -> None:
    world = World(files=[file("again", 120)])
    world.receive("again", at=NOON - 30 * DAY)
    hide_old_receipts(world)
    assert world.run().phase2_behind is False


def test_many_losses_below_the_share_do_not_trigger_the_storm_guard() -> None:
    run = storm(60, 300).run()
    assert (run.storm_guard, run.republished_count) == (False, 60)


def test_row_lists_at_most_500_missing_files_and_counts_all() -> None:
    world = storm(600, 700)
    run = world.run()
    assert (run.missing_files_found, len(run.missing_files)) == (600, 500)


@pytest.mark.parametrize("pubsub_enabled", [True, False])
def test_run_reads_limited_files_and_later_runs_reach_the_rest(
    monkeypatch: pytest.MonkeyPatch, pubsub_enabled: bool
) -> None:
    """Files that cannot be republished did not count towards the limit, so each run read all of them."""
    monkeypatch.setattr("tipoff_cleanup.republication.MOST_A_RUN", 10)
    world = storm(40, 100)
    world.pubsub_enabled = pubsub_enabled
    oldest = [path(f"n{number:03d}") for number in range(30)]
    for gone in oldest:
        del world.data.bodies[gone.removeprefix("gs://data/")]
    for number in range(20):
        world.data.calls.clear()
        world.run(NOON + number * QUARTER)
        read = {call for call in world.data.calls if call.startswith(f"info {FOLDER}")}
        assert len(read) <= 10
    found = {finding.gcs_path for run in world.bus.of(CleanupCompleted) for finding in run.findings}
    assert found >= set(oldest)
    healthy = {path(f"n{number:03d}") for number in range(30, 40)}
    assert set(world.republished) == (healthy if pubsub_enabled else set())


def test_missing_object_of_a_logged_file_is_a_finding(world: World) -> None:
    del world.data.bodies[path("old").removeprefix("gs://data/")]
    run = world.run()
    assert world.republished == [path("older")]
    assert run.objects_missing == 1
    assert [(finding.kind, finding.gcs_path) for finding in run.findings] == [("object_missing", path("old"))]
    world.keep(file("old", 60))
    run = world.run(NOON + QUARTER)
    assert world.republished == [path("older"), path("old")]
    assert (run.objects_missing, run.findings) == (0, ())


ODD = [
    "gs://elsewhere/fixtures/lines/2025-01-15/a.json",
    "gs://data/fixtures/../state/a.json",
    "gs://data/fixtures//a.json",
    "gs://data/./a.json",
    "gs://data/a b.json",
    "gs://data/ünï🏀'\"?#%2F.json",
]
NO_FILE = [
    "gs://data/a\n.json",
    "gs://data/a\r.json",
    "data/a.json",
    "gs://data/",
    f"gs://data/{'a/' * 600}a.json",
    "",
]


@pytest.mark.parametrize(
    ("odd", "kind"),
    [*((odd, "foreign_path") for odd in ODD), *((odd, "unnameable_path") for odd in NO_FILE)],
)
def test_an_odd_path_is_recorded_and_never_acted_on(world: World, odd: str, kind: str) -> None:
    world.files.append(replace(file("x", 100), gcs_path=odd))
    run = world.run()
    assert odd not in world.republished
    assert len(world.republished) == 2, "the others are healed"
    assert [(finding.kind, finding.gcs_path) for finding in run.findings] == [(kind, odd)]
    assert run.errors == ()


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_path_is_found_until_its_receipt_comes(world: World, odd: str) -> None:
    world.files.append(replace(file("x", 100), gcs_path=odd))
    for number in range(2):
        assert [finding.gcs_path for finding in world.run(NOON + number * QUARTER).findings] == [odd]
    world.receipts[odd] = Receipt(NOON, NOON + HOUR)
    assert world.run(NOON + HOUR).findings == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"content_sha256": None},
        {"game_date": None},
    ],
    ids=str,
)
def test_values_missing_in_a_row_are_read_from_its_file(world: World, changes: dict[str, object]) -> None:
    """One row without these values failed every run with a 500."""
    world.land(file("odd", 100, **changes))
    run = world.run()
    assert world.republished == [path("odd"), path("older"), path("old")]
    assert (run.findings, run.errors) == ((), ())
    (first, *_) = world.bus.of(FileLanded)
    assert (first.record_count, first.content_sha256) == (3, content_hash(body("odd")))


@pytest.mark.parametrize(
    "changes",
    [{"scraper_name": "other"}, {"game_date": date(2025, 1, 14)}, {"content_sha256": "0" * 64}],
    ids=str,
)
def test_row_that_contradicts_its_file_is_a_finding(world: World, changes: dict[str, object]) -> None:
    world.land(file("odd", 100, **changes))
    run = world.run()
    assert world.republished == [path("older"), path("old")]
    assert [finding.kind for finding in run.findings] == ["content_differs"]


def test_changed_file_is_a_finding_and_not_republished(world: World) -> None:
    world.data.bodies[path("old").removeprefix("gs://data/")] = body("poisoned")
    run = world.run()
    assert world.republished == [path("older")]
    assert [(finding.kind, finding.gcs_path) for finding in run.findings] == [
        ("content_differs", path("old"))
    ]
    assert run.objects_missing == 0


def test_changed_file_is_a_finding_until_its_content_is_restored(world: World) -> None:
    world.data.bodies[path("old").removeprefix("gs://data/")] = body("poisoned")
    for number in range(2):
        (finding,) = world.run(NOON + number * QUARTER).findings
        assert (finding.kind, finding.gcs_path) == ("content_differs", path("old"))
    world.keep(file("old", 60))
    assert world.run(NOON + HOUR).findings == ()
    assert path("old") in world.republished


def test_unexpected_exception_is_recorded_as_an_error(world: World) -> None:
    world.warehouse.answer = lambda *_: [{"nonsense": 1}]
    run = world.run()
    assert (run.errors, world.republished) == (("KeyError: 'files'",), [])


def test_a_receipt_for_an_unknown_file_is_recorded_once_its_row_is_due(world: World) -> None:
    """A receipt may arrive before its execution row, so it is no finding until the row is due."""
    world.receive("nobody", at=NOON - 10 * MINUTE)
    assert world.run().findings == ()
    (finding,) = world.run(NOON + 30 * MINUTE).findings
    assert (finding.kind, finding.gcs_path) == ("receipt_unknown_file", path("nobody"))
    world.land(file("nobody", 20))
    assert world.run(NOON + HOUR).findings == ()


def test_a_redelivered_tick_publishes_the_same_run(world: World) -> None:
    """Redelivery multiplied the rows (incident 16)."""
    first = world.run()
    count = len(world.queries)
    again = world.run(NOON + timedelta(minutes=14))
    assert first == again
    assert first.id == again.id
    assert len(world.republished) == 2
    assert len(world.queries) == count


def test_the_next_tick_is_another_run(world: World) -> None:
    assert world.run().cleanup_id != world.run(NOON + QUARTER).cleanup_id


def test_unpublished_run_is_published_on_redelivery_with_its_own_time(world: World) -> None:
    world.bus.capacity = 2
    with pytest.raises(Unavailable):
        world.run()
    world.bus.capacity = None
    run = world.run(NOON + timedelta(minutes=5))
    assert run.cleanup_time == NOON
    assert len(world.republished) == 2


def test_run_that_cannot_be_stored_publishes_nothing() -> None:
    world = World()
    world.state.down = True
    with pytest.raises(Unavailable):
        world.run()
    assert world.bus.published == []


def test_bus_failure_halfway_leaves_an_accurate_row(world: World) -> None:
    """The row lists the files that were announced before the failure and those that were not."""
    world.bus.capacity = 1
    with pytest.raises(Unavailable):
        world.run()
    world.bus.capacity = None
    run = world.run()
    assert world.republished == [path("older")]
    assert [(missing.gcs_path, missing.republished) for missing in run.missing_files] == [
        (path("older"), True),
        (path("old"), False),
    ]
    assert (run.republished_count, run.errors) == (1, ("the bus is down",))


def test_a_marker_is_written_before_the_announcement(world: World) -> None:
    """A crash after the marker loses one announcement; the other order would add one (incident 17)."""
    world.bus.capacity = 0
    with pytest.raises(Unavailable):
        world.run()
    markers = [name for name in world.state.bodies if "/republish-" in name]
    assert len(markers) == 1
    assert world.republished == []


def test_a_replayed_day_is_cleaned_at_its_own_time(world: World) -> None:
    event = tick(tick="cleanup", event_time=NOON)
    run = world.run(NOON + 300 * DAY, event)
    assert run.cleanup_time == NOON
    assert run.missing_files[0].age_minutes == 90
    assert {event.event_time for event in world.bus.of(FileLanded)} == {NOON}


def test_the_identity_of_a_run_is_its_tick() -> None:
    assert two_lost().run().cleanup_id == World().run(NOON + timedelta(minutes=3)).cleanup_id


def test_only_ticks_are_accepted() -> None:
    assert frozenset({TickFired}) == ACCEPTED


fates = st.lists(
    st.tuples(st.integers(0, 120), st.lists(st.booleans(), min_size=4, max_size=4), st.integers(1, 40)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=examples(40))
@given(fates)
def test_every_lost_file_is_recovered_or_given_up_within_the_cap(
    plan: list[tuple[int, list[bool], int]],
) -> None:
    """Each file lands after noon. Some of its announcements reach Phase 2, which answers some minutes later; the first
    one is the runner's own."""
    world = World(files=[file("first", 60)])
    world.receive("first", at=NOON - 50 * MINUTE)
    arrivals: dict[str, list[bool]] = {}
    for number, (minute, reached, slow) in enumerate(plan):
        landed = file(f"n{number}", -minute)
        world.land(landed)
        arrivals[landed.gcs_path] = reached
        if reached[0]:
            world.receive(f"n{number}", at=landed.landed_at + timedelta(minutes=slow))
    for number in range(64):
        now = NOON + number * QUARTER
        before = len(world.bus.of(FileLanded))
        world.run(now)
        for event in world.bus.of(FileLanded)[before:]:
            assert event.gcs_path not in {
                name for name, receipt in world.receipts.items() if receipt.seen_at <= now
            }
            if arrivals[event.gcs_path][event.republish]:
                world.receive(event.execution_id.removeprefix("e-"), at=now + MINUTE)
    runs = world.bus.of(CleanupCompleted)
    given_up = {finding.gcs_path for run in runs for finding in run.findings if finding.kind == "given_up"}
    for landed_path, reached in arrivals.items():
        announced = [event for event in world.bus.of(FileLanded) if event.gcs_path == landed_path]
        assert len(announced) <= RULE.max_republishes
        assert len({event.id for event in announced}) == len(announced)
        assert (landed_path in world.receipts) is any(reached)
        assert (landed_path in given_up) is not any(reached)
    assert len(runs) == 64
