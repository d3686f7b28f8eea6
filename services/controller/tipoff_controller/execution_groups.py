"""Groups of executions of one occurrence that share one entry of its log.

Executions that arrive during the write of an entry form the next entry. While the occurrence has more requests under
way than executions queued, the next entry also waits for them a moment, so that a fan-out of thousands costs one write
for many executions. An execution without others under way is written at once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from starlette.concurrency import run_in_threadpool

from tipoff_common.events import ScrapeExecuted
from tipoff_common.group_commit import GroupCommit
from tipoff_common.telemetry import Hop, current_context, current_hop, linked_span, resume_hop
from tipoff_controller.occurrence_store import Key

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

WAIT_SECONDS = 0.25
"""From one entry of an occurrence to the next while siblings are under way. At 100 executions a second, 25 share an
entry, and each waits a quarter of a second at most."""
LARGEST = 500
"""Executions in one entry, so that it stays a small object."""

Note = Callable[[Key, Sequence[ScrapeExecuted]], None]
RunGroup = Callable[[Note, Key, Sequence[ScrapeExecuted]], Awaitable[None]]
"""Runs a blocking `Note` outside the event loop."""


class _Waiting(NamedTuple):
    event: ScrapeExecuted
    done: "asyncio.Future[None]"
    hop: Hop
    """The push that delivered the event; follow-ups join its trace."""
    context: "SpanContext | None"


class ExecutionGroups:
    """The groups of one process: `note` logs a group, `expected_arrivals` counts an occurrence's requests under way."""

    def __init__(
        self,
        note: Note,
        expected_arrivals: Callable[[Key], int],
        clock: Callable[[], float] = time.monotonic,
        run: RunGroup = run_in_threadpool,
    ) -> None:
        self._note, self._run = note, run
        self._groups: GroupCommit[Key, _Waiting] = GroupCommit(
            self._write,
            _take,
            largest=LARGEST,
            expected_arrivals=expected_arrivals,
            arrival_seconds=WAIT_SECONDS,
            clock=clock,
        )

    async def submit(self, event: ScrapeExecuted) -> None:
        """Add an execution to its group; return when it is logged and its follow-ups are published.

        Raises:
            Unavailable: to be delivered again.
        """
        if event.occurrence_id is None:
            return  # The execution belongs to no plan; the dataset has its row.
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._groups.add(
            Key(event.game_date, event.occurrence_id),
            [_Waiting(event, done, current_hop(), current_context())],
        )
        await done

    # Raises nothing: an exception would end GroupCommit's task, and the queued
    # deliveries would wait forever.
    async def _write(self, key: Key, group: list[_Waiting]) -> None:
        """Log the group in one entry, in a thread; resolve all its futures alike. Raises nothing."""
        failure: Exception | None = None
        # One task serves many pushes. Follow-ups join the trace of the group's first push, and the span of the entry
        # links to all of its pushes.
        resume_hop(group[0].hop)
        try:
            with linked_span("log executions", (each.context for each in group), {"events": len(group)}):
                await self._run(self._note, key, [each.event for each in group])
        except Exception as error:  # noqa: BLE001 - every waiting delivery must get the failure
            failure = error
        for each in group:
            if each.done.done():  # its caller went away
                continue
            if failure is not None:
                each.done.set_exception(failure)
            else:
                each.done.set_result(None)


def _take(queue: deque[_Waiting]) -> list[_Waiting]:
    """Remove the executions of the next entry."""
    return [queue.popleft() for _ in range(min(LARGEST, len(queue)))]
