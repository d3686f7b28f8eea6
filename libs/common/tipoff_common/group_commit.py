"""Group commit: what arrives for a key while a batch of it is committed makes the next batch.

The logger commits rows by table, the controller executions by occurrence. Everything happens on the event loop, hence
without locks; only what a commit hands to a thread runs elsewhere.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sized
from typing import Generic, TypeVar

QUIET_TURNS = 3
"""Turns of the event loop without another arrival that end a batch: one in which those who were answered last send on
their answers, one in which what is sent next is read, one in which it gets here."""

GroupKey = TypeVar("GroupKey", bound=Hashable)
Item = TypeVar("Item")


class GroupCommit(Generic[GroupKey, Item]):
    """Commits of one key follow each other; those of different keys run at the same time.

    Alone, an item is committed at once, and under load batches grow by themselves. Where `expected_arrivals`
    says that more is on its way, the next batch also waits for it, for `arrival_seconds` after the commit before and
    never longer.
    """

    def __init__(
        self,
        commit: Callable[[GroupKey, list[Item]], Awaitable[None]],
        take: Callable[[deque[Item]], list[Item]],
        *,
        largest: int,
        gather_seconds: float = math.inf,
        expected_arrivals: Callable[[GroupKey], int] = lambda _key: 0,
        arrival_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """commit: writes a batch and tells each item's owner what became of it; raises nothing.
        take: removes the next batch from what is queued, oldest first; an empty one when it answered all it removed.
        largest: how many items need not be gathered further.
        gather_seconds: the longest that arrivals one after the other keep a batch open.
        expected_arrivals: how many items of a key are under way, the queued ones included.
        arrival_seconds: from one commit of a key to the next while more are expected.
        """
        self._commit, self._take = commit, take
        self._largest, self._gather_seconds = largest, gather_seconds
        self._expected_arrivals, self._arrival_seconds = expected_arrivals, arrival_seconds
        self._clock = clock
        self._queues: dict[GroupKey, deque[Item]] = {}
        self._arrived: dict[GroupKey, asyncio.Event] = {}
        self._committers: dict[GroupKey, asyncio.Task[None]] = {}

    def add(self, key: GroupKey, items: Iterable[Item]) -> None:
        """Queue the items for their commit, which begins by itself."""
        self._queues.setdefault(key, deque()).extend(items)
        self._arrived.setdefault(key, asyncio.Event()).set()
        if key not in self._committers:
            self._committers[key] = asyncio.create_task(self._run(key), name=f"commit {key}")

    async def _run(self, key: GroupKey) -> None:
        """Commit until nothing waits.

        Between seeing that the queue is empty and ending there is no await, so no item can be queued and forgotten.
        """
        queue, not_before = self._queues[key], -math.inf
        while True:
            await self._gather(key, queue, not_before)
            if not queue:
                break
            if batch := self._take(queue):
                await self._commit(key, batch)
            not_before = self._clock() + self._arrival_seconds
        del self._queues[key], self._arrived[key], self._committers[key]

    async def _gather(self, key: GroupKey, queue: Sized, not_before: float) -> None:
        """Wait until what belongs together is queued: a few turns of the loop, which take no time when it idles."""
        began, quiet = self._clock(), 0
        while quiet < QUIET_TURNS and len(queue) < self._largest:
            before = len(queue)
            # No timer: an item that is alone would wait for it, and under load the queue fills by itself.
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(queue) == before else 0
            if self._clock() - began > self._gather_seconds:
                return
        while len(queue) < min(self._expected_arrivals(key), self._largest):
            left = not_before - self._clock()
            if left <= 0:
                return
            self._arrived[key].clear()
            try:
                await asyncio.wait_for(self._arrived[key].wait(), left)
            except TimeoutError:
                return
