"""Progress of a manual run until its end, with a line for each settled or retried unit."""

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
"""Request the progress of the run. Raises NotAnswered."""

# Most scrapes take seconds while an operator watches; later, a request every three seconds is enough.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 3.0
_PATIENCE_SECONDS = 900.0
"""Seconds without any change after which `follow` gives up: the longest scrape takes 540, and a lost request fails
after its lease."""
_MAX_FAILURES = 5
"""Consecutive failed requests after which `follow` gives up: a controller that is replaced is away for seconds."""


class NothingComes(CommandFailed):
    """No progress of the run for too long; the message says for how long and what to do."""


def look_at(connection: Connection, workflow: str, key: str) -> AskProgress:
    """Return a function that requests the progress of the run with this key."""
    path = f"/workflows/{quote(workflow, safe='')}/runs/{quote(key, safe='')}"
    return lambda: read_answer(RunProgress, ask(connection, "GET", path), connection)


def follow(
    look: AskProgress,
    report: Callable[[UnitProgress], None],
    sleep: Callable[[float], None] = time.sleep,
) -> RunProgress:
    """Wait until a run is settled, report its units meanwhile, and return its progress.

    report: called for each settled unit, and for each failed attempt that is retried.

    Raises:
        NothingComes
        NotAnswered: the controller refuses the request, or does not answer several in a row.
    """
    reported: dict[tuple[str, ...], tuple[State, int]] = {}
    pause, silent, failures = _FIRST_PAUSE, 0.0, 0
    while True:
        try:
            progress, failures = look(), 0
        except NotAnswered as error:
            failures += 1
            # A refusal, such as 403, would be the same at the next request.
            if failures >= _MAX_FAILURES or (error.status is not None and error.status < 500):
                raise
            progress = None
        changed = progress is not None and _report_changes(progress, reported, report)
        if progress is not None and progress.settled:
            return progress
        # Units of one run end close together, so the next request follows a change soon.
        pause, silent = (_FIRST_PAUSE, 0.0) if changed else (min(pause * 1.5, _LONGEST_PAUSE), silent + pause)
        if silent > _PATIENCE_SECONDS:
            raise NothingComes(
                f"the run showed no change for {_PATIENCE_SECONDS / 60:.0f} minutes; it may still end:"
                f" tipoff trace {progress.occurrence_id if progress else 'ID'}"
            )
        sleep(pause)


def _report_changes(
    progress: RunProgress,
    reported: dict[tuple[str, ...], tuple[State, int]],
    report: Callable[[UnitProgress], None],
) -> bool:
    """Report units that settled or were retried since the last call; return whether any unit changed."""
    changed = False
    for unit in progress.units:
        name = (unit.step, *(f"{key}={value}" for key, value in sorted(unit.parameters.items())))
        now = (unit.state, unit.attempt)
        before = reported.get(name)
        if before == now:
            continue
        changed, reported[name] = True, now
        retried = before is not None and unit.attempt > before[1] and bool(unit.message)
        if unit.state.settled or retried:
            report(unit)
    return changed


def line(unit: UnitProgress) -> tuple[str, str]:
    """Return a mark and a sentence for the state of a unit."""
    # Leave the date out: all units of a run have the same.
    own = (f"{name}={value}" for name, value in unit.parameters.items() if name != "game_date")
    about = " ".join([unit.scraper, *own])
    why = f": {unit.kind.value}" if unit.kind else ""
    why += f": {unit.message}" if unit.message else ""
    match unit.state:
        case State.SUCCESS:
            # Controllers of earlier versions send no count.
            brought = "" if unit.records is None else f", {describe_records(unit.records, unit.set_aside)}"
            return "✔", f"{about} success{brought}"
        case State.NO_DATA:
            return "–", f"{about} no_data{why}"
        case State.GIVEN_UP:
            return "✘", f"{about} failed{why}"
        case _:
            return "!", f"{about} failed{why}; attempt {unit.attempt} follows"
