"""Adoption of orphans: files that no execution names, as their runner crashed between writing and publishing.

The runner's journal lists files by the time of writing, so a run checks only the files written since the last run,
of any game date, and never lists the whole bucket.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from tipoff_cleanup.dataset import BATCH, RETENTION
from tipoff_cleanup.deps import Deps, Instants
from tipoff_cleanup.documents import NotOurs, RecordsDocument, read_document
from tipoff_cleanup.failures import describe_failure
from tipoff_cleanup.losses import is_storm
from tipoff_cleanup.memory import AdoptionRecord
from tipoff_common.events import Finding, ScrapeRequested, Source
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.executions import build_execution, build_file_landed
from tipoff_common.files import (
    EXECUTION_ID,
    FAN_OUT,
    FETCHED_AT,
    REQUEST,
    JournalEntry,
    journal_hours,
    object_name,
    read_journal_entry,
)
from tipoff_common.identity import event_id
from tipoff_common.outcomes import Success
from tipoff_common.ports import ObjectInfo

log = logging.getLogger(__name__)

_ADOPTED_BY = "cleanup"
_ADOPTED = "orphan_adopted"
_NO_PATH = "-"  # a finding about no single file


@dataclass(frozen=True)
class Adoptions:
    """Adoptions of one run."""

    journal_until: datetime
    """All files written before this instant have been checked."""
    adopted: int = 0
    """Files that were given an execution."""
    storm: bool = False
    """True when so many files have no execution that none was adopted."""
    findings: tuple[Finding, ...] = ()
    error: str | None = None
    """The reason why the run stopped before the last file; None when it did not."""


def adopt_orphans(since: datetime, until: datetime, deps: Deps, instants: Instants) -> Adoptions:
    """Publish an execution for each file written between two instants that has none.

    Stops early when there are more orphans than one run adopts. Never raises; on a failure, it returns the adoptions so
    far, and the next run begins at `since` again.
    """
    adopted = 0
    findings: list[Finding] = []
    try:
        found = _find_orphans(since, until, deps, instants)
        # If the execution log lost its rows, every object would look like an orphan.
        if is_storm(len(found.orphans), found.looked_at, deps.rule):
            detail = f"{len(found.orphans)} of {found.looked_at} objects have no execution; none is adopted"
            storm = Finding(kind="orphan_storm", gcs_path=_NO_PATH, detail=detail)
            return Adoptions(since, storm=True, findings=(storm,))
        # The controller may have recorded the lost request as failed; the adoption has the same execution id.
        ids = [id_ for info in found.orphans.values() if (id_ := info.metadata.get(EXECUTION_ID))]
        known = deps.dataset.executions(ids, instants.now)
        for info in found.orphans.values():
            finding = _adopt(info, known.get(info.metadata.get(EXECUTION_ID, "")), deps, instants)
            if finding is not None:
                findings.append(finding)
                adopted += finding.kind == _ADOPTED
    except Exception as error:  # noqa: BLE001  # the row still has to state the adoptions so far
        return Adoptions(since, adopted, findings=tuple(findings), error=describe_failure(error))
    # A dry run adopts nothing, so the next real run has to check the same files.
    journal_until = found.reached if deps.pubsub_enabled else since
    return Adoptions(journal_until, adopted, findings=tuple(findings))


@dataclass(frozen=True)
class _Found:
    orphans: Mapping[str, ObjectInfo]
    """By gs:// path."""
    looked_at: int
    reached: datetime


def _find_orphans(since: datetime, until: datetime, deps: Deps, instants: Instants) -> _Found:
    """Read the journal until there are more orphans than one run adopts. Raises Unavailable."""
    orphans: dict[str, ObjectInfo] = {}
    looked_at = 0
    # The dataset has no rows of older executions, so older files cannot be checked.
    for batch in _written(max(since, instants.now - RETENTION), until, deps):
        looked_at += len(batch)
        names = {_path(entry.name, deps): entry.name for entry in batch}
        for path in deps.dataset.unnamed(list(names), instants.now, deps.lookback):
            # None for a journal entry without a file: the runner crashed in between, and the controller requests the
            # data again.
            if info := deps.data.info(names[path]):
                orphans[path] = info
        # Limited, to keep the run's deadline; the next run continues at `reached`.
        if len(orphans) > BATCH:
            return _Found(orphans, looked_at, batch[-1].at)
    return _Found(orphans, looked_at, until)


