"""Loading of the week into a running stack before its first tick: rows, files, and the services' state."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from pydantic import JsonValue

from tipoff_cleanup.memory import CleanupMemory
from tipoff_cli.checkout import SCRAPERS
from tipoff_common import __version__
from tipoff_common.catalog import load_catalog
from tipoff_common.clock import business_date
from tipoff_common.events import (
    AlertChanged,
    CleanupCompleted,
    Event,
    FileProcessed,
    MessageRejected,
    ScheduleLocked,
    ScrapeExecuted,
    Tick,
    TickFired,
    WorkflowDecided,
)
from tipoff_common.ports import Row, Warehouse
from tipoff_common.publisher import Publisher
from tipoff_common.rows import TABLES
from tipoff_common.testing import RecordingBus
from tipoff_controller.ledger import Ledger
from tipoff_dataset.files import QUERIES
from tipoff_dev.fakes.sources.rolling import new_york_date, rolled
from tipoff_dev.fakes.sources.scenario import load_scenario
from tipoff_dev.fakes.sources.schedule_json import write_schedule
from tipoff_dev.stack.stack import Progress, Stack
from tipoff_dev.tour.history import ENVIRONMENT, EventHistory, past_week
from tipoff_dev.tour.recovery import Recovery, recover
from tipoff_monitor.deps import Deps as MonitorDeps
from tipoff_monitor.handlers import run_watch
from tipoff_monitor.loading import load_rules
from tipoff_monitor.memory import MonitorState
from tipoff_planning.calendar import Game
from tipoff_planning.loading import load_workflows
from tipoff_planning.workflows import Configuration

_ROWS = 500
"""Rows of one append."""
_WRITTEN_AFTER = timedelta(seconds=2)
"""Time from an event to its row."""
_WATCHED_BEFORE = timedelta(hours=44, minutes=-10)
"""Time from the only watch within the week to the week's end: during a fault that is over by now, and after a tick,
when the tick's rows exist. Each watch evaluates every rule on the embedded warehouse, which takes seconds: too slow
for a watch every five minutes."""

_INSTANT_FIELDS: Mapping[type[Event], str] = {
    ScrapeExecuted: "completed_at",
    WorkflowDecided: "decision_time",
    ScheduleLocked: "locked_at",
    CleanupCompleted: "cleanup_time",
    FileProcessed: "processed_at",
    MessageRejected: "rejected_at",
    AlertChanged: "changed_at",
}
"""The field with the instant of an event, by the event's type."""


def load_week(stack: Stack, now: datetime, progress: Progress) -> EventHistory:
    """Invent the week before `now` and write it into the stack. Raises Unavailable."""
    catalog = load_catalog(SCRAPERS)
    configuration = load_workflows(stack.layout.workflows_file, catalog)
    progress("generating a week")
    rows = schedule_rows(configuration, now)
    games = [Game.model_validate(row) for row in rows]
    history = past_week(configuration, games, rows, now, stack.data.bucket)
    recovery = recover(history, catalog)
    progress("storing the week")
    append_events(stack.warehouse, [*history.events, *recovery.events])
    _write_files(stack, history)
    _write_state(stack, history, recovery)
    progress("evaluating the alerts of the week")
    append_events(stack.warehouse, _alerts(stack, configuration, [history.until - _WATCHED_BEFORE, now]))
    return history


def append_events(warehouse: Warehouse, events: Iterable[Event]) -> None:
    """Append the events' rows, built as the logger builds them. Raises Unavailable."""
    rows: dict[str, list[Row]] = defaultdict(list)
    ids: dict[str, list[str]] = defaultdict(list)
    for event in events:
        batch = TABLES[type(event)](event, happened_at(event) + _WRITTEN_AFTER)
        rows[batch.table].extend(batch.rows)
        ids[batch.table].extend(batch.ids)
    for table, found in rows.items():
        for start in range(0, len(found), _ROWS):
            warehouse.append(table, found[start : start + _ROWS], ids[table][start : start + _ROWS])


def happened_at(event: Event) -> datetime:
    """Return the instant of an event."""
    instant: datetime = getattr(event, _INSTANT_FIELDS[type(event)])
    return instant


def schedule_rows(configuration: Configuration, now: datetime) -> Sequence[Mapping[str, JsonValue]]:
    """Return the fake sources' schedule of today, parsed by the fleet's own scraper; empty for a fleet with another
    calendar."""
    if configuration.file.calendar.scraper != "nbac_schedule":
        return []
    from scrapers.nbacom.nbac_schedule import scraper

    today = new_york_date(now)
    payload = write_schedule(rolled(load_scenario(), today), now)
    parsed = scraper.parse(payload, scraper.Parameters(game_date=today))
    return [record.model_dump(mode="json") for record in parsed.records]


def _write_files(stack: Stack, history: EventHistory) -> None:
    """Write the files of records to their paths in the rows."""
    for name, file in history.files.items():
        stack.data.create(name, file.body, content_type="application/json", metadata=file.metadata)


def _write_state(stack: Stack, history: EventHistory, recovery: Recovery) -> None:
    """Write the state of the controller and of cleanup, so that neither starts the day again."""
    ledger, today = Ledger(stack.state), business_date(history.until)
    for event in history.of(ScheduleLocked):
        if event.date == today and not ledger.schedules(today):
            ledger.remember_lock(event)
        elif event.date >= today:
            ledger.remember_changes([event])
    # Cleanup needs only its last few runs to continue, but every mark of a file.
    last = set(_run_names(recovery, history.until))
    for name, body in recovery.memory.bodies.items():
        if name.startswith("cleanup/files/") or name in last:
            stack.state.create(name, body, metadata=recovery.memory.metadata.get(name, {}))


def _run_names(recovery: Recovery, until: datetime) -> Iterable[str]:
    ticks = islice(CleanupMemory(recovery.memory).ticks_before(until), 8)
    return [f"cleanup/runs/{tick:%Y-%m-%d/%H%MZ}.json" for tick in ticks]


def _alerts(stack: Stack, configuration: Configuration, watches: Iterable[datetime]) -> list[Event]:
    """Run the monitor's own handler at the given instants; return the alert changes it would have published.

    The handler writes the stack's state, so the running monitor continues with these alerts. It sends no messages.
    """
    bus, book = RecordingBus(), load_rules(stack.layout.alerts_file, QUERIES)
    deps = MonitorDeps(
        environment=ENVIRONMENT,
        book=book,
        version=__version__,
        config_hash=configuration.hash,
        levels={name: workflow.alert_level for name, workflow in configuration.workflows.items()},
        sources=configuration.catalog.sources,
        names=lambda _: {},
        state=MonitorState(stack.state),
        warehouse=stack.warehouse,
        publisher=Publisher("monitor", bus),
        senders={},
    )
    for at in watches:
        run_watch(TickFired(tick=Tick.WATCH, cadence_minutes=5), at, deps, at)
    return bus.events
