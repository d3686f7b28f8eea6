"""A running stack of `tipoff up`: its first day, its ticks, the reload of edits, and its end."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from rich.console import Console

from tipoff_cli.checkout import SCRAPERS, TICKS, read_timezone
from tipoff_cli.connection import STACK_ENVIRONMENT, UNHANDLED
from tipoff_cli.edits import Seen, note_refused
from tipoff_cli.errors import CommandFailed
from tipoff_common.catalog import load_catalog
from tipoff_common.clock import ZONE_VARIABLE, business_date, fleet_zone
from tipoff_common.ticks import load_ticks
from tipoff_common.wall_clock import wall_now
from tipoff_common.yaml_source import ConfigurationError
from tipoff_controller.ledger import Ledger
from tipoff_dev.stack.processes import StackError
from tipoff_dev.stack.resources import create_tables
from tipoff_dev.stack.scheduler import run_scheduler, write_ticks_every
from tipoff_dev.stack.up_options import UpOptions
from tipoff_dev.stack.watch import READ_BY, FolderWatch, faults
from tipoff_planning.expected_schedule import draft_schedule
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.loading import load_workflows
from tipoff_planning.occurrences import games_of, occurrences

if TYPE_CHECKING:
    from tipoff_dev.stack.stack import Stack

_CALENDAR_SECONDS = 20.0
_UNDER_WAY_SECONDS = 60.0
"""Longest time that an edit waits for runs under way, which finish with the old files."""
_BEFORE_FIRST_EVALUATION = timedelta(seconds=30)
"""Longest time from the lock of the first day to the instant of the first evaluation, which is five seconds
after its tick. A run whose deadline is before that instant would be missed; one that can still be met is added to the
schedule by that evaluation."""
_DRAIN_SECONDS = 5.0
"""A message in backoff may wait ten minutes for its next delivery, which is too long for `down`."""


def prepare_ticks_file(options: UpOptions, folder: Path) -> Path:
    """Return the stack's ticks file: the fleet's, or with --every a file written into `folder`. Raises StackError."""
    if options.every is None:
        return TICKS
    try:
        return write_ticks_every(options.every, TICKS, folder / "ticks.yaml")
    except ConfigurationError as error:
        raise StackError(f"--every {options.every}: {error}") from error


def fetch_calendar(stack: "Stack", console: Console) -> None:
    """Run the workflow that fetches the calendar: without one a new stack decides nothing until tomorrow's window."""
    configuration = load_workflows(stack.layout.workflows_file, load_catalog(SCRAPERS))
    name = configuration.refresher
    if name is None:
        return
    answer = requests.post(
        f"{stack.layout.url('controller')}/workflows/{name}/runs",
        json={"game_date": business_date(wall_now()).isoformat()},
        headers={"Authorization": f"Bearer {stack.layout.development_key}"},
        timeout=30,
    )
    console.print(f"no calendar yet: {name} was requested (status {answer.status_code})", highlight=False)
    with suppress(StackError):  # a slow or failing source must not keep the stack from starting
        stack.wait_until_quiet(_CALENDAR_SECONDS)


def begin_day(stack: "Stack", now: datetime) -> None:
    """Lock the remaining runs of the day in which a new stack starts.

    The controller locks a late day as a whole, because in production the runs of the morning were missed. A stack that
    is first started at noon has missed nothing, and should not show alerts at once.
    """
    configuration = load_workflows(stack.layout.workflows_file, load_catalog(SCRAPERS))
    source = configuration.file.calendar.scraper
    prefix = configuration.catalog[source].output_root if source else None
    calendar, ledger, today = (
        LandedCalendar(stack.data, prefix).current(now),
        Ledger(stack.state),
        business_date(now),
    )
    # Also the days before: their windows may be open, or have closed so late that their end would be reported.
    for day in (*(today - timedelta(days=back) for back in (3, 2, 1)), today):
        event = draft_schedule(
            (
                item
                for item in occurrences(configuration, calendar, day)
                if item.deadline > now + _BEFORE_FIRST_EVALUATION
            ),
            configuration,
            day=day,
            games_today=len(games_of(configuration, calendar, day)) if calendar else None,
            environment="local",
            locked_at=now,
        )
        # Recorded for a day without remaining runs, too: otherwise the controller would lock the whole day late.
        event = ledger.remember_lock(event)
        # The event lists the expected runs; an empty list is not published.
        if event.runs:
            stack.publisher.publish([event])


