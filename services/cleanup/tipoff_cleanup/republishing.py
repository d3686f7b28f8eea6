"""Lost files are announced again: as they were, so often and no more."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tipoff_cleanup.deps import Deps, Instants, Report
from tipoff_cleanup.documents import NotOurs, read_document
from tipoff_cleanup.losses import Attempts, Landed, Step, next_step
from tipoff_common.events import FileLanded
from tipoff_common.executions import build_file_landed
from tipoff_common.files import object_name
from tipoff_common.ports import Unavailable
from tipoff_common.words import pluralize

log = logging.getLogger(__name__)

MOST_A_RUN = 500
"""Files that one run announces again; the others wait for the next."""
_NO_WORKFLOW = "MANUAL"


class Unusable(Exception):
    """The file cannot be announced; `kind` says why in a word, the message in a sentence."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass
class Republished:
    """What was done about the lost files. given_up: when each landed, by path."""

    announced: set[str] = field(default_factory=set)
    given_up: dict[str, datetime] = field(default_factory=dict)
    unusable: dict[Landed, Unusable] = field(default_factory=dict)


def republish_lost(
    lost: Sequence[Landed], deps: Deps, instants: Instants, done: Republished, report: Report
) -> None:
    """Announces again what is due, and gives up what was announced often enough. `done` and `report` hold what happened
    also when it ends early.

    Raises Unavailable.
    """
    attempts = deps.memory.attempts(file.gcs_path for file in lost)
    for file in lost:
        so_far = attempts[file.gcs_path]
        match next_step(so_far, instants.now, deps.rule):
            case Step.NOTHING:
                done.given_up[file.gcs_path] = file.landed_at
            case Step.GIVE_UP if deps.pubsub_enabled:
                deps.memory.mark_given_up(file.gcs_path, instants.now)
                done.given_up[file.gcs_path] = file.landed_at
                times = pluralize(so_far.republishes, "time")
                detail = f"announced again {times} without a receipt; it is announced no more"
                report.found("given_up", file.gcs_path, detail)
            case Step.REPUBLISH if len(done.announced) < MOST_A_RUN:
                _republish(file, so_far, deps, instants, done, report)
            case _:
                pass


def _republish(
    file: Landed, so_far: Attempts, deps: Deps, instants: Instants, done: Republished, report: Report
) -> None:
    """The marker is written first, so that a crash in between costs one announcement rather than adding one."""
    number = so_far.next_number
    try:
        event = _again(file, number, deps, instants)
    except Unusable as fault:
        report.found(fault.kind, file.gcs_path, str(fault))
        done.unusable[file] = fault
        return
    if not deps.pubsub_enabled:
        log.info("dry run: would announce again", extra={"gcs_path": file.gcs_path, "republish": number})
        return
    if deps.memory.mark_republish(file.gcs_path, number, instants.now):
        try:
            deps.publisher.publish([event])
        except Unavailable:
            deps.memory.mark_not_republished(file.gcs_path, number, instants.now)
            raise
        done.announced.add(file.gcs_path)


def _again(file: Landed, number: int, deps: Deps, instants: Instants) -> FileLanded:
    """Raises Unusable, Unavailable."""
    name = object_name(file.gcs_path, deps.data.bucket)
    if name is None:
        raise Unusable("foreign_path", f"no path that a runner writes to in gs://{deps.data.bucket}")
    info = deps.data.info(name)
    if info is None:
        raise Unusable("object_missing", "the log says that it was written, and it is not in the bucket")
    try:
        document = read_document(info, deps.data)
    except NotOurs as error:
        raise Unusable("content_differs", f"the file is not what a runner wrote: {error}") from error
    told = (
        file.scraper_name,
        file.game_date or document.game_date,
        file.content_sha256 or document.content_sha256,
    )
    if told != (document.scraper, document.game_date, document.content_sha256):
        raise Unusable(
            "content_differs",
            f"the file is of {document.scraper} for {document.game_date} with hash {document.content_sha256}, and its"
            f" row says {told[0]}, {told[1]}, {told[2]}",
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
