"""Executions of one occurrence that arrive together share one entry of its log.

While an entry is being written, what arrives for the occurrence gathers and makes the next one. While more of its
requests are under way than have arrived, the next entry also waits for them a moment, so that a fan-out of thousands
costs one write for many executions; an execution that nothing else can join is written at once. Everything here happens
on the event loop, hence without locks; only the writing runs in a thread.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from starlette.concurrency import run_in_threadpool

from tipoff_common.events import ScrapeExecuted
from tipoff_common.telemetry import Hop, current_context, current_hop, linked_span, resume_hop
from tipoff_controller.occurrence_store import Key

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

WAIT_SECONDS = 0.25
"""From one entry of an occurrence to the next while siblings are under way. At 100 executions a second 25 share one,
and what waits for the last of them waits a quarter of a second at most."""
LARGEST = 500
"""Executions in one entry, so that it stays a small object."""
_QUIET_TURNS = 3
"""Turns of the event loop without another arrival after which what was sent together is taken to be here."""

Note = Callable[[Key, Sequence[ScrapeExecuted]], None]
Run = Callable[[Note, Key, Sequence[ScrapeExecuted]], Awaitable[None]]
"""Runs a blocking note off the event loop."""


class _Waiting(NamedTuple):
    event: ScrapeExecuted
    done: "asyncio.Future[None]"
    hop: Hop
    """The push that brought it, whose trace its follow-ups belong to."""
    context: "SpanContext | None"


class ExecutionGroups:
    """One per process. `note` logs executions of one occurrence; `company` tells how many are under way there."""

    def __init__(
        self,
        note: Note,
        company: Callable[[Key], int],
        clock: Callable[[], float] = time.monotonic,
        run: Run = run_in_threadpool,
    ) -> None:
        self._note, self._company, self._clock, self._run = note, company, clock, run
        self._queues: dict[Key, list[_Waiting]] = {}
        self._arrived: dict[Key, asyncio.Event] = {}
        self._writers: dict[Key, asyncio.Task[None]] = {}

    async def submit(self, event: ScrapeExecuted) -> None:
        """Return when the execution is logged and what follows from it is published.

        Raises:
            Unavailable: to be delivered again.
        """
        if event.occurrence_id is None:
            return  # It belongs to no plan; the dataset has its row.
        key = Key(event.game_date, event.occurrence_id)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(key, []).append(_Waiting(event, done, current_hop(), current_context()))
        self._arrived.setdefault(key, asyncio.Event()).set()
        if key not in self._writers:
            self._writers[key] = asyncio.create_task(self._write(key), name=f"log {key.occurrence_id}")
        await done

    async def _write(self, key: Key) -> None:
        """Write until nothing waits; between seeing that and ending, nothing else runs."""
        queue, not_before = self._queues[key], 0.0
        while True:
            await self._gather(key, queue, not_before)
            if not queue:
                break
            group, queue[:] = queue[:LARGEST], queue[LARGEST:]
            failure: Exception | None = None
            # The task goes on for many pushes. Follow-ups belong to the trace of the first of this group, and the
            # span of the entry links to all of them.
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
            not_before = self._clock() + WAIT_SECONDS
        del self._queues[key], self._arrived[key], self._writers[key]

    async def _gather(self, key: Key, queue: list[_Waiting], not_before: float) -> None:
        """Return when what belongs together is in the queue, or when nothing came for as long as it may wait."""
        quiet = 0
        while quiet < _QUIET_TURNS:
            before = len(queue)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(queue) == before else 0
        while len(queue) < min(self._company(key), LARGEST):
            left = not_before - self._clock()
            if left <= 0:
                return
            self._arrived[key].clear()
            try:
                await asyncio.wait_for(self._arrived[key].wait(), left)
            except TimeoutError:
                return
