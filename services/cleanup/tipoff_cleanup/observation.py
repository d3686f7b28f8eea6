"""Stage one of a cleanup run: read the dataset and cleanup's own state. Nothing is written here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice

from tipoff_cleanup.deps import Deps, Instants
from tipoff_cleanup.failures import describe_failure
from tipoff_cleanup.losses import LoggedFile, Overview, behind_since, is_storm, lost
from tipoff_common.clock import readable
from tipoff_common.events import Finding

# queries/alert_cleanup_not_running.sql ignores errors that begin like these two, as other alerts cover them.
NO_RECEIPTS = "no receipts to compare with; nothing is republished"
DATASET_BEHIND = (
    "the dataset is behind: the cleanup row of {} is missing, so other rows may be missing;"
    " no file is judged in this run"
)


_RUNS_READ = 1_000
"""Most runs to read: ten days, four runs an hour, that the bucket stored but could not list. That takes half a minute,
once."""


@dataclass(frozen=True)
class Observation:
    """Facts that a run reads before it acts. Fields that were not read keep their defaults."""

    instants: Instants
    journal_from: datetime | None = None
    """Earlier runs have checked all files written before this instant."""
    overview: Overview | None = None
    missing: tuple[LoggedFile, ...] = ()
    """Lost files, the oldest first."""
    behind_since: datetime | None = None
    """The landing of the oldest file that Phase 2 is late for; None when it keeps up."""
    storm: bool = False
    """True when so many files look lost that the comparison is more likely at fault."""
    findings: tuple[Finding, ...] = ()
    errors: tuple[str, ...] = ()
    complete: bool = False
    """True when everything was read, so that the run may act on it."""


def observe(instants: Instants, deps: Deps) -> Observation:
    """Read the landed files, their receipts and the earlier runs.

    Never raises: a failure is in `errors`, and the facts read before it are kept.
    """
    observation, now, rule = Observation(instants), instants.now, deps.rule
    try:
        # First the earlier runs: they show whether the dataset is up to date.
        earlier = list(_earlier_runs(instants, deps))
        observation = replace(observation, journal_from=_journal_from(earlier, instants, deps))

        overview, waiting = deps.dataset.files(now, deps.lookback, rule.grace)
        observation = replace(observation, overview=overview)
        # Late receipts look like missing ones, so stop when the dataset is behind.
        if unseen := _unseen_run(earlier, overview, instants, deps):
            return replace(observation, errors=(DATASET_BEHIND.format(readable(unseen)),))

        candidates = lost(waiting, overview, now, rule)
        # A file that landed again may have a receipt from before the lookback.
        received = deps.dataset.received(sorted({file.gcs_path for file in candidates}), now)
        missing = tuple(file for file in candidates if file.gcs_path not in received)
        observation = replace(observation, missing=missing)

        still, overview = _still_waiting(waiting, overview, instants, deps)
        # The second count leaves out files that were given up. It lists the state bucket, so the cheap count comes
        # first.
        storm = is_storm(len(missing), overview.files, rule) and is_storm(
            _not_given_up(missing, deps), overview.files, rule
        )
        observation = replace(
            observation,
            overview=overview,
            behind_since=behind_since(still, overview, now, rule),
            storm=storm,
        )

        strays = deps.dataset.unknown_receipts(now, deps.lookback, rule.grace)
        # A lack of receipts is an error only once a file is old enough for one.
        overdue = any(now - file.landed_at >= rule.lost_after for file in still)
        return replace(
            observation,
            findings=tuple(_unknown_file(path, at) for path, at in strays.items()),
            errors=(NO_RECEIPTS,) if not overview.receipts and overdue else (),
            complete=True,
        )
    except Exception as error:  # noqa: BLE001  # any failure goes into the run's row
        return replace(observation, errors=(*observation.errors, describe_failure(error)))


def _unknown_file(path: str, processed_at: datetime) -> Finding:
    detail = f"processed at {processed_at}, but no execution wrote it"
    return Finding(kind="receipt_unknown_file", gcs_path=path, detail=detail)


def _earlier_runs(instants: Instants, deps: Deps) -> Iterator[datetime]:
    """Yield the ticks of earlier runs, newest first, back to the first one older than the grace."""
    for tick in deps.memory.ticks_before(instants.tick):
        yield tick
        # The dataset should have the row of this run; rows of younger runs may be late.
        if tick <= instants.now - deps.rule.grace:
            return


def _journal_from(earlier: Sequence[datetime], instants: Instants, deps: Deps) -> datetime:
    """Return the instant up to which earlier runs have checked written files, from the newest run that states it.

    Without such a run, return the beginning of the lookback of the oldest run that was read, or of this run if there is
    none: runs that failed to read the state checked nothing.
    """
    first = instants.now
    # Lazy: lists further runs only when none of `earlier` states the instant.
    further = deps.memory.ticks_before(earlier[-1]) if earlier else iter(())
    for tick in islice(chain(earlier, further), _RUNS_READ):
        run = deps.memory.run(tick)
        if run is not None and run.written_until is not None:
            return run.written_until
        first = min(first, tick)
    return first - deps.lookback


def _unseen_run(
    earlier: Sequence[datetime], overview: Overview, instants: Instants, deps: Deps
) -> datetime | None:
    """Return the newest run older than the grace if the dataset lacks its row, else None.

    Cleanup's own rows show whether the dataset is behind, as only the logger is between cleanup and the dataset.
    """
    ticks = (
        tick for tick in earlier if instants.now - deps.lookback <= tick <= instants.now - deps.rule.grace
    )
    due, last_row = next(ticks, None), overview.last_cleanup
    if due is None or (last_row is not None and last_row >= due):
        return None
    # A row has the clock time of its run, which may be before the tick when that process's clock was slow.
    run = deps.memory.run(due)
    return None if run and last_row is not None and last_row >= run.completed.cleanup_time else due


def _still_waiting(
    waiting: Sequence[LoggedFile], overview: Overview, instants: Instants, deps: Deps
) -> tuple[Sequence[LoggedFile], Overview]:
    """Leave out files that landed again within the lookback and were processed before it.

    Queries receipts older than the lookback only when Phase 2 seems behind, as that reads the whole table.
    """
    if behind_since(waiting, overview, instants.now, deps.rule) is None:
        return waiting, overview
    received = deps.dataset.received([file.gcs_path for file in waiting], instants.now)
    still = [file for file in waiting if file.gcs_path not in received]
    return still, replace(overview, waiting=overview.waiting - len(waiting) + len(still))


def _not_given_up(missing: Sequence[LoggedFile], deps: Deps) -> int:
    """Count the missing files that are not given up: those given up are no sign of a present fault."""
    attempts = deps.memory.attempts(file.gcs_path for file in missing)
    return sum(not item.given_up for item in attempts.values())
