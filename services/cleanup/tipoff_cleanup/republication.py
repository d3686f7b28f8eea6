"""Republication of lost files, unchanged and a limited number of times."""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest

from tipoff_cleanup.deps import Deps, Instants
from tipoff_cleanup.documents import NotOurs, read_document
from tipoff_cleanup.failures import describe_failure
from tipoff_cleanup.losses import Attempts, LoggedFile, NextStep, next_step
from tipoff_common.bounds import GCS_PATH
from tipoff_common.events import FileLanded, Finding
from tipoff_common.executions import build_file_landed
from tipoff_common.files import object_name
from tipoff_common.identity import content_hash
from tipoff_common.limits import ATTRIBUTE_VALUE_BYTES
from tipoff_common.ports import Unavailable
from tipoff_common.words import pluralize

log = logging.getLogger(__name__)

# Each republish reads the file's object and writes a marker.
MOST_A_RUN = 500
"""Files that one run tries to republish, so that it keeps its deadline; the others wait for the next run."""
_NO_WORKFLOW = "MANUAL"

GIVEN_UP, OBJECT_MISSING = "given_up", "object_missing"
"""Kinds of findings that the run's row counts."""


class UnusableFile(Exception):
    """The file cannot be republished; `kind` is the reason as a word, the message as a sentence."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class RepublicationResult:
    """Republishes of lost files by one run."""

    announced: frozenset[str] = frozenset()
    """Paths that were republished."""
    findings: tuple[Finding, ...] = ()
    """One for each lost file that a republish cannot repair, in every run that sees it."""
    error: str | None = None
    """The reason why the run stopped before the last file; None when it did not."""


def republish_lost(lost: Sequence[LoggedFile], deps: Deps, instants: Instants) -> RepublicationResult:
    """Republish the files that are due, and mark those that used up their republishes as given up.

    Never raises; on a failure, it returns the republishes so far.
    """
    announced: set[str] = set()
    findings: list[Finding] = []
    error: str | None = None
    try:
        # For all files at once: one listing for each date instead of one for each file.
        attempts = deps.memory.attempts(file.gcs_path for file in lost)
        steps = {file: next_step(attempts[file.gcs_path], instants.now, deps.rule) for file in lost}
        turn = _turn((file for file, step in steps.items() if step is NextStep.REPUBLISH), instants.tick)
        for file, step in steps.items():
            so_far = attempts[file.gcs_path]
            match step:
                case NextStep.NOTHING:
                    # Every run reports it: the row of the run that gave it up may not have been written.
                    findings.append(_given_up(file, so_far))
                # A dry run marks nothing, as the next real run would obey the mark.
                case NextStep.GIVE_UP if deps.pubsub_enabled:
                    deps.memory.mark_given_up(file.gcs_path, instants.now)
                    findings.append(_given_up(file, so_far))
                case NextStep.REPUBLISH if file in turn:
                    try:
                        if _republish(file, so_far.next_number, deps, instants):
                            announced.add(file.gcs_path)
                    except UnusableFile as fault:
                        findings.append(Finding(kind=fault.kind, gcs_path=file.gcs_path, detail=str(fault)))
                case _:
                    pass
    except Exception as failure:  # noqa: BLE001  # the row still has to state the republishes so far
        error = describe_failure(failure)
    return RepublicationResult(frozenset(announced), tuple(findings), error)


def _turn(due: Iterable[LoggedFile], tick: datetime) -> frozenset[LoggedFile]:
    """Choose the files that the run of a tick tries to republish."""

    # Another order in each run: unusable files stay due, and in the order of age, many of them would block all later
    # files forever.
    def order(file: LoggedFile) -> str:
        return content_hash(f"{tick.isoformat()} {file.gcs_path}".encode())

    return frozenset(nsmallest(MOST_A_RUN, due, key=order))


def _given_up(file: LoggedFile, so_far: Attempts) -> Finding:
    times = pluralize(so_far.republishes, "time")
    detail = f"republished {times} without a receipt; given up"
    return Finding(kind=GIVEN_UP, gcs_path=file.gcs_path, detail=detail)


def _nameable(gcs_path: str) -> bool:
    """Return whether a receipt can name the file: a path in the execution log may be any text."""
    return (
        re.match(GCS_PATH, gcs_path) is not None
        and gcs_path.isprintable()
        # Receipts name their file in a message attribute.
        and len(gcs_path.encode()) <= ATTRIBUTE_VALUE_BYTES
    )


def _republish(file: LoggedFile, number: int, deps: Deps, instants: Instants) -> bool:
    """Mark the republish and publish it; False for a dry run, or when another run has marked it.

    The marker is written first, so that a crash in between uses up one republish and does not add one.

    Raises:
        Unusable: nothing was written.
        Unavailable
    """
    event = _rebuild(file, number, deps, instants)
    if not deps.pubsub_enabled:
        log.info("dry run: would republish", extra={"gcs_path": file.gcs_path, "republish": number})
        return False
    if not deps.memory.mark_republish(file.gcs_path, number, instants.now):
        return False
    try:
        deps.publisher.publish([event])
    # Revoke the mark: otherwise an outage of Pub/Sub would silently use up a file's republishes.
    except Unavailable:
        deps.memory.mark_not_republished(file.gcs_path, number, instants.now)
        raise
    return True


def _rebuild(file: LoggedFile, number: int, deps: Deps, instants: Instants) -> FileLanded:
    """Build the announcement from the object, which has to match its row. Raises Unusable, Unavailable."""
    if not _nameable(file.gcs_path):
        raise UnusableFile(
            "unnameable_path", "no receipt can name this path, so its processing cannot be confirmed"
        )
    # A path in the execution log may be any text: read only objects of the data bucket with a runner's name.
    name = object_name(file.gcs_path, deps.data.bucket)
    if name is None:
        raise UnusableFile("foreign_path", f"not a path of a runner in gs://{deps.data.bucket}")
    info = deps.data.info(name)
    if info is None:
        raise UnusableFile(OBJECT_MISSING, "the execution log names it, but it is not in the bucket")
    try:
        document = read_document(info, deps.data)
    except NotOurs as error:
        raise UnusableFile("content_differs", f"the file was not written by a runner: {error}") from error
    stated = (
        file.scraper_name,
        # Rows of older versions lack these facts, and cannot contradict the file.
        file.game_date or document.game_date,
        file.content_sha256 or document.content_sha256,
    )
    if stated != (document.scraper, document.game_date, document.content_sha256):
        raise UnusableFile(
            "content_differs",
            f"the file is of {document.scraper} for {document.game_date} with hash {document.content_sha256}, but its"
            f" row has {stated[0]}, {stated[1]}, {stated[2]}",
        )
    return build_file_landed(
        gcs_path=file.gcs_path,
        scraper_name=document.scraper,
        workflow=file.workflow or _NO_WORKFLOW,
        game_date=document.game_date,
        execution_id=file.execution_id,
        record_count=document.record_count,
        content_sha256=document.content_sha256,
        landed_at=file.landed_at,
        event_time=instants.event_time,
        recovered=True,
        republish=number,
    )
