"""Pure rules for the state of a landed file and its next step; they match cleanup's."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tipoff_dataset.landed_files import LandedFile, LatestCleanup


class FileState(StrEnum):
    """State of a landed file."""

    PROCESSED = "processed"  # the file has a receipt
    WAITING = "waiting"  # Phase 2 is behind, which is no loss yet
    LOST = "lost"  # cleanup found it missing and has not republished it
    REPUBLISHED = "republished"  # cleanup republished it, no receipt yet
    GIVEN_UP = "given up"  # republished as often as allowed, without a receipt
    GONE = "gone"  # the log has its execution, but the bucket lacks its object
    CHANGED = "changed"  # its object differs from the content that was written
    FOREIGN = "foreign"  # no runner writes to its path


_REWRITE = "write it again (`tipoff reparse`), or restore the object, and the next cleanup announces it"
_NOT_REPUBLISHED = {
    "object_missing": (FileState.GONE, _REWRITE),
    "content_differs": (FileState.CHANGED, _REWRITE),
    "foreign_path": (FileState.FOREIGN, "find the writer of the row"),
    "unnameable_path": (FileState.FOREIGN, "find the writer of the row"),
}
"""State and remedy, by kind of finding, of files that cleanup does not republish."""


@dataclass(frozen=True)
class FileVerdict:
    """State of a file, the reason for it, and the next step."""

    state: FileState
    why: str
    next: str
    """The next step, automatic or by a person."""


def judge(file: LandedFile, cleanup: LatestCleanup | None, as_of: datetime) -> FileVerdict:
    """Judge a file by its facts and by the limits in the row of `cleanup`, the latest one known at `as_of`."""
    # First: a receipt overrides all findings of cleanup.
    if file.receipts:
        if file.wrote:
            return FileVerdict(FileState.PROCESSED, "Phase 2 has acknowledged it", "no further step")
        return FileVerdict(
            FileState.PROCESSED,
            "it has a receipt, but no known execution since then wrote it",
            "its execution's row may be on its way, or be older: look further back with --since;"
            " otherwise a consumer acknowledged a file that was never announced",
        )
    if not file.sightings:
        return _not_reported_missing(file, cleanup, as_of)
    latest = file.sightings[-1]
    times = sum(sighting.republished for sighting in file.sightings)
    limit = cleanup.max_republishes if cleanup else None
    if given_up := file.latest("given_up"):
        return FileVerdict(
            FileState.GIVEN_UP,
            given_up.detail,
            "action needed: find out why Phase 2 does not process it (its logs, `tipoff dead-letters list`), fix that,"
            " then `tipoff files announce`",
        )
    for kind, (state, remedy) in _NOT_REPUBLISHED.items():
        found = file.latest(kind)
        # Only a finding of the latest cleanup: an earlier fault may have been mended since.
        if found and found.cleanup_time == latest.cleanup_time:
            return FileVerdict(state, found.detail, f"action needed: {remedy} (docs/runbooks/files-stuck.md)")
    if times:
        last = limit is not None and times >= limit
        at_most = "" if limit is None else f" of at most {limit}"
        return FileVerdict(
            FileState.REPUBLISHED,
            f"republished {times}{at_most} times, and no receipt yet",
            "cleanup waits once more, then gives the file up if there is still no receipt"
            if last
            else "cleanup republishes it at growing intervals until there is a receipt",
        )
    # After the check for republishes: a dry run does not undo those of earlier runs.
    if cleanup and not cleanup.pubsub_enabled:
        return FileVerdict(
            FileState.LOST,
            "cleanup found it missing in a dry run",
            "action needed: cleanup announces no files while TIPOFF_PUBSUB_ENABLED is false",
        )
    if cleanup and cleanup.storm_guard:
        return FileVerdict(
            FileState.LOST,
            "cleanup found an implausible number of missing files, and announces none",
            "action needed: see docs/runbooks/storm-guard.md",
        )
    return FileVerdict(
        FileState.LOST,
        f"cleanup found it missing and left it alone{_errors(cleanup)}",
        "a later cleanup republishes it",
    )


def _not_reported_missing(file: LandedFile, cleanup: LatestCleanup | None, as_of: datetime) -> FileVerdict:
    if cleanup is None or cleanup.lost_after_hours is None:
        # Only a cleanup row has the limit; without one it is unknown whether the limit has passed.
        return FileVerdict(
            FileState.WAITING,
            "no receipt yet, and no cleanup has run since"
            if cleanup is None
            else f"no receipt yet, and the latest cleanup does not report it as missing{_errors(cleanup)}",
            "see whether cleanup runs: `tipoff query heartbeats`",
        )
    hours = f"{cleanup.lost_after_hours} hours"
    lost_at = file.wrote[0].ended_at + timedelta(hours=cleanup.lost_after_hours)
    if as_of < lost_at:
        return FileVerdict(
            FileState.WAITING,
            "no receipt yet, and Phase 2 may be behind",
            f"cleanup treats it as lost when a later file has its receipt, or after {hours} without one",
        )
    # The limit has passed without a cleanup since: a fault of cleanup and not of the file.
    if cleanup.cleanup_time < lost_at:
        return FileVerdict(
            FileState.WAITING,
            f"no receipt for over {hours}, and no cleanup has run since",
            "see whether cleanup runs: `tipoff query heartbeats`",
        )
    return FileVerdict(
        FileState.WAITING,
        f"no receipt for over {hours}, and cleanup does not report it as missing{_errors(cleanup)}",
        "see the latest cleanup: without a receipt to compare with, it announces no files, and it looks back a day",
    )


def _errors(cleanup: LatestCleanup | None) -> str:
    return f": {'; '.join(cleanup.errors)}" if cleanup and cleanup.errors else ""
