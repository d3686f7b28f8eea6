"""Files that no execution names: their runner died between writing and telling. They are given an execution.

Only the folders of the days at hand are listed, and of what is in them only what was written since the last run is
looked at; folders of executions that were answered for as dead are looked at whole.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pydantic import ValidationError

from tipoff_cleanup.dataset import BATCH, Logged
from tipoff_cleanup.deps import Deps, Instants, Report
from tipoff_cleanup.documents import MOST_BYTES, Document, NotOurs, read_document
from tipoff_cleanup.losses import is_storm
from tipoff_cleanup.memory import Adopted
from tipoff_common.answers import answer
from tipoff_common.catalog import ScraperSpec
from tipoff_common.clock import business_date
from tipoff_common.events import FileLanded, ScrapeRequested, Source
from tipoff_common.files import EXECUTION_ID, FAN_OUT, FETCHED_AT, REQUEST, object_name
from tipoff_common.identity import event_id
from tipoff_common.outcomes import Success
from tipoff_common.ports import ObjectInfo

log = logging.getLogger(__name__)

_OVERLAP = timedelta(minutes=5)
"""How far the bucket's clock and ours may differ."""
_ADOPTED_BY = "cleanup"


@dataclass(frozen=True)
class Folder:
    """Files of one scraper and date. since: only what was written later is looked at."""

    spec: ScraperSpec
    game_date: date
    since: datetime

    @property
    def prefix(self) -> str:
        return f"{self.spec.output_root}/{self.game_date.isoformat()}/"


@dataclass(frozen=True)
class Orphan:
    folder: Folder
    info: ObjectInfo

    @property
    def execution_id(self) -> str | None:
        return self.info.metadata.get(EXECUTION_ID)


@dataclass
class Looked:
    """new: objects that were looked at. adopted: how many were given an execution. storm: too many to be believed."""

    new: int = 0
    adopted: int = 0
    storm: bool = False


def adopt_orphans(
    until: datetime, since: datetime, deps: Deps, instants: Instants, looked: Looked, report: Report
) -> None:
    """Looks at what was written between `since` and `until`, by the bucket's clock. `looked` and `report` hold what
    happened also when it ends early.

    Raises Unavailable.
    """
    orphans: list[Orphan] = []
    for batch in _written(_folders(since, deps, instants), until, deps):
        looked.new += len(batch)
        by_path = {_path(orphan, deps): orphan for orphan in batch}
        orphans += [
            by_path[path] for path in deps.dataset.unnamed(list(by_path), instants.now, deps.lookback)
        ]
        if len(orphans) > BATCH:
            break
    if is_storm(len(orphans), looked.new, deps.rule):
        looked.storm = True
        return
    known = deps.dataset.executions(
        [orphan.execution_id for orphan in orphans if orphan.execution_id], instants.now
    )
    for orphan in orphans:
        if _adopt(orphan, known.get(orphan.execution_id or ""), deps, instants, report):
            looked.adopted += 1


def _folders(since: datetime, deps: Deps, instants: Instants) -> list[Folder]:
    """The days of the lookback and the next, which some scrapers write ahead; and where executions died."""
    first = business_date(instants.now - deps.lookback)
    days = [first + timedelta(days=place) for place in range((business_date(instants.now) - first).days + 2)]
    folders = {
        (spec.name, day): Folder(spec, day, since - _OVERLAP)
        for spec in deps.catalog.values()
        for day in days
    }
    for scraper, day in deps.dataset.died(instants.now, deps.lookback):
        if spec := deps.catalog.get(scraper):
            folders[scraper, day] = Folder(spec, day, instants.wall - deps.lookback)
    return list(folders.values())


