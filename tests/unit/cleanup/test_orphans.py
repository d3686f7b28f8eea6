"""Tests of orphans: a file without an execution is adopted once."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.samples import GAME_DATE, NOON, requested
from tests.unit.cleanup.bench import DAY, FOLDER, HOUR, MINUTE, QUARTER, RULE, SPEC, Bucket, World, file
from tipoff_common.events import FileLanded, ScrapeExecuted, Source
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.files import journal_entry
from tipoff_common.identity import content_hash
from tipoff_common.outcomes import Success
from tipoff_common.ports import ObjectInfo, Unavailable
from tipoff_scraper_runner.output_files import records_file, write_records
from tipoff_scraper_runner.scraper import Parsed, Record


class Row(Record):
    text: str


WRITTEN = NOON - 40 * MINUTE


def orphan(world: World, at: datetime = WRITTEN, text: str = "one", **request: Any) -> str:
    """Write a file as the runner does, without an event for it; return its path."""
    scrape_request = requested(scraper="lines", **{"request_id": "dead", **request})
    parsed = Parsed(records=[Row(text=text), Row(text="two")], fan_out={"games": ("g1", "g2")})
    file = records_file(parsed, SPEC, scrape_request, FOLDER, at)
    write_records(file, at, world.data)
    return f"gs://data/{file.name}"


def strange(world: World, body: bytes, name: str | None = None, at: datetime = WRITTEN) -> str:
    """Write a file that no runner writes, with a journal entry; return its path."""
    name = f"{FOLDER}/{name or content_hash(body)[:16]}.json"
    world.data.bodies[name], world.data.metadata[name] = body, {}
    world.data.create(journal_entry(name, at), b"")
    return f"gs://data/{name}"


def adopted(world: World) -> list[ScrapeExecuted]:
    return world.bus.of(ScrapeExecuted)


def logged(world: World, event: ScrapeExecuted) -> None:
    """Add the adopted execution to the log."""
    assert isinstance(event.outcome, Success) and event.outcome.gcs_path
    row = replace(file("-", 0), gcs_path=event.outcome.gcs_path, landed_at=event.completed_at)
    world.files.append(replace(row, content_sha256=event.data_summary["content_sha256"]))


def test_orphan_is_adopted_with_the_values_of_its_metadata() -> None:
    world = World()
    where = orphan(world)
    run = world.run()
    (executed,) = adopted(world)
    (landed,) = world.bus.of(FileLanded)
    request = requested(scraper="lines", request_id="dead")
    assert (run.adopted_count, [finding.kind for finding in run.findings]) == (1, ["orphan_adopted"])
    assert (executed.execution_id, executed.source, executed.recovery) == ("dead", Source.RECOVERY, True)
    assert executed.outcome == Success(record_count=2, gcs_path=where)
    for name in ("occurrence_id", "decision_id", "workflow", "step", "attempt", "game_date", "parameters"):
        assert getattr(executed, name) == getattr(request, name), name
    assert (executed.triggered_at, executed.fan_out_keys) == (WRITTEN, {"games": ("g1", "g2")})
    assert (landed.gcs_path, landed.record_count, landed.recovery, landed.republish) == (where, 2, True, 0)
    assert (landed.execution_id, landed.source) == ("dead", Source.RECOVERY)
    assert landed.content_sha256 == content_hash(world.data.bodies[where.removeprefix("gs://data/")])


def test_adoption_event_id_differs_from_the_runners() -> None:
    """The runner may have announced the file with another instant and source; the two events must not share an id."""
    world = World()
    orphan(world)
    world.run()
    (landed,) = world.bus.of(FileLanded)
    by_runner = landed.model_copy(update={"recovery": False, "source": None})
    assert landed.id != by_runner.id


def test_repeated_adoption_of_an_orphan_is_the_same_event() -> None:
    """The row of the adoption may be late, so the next run can find the orphan again."""
    world = World()
    orphan(world)
    runs = [world.run(NOON + number * QUARTER) for number in range(3)]
    assert len({event.id for event in adopted(world)}) == 1
    assert len({event.model_dump_json() for event in adopted(world)}) == 1
    logged(world, adopted(world)[0])
    before = len(adopted(world))
    runs.append(world.run(NOON + HOUR))
    assert len(adopted(world)) == before


def test_an_adopted_file_is_not_republished_at_once() -> None:
    """The file landed long ago, but its adoption announced it just now."""
    world = World(files=[file("later", 35)])
    world.receive("later", at=NOON - 31 * MINUTE)
    orphan(world)
    world.run()
    logged(world, adopted(world)[0])
    world.run(NOON + QUARTER)
    assert [event.republish for event in world.bus.of(FileLanded)] == [0]
    world.run(NOON + 2 * QUARTER)
    assert [event.republish for event in world.bus.of(FileLanded)] == [0, 1]


@pytest.mark.parametrize("minutes", [0, 10, 29])
def test_young_file_is_no_orphan_until_its_event_is_due(minutes: int) -> None:
    world = World()
    orphan(world, NOON - timedelta(minutes=minutes))
    assert world.run().adopted_count == 0
    assert world.run(NOON + timedelta(minutes=30)).adopted_count == 1


def test_file_with_an_execution_is_no_orphan() -> None:
    world = World()
    world.files.append(replace(file("x", 40), gcs_path=orphan(world)))
    run = world.run()
    assert (run.adopted_count, run.findings, adopted(world)) == (0, (), [])


def test_run_reads_only_new_journal_entries_and_files() -> None:
    world = World()
    for number in range(200):
        landed = file(f"n{number}", 60)
        world.land(landed)
        world.data.create(journal_entry(landed.gcs_path.removeprefix("gs://data/"), NOON - HOUR), b"")
    for number in range(5_000):
        world.data.bodies[f"{FOLDER}/{number}.json"] = b""
    world.run()
    first = len(world.queries)
    world.data.calls.clear()
    name = orphan(world, NOON - 10 * MINUTE).removeprefix("gs://data/")
    run = world.run(NOON + 2 * QUARTER)
    assert run.adopted_count == 1
    calls = [call for call in world.data.calls if not call.startswith("list journal/")]
    assert {call.rpartition(" ")[2] for call in calls} == {name}, "no other file is read"
    assert len(calls) <= 2
    assert len(world.data.calls) - len(calls) <= 2, (
        "one list call for each hour of the journal since the last run"
    )
    assert len(world.queries) - first < 10, "no query per file"


@pytest.mark.parametrize("days", [-1, 60, 400])
def test_orphan_of_any_game_date_is_found(days: int) -> None:
    world = World()
    day = GAME_DATE - days * DAY
    request = requested(scraper="lines", game_date=day, parameters={"game_date": day.isoformat()})
    parsed, folder = Parsed(records=[Row(text="x")]), f"fixtures/lines/{day}"
    write_records(records_file(parsed, SPEC, request, folder, WRITTEN), WRITTEN, world.data)
    world.run()
    assert [event.game_date for event in adopted(world)] == [day]


def test_journal_entry_without_file_is_ignored() -> None:
    """The runner crashed between journal and file; the controller fails the request."""
    world = World()
    world.data.create(journal_entry(f"{FOLDER}/0123456789abcdef.json", WRITTEN), b"")
    run = world.run()
    assert (run.adopted_count, run.findings, run.errors) == (0, (), ())


@pytest.mark.parametrize(
    "name", ["journal/2025-01-15T16/", "journal/2025-01-15T16/9999/a.json", "journal/2025-01-15T16/a/b"]
)
def test_malformed_journal_entry_is_ignored(name: str) -> None:
    world = World()
    world.data.bodies[name] = b"{}"
    run = world.run()
    assert (run.adopted_count, run.findings, run.errors) == (0, (), ())


def test_run_after_days_without_runs_still_finds_orphans() -> None:
    world = World()
    world.run()
    orphan(world, NOON + 10 * MINUTE)
    run = world.run(NOON + 5 * DAY)
    assert run.errors == ()
    assert [event.execution_id for event in adopted(world)] == ["dead"]


def test_orphans_beyond_the_limit_are_left_to_the_next_run() -> None:
    """The next runs adopt every orphan that is left."""
    world = World(rule=replace(RULE, storm_share=1.0))
    for number in range(1_100):
        orphan(world, WRITTEN + timedelta(milliseconds=100 * number), f"n{number}", request_id=f"r{number}")
    first = world.run()
    assert 500 < first.adopted_count < 1_100
    for event in adopted(world):
        logged(world, event)
    world.run(NOON + QUARTER)
    assert len({event.execution_id for event in adopted(world)}) == 1_100


def buried(status: str = "failed", **changes: Any) -> ExecutionRow:
    sample = ExecutionRow(
        execution_id="dead",
        scraper_name="lines",
        status=status,
        source="CONTROLLER",
        workflow="w",
        occurrence_id="o",
        decision_id="d",
        attempt=2,
        triggered_at=NOON - 20 * MINUTE,
    )
    return sample.model_copy(update=changes)


def test_adoption_keeps_trigger_time_of_the_failed_execution_with_a_new_event_id() -> None:
    """Views group rows by execution id and day, and prefer the success."""
    midnight = datetime(2025, 1, 16, 0, 5, tzinfo=NOON.tzinfo)
    world = World(rows=[buried(triggered_at=midnight)])
    orphan(world, midnight - 15 * MINUTE)
    world.run(midnight + QUARTER + MINUTE)
    (executed,) = adopted(world)
    assert executed.triggered_at == midnight
    assert executed.completed_at == midnight
    burial = executed.model_copy(update={"recovery": False})
    assert executed.id != burial.id, "BigQuery may drop a row with the id of another"


def test_orphan_of_a_successful_execution_is_superseded() -> None:
    world = World(rows=[buried("success")])
    orphan(world)
    run = world.run()
    assert (run.adopted_count, adopted(world)) == (0, [])
    assert [finding.kind for finding in run.findings] == ["orphan_superseded"]


def test_file_without_request_metadata_is_adopted_by_content_and_row() -> None:
    world = World(rows=[buried()])
    body = json.dumps({"scraper": "lines", "game_date": str(GAME_DATE), "records": [1, 2, 3]}).encode()
    where = strange(world, body)
    world.data.metadata[where.removeprefix("gs://data/")] = {"execution-id": "dead"}
    world.run()
    (executed,) = adopted(world)
    assert (executed.execution_id, executed.workflow, executed.attempt) == ("dead", "w", 2)
    assert (executed.occurrence_id, executed.decision_id) == ("o", "d")
    assert executed.outcome == Success(record_count=3, gcs_path=where)


def test_file_without_metadata_has_a_deterministic_execution_id() -> None:
    body = json.dumps({"scraper": "lines", "game_date": str(GAME_DATE), "records": [1]}).encode()
    ids = set()
    for _ in range(2):
        world = World()
        strange(world, body)
        world.run()
        ids |= {event.execution_id for event in adopted(world)}
    assert len(ids) == 1


def document(**changes: Any) -> bytes:
    content = {"scraper": "lines", "game_date": str(GAME_DATE), "records": [1]}
    return json.dumps({**content, **changes}).encode()


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"", None),
        (b"not json", None),
        (b"[]", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        (document(records=[]), None),
        (document(records="x"), None),
        (document(scraper="other"), None),
        (document(game_date="2025-01-14"), None),
        (document(game_date="soon"), None),
        (document(), "0123456789abcdef"),
        (document(), "a b"),
    ],
    ids=range(12),
)
def test_invalid_records_file_is_recorded_and_never_adopted(body: bytes, name: str | None) -> None:
    world = World()
    where = strange(world, body, name)
    healthy = orphan(world, text="healthy")
    run = world.run()
    assert [(finding.kind, finding.gcs_path) for finding in run.findings if finding.gcs_path != healthy] == [
        ("orphan_refused", where)
    ]
    assert (run.errors, run.adopted_count) == ((), 1)


@pytest.mark.parametrize(
    "metadata",
    [
        {"request": "{"},
        {"request": requested(scraper="other").model_dump_json()},
        {"fetched-at": "yesterday"},
        {"fan-out-keys": "[]"},
    ],
    ids=["no JSON", "of another scraper", "no instant", "no mapping"],
)
def test_invalid_metadata_is_recorded_as_refused_orphan(metadata: dict[str, str]) -> None:
    world = World()
    where = strange(world, document())
    world.data.metadata[where.removeprefix("gs://data/")] = metadata
    run = world.run()
    assert ([finding.kind for finding in run.findings], run.errors) == (["orphan_refused"], ())


def test_dry_run_leaves_the_adoption_to_the_next_real_run(caplog: pytest.LogCaptureFixture) -> None:
    world = World(pubsub_enabled=False)
    orphan(world)
    with caplog.at_level(logging.INFO):
        assert world.run().adopted_count == 0
    assert "would adopt" in caplog.text
    assert adopted(world) == []
    world.pubsub_enabled = True
    assert world.run(NOON + QUARTER).adopted_count == 1


def test_unpublished_adoption_is_published_by_the_next_run() -> None:
    world = World()
    orphan(world)
    world.bus.capacity = 0
    with pytest.raises(Unavailable):
        world.run()
    world.bus.capacity = None
    first = world.run()
    assert (first.adopted_count, first.errors) == (0, ("the bus is down",))
    assert world.run(NOON + QUARTER).adopted_count == 1
    assert len({event.id for event in adopted(world)}) == 1


def test_many_orphans_trigger_the_storm_guard() -> None:
    world = World()
    for number in range(60):
        orphan(world, text=f"n{number}", request_id=f"r{number}")
    run = world.run()
    assert (run.storm_guard, run.adopted_count, adopted(world)) == (True, 0, [])
    (finding,) = run.findings
    assert (finding.kind, finding.gcs_path) == ("orphan_storm", "-")
    assert finding.detail == "60 of 60 objects have no execution; none is adopted"


def test_unreadable_executions_stop_adoption() -> None:
    """A failed query republished everything (incident 15)."""
    world = World(unreadable="DISTINCT gcs_path\nFROM nba_orchestration.scraper_execution_log")
    orphan(world)
    run = world.run()
    assert (len(run.errors), run.adopted_count, adopted(world)) == (1, 0, [])
    world.unreadable = None
    assert world.run(NOON + QUARTER).adopted_count == 1


def run_without_listing(world: World, at: datetime) -> None:
    """Run cleanup while the state bucket cannot list objects."""

    def broken(prefix: str) -> Iterator[ObjectInfo]:
        raise Unavailable(f"{prefix} is not listed")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.state, "list", broken)
        assert world.run(at).errors


def damage_run(world: World, at: datetime) -> None:
    world.run(at)
    world.state.bodies[max(name for name in world.state.bodies if name.startswith("cleanup/runs/"))] = b"{"


@pytest.mark.parametrize("forget", [run_without_listing, damage_run])
@pytest.mark.parametrize("times", [1, 2, 12])
def test_journal_position_survives_failed_or_damaged_runs(
    times: int, forget: Callable[[World, datetime], None]
) -> None:
    """The run after such a run started at the lookback, so older orphans were never adopted."""
    world = World()
    world.run(NOON - HOUR)
    orphan(world)
    world.unreadable = "scraper_execution_log"
    world.run(NOON)
    for number in range(times):
        forget(world, NOON + 2 * DAY + number * QUARTER)
    world.unreadable = None
    assert world.run(NOON + 3 * DAY).adopted_count == 1


def test_run_after_a_failed_first_run_reads_from_the_same_start() -> None:
    world = World()
    orphan(world)
    run_without_listing(world, NOON)
    assert world.run(NOON + DAY).adopted_count == 1


def test_runs_without_journal_position_are_read_once_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tipoff_cleanup.observation._RUNS_READ", 10)
    bucket = Bucket("state")
    world = World(state=bucket)
    for number in range(50):
        run_without_listing(world, NOON + number * QUARTER)
    read = []
    for number in range(50, 52):
        bucket.calls.clear()
        world.run(NOON + number * QUARTER)
        read.append(sum(call.startswith("get cleanup/runs/") for call in bucket.calls))
    assert read[0] <= 10 + 2, "besides the tick's own and the one whose row is due"
    assert read[1] <= 3
