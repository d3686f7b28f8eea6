"""Ports to the cloud: a bus, a warehouse, objects. Adapters implement them on Google's clients."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # whoever asks the warehouse need not load the events
    from tipoff_common.binding import Envelope

DATASET = "nba_orchestration"
Row = Mapping[str, Any]
Parameter = str | int | float | bool | datetime | date | Sequence[str] | Sequence[date]


class Unavailable(Exception):
    """A part of the cloud did not do what was asked; nothing can be assumed done, asking again may help."""


class Overloaded(Unavailable):
    """More is waiting than is taken; nothing was done, ask again after `RETRY_SECONDS`."""

    RETRY_SECONDS = 5


class PermanentRefusal(Exception):
    """A part of the cloud will never do what was asked: redelivery cannot mend it.

    The push edge records the message on dead-letters and acknowledges it; a caller is answered 422.
    """


class RowsRefused(Exception):
    """The warehouse refused rows for what they contain; `errors` maps the row's index to the reason. The rows beside
    them are durable."""

    def __init__(self, table: str, errors: Mapping[int, str]) -> None:
        super().__init__(f"{table}: {len(errors)} row(s) refused: {next(iter(errors.values()), '')}")
        self.errors = errors


class BatchRefused(Exception):
    """The warehouse refused an append as a whole for what is in it, without saying in which row; none is durable."""


class Bus(Protocol):
    """The message bus to which events are published."""

    def publish(self, envelopes: "Iterable[Envelope]") -> None:
        """Publish; return when all are durable on their topics.

        Raises:
            PermanentRefusal: one of them can never be published; others may be.
            Unavailable: some may be published; publish all of them again.
        """

    def check(self) -> None:
        """Raise Unavailable when the topics cannot be reached."""


class Warehouse(Protocol):
    """The dataset."""

    def append(self, table: str, rows: Sequence[Row], row_ids: Sequence[str]) -> None:
        """Return when all rows are durable. Raises RowsRefused, BatchRefused or Unavailable."""

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        """Return rows of one query with named parameters. Raises Unavailable."""

    def pages(
        self, sql: str, parameters: Mapping[str, Parameter], page_rows: int
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of one query as of its start, at most `page_rows` at a time, so that there may be more of
        them than fit in memory. Raises Unavailable, also between pages."""

    def check(self) -> None:
        """Raise Unavailable when the dataset cannot be reached."""


@dataclass(frozen=True)
class ObjectInfo:
    """One object of a listing."""

    name: str
    size: int
    updated: datetime
    metadata: Mapping[str, str]
    """The custom metadata that it was written with."""


@dataclass(frozen=True)
class Versioned:
    """An object's content together with the generation that a conditional write names."""

    body: bytes
    generation: int


class Objects(Protocol):
    """One bucket.

    Every method raises Unavailable, and those that are given a name or metadata raise PermanentRefusal when Cloud
    Storage takes no such name or not as much metadata.
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
        """Write unless the object exists; False when it does. Exactly one of concurrent callers wins."""

    def read(self, name: str) -> Versioned | None:
        """Return the content and its generation, for `replace`; None when there is no such object."""

    def replace(self, name: str, body: bytes, *, generation: int) -> bool:
        """Write over exactly that generation; False when the object has changed since, or is gone. Exactly one of
        concurrent callers wins."""

    def annotate(self, name: str, metadata: Mapping[str, str]) -> Mapping[str, str] | None:
        """Add to an object's metadata, leaving its other keys and its content; all of the metadata after that, None
        when there is no such object."""

    def put(self, name: str, body: bytes, *, content_type: str, metadata: Mapping[str, str] = {}) -> None:
        """Write, replacing what is there."""

    def put_chunks(
        self, name: str, chunks: Iterable[bytes], *, content_type: str, metadata: Mapping[str, str] = {}
    ) -> None:
        """Write as `put` a content that need not fit in memory. It is there whole or not at all: what `chunks`
        raises leaves what was there before."""

    def delete(self, name: str) -> None:
        """Remove the object, if it is there."""

    def get(self, name: str) -> bytes | None:
        """Return the content, None when there is no such object."""

    def info(self, name: str) -> ObjectInfo | None:
        """Return what a listing says of the object, None when there is no such object."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the objects below `prefix`, by name."""

    def check(self) -> None:
        """Raise Unavailable when the bucket cannot be reached."""
