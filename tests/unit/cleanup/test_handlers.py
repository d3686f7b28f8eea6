"""One cleanup run a tick, with one true row."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.memory import MemoryObjects, MemoryWarehouse, RecordingBus
from tests.support.samples import GAME_DATE, NOON, tick
from tipoff_cleanup.handlers import ACCEPTED, NO_RECEIPTS, Deps, run_cleanup
from tipoff_cleanup.losses import Landed
from tipoff_cleanup.memory import Memory
from tipoff_common.events import CleanupCompleted, FileLanded, TickFired
from tipoff_common.ports import Parameter, Unavailable
from tipoff_common.publisher import Publisher

QUARTER = timedelta(minutes=15)


def file(name: str, minutes_ago: int) -> Landed:
    return Landed(
        f"gs://data/{name}.json",
        "lines",
        "w",
        GAME_DATE,
        f"e-{name}",
        3,
        "hash",
        NOON - timedelta(minutes=minutes_ago),
    )


@dataclass
class Bench:
    """Two files were lost: each landed before one that was processed."""

    landed: list[Landed] = field(
        default_factory=lambda: [file("new", 10), file("old", 60), file("older", 90)]
    )
    receipts: set[str] | None = field(default_factory=lambda: {"gs://data/new.json"})
    pubsub_enabled: bool = True
    bus: RecordingBus = field(default_factory=RecordingBus)
    state: MemoryObjects = field(default_factory=MemoryObjects)
    warehouse: MemoryWarehouse = field(default_factory=MemoryWarehouse)
    asked: list[Mapping[str, Parameter]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.warehouse.answer = self._answer

    def run(self, at: datetime = NOON, event: TickFired | None = None) -> CleanupCompleted:
        """One tick; the run that was published for it."""
        deps = Deps(
            environment="local",
            lookback=timedelta(hours=24),
            lost_after=timedelta(hours=6),
            max_republishes=3,
            pubsub_enabled=self.pubsub_enabled,
            memory=Memory(self.state),
            warehouse=self.warehouse,
            publisher=Publisher("cleanup", self.bus),
        )
        run_cleanup(event or tick(tick="cleanup"), at, deps, at)
        completed: CleanupCompleted = self.bus.of(CleanupCompleted)[-1]
        return completed

    @property
    def republished(self) -> list[str]:
        return [event.gcs_path for event in self.bus.of(FileLanded)]

    def _answer(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        self.asked.append(parameters)
        if "scraper_execution_log" in sql:
            return [asdict(one) for one in self.landed]
        if self.receipts is None:
            raise Unavailable("file_receipts cannot be read")
        return [{"gcs_path": path, "processed_at": NOON} for path in self.receipts]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_was_lost_is_announced_again_oldest_first(bench: Bench) -> None:
    run = bench.run()
    assert bench.republished == ["gs://data/older.json", "gs://data/old.json"]
    assert (run.files_checked, run.republished_count, run.errors) == (3, 2, ())
    assert [
        (missing.gcs_path, missing.age_minutes, missing.republished) for missing in run.missing_files
    ] == [
        ("gs://data/older.json", 90, True),
        ("gs://data/old.json", 60, True),
    ]


def test_an_announcement_again_is_the_files_own_marked_as_recovery(bench: Bench) -> None:
    bench.run()
    first = bench.bus.of(FileLanded)[0]
    assert (first.recovery, first.republish, first.execution_id, first.record_count) == (
        True,
        1,
        "e-older",
        3,
    )
    assert first.landed_at == NOON - timedelta(minutes=90)


def test_a_run_in_which_nothing_was_missing_is_told_too(bench: Bench) -> None:
    bench.landed = []
    run = bench.run()
    assert (run.files_checked, run.missing_files, run.errors) == (0, (), ())


def test_receipts_that_cannot_be_read_mean_that_nothing_is_republished(bench: Bench) -> None:
    """Incident 15: the query failed, so everything was republished."""
    bench.receipts = None
    run = bench.run()
    assert bench.republished == []
    assert run.errors == ("file_receipts cannot be read",)
    assert (run.missing_files, run.republished_count) == ((), 0)


def test_a_warehouse_that_is_down_is_a_run_with_an_error(bench: Bench) -> None:
    bench.warehouse.down = True
    run = bench.run()
    assert (run.errors, run.files_checked) == (("the warehouse is down",), 0)
    assert bench.republished == []


def test_no_receipts_at_all_mean_that_nothing_is_republished_and_it_says_so(bench: Bench) -> None:
    """Incident 14."""
    bench.receipts = set()
    bench.landed = [file("ancient", 60 * 23)]
    run = bench.run()
    assert bench.republished == []
    assert run.errors == (NO_RECEIPTS,)


def test_a_dry_run_finds_and_republishes_nothing(bench: Bench) -> None:
    bench.pubsub_enabled = False
    run = bench.run()
    assert bench.republished == []
    assert (len(run.missing_files), run.republished_count, run.pubsub_enabled) == (2, 0, False)
    assert not any(missing.republished for missing in run.missing_files)


def test_a_dry_run_uses_no_republish_up(bench: Bench) -> None:
    bench.pubsub_enabled = False
    for number in range(5):
        bench.run(NOON + number * QUARTER)
    bench.pubsub_enabled = True
    bench.run(NOON + 5 * QUARTER)
    assert {event.republish for event in bench.bus.of(FileLanded)} == {1}


def test_a_file_is_republished_three_times_and_never_again(bench: Bench) -> None:
    """Incident 17: a file republished forever. What was done is remembered across runs."""
    runs = [bench.run(NOON + number * QUARTER) for number in range(5)]
    numbers = [event.republish for event in bench.bus.of(FileLanded) if event.execution_id == "e-old"]
    assert numbers == [1, 2, 3]
    assert len({event.id for event in bench.bus.of(FileLanded)}) == len(bench.bus.of(FileLanded))
    assert [run.republished_count for run in runs] == [2, 2, 2, 0, 0]
    assert len(runs[-1].missing_files) == 2


def test_a_redelivered_tick_publishes_the_same_run(bench: Bench) -> None:
    """Incident 16."""
    first = bench.run()
    again = bench.run(NOON + timedelta(minutes=14))
    assert first == again
    assert first.id == again.id
    assert len(bench.republished) == 2
    assert len(bench.asked) == 2


def test_the_next_tick_is_another_run(bench: Bench) -> None:
    assert bench.run().cleanup_id != bench.run(NOON + QUARTER).cleanup_id


def test_a_run_that_could_not_be_published_is_published_later_as_it_was(bench: Bench) -> None:
    bench.bus.capacity = 2
    with pytest.raises(Unavailable):
        bench.run()
    bench.bus.capacity = None
    run = bench.run(NOON + timedelta(minutes=5))
    assert run.cleanup_time == NOON
    assert len(bench.republished) == 2


def test_a_run_that_could_not_be_written_down_is_no_run(bench: Bench) -> None:
    bench.landed = []
    bench.state.down = True
    with pytest.raises(Unavailable):
        bench.run()
    assert bench.bus.published == []


def test_a_bus_that_fails_halfway_leaves_a_true_row(bench: Bench) -> None:
    """What was announced before it failed stands in the row, and so does what was not."""
    bench.bus.capacity = 1
    with pytest.raises(Unavailable):
        bench.run()
    bench.bus.capacity = None
    run = bench.run()
    assert bench.republished == ["gs://data/older.json"]
    assert [(missing.gcs_path, missing.republished) for missing in run.missing_files] == [
        ("gs://data/older.json", True),
        ("gs://data/old.json", False),
    ]
    assert (run.republished_count, run.errors) == (1, ("the bus is down",))


def test_a_marker_is_written_before_the_announcement(bench: Bench) -> None:
    """A crash in between costs one announcement rather than adding one (incident 17)."""
    bench.bus.capacity = 0
    with pytest.raises(Unavailable):
        bench.run()
    markers = [name for name in bench.state.bodies if name.startswith("cleanup/republished/")]
    assert len(markers) == 1
    assert bench.republished == []


def test_only_the_last_day_of_this_environment_is_compared(bench: Bench) -> None:
    bench.run()
    landed, receipts = bench.asked
    assert landed == {"since": NOON - timedelta(hours=24), "now": NOON, "environment": "local"}
    assert receipts == {"since": NOON - timedelta(hours=24), "environment": "local"}


def test_a_replayed_day_is_cleaned_at_its_own_time(bench: Bench) -> None:
    event = tick(tick="cleanup", event_time=NOON)
    run = bench.run(NOON + timedelta(days=300), event)
    assert run.cleanup_time == NOON
    assert run.missing_files[0].age_minutes == 90


def test_the_identity_of_a_run_is_its_tick() -> None:
    first, again = Bench().run(), replace(Bench(), landed=[]).run(NOON + timedelta(minutes=3))
    assert first.cleanup_id == again.cleanup_id


def test_ticks_are_all_it_takes() -> None:
    assert frozenset({TickFired}) == ACCEPTED
