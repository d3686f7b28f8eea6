"""Tests of dead requests: the controller fails them when the lease expires, cleanup adopts the files they wrote."""

from datetime import datetime, timedelta

import pytest

from tests.support.controller import World, at, at_times, configured, slate, workflow
from tests.unit.cleanup import bench
from tests.unit.cleanup.bench import MINUTE
from tipoff_common.events import FileLanded, ScrapeExecuted, ScrapeRequested, Source
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.outcomes import Failed, FailureKind, Status
from tipoff_common.rows import execution_row
from tipoff_scraper_runner.output_files import records_file, write_records
from tipoff_scraper_runner.scraper import Parsed, Record

BURIED_AT = at("06:15")


class Row(Record):
    text: str


@pytest.fixture
def controller() -> World:
    """Return a controller that requested a bulletin at 06:00 from a runner that crashed."""
    made = World(configured(one=workflow(at_times("06:00"), "bulletin", max_retries=0)))
    made.land(slate(1), at("05:00"))
    made.tick(at("06:00"))
    return made


@pytest.fixture
def request_of(controller: World) -> ScrapeRequested:
    (made,) = controller.requests
    return made


def cleanup(controller: World, rows: list[ExecutionRow]) -> bench.World:
    """Return cleanup with the controller's catalog and these rows."""
    made = bench.World(rows=rows)
    made.catalog = {"bulletin": controller.configuration.catalog["bulletin"]}
    return made


def write(request: ScrapeRequested, world: bench.World, when: datetime) -> str:
    """Write the records file as the runner does, without an execution; return its path."""
    spec = world.catalog["bulletin"]
    folder = f"{spec.output_root}/{request.game_date}"
    file = records_file(Parsed(records=[Row(text="x")]), spec, request, folder, when)
    write_records(file, when, world.data)
    return f"gs://{world.data.bucket}/{file.name}"


def row(event: ScrapeExecuted) -> ExecutionRow:
    return ExecutionRow.model_validate(execution_row(event, event.completed_at))


def test_dead_request_without_file_is_failed_by_controller_only(
    controller: World, request_of: ScrapeRequested
) -> None:
    controller.tick(BURIED_AT)
    (event,) = controller.bus.of(ScrapeExecuted)
    assert isinstance(event.outcome, Failed)
    assert (event.execution_id, event.outcome.kind) == (request_of.request_id, FailureKind.TIMEOUT)
    world = cleanup(controller, [row(event)])
    run = world.run(BURIED_AT + 45 * MINUTE)
    assert (run.findings, run.errors, run.adopted_count, world.bus.of(FileLanded)) == ((), (), 0, [])


@pytest.mark.parametrize("buried_first", [True, False])
def test_file_of_dead_request_is_adopted_and_recorded_as_success(
    controller: World, request_of: ScrapeRequested, *, buried_first: bool
) -> None:
    if buried_first:
        controller.tick(BURIED_AT)
        (event,) = controller.take(ScrapeExecuted)
        controller.note(event)
    world = cleanup(controller, [row(event)] if buried_first else [])
    path = write(request_of, world, at("06:01"))
    world.run(at("06:45"))
    (executed,) = world.bus.of(ScrapeExecuted)
    assert (executed.execution_id, executed.source) == (request_of.request_id, Source.RECOVERY)
    assert [landed.gcs_path for landed in world.bus.of(FileLanded)] == [path]

    controller.note(executed)
    controller.tick(at("07:00") + timedelta(hours=1))
    assert controller.bus.of(ScrapeExecuted) == [], "it is not buried again"
    known = controller.state_of(request_of)
    assert known.executions[request_of.request_id].status is Status.SUCCESS
    assert [made.attempt for made in controller.requests] == [1]
