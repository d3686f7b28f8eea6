"""Handling of a request: execute it once, and publish its execution."""

from datetime import datetime, timedelta
from functools import partial

from pydantic import ValidationError

from tipoff_common.events import Event, ScrapeExecuted, ScrapeRequested
from tipoff_common.executions import build_execution
from tipoff_common.files import fetched_at
from tipoff_common.metrics import EXECUTIONS
from tipoff_common.outcomes import Failed, FailureKind
from tipoff_common.ports import ObjectInfo
from tipoff_common.telemetry import record
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.execution import Execution, execute
from tipoff_scraper_runner.output_files import FETCHED_FOR, NOTED, raw_prefix
from tipoff_scraper_runner.parser import Limits
from tipoff_scraper_runner.registry import RegisteredScraper
from tipoff_scraper_runner.request_memory import Claim
from tipoff_scraper_runner.saved_payload import FetchNotes, SavedPayload, StoredPayload

ACCEPTED: frozenset[type[Event]] = frozenset({ScrapeRequested})

WRITING = timedelta(seconds=15)
"""Time for the writes after parsing."""
CLAIM_SLACK = timedelta(seconds=Limits().patience_seconds) + WRITING
"""Time beyond the scraper's timeout before another delivery may take the request. A live holder sends no request to the
source after that timeout, and does not wait for the parser any longer."""
_LONGEST = timedelta(seconds=540)
"""The longest timeout of any scraper, for a request whose scraper is unknown."""
MAX_DEATHS = 3
"""Lost holders after which a kept payload is not parsed again: parsing it may be the cause."""


def run_request(request: ScrapeRequested, deps: Deps, now: datetime) -> ScrapeExecuted:
    """Execute the request once, and publish its events for every delivery.

    Raises:
        InProgress: another delivery executes the request.
        Unavailable: the outcome could not be stored or published; the request has to be delivered again.
    """
    scraper = deps.registry.get(request.scraper)
    # The request of an unknown scraper is claimed and its outcome stored like any other.
    timeout = timedelta(seconds=scraper.spec.timeout_seconds) if scraper else _LONGEST
    # Measured before the claim, so that the lease never ends before the parsing that began in time.
    start_by = deps.monotonic() + timeout.total_seconds()
    claim = deps.memory.claim(request, timeout + CLAIM_SLACK, now)
    # An earlier delivery stored the outcome but may not have published its events: publish them again.
    if isinstance(claim, Execution):
        execution = claim
    else:
        # Release the claim after any error. A killed process cannot release it; its lease has to run out.
        try:
            execution = deps.memory.remember(request, _execute(request, scraper, claim, deps, now, start_by))
        except Exception:
            deps.memory.release(request, claim, now)
            raise
    publish_execution(execution, deps)
    return execution.executed


def publish_execution(execution: Execution, deps: Deps) -> None:
    """Publish the events of a stored execution, its file first. Raises Unavailable."""
    # The file first: a subscriber of the execution may look for it.
    files: list[Event] = [execution.landed] if execution.landed is not None else []
    deps.publisher.publish([*files, execution.executed])
    record(
        EXECUTIONS, scraper=execution.executed.scraper_name, status=execution.executed.outcome.status.value
    )


def _execute(
    request: ScrapeRequested,
    scraper: RegisteredScraper | None,
    claim: Claim,
    deps: Deps,
    wall: datetime,
    start_by: float,
) -> Execution:
    # A replay has its own time; leases always use the wall clock.
    now = request.event_time or wall
    if scraper is None:
        known = ", ".join(deps.registry)
        return _failed(
            request, f"this runner has no scraper '{request.scraper}'; its scrapers are {known}", deps, now
        )
    # Only a request that was taken over can have a payload from before; looking for it costs a list call.
    saved = _payload_of_earlier_delivery(request, scraper, deps) if claim.taken_over else None
    if saved is not None and claim.deaths >= MAX_DEATHS:
        where = saved.fetched.raw_path if saved.fetched else "nowhere"
        return _failed(
            request,
            f"{claim.deaths} runners ended while parsing the payload saved at {where}; parse it on a laptop,"
            " fix the parser, and run `tipoff reparse`",
            deps,
            now,
            FailureKind.DECODE,
        )
    return execute(
        request,
        scraper,
        environment=deps.environment,
        now=now,
        open_http=deps.open_http,
        data=deps.data,
        # Apart: the payload may have ended the previous holder. Parsing that cannot start in time could outlast the
        # lease: the request is then released, and the next delivery parses the kept payload.
        parse=partial(deps.parse, apart=claim.taken_over, start_by=start_by),
        writes=deps.writes,
        saved=saved,
        monotonic=deps.monotonic,
    )


def _failed(
    request: ScrapeRequested,
    message: str,
    deps: Deps,
    now: datetime,
    kind: FailureKind = FailureKind.INTERNAL,
) -> Execution:
    outcome = Failed(kind=kind, message=message)
    executed = build_execution(
        request, outcome, environment=deps.environment, triggered_at=now, completed_at=now
    )
    return Execution(executed, None)


def _payload_of_earlier_delivery(
    request: ScrapeRequested, scraper: RegisteredScraper, deps: Deps
) -> SavedPayload | None:
    """Find the payload of an earlier delivery that ended before it stored an outcome. Raises Unavailable."""
    for info in deps.data.list(raw_prefix(scraper.spec, request.game_date)):
        # Skip the payloads of other requests for the same day.
        if info.metadata.get(FETCHED_FOR) != request.request_id:
            continue
        body = deps.data.get(info.name)
        if body is None:
            return None  # deleted since the listing: fetch it again
        path = f"gs://{deps.data.bucket}/{info.name}"
        return SavedPayload(body, dated=True, fetched=StoredPayload(path, fetched_at(info), _noted(info)))
    return None


def _noted(info: ObjectInfo) -> FetchNotes:
    """Read the facts about the fetch from the object's metadata; empty when they were too long to store."""
    try:
        return FetchNotes.model_validate_json(info.metadata.get(NOTED, "{}"))
    except ValidationError:
        return FetchNotes()
