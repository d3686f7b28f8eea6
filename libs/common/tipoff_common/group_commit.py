"""Group commit: items that arrive for a key while its batch is committed form the next batch.

The logger commits rows by table, the controller executions by occurrence. Everything runs on the event loop, hence
without locks, except for calls that a commit hands to a thread.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sized
from typing import Generic, TypeVar

QUIET_TURNS = 3
"""Turns of the event loop without an arrival that end a batch. Senders need three to follow up on their last answer:
one to send the answer, one to read the next request, one to queue its item here."""

GroupKey = TypeVar("GroupKey", bound=Hashable)
Item = TypeVar("Item")


class GroupCommit(Generic[GroupKey, Item]):
    """Commits of one key are sequential; those of different keys run concurrently.

    A single item is committed at once, and under load batches grow by themselves. While `expected_arrivals` reports
    more items, the next batch also waits for them, until at most `arrival_seconds` after the previous commit.
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
        """commit: writes a batch and reports the result to each item's owner; raises nothing.
        take: removes the next batch from the queue, oldest first; empty when it answered all removed items itself.
        largest: the number of items at which gathering stops.
        gather_seconds: the longest time that a stream of arrivals keeps a batch open.
        expected_arrivals: how many items of a key are under way, including the queued ones.
        arrival_seconds: the longest wait for expected items after a commit of the key.
        """
        self._commit, self._take = commit, take
        self._largest, self._gather_seconds = largest, gather_seconds
        self._expected_arrivals, self._arrival_seconds = expected_arrivals, arrival_seconds
        self._clock = clock
        self._queues: dict[GroupKey, deque[Item]] = {}
        self._arrived: dict[GroupKey, asyncio.Event] = {}
        self._committers: dict[GroupKey, asyncio.Task[None]] = {}

    def add(self, key: GroupKey, items: Iterable[Item]) -> None:
        """Queue the items, and start a committer for the key unless one runs."""
        self._queues.setdefault(key, deque()).extend(items)
        self._arrived.setdefault(key, asyncio.Event()).set()
        if key not in self._committers:
            self._committers[key] = asyncio.create_task(self._run(key), name=f"commit {key}")

    async def _run(self, key: GroupKey) -> None:
        """Commit batches until the queue is empty.

        There is no await between the check for an empty queue and the end, so no item can be queued and forgotten.
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
        """Wait for concurrent arrivals: for a few turns of the loop, which take no time when it idles."""
        began, quiet = self._clock(), 0
        while quiet < QUIET_TURNS and len(queue) < self._largest:
            before = len(queue)
            # No timer: a single item would wait for it, and under load the queue fills by itself.
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(queue) == before else 0
            if self._clock() - began > self._gather_seconds:
                return
        while len(queue) < min(self._expected_arrivals(key), self._largest):
            seconds = not_before - self._clock()
            if seconds <= 0:
                return
            self._arrived[key].clear()
            try:
                await asyncio.wait_for(self._arrived[key].wait(), seconds)
            except TimeoutError:
                return
