"""Ports to the cloud: a bus, a warehouse, objects. Adapters implement them on Google's clients."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # importers that need only the warehouse do not load the events
    from tipoff_common.binding import Envelope

DATASET = "nba_orchestration"
Row = Mapping[str, Any]
Parameter = str | int | float | bool | datetime | date | Sequence[str] | Sequence[date]


class Unavailable(Exception):
    """A call to the cloud failed; it may or may not have taken effect, and a retry may help."""


class Overloaded(Unavailable):
    """Too much work is queued; repeat the call after `RETRY_SECONDS`. A part of a large call may have taken effect."""

    RETRY_SECONDS = 5


class PermanentRefusal(Exception):
    """A call to the cloud can never succeed: redelivery cannot help.

    The push endpoint records the message on dead-letters and acknowledges it; any other caller gets 422.
    """


class RowsRefused(Exception):
    """The warehouse refused rows for their content; `errors` maps each row's index to the reason. The other rows are
    durable."""

    def __init__(self, table: str, errors: Mapping[int, str]) -> None:
        super().__init__(f"{table}: {len(errors)} row(s) refused: {next(iter(errors.values()), '')}")
        self.errors = errors


class BatchRefused(Exception):
    """The warehouse refused a whole append for its content, without naming the row at fault; no row is durable."""


class Bus(Protocol):
    """The message bus to which events are published."""

    def publish(self, envelopes: "Iterable[Envelope]") -> None:
        """Publish the events; return when all are durable on their topics.

        Raises:
            PermanentRefusal: one of them can never be published; others may be.
            Unavailable: some may be published; publish all of them again.
        """

    def check(self) -> None:
        """Raise Unavailable when the topics cannot be reached."""


class Warehouse(Protocol):
    """The dataset."""

    def append(self, table: str, rows: Sequence[Row], row_ids: Sequence[str]) -> None:
        """Append rows; return when all are durable. Raises RowsRefused, BatchRefused or Unavailable."""

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        """Return the rows of one query with named parameters. Raises Unavailable."""

    def pages(
        self, sql: str, parameters: Mapping[str, Parameter], page_rows: int
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of one query as of its start, at most `page_rows` at a time, so that they need not fit in
        memory. Raises Unavailable, also between pages."""

    def check(self) -> None:
        """Raise Unavailable when the dataset cannot be reached."""


@dataclass(frozen=True)
class ObjectInfo:
    """One object of a listing."""

    name: str
    size: int
    updated: datetime
    metadata: Mapping[str, str]
    """The object's custom metadata."""
    generation: int
    """Changes with each write of the object, for a conditional `delete`."""


@dataclass(frozen=True)
class Versioned:
    """An object's content and its generation, for a conditional write."""

    body: bytes
    generation: int


class Objects(Protocol):
    """One bucket.

    Every method raises Unavailable. Methods with a name or metadata raise PermanentRefusal when Cloud Storage does not
    allow that name or so much metadata.
    """

    @property
    def bucket(self) -> str:
        """The bucket's name."""

    def create(
        self,
        name: str,
        body: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] = {},
    ) -> bool:
        """Write the object unless it exists; False when it does. Exactly one of concurrent callers wins."""

    def read(self, name: str) -> Versioned | None:
        """Return the content and its generation, for `replace`; None when there is no such object."""

    def replace(self, name: str, body: bytes, *, generation: int) -> bool:
        """Overwrite exactly that generation; False when the object has changed since, or is gone. Exactly one of
        concurrent callers wins."""

    def annotate(self, name: str, metadata: Mapping[str, str]) -> Mapping[str, str] | None:
        """Add to an object's metadata and keep its other keys and its content; return all of its metadata, None when
        there is no such object."""

    def put(self, name: str, body: bytes, *, content_type: str, metadata: Mapping[str, str] = {}) -> None:
        """Write the object, and overwrite an existing one."""

    def put_chunks(
        self, name: str, chunks: Iterable[bytes], *, content_type: str, metadata: Mapping[str, str] = {}
    ) -> None:
        """Write as `put` does, for content that need not fit in memory. The write is atomic: when `chunks` raises, the
        object stays as it was."""

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """Remove the object, if it is there; with `generation`, only if it has not been written since."""

    def get(self, name: str) -> bytes | None:
        """Return the content, None when there is no such object."""

    def info(self, name: str) -> ObjectInfo | None:
        """Return the object's entry of a listing, None when there is no such object."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the objects below `prefix`, by name."""

    def check(self) -> None:
        """Raise Unavailable when the bucket cannot be reached."""
