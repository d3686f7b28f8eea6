"""Group commit of rows: concurrent submissions share one append, and each gets the result of its own rows.

While an append to a table is under way, further rows for the table queue up; the next append takes as many of them as
the bounds allow. No timer waits for more rows: a single row is appended at once (tipoff_common.group_commit).
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
"""A function of (table, rows, row ids), as `Warehouse.append` is."""


@dataclass(frozen=True)
class Bounds:
    """Limits of one batch, and of the queued rows."""

    batch_rows: int
    """The most rows of one append."""
    batch_bytes: int
    """The most bytes of one append; a single row may be larger."""
    batch_seconds: float
    """The longest time that a batch gathers rows."""
    queue_rows: int
    """The number of unanswered rows from which on submissions are refused."""
    queue_bytes: int
    """The bytes of unanswered rows from which on submissions are refused."""
    queue_seconds: float
    """The longest time that a row waits for its append to begin."""


@dataclass(slots=True)
class _Submission:
    """The rows of one caller; `done` is set when the last row has its result."""

    table: str
    unanswered: int
    done: asyncio.Future[None]
    refused: dict[int, str] = field(default_factory=dict)
    failure: Exception | None = None

    def row_answered(self) -> None:
        self.unanswered -= 1
        if self.unanswered or self.done.done():  # done already when its caller was cancelled
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
    """Appends the rows that callers submit: sequentially to one table, concurrently to different tables."""

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
        """Queue the rows and return when all are durable. size: their estimated bytes.

        Raises:
            RowsRefused: the warehouse will never accept the rows in `errors`; the others are durable.
            Overloaded: too many rows are queued, or these waited too long.
            Unavailable: some rows may not be durable; submit all of them again.
        """
        # Some events have no rows, such as the schedule of a day without expected runs.
        if not rows:
            return
        # Refuse before queueing anything: the queue holds at most the bound and one submission.
        if self._rows >= self._bounds.queue_rows or self._bytes >= self._bounds.queue_bytes:
            raise Overloaded(f"{self._rows} rows ({self._bytes} bytes) are already queued for append")
        submission = _Submission(table, len(rows), asyncio.get_running_loop().create_future())
        # Rounded up to an equal size per row, so that the rows take off exactly the bytes that they added.
        each, since, hop = -(-size // len(rows)), self._clock(), current_context()
        waiting = [
            _Waiting(row, row_id, each, since, submission, place, hop)
            for place, (row, row_id) in enumerate(zip(rows, row_ids, strict=True))
        ]
        # Added before the first await: otherwise a concurrent submission would pass the bound too.
        self._rows += len(rows)
        self._bytes += each * len(rows)
        self._groups.add(table, waiting)
        # The rows are appended even if the caller is cancelled here; the redelivery makes copies, which the views drop.
        await submission.done

    def _next_batch(self, queue: deque[_Waiting]) -> list[_Waiting]:
        """Remove the rows of the next append from the queue, oldest first; fail those that waited too long."""
        bounds, batch, size, now = self._bounds, list[_Waiting](), 0, self._clock()
        while queue and len(batch) < bounds.batch_rows:
            # A single larger row is sent alone, and BigQuery accepts or refuses it.
            if batch and size + queue[0].size > bounds.batch_bytes:
                break
            waiting = queue.popleft()
            # Pub/Sub redelivers the message after the ack deadline anyway; an append now would only add a copy.
            if now - waiting.since > bounds.queue_seconds:
                self._answer(waiting, Overloaded(f"not appended within {bounds.queue_seconds:g} s"))
                continue
            batch.append(waiting)
            size += waiting.size
        return batch

    async def _append_batch(self, table: str, batch: Sequence[_Waiting]) -> None:
        """Append the batch and answer each row; halve a batch that is refused whole until the bad rows are alone."""
        refused: Mapping[int, str] = {}
        failure: Exception | None = None
        try:
            await self._timed_append(table, batch)
        except RowsRefused as error:
            refused = error.errors
        except BatchRefused as error:
            if len(batch) > 1:
                # One bad row must not fail the others; log2(500) = 9 halvings isolate it.
                half = len(batch) // 2
                await self._append_batch(table, batch[:half])
                await self._append_batch(table, batch[half:])
                return
            refused = {0: str(error)}
        except Exception as error:  # noqa: BLE001 - the waiting callers get any error
            failure = error
        for place, waiting in enumerate(batch):
            self._answer(waiting, failure, refused.get(place))

    async def _timed_append(self, table: str, batch: Sequence[_Waiting]) -> None:
        """Append the batch in one span that links to the hop of each row, as no single hop is its parent."""
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
        # Report the first failure: later rows often fail because of it.
        submission.failure = submission.failure or failure
        if refused is not None:
            submission.refused[waiting.place] = refused
        submission.row_answered()
