"""A request comes in, an execution goes out."""

from datetime import datetime, timedelta
from functools import partial

from pydantic import ValidationError

from tipoff_common.events import Event, ScrapeExecuted, ScrapeRequested
from tipoff_common.executions import build_execution
from tipoff_common.metrics import EXECUTIONS
from tipoff_common.outcomes import Failed, FailureKind
from tipoff_common.ports import ObjectInfo
from tipoff_common.telemetry import record
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.execution import Execution, execute
from tipoff_scraper_runner.output_files import FETCHED_FOR, NOTED, fetched_at, raw_prefix
from tipoff_scraper_runner.registry import Registered
from tipoff_scraper_runner.request_memory import Claim
from tipoff_scraper_runner.saved_payload import Fetched, Noted, Saved

ACCEPTED: frozenset[type[Event]] = frozenset({ScrapeRequested})

LEASE_SLACK = timedelta(seconds=60)
"""How long a holder may be paused or busy with parsing and writing, beyond the scraper's own timeout, before another
delivery takes its request. A live holder never asks the source after that timeout."""
_LONGEST = timedelta(seconds=540)
"""A scraper's longest timeout, for a request whose scraper is not here."""
MAX_DEATHS = 3
"""Holders that died after their payload was kept; parsing it may be what kills them, so nobody tries a fourth time."""


def run_request(request: ScrapeRequested, deps: Deps, now: datetime) -> ScrapeExecuted:
    """Fetch once, however often the request is delivered, and publish what came of it each time.

    Raises:
        InProgress: another delivery executes the request.
        Unavailable: the outcome could not be written down or published; the request is to be delivered again.
    """
    scraper = deps.registry.get(request.scraper)
    # An unknown scraper takes no time, but its outcome is claimed and written like any other.
    timeout = timedelta(seconds=scraper.spec.timeout_seconds) if scraper else _LONGEST
    claim = deps.memory.claim(request, timeout + LEASE_SLACK, now)
    # Written down by an earlier delivery, whose events may not have gone out: they are published again.
    if isinstance(claim, Execution):
        execution = claim
    else:
        # Released after any error, but not when the process is killed: only the lease tells that.
        try:
            execution = deps.memory.remember(request, _execute(request, scraper, claim, deps, now))
        except Exception:
            deps.memory.release(request, claim, now)
            raise
    publish_execution(execution, deps)
    return execution.executed


def publish_execution(execution: Execution, deps: Deps) -> None:
    """Publish what came of a request that is written down, its file first. Raises Unavailable."""
    # The file first: whoever learns of the execution may look for it.
    files: list[Event] = [execution.landed] if execution.landed is not None else []
    deps.publisher.publish([*files, execution.executed])
    record(
        EXECUTIONS, scraper=execution.executed.scraper_name, status=execution.executed.outcome.status.value
    )


def _execute(
    request: ScrapeRequested, scraper: Registered | None, claim: Claim, deps: Deps, wall: datetime
) -> Execution:
    # A replayed day has its own time; leases always run by the wall clock.
    now = request.event_time or wall
    if scraper is None:
        known = ", ".join(deps.registry)
        return _failed(request, f"no scraper '{request.scraper}' in this runner; it has {known}", deps, now)
    # Only a claim that was taken over can have left something; looking costs a list call.
    saved = _left_behind(request, scraper, deps) if claim.taken_over else None
    if saved is not None and claim.deaths >= MAX_DEATHS:
        where = saved.fetched.raw_path if saved.fetched else "nowhere"
        return _failed(
            request,
            f"{claim.deaths} runners died while they parsed the payload kept at {where}; parse it on a laptop,"
            " mend the parser, and run `tipoff reparse`",
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
        # Whatever ended the holder before may have been its payload: it is parsed where it can do no harm.
        parse=partial(deps.parse, apart=claim.taken_over),
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


def _left_behind(request: ScrapeRequested, scraper: Registered, deps: Deps) -> Saved | None:
    """Find the payload of an earlier delivery that did not live to write down an outcome. Raises Unavailable."""
    for info in deps.data.list(raw_prefix(scraper.spec, request.game_date)):
        # Another request's payload of the same day, which is its own to parse.
        if info.metadata.get(FETCHED_FOR) != request.request_id:
            continue
        body = deps.data.get(info.name)
        if body is None:
            return None  # expired since it was listed: it is fetched anew
        path = f"gs://{deps.data.bucket}/{info.name}"
        return Saved(body, dated=True, fetched=Fetched(path, fetched_at(info), _noted(info)))
    return None


def _noted(info: ObjectInfo) -> Noted:
    """Read what the earlier delivery noted; nothing when it was too long to be kept."""
    try:
        return Noted.model_validate_json(info.metadata.get(NOTED, "{}"))
    except ValidationError:
        return Noted()