def _written(folders: Sequence[Folder], until: datetime, deps: Deps) -> Iterator[list[Orphan]]:
    """What may be orphans, so many at a time as one query takes."""
    batch: list[Orphan] = []
    for folder in folders:
        for info in deps.data.list(folder.prefix):
            if folder.since < info.updated <= until:
                batch.append(Orphan(folder, info))
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _adopt(orphan: Orphan, logged: Logged | None, deps: Deps, instants: Instants, report: Report) -> bool:
    path = _path(orphan, deps)
    if logged is not None and logged.status == "success":
        detail = f"its execution {logged.execution_id} wrote another file later, which is the one that counts"
        report.found("orphan_superseded", path, detail)
        return False
    try:
        document = _read(orphan, deps)
        adopted = _adopted(orphan, document, logged, deps, instants)
    except (NotOurs, ValidationError, ValueError) as error:
        report.found("orphan_refused", path, f"no execution names it, and it was not adopted: {error}")
        return False
    if not deps.pubsub_enabled:
        log.info(
            "dry run: would adopt", extra={"gcs_path": path, "execution_id": adopted.executed.execution_id}
        )
        return False
    adopted = deps.memory.remember_adopted(path, adopted, instants.now)
    deps.publisher.publish([adopted.landed, adopted.executed])
    detail = f"no execution named it; it is execution {adopted.executed.execution_id} now"
    report.found("orphan_adopted", path, detail)
    return True


def _read(orphan: Orphan, deps: Deps) -> Document:
    """Raises NotOurs, Unavailable."""
    info = orphan.info
    if object_name(_path(orphan, deps), deps.data.bucket) is None:
        raise NotOurs("its name has characters that no runner writes")
    if info.size > MOST_BYTES:
        raise NotOurs(f"{info.size} bytes are too many to look into")
    body = deps.data.get(info.name)
    if body is None:
        raise NotOurs("it is gone again")
    document = read_document(info.name, body)
    stands = (orphan.folder.spec.name, orphan.folder.game_date)
    if (document.scraper, document.game_date) != stands:
        raise NotOurs(
            f"it is of {document.scraper} for {document.game_date}, in the folder of {stands[0]} for {stands[1]}"
        )
    return document


def _adopted(
    orphan: Orphan, document: Document, logged: Logged | None, deps: Deps, instants: Instants
) -> Adopted:
    """The execution that the file's own would have been. A row that answers for it as dead shares its instant, since
    rows of one execution are told to be one by id and day."""
    metadata, path = orphan.info.metadata, _path(orphan, deps)
    request = _request(orphan, document, logged, instants)
    fetched_at = (
        datetime.fromisoformat(metadata[FETCHED_AT]) if FETCHED_AT in metadata else orphan.info.updated
    )
    triggered_at = logged.triggered_at if logged else fetched_at
    landed_at = max(fetched_at, triggered_at)
    executed = answer(
        request,
        Success(record_count=document.record_count, gcs_path=path),
        environment=deps.environment,
        triggered_at=triggered_at,
        completed_at=landed_at,
        data_summary={"record_count": document.record_count, "content_sha256": document.content_sha256},
        opts=request.parameters,
        fan_out_keys=json.loads(metadata.get(FAN_OUT, "{}")),
    ).model_copy(update={"recovery": True})
    landed = FileLanded(
        gcs_path=path,
        scraper_name=executed.scraper_name,
        workflow=executed.workflow,
        game_date=executed.game_date,
        execution_id=executed.execution_id,
        record_count=document.record_count,
        content_sha256=document.content_sha256,
        landed_at=landed_at,
        recovery=True,
        event_time=instants.event_time,
        source=Source.RECOVERY,
    )
    return Adopted(executed=executed, landed=landed)


def _request(
    orphan: Orphan, document: Document, logged: Logged | None, instants: Instants
) -> ScrapeRequested:
    """The request as the file's metadata has it, else as far as its row and content tell it."""
    if text := orphan.info.metadata.get(REQUEST):
        request = ScrapeRequested.model_validate_json(text)
        if (request.scraper, request.game_date) != (document.scraper, document.game_date):
            raise NotOurs(f"its metadata is of {request.scraper} for {request.game_date}")
        return request.model_copy(update={"source": Source.RECOVERY})
    return ScrapeRequested(
        request_id=orphan.execution_id or event_id("adopted", orphan.info.name),
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


def _path(orphan: Orphan, deps: Deps) -> str:
    return f"gs://{deps.data.bucket}/{orphan.info.name}"
