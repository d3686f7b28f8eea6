"""A request comes in, an execution goes out."""

from datetime import datetime

from tipoff_common.events import Event, ScrapeExecuted, ScrapeRequested
from tipoff_common.executions import build_execution
from tipoff_common.outcomes import Failed, FailureKind
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.execution import Execution, Saved, execute

ACCEPTED: frozenset[type[Event]] = frozenset({ScrapeRequested})


def run_request(request: ScrapeRequested, deps: Deps, now: datetime) -> ScrapeExecuted:
    """Fetches once, however often the request is delivered, and publishes what came of it each time.

    Raises:
        Unavailable: the outcome could not be written down or published; the request is to be delivered again.
    """
    execution = deps.memory.recall(request)
    if execution is None:
        execution = deps.memory.remember(request, _execute(request, deps, request.event_time or now))
    publish(execution, deps)
    return execution.executed


def publish(execution: Execution, deps: Deps) -> bool:
    """Publishes what came of a request that is written down; true when its file was announced. Raises Unavailable."""
    events: list[Event] = [execution.executed]
    announced = execution.landed is not None and deps.memory.announces(execution.landed)
    if execution.landed is not None and announced:
        events.insert(0, execution.landed)
    deps.publisher.publish(events)
    return announced


def _execute(request: ScrapeRequested, deps: Deps, now: datetime) -> Execution:
    scraper = deps.registry.get(request.scraper)
    if scraper is not None:
        return execute(
            request,
            scraper,
            environment=deps.environment,
            now=now,
            open_http=deps.open_http,
            data=deps.data,
            saved=_fetched_before(request, deps),
            remember=lambda fetched: deps.memory.remember_fetched(request, fetched),
        )
    known = ", ".join(deps.registry)
    outcome = Failed(
        kind=FailureKind.INTERNAL, message=f"no scraper '{request.scraper}' in this runner; it has {known}"
    )
    executed = build_execution(
        request, outcome, environment=deps.environment, triggered_at=now, completed_at=now
    )
    return Execution(executed, None)


def _fetched_before(request: ScrapeRequested, deps: Deps) -> Saved | None:
    """The payload of an earlier delivery that did not live to tell what came of it."""
    fetched = deps.memory.fetched(request)
    body = deps.data.get(fetched.raw_path.removeprefix(f"gs://{deps.data.bucket}/")) if fetched else None
    return Saved(body, dated=True, fetched=fetched) if body is not None else None
