"""Rows that arrive together share one append, and each submission is answered by what became of its own.

While an append to a table is under way, what arrives for the table gathers; the next append takes all of it that the
bounds allow. No timer waits for more rows: alone, a row is appended at once (tipoff_common.group_commit).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tipoff_common.group_commit import GroupCommit
from tipoff_common.metrics import APPEND_DURATION, APPENDED_ROWS
from tipoff_common.ports import BatchRefused, Overloaded, Row, RowsRefused
from tipoff_common.telemetry import current_context, linked_span, record

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

Append = Callable[[str, Sequence[Row], Sequence[str]], Awaitable[None]]
"""(table, rows, row ids); as `Warehouse.append`."""


@dataclass(frozen=True)
class Bounds:
    """Limits of one batch, and of the rows that wait for theirs."""

    batch_rows: int
    """The most that one append takes."""
    batch_bytes: int
    """The most that one append takes; a single row may be larger."""
    batch_seconds: float
    """The longest that a batch gathers."""
    queue_rows: int
    """How much may be unanswered when one more submission is taken."""
    queue_bytes: int
    """As `queue_rows`, by size."""
    queue_seconds: float
    """The longest that a row waits for its append to begin."""


@dataclass(slots=True)
class _Submission:
    """The rows of one caller; it is answered when the last of them is."""

    table: str
    unanswered: int
    done: asyncio.Future[None]
    refused: dict[int, str] = field(default_factory=dict)
    failure: Exception | None = None

    def row_answered(self) -> None:
        self.unanswered -= 1
        if self.unanswered or self.done.done():  # done already when its caller went away
            return
        if self.failure:
            self.done.set_exception(self.failure)
        elif self.refused:
            self.done.set_exception(RowsRefused(self.table, self.refused))
        else:
            self.done.set_result(None)


class _Waiting(NamedTuple):
    """One row of a submission."""

    row: Row
    row_id: str
    size: int
    since: float
    """Arrival, in seconds of the clock."""
    submission: _Submission
    place: int
    """Its index in the submission."""
    hop: "SpanContext | None"


class RowCommit:
    """Append what callers submit: to one table one batch after the other, to different tables at the same time."""

    def __init__(self, append: Append, bounds: Bounds, clock: Callable[[], float]) -> None:
        self._append, self._bounds, self._clock = append, bounds, clock
        self._groups: GroupCommit[str, _Waiting] = GroupCommit(
            self._append_batch,
            self._next_batch,
            largest=bounds.batch_rows,
            gather_seconds=bounds.batch_seconds,
            clock=clock,
        )
        self._rows = self._bytes = 0

    async def submit(self, table: str, rows: Sequence[Row], row_ids: Sequence[str], size: int) -> None:
        """Queue the rows and return when all are durable. size: their bytes, as far as they are known.

        Raises:
            RowsRefused: the warehouse will never take the rows that `errors` names; the others are durable.
            Overloaded: too much is waiting, or the rows waited too long.
            Unavailable: some rows are not durable for certain; submit all of them again.
        """
        # An event without rows, such as a schedule of a day on which nothing is
        # expected, is durable as it is.
        if not rows:
            return
        # Refused before anything is queued: what is held is the bound and one submission more, whatever comes.
        if self._rows >= self._bounds.queue_rows or self._bytes >= self._bounds.queue_bytes:
            raise Overloaded(f"{self._rows} rows ({self._bytes} bytes) wait to be appended")
        submission = _Submission(table, len(rows), asyncio.get_running_loop().create_future())
        # Rounded up, so that what is taken off row by row is what was added.
        each, since, hop = -(-size // len(rows)), self._clock(), current_context()
        waiting = [
            _Waiting(row, row_id, each, since, submission, place, hop)
            for place, (row, row_id) in enumerate(zip(rows, row_ids, strict=True))
        ]
        # Added before the first await: another submission has to see it, or both would pass the bound.
        self._rows += len(rows)
        self._bytes += each * len(rows)
        self._groups.add(table, waiting)
        # If the caller goes away here, its rows are appended all the same; the redelivery
        # makes copies, which the views drop.
        await submission.done

    def _next_batch(self, queue: deque[_Waiting]) -> list[_Waiting]:
        """Take the oldest rows, as many as one append takes; answer those that waited too long instead."""
        bounds, batch, size, now = self._bounds, list[_Waiting](), 0, self._clock()
        while queue and len(batch) < bounds.batch_rows:
            # A single row that is larger is sent alone, and BigQuery says what it thinks of it.
            if batch and size + queue[0].size > bounds.batch_bytes:
                break
            waiting = queue.popleft()
            # Pub/Sub delivers it again anyway when the ack deadline is over; to append it now would be a copy.
            if now - waiting.since > bounds.queue_seconds:
                self._answer(waiting, Overloaded(f"not appended within {bounds.queue_seconds:g} s"))
                continue
            batch.append(waiting)
            size += waiting.size
        return batch

    async def _append_batch(self, table: str, batch: Sequence[_Waiting]) -> None:
        """Append the batch and answer each row; halve a batch that is refused whole until rows at fault stand alone."""
        refused: Mapping[int, str] = {}
        failure: Exception | None = None
        try:
            await self._timed_append(table, batch)
        except RowsRefused as error:
            refused = error.errors
        except BatchRefused as error:
            if len(batch) > 1:
                # One bad row must not take the others with it; log2(500) = 9 appends find it.
                half = len(batch) // 2
                await self._append_batch(table, batch[:half])
                await self._append_batch(table, batch[half:])
                return
            refused = {0: str(error)}
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            failure = error
        for place, waiting in enumerate(batch):
            self._answer(waiting, failure, refused.get(place))

    async def _timed_append(self, table: str, batch: Sequence[_Waiting]) -> None:
        """Append the batch as one span that links to the hop of each row: none of them is its parent alone."""
        started = self._clock()
        with linked_span(
            f"append {table}", (each.hop for each in batch), {"table": table, "rows": len(batch)}
        ):
            try:
                await self._append(table, [each.row for each in batch], [each.row_id for each in batch])
            finally:
                record(APPENDED_ROWS, len(batch), table=table)
                record(APPEND_DURATION, self._clock() - started, table=table)

    def _answer(self, waiting: _Waiting, failure: Exception | None, refused: str | None = None) -> None:
        self._rows -= 1
        self._bytes -= waiting.size
        submission = waiting.submission
        # The first failure is the one to tell; the rows after it often fail because of it.
        submission.failure = submission.failure or failure
        if refused is not None:
            submission.refused[waiting.place] = refused
        submission.row_answered()
