"""A manual run, followed to its end: a line each time that something became of one of its units."""

import time
from collections.abc import Callable
from urllib.parse import quote

from tipoff_cli.connection import Connection
from tipoff_cli.errors import CommandFailed
from tipoff_cli.service_client import NotAnswered, ask, read_answer
from tipoff_common.executions import describe_records
from tipoff_planning.manual_runs import RunProgress, UnitProgress
from tipoff_planning.progress import State

AskProgress = Callable[[], RunProgress]
"""Ask how far the run has come. Raises NotAnswered."""

# Most scrapes take seconds, and a person watches; after that a look every three seconds is enough.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 3.0
_WITHOUT_NEWS = 900.0
"""Seconds without any change after which a run is not waited for: the longest scrape takes 540, and a request that was
lost is failed after its lease."""
_OUTAGES = 5
"""Looks in a row that may fail: a controller that is replaced is away for seconds."""


class NothingComes(CommandFailed):
    """Nothing more was heard of the run; the message says for how long and what to do."""


def look_at(connection: Connection, workflow: str, key: str) -> AskProgress:
    """Return a look at the run that was asked for under the key."""
    path = f"/workflows/{quote(workflow, safe='')}/runs/{quote(key, safe='')}"
    return lambda: read_answer(RunProgress, ask(connection, "GET", path), connection)


def follow(
    look: AskProgress,
    report: Callable[[UnitProgress], None],
    sleep: Callable[[float], None] = time.sleep,
) -> RunProgress:
    """Return the progress of a run that is settled.

    report: told of each unit when it has settled, and of each attempt that failed and is followed by another.

    Raises:
        NothingComes
        NotAnswered: the controller stays away.
    """
    reported: dict[tuple[str, ...], tuple[State, int]] = {}
    pause, silent, failures = _FIRST_PAUSE, 0.0, 0
    while True:
        try:
            progress, failures = look(), 0
        except NotAnswered as error:
            failures += 1
            # An answer of its own, such as 403, will not be another one the next time.
            if failures >= _OUTAGES or (error.status is not None and error.status < 500):
                raise
            progress = None
        changed = progress is not None and _report_changes(progress, reported, report)
        if progress is not None and progress.settled:
            return progress
        # Units of one run end close together, so after a change the next look comes soon.
        pause, silent = (_FIRST_PAUSE, 0.0) if changed else (min(pause * 1.5, _LONGEST_PAUSE), silent + pause)
        if silent > _WITHOUT_NEWS:
            raise NothingComes(
                f"nothing was heard of the run for {_WITHOUT_NEWS / 60:.0f} minutes; it may still come to an end:"
                f" tipoff trace {progress.occurrence_id if progress else 'ID'}"
            )
        sleep(pause)


def _report_changes(
    progress: RunProgress,
    reported: dict[tuple[str, ...], tuple[State, int]],
    report: Callable[[UnitProgress], None],
) -> bool:
    """Report what was not reported of a unit yet; whether there was anything."""
    changed = False
    for unit in progress.units:
        name = (unit.step, *(f"{key}={value}" for key, value in sorted(unit.parameters.items())))
        now = (unit.state, unit.attempt)
        before = reported.get(name)
        # Told already.
        if before == now:
            continue
        changed, reported[name] = True, now
        retried = before is not None and unit.attempt > before[1] and bool(unit.message)
        if unit.state.settled or retried:
            report(unit)
    return changed


def line(unit: UnitProgress) -> tuple[str, str]:
    """Say how a unit stands: a mark of its state, and the sentence."""
    # All units of a run are about its date, which whoever asked for it knows.
    own = (f"{name}={value}" for name, value in unit.parameters.items() if name != "game_date")
    about = " ".join([unit.scraper, *own])
    why = f": {unit.kind.value}" if unit.kind else ""
    why += f": {unit.message}" if unit.message else ""
    match unit.state:
        case State.SUCCESS:
            # Unknown to a controller of an earlier version.
            brought = "" if unit.records is None else f", {describe_records(unit.records, unit.set_aside)}"
            return "✔", f"{about} success{brought}"
        case State.NO_DATA:
            return "–", f"{about} no_data{why}"
        case State.GIVEN_UP:
            return "✘", f"{about} failed{why}"
        case _:
            return "!", f"{about} failed{why}; attempt {unit.attempt} follows"
