"""Stage one of a cleanup run: read the dataset and cleanup's own memory. Nothing is written here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice

from tipoff_cleanup.deps import Deps, Instants
from tipoff_cleanup.failures import describe_failure
from tipoff_cleanup.losses import Landed, Overview, behind_since, is_storm, lost
from tipoff_common.clock import readable
from tipoff_common.events import Finding

# queries/alert_cleanup_not_running.sql knows these two by how they begin, as other alerts are about what they say.
NO_RECEIPTS = "no receipts to compare with; nothing is republished"
DATASET_BEHIND = (
    "the dataset is behind: the cleanup row of {} is not in it, so others may be missing;"
    " nothing is judged by it"
)


_RUNS_READ = 1_000
"""Ten days of quarter hours in which the bucket took each run and listed none; read in half a minute, and once."""


@dataclass(frozen=True)
class Observation:
    """Facts that a run reads before it acts. Fields keep their defaults from where reading failed."""

    instants: Instants
    journal_from: datetime | None = None
    """Files written before this have all been looked at by earlier runs."""
    overview: Overview | None = None
    waiting: tuple[Landed, ...] = ()
    """Files without a receipt, the oldest first."""
    missing: tuple[Landed, ...] = ()
    """Those of them that are lost, the oldest first."""
    behind_since: datetime | None = None
    """When the oldest file landed for which Phase 2 is late; None when it keeps up."""
    storm: bool = False
    """So many files look lost that the comparison is more likely at fault."""
    findings: tuple[Finding, ...] = ()
    errors: tuple[str, ...] = ()
    complete: bool = False
    """True when everything was read, so that the run may act on it."""


def observe(instants: Instants, deps: Deps) -> Observation:
    """Read what landed, what was received and what earlier runs did.

    Never raises: a failure is in `errors`, beside what was read before it.
    """
    seen, now, rule = Observation(instants), instants.now, deps.rule
    try:
        # Memory first: it is what shows whether the dataset can be believed.
        earlier = list(_earlier_runs(instants, deps))
        seen = replace(seen, journal_from=_journal_from(earlier, instants, deps))

        overview, waiting = deps.dataset.files(now, deps.lookback, rule.grace)
        seen = replace(seen, overview=overview, waiting=tuple(waiting))
        # Rows that are not there yet look like receipts that never came, so nothing is judged by a late dataset.
        if unseen := _unseen_run(earlier, overview, instants, deps):
            return replace(seen, errors=(DATASET_BEHIND.format(readable(unseen)),))

        candidates = lost(waiting, overview, now, rule)
        # A file that landed again may have had its receipt before the lookback.
        received = deps.dataset.received(sorted({file.gcs_path for file in candidates}), now)
        missing = tuple(file for file in candidates if file.gcs_path not in received)
        seen = replace(seen, missing=missing)

        still, overview = _still_waiting(waiting, overview, instants, deps)
        # The second count reads cleanup's memory, which only many missing files are worth.
        storm = is_storm(len(missing), overview.files, rule) and is_storm(
            _not_given_up(missing, deps), overview.files, rule
        )
        seen = replace(
            seen,
            waiting=tuple(still),
            overview=overview,
            behind_since=behind_since(still, overview, now, rule),
            storm=storm,
        )

        strays = deps.dataset.unknown_receipts(now, deps.lookback, rule.grace)
        # No receipts at all is an error only once a file is old enough that one is due.
        overdue = any(now - file.landed_at >= rule.lost_after for file in still)
        return replace(
            seen,
            findings=tuple(_unknown_file(path, at) for path, at in strays.items()),
            errors=(NO_RECEIPTS,) if not overview.receipts and overdue else (),
            complete=True,
        )
    except Exception as error:  # noqa: BLE001  # whatever fails, the run still has its row
        return replace(seen, errors=(*seen.errors, describe_failure(error)))


def _unknown_file(path: str, processed_at: datetime) -> Finding:
    detail = f"processed at {processed_at}, and no execution wrote it"
    return Finding(kind="receipt_unknown_file", gcs_path=path, detail=detail)


def _earlier_runs(instants: Instants, deps: Deps) -> Iterator[datetime]:
    """Yield the ticks of earlier runs, newest first, back to one whose row should be in the dataset by now."""
    for tick in deps.memory.ticks_before(instants.tick):
        yield tick
        # One beyond the grace is enough; the younger ones before it may still be on their way.
        if tick <= instants.now - deps.rule.grace:
            return


def _journal_from(earlier: Sequence[datetime], instants: Instants, deps: Deps) -> datetime:
    """Return until when earlier runs have looked at what was written; the newest that knows it counts.

    The first run of all looks as far back as files are compared. One whose reading failed did not know where to begin,
    and the next begins in its place.
    """
    first = instants.now
    # Listed again only when none of these knows it.
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
    """Return the newest run whose row should be in the dataset by now and is not.

    Cleanup's own rows tell how far the dataset is behind, as nothing but the logger is between them and it.
    """
    ticks = (
        tick for tick in earlier if instants.now - deps.lookback <= tick <= instants.now - deps.rule.grace
    )
    due, seen = next(ticks, None), overview.last_cleanup
    if due is None or (seen is not None and seen >= due):
        return None
    # A row has the instant of its run, by the clock of the process that ran: one that is behind is before its own tick.
    run = deps.memory.run(due)
    return None if run and seen is not None and seen >= run.completed.cleanup_time else due


def _still_waiting(
    waiting: Sequence[Landed], overview: Overview, instants: Instants, deps: Deps
) -> tuple[Sequence[Landed], Overview]:
    """Leave out files that landed again within the lookback and were processed before it.

    Receipts older than the lookback are asked for only when Phase 2 looks behind: that query reads all there is.
    """
    if behind_since(waiting, overview, instants.now, deps.rule) is None:
        return waiting, overview
    received = deps.dataset.received([file.gcs_path for file in waiting], instants.now)
    still = [file for file in waiting if file.gcs_path not in received]
    return still, replace(overview, waiting=overview.waiting - len(waiting) + len(still))


def _not_given_up(missing: Sequence[Landed], deps: Deps) -> int:
    """Count the missing files that are not given up: those given up say nothing of today."""
    attempts = deps.memory.attempts(file.gcs_path for file in missing)
    return sum(not item.given_up for item in attempts.values())
