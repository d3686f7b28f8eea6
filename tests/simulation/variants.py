"""Services that are broken on purpose, for the checker to catch.

Each breaks one rule of docs/explanation/idempotency.md.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

from tests.simulation.process import Done, Handle, Process
from tests.simulation.services import SERVICES
from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.push import Delivery
from tipoff_scraper_runner import handlers
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.execution import Execution
from tipoff_scraper_runner.request_memory import Claim, RequestMemory

Services = Mapping[str, Callable[[Process], Handle]]
Broken = Callable[[], AbstractContextManager[Services]]


@contextmanager
def acknowledge_before_write() -> Iterator[Services]:
    """Run a logger that acknowledges the push before it appends the row."""

    def broken(process: Process) -> Handle:
        handle = SERVICES["logger"](process)

        def early(delivery: Delivery, done: Done) -> None:
            done(None, None)
            handle(delivery, lambda _result, _error: None)

        return early

    yield {**SERVICES, "logger": broken}


@contextmanager
def publish_before_remember() -> Iterator[Services]:
    """Run a runner that publishes the outcome of a request before it stores the outcome."""

    def remember(memory: RequestMemory, request: ScrapeRequested, execution: Execution) -> Execution:
        publish(execution, _deps[memory])
        return _remember(memory, request, execution)

    def run(request: ScrapeRequested, deps: Deps, now: Any) -> ScrapeExecuted:
        _deps[deps.memory] = deps
        return _run(request, deps, now)

    _deps: dict[RequestMemory, Deps] = {}
    _run, _remember, publish = handlers.run_request, RequestMemory.remember, handlers.publish_execution
    with (
        patch.object(RequestMemory, "remember", remember),
        patch.object(handlers, "publish_execution", lambda _execution, _deps: None),
        patch("tests.simulation.services.run_request", run),
    ):
        yield SERVICES


@contextmanager
def no_claim() -> Iterator[Services]:
    """Run a runner in which every delivery of a request holds the claim."""

    def claim(memory: RequestMemory, request: ScrapeRequested, *_: Any) -> Claim | Execution:
        return memory.recall(request) or Claim(holder="everybody")

    with patch.object(RequestMemory, "claim", claim):
        yield SERVICES


@contextmanager
def row_id_by_execution_only() -> Iterator[Services]:
    """Derive an execution's event and row id from the request alone, whatever its outcome."""
    with patch.object(ScrapeExecuted, "key", property(lambda event: (event.execution_id,))):
        yield SERVICES
