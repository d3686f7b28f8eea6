"""Executions of one occurrence that arrive together share one entry of its log.

While an entry is being written, what arrives for the occurrence gathers and makes the next one. While more of its
requests are under way than have arrived, the next entry also waits for them a moment, so that a fan-out of thousands
costs one write for many executions; an execution that nothing else can join is written at once.
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
"""From one entry of an occurrence to the next while siblings are under way. At 100 executions a second 25 share one,
and what waits for the last of them waits a quarter of a second at most."""
LARGEST = 500
"""Executions in one entry, so that it stays a small object."""

Note = Callable[[Key, Sequence[ScrapeExecuted]], None]
RunGroup = Callable[[Note, Key, Sequence[ScrapeExecuted]], Awaitable[None]]
"""Runs a blocking note off the event loop."""


class _Waiting(NamedTuple):
    event: ScrapeExecuted
    done: "asyncio.Future[None]"
    hop: Hop
    """The push that brought it, whose trace its follow-ups belong to."""
    context: "SpanContext | None"


class ExecutionGroups:
    """One per process. `note` logs executions of one occurrence; `expected_arrivals` counts those under way."""

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
        """Return when the execution is logged and what follows from it is published.

        Raises:
            Unavailable: to be delivered again.
        """
        if event.occurrence_id is None:
            return  # It belongs to no plan; the dataset has its row.
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._groups.add(
            Key(event.game_date, event.occurrence_id),
            [_Waiting(event, done, current_hop(), current_context())],
        )
        await done

    # Raises nothing, because GroupCommit's task would end with it and leave everybody
    # in the queue waiting for ever.
    async def _write(self, key: Key, group: list[_Waiting]) -> None:
        """Log the group in one entry, in a thread; answer all who wait for it alike. Raises nothing."""
        failure: Exception | None = None
        # The task goes on for many pushes. Follow-ups belong to the trace of the first of this group, and the span of
        # the entry links to all of them.
        resume_hop(group[0].hop)
        try:
            with linked_span("log executions", (each.context for each in group), {"events": len(group)}):
                await self._run(self._note, key, [each.event for each in group])
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
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