def serve(
    stack: "Stack", options: UpOptions, console: Console, watch: FolderWatch, taken: Callable[[Seen], None]
) -> None:
    """Fire ticks until interrupted. Raises StackError when a process ends.

    watch: created before the stack read the files.
    taken: called after a reload with the files as they were read; the stack's addresses and settings may have changed.
    """
    stopped = threading.Event()
    cadences = load_ticks(stack.layout.ticks_file)
    scheduler = threading.Thread(target=run_scheduler, args=(stack.publisher, stopped, cadences), daemon=True)
    scheduler.start()
    try:
        while scheduler.is_alive():
            stack.processes.check()
            if options.watch and (changes := watch.changes()):
                _take_up(stack, watch, changes, console, taken)
            time.sleep(1.0)
        raise StackError("the scheduler ended; see the log above")
    finally:
        stopped.set()


def _take_up(
    stack: "Stack",
    watch: FolderWatch,
    changes: list[str],
    console: Console,
    taken: Callable[[Seen], None],
) -> None:
    """Restart the processes that read the changed files once no run is under way; refuse files with faults."""
    if wrong := faults():
        _refuse(stack, changes, wrong, console)
        return
    # The reload restarts the fakes, which would fail fetches under way, so wait for those. Do not wait while a service
    # is set aside: its messages stay unacknowledged, so the stack never becomes quiet.
    if not stack.processes.set_aside:
        try:
            stack.wait_until_quiet(_UNDER_WAY_SECONDS)
        except StackError as error:
            console.print(f"interrupted, and requested again: {error}", highlight=False, soft_wrap=True)
    # The services read files that were saved during the wait, too.
    if later := watch.changes():
        changes = list(dict.fromkeys([*changes, *later]))
        if wrong := faults():
            _refuse(stack, changes, wrong, console)
            return
    zone = read_timezone(stack.layout.workflows_file)
    if zone != fleet_zone().key:
        # The dataset's functions and views contain the zone.
        os.environ[ZONE_VARIABLE] = zone
        fleet_zone.cache_clear()
        with stack.clients():
            create_tables()
        console.print(f"the dataset's days are now in the zone {zone}", highlight=False, soft_wrap=True)
        stack.reload(("logger",))
    try:
        stack.reload(READ_BY)
        taken(watch.seen)
    except CommandFailed as error:
        # A fault was saved after the last check. A process that exited because of it starts again with the next edit;
        # a process that ended for another reason ends the stack.
        if not stack.processes.set_aside_failed(READ_BY) and isinstance(error, StackError):
            raise
        _refuse(stack, changes, faults() or str(error), console)
        return
    console.print(f"edits read: {', '.join(changes)}", highlight=False, soft_wrap=True)


def _refuse(stack: "Stack", changes: list[str], wrong: str, console: Console) -> None:
    """Print why edits were refused, and record it for commands: in the background the console is a log file."""
    if stopped := sorted(stack.processes.set_aside):
        wrong = f"{', '.join(stopped)} cannot start until this is fixed: {wrong}"
    console.print(f"edits refused: {', '.join(changes)}\n{wrong}", highlight=False, soft_wrap=True)
    note_refused(STACK_ENVIRONMENT, wrong)


def drain(stack: "Stack", console: Console) -> None:
    """Wait for the messages under way; print the remaining ones, which are lost with Pub/Sub's memory."""
    with suppress(StackError):
        stack.wait_until_quiet(_DRAIN_SECONDS)
        return
    try:
        waiting = {name.rpartition("/")[2]: count for name, count in stack.backlog().items() if count}
        left = ", ".join(f"{count} of {name}" for name, count in waiting.items())
    except requests.RequestException:
        left = "an unknown number, as Pub/Sub does not answer"
    if left:
        console.print(f"{UNHANDLED}: {left}", highlight=False, soft_wrap=True)