def _written(since: datetime, until: datetime, deps: Deps) -> Iterator[list[JournalEntry]]:
    """Yield the journal's entries, oldest first, in batches for one query each."""
    batch: list[JournalEntry] = []
    for hour in journal_hours(since, until):
        # The name of an entry has the instant and the file, so no entry has to be read.
        for info in deps.data.list(hour):
            entry = read_journal_entry(info.name)
            if entry is not None and since <= entry.at <= until:
                batch.append(entry)
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _adopt(orphan: ObjectInfo, logged: ExecutionRow | None, deps: Deps, instants: Instants) -> Finding | None:
    """Publish the execution that a file lacks; None for a dry run. Raises Unavailable."""
    path = _path(orphan.name, deps)
    # A later delivery of the same request wrote other content, and its file was announced.
    if logged is not None and logged.status == "success":
        detail = f"its execution {logged.execution_id} later wrote another file, which takes precedence"
        return Finding(kind="orphan_superseded", gcs_path=path, detail=detail)
    try:
        document = _read(orphan, deps)
        adopted = _adopted(orphan, document, logged, deps, instants)
    # A finding and not an error: one bad object must not end the run.
    except (NotOurs, ValidationError, ValueError) as error:
        detail = f"no execution names it, and it was not adopted: {error}"
        return Finding(kind="orphan_refused", gcs_path=path, detail=detail)
    if not deps.pubsub_enabled:
        log.info(
            "dry run: would adopt", extra={"gcs_path": path, "execution_id": adopted.executed.execution_id}
        )
        return None
    # The adoption that was stored first counts, so that two runs publish the same events.
    adopted = deps.memory.remember_adopted(path, adopted, instants.now)
    deps.publisher.publish([adopted.landed, adopted.executed])
    detail = f"no execution named it; execution {adopted.executed.execution_id} was published for it"
    return Finding(kind=_ADOPTED, gcs_path=path, detail=detail)


def _read(orphan: ObjectInfo, deps: Deps) -> RecordsDocument:
    """Read the orphan's content. Raises NotOurs when no runner wrote it, and Unavailable."""
    if object_name(_path(orphan.name, deps), deps.data.bucket) is None:
        raise NotOurs("its name has characters that no runner writes")
    document = read_document(orphan, deps.data)
    spec = deps.catalog.get(document.scraper)
    if spec is None or not orphan.name.startswith(f"{spec.output_root}/{document.game_date}/"):
        raise NotOurs(f"its content is of {document.scraper} for {document.game_date}, but not its path")
    return document


def _adopted(
    orphan: ObjectInfo, document: RecordsDocument, logged: ExecutionRow | None, deps: Deps, instants: Instants
) -> AdoptionRecord:
    """Build the execution that the runner did not publish, and the file's announcement."""
    metadata, path = orphan.metadata, _path(orphan.name, deps)
    request = _request(orphan, document, logged, instants)
    fetched_at = datetime.fromisoformat(metadata[FETCHED_AT]) if FETCHED_AT in metadata else orphan.updated
    triggered_at = logged.triggered_at if logged else fetched_at
    # Clocks of processes differ, and no file may land before its execution began.
    landed_at = max(fetched_at, triggered_at)
    executed = build_execution(
        request,
        Success(record_count=document.record_count, gcs_path=path),
        environment=deps.environment,
        triggered_at=triggered_at,
        completed_at=landed_at,
        data_summary={"record_count": document.record_count, "content_sha256": document.content_sha256},
        opts=request.parameters,
        fan_out_keys=json.loads(metadata.get(FAN_OUT, "{}")),
    ).model_copy(update={"recovery": True})
    landed = build_file_landed(
        gcs_path=path,
        scraper_name=executed.scraper_name,
        workflow=executed.workflow,
        game_date=executed.game_date,
        execution_id=executed.execution_id,
        record_count=document.record_count,
        content_sha256=document.content_sha256,
        landed_at=landed_at,
        event_time=instants.event_time,
        recovered=True,
    )
    return AdoptionRecord(executed=executed, landed=landed)


def _request(
    orphan: ObjectInfo, document: RecordsDocument, logged: ExecutionRow | None, instants: Instants
) -> ScrapeRequested:
    """Return the request from the file's metadata, else one reconstructed from its row and content."""
    if text := orphan.metadata.get(REQUEST):
        request = ScrapeRequested.model_validate_json(text)
        if (request.scraper, request.game_date) != (document.scraper, document.game_date):
            raise NotOurs(
                f"its metadata is of {request.scraper} for {request.game_date}, but not its content"
            )
        return request.model_copy(update={"source": Source.RECOVERY})
    # Older files have no request in their metadata: enough for a row, but not for follow-ups.
    return ScrapeRequested(
        request_id=orphan.metadata.get(EXECUTION_ID) or event_id("adopted", orphan.name),
        occurrence_id=logged.occurrence_id if logged else None,
        decision_id=logged.decision_id if logged else None,
        workflow=(logged.workflow if logged else None) or "MANUAL",
        step="main",
        scraper=document.scraper,
        game_date=document.game_date,
        parameters={"game_date": document.game_date.isoformat()},
        attempt=(logged.attempt if logged else None) or 1,
        source=Source.RECOVERY,
        triggered_by=_ADOPTED_BY,
        requested_at=instants.now,
    )


def _path(name: str, deps: Deps) -> str:
    return f"gs://{deps.data.bucket}/{name}"
