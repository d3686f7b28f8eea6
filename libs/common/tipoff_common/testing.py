"""In-memory fakes of the ports, for tests and benchmarks; each can be made to fail."""

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tipoff_common.binding import Envelope, encode
from tipoff_common.events import Event
from tipoff_common.files import JOURNAL
from tipoff_common.limits import check_message, check_object
from tipoff_common.ports import ObjectInfo, Parameter, Row, RowsRefused, Unavailable, Versioned

WRITTEN_AT = datetime(2025, 1, 15, 17, 0, tzinfo=UTC)


@dataclass
class MemoryObjects:
    """One bucket. `create` is atomic, as Cloud Storage's if_generation_match=0 is."""

    bucket: str = "state"
    down: bool = False
    """Whether calls fail."""
    bodies: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, Mapping[str, str]] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: 1))
    """Generations by name; 1 for a body that a test put into `bodies` itself."""
    now: datetime = WRITTEN_AT
    """The time of the bucket's clock."""
    updated: dict[str, datetime] = field(default_factory=dict)
    _next_generation: Iterator[int] = field(default_factory=lambda: itertools.count(2))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def files(self) -> dict[str, bytes]:
        """The payloads and records of the data bucket: all but the journal."""
        return {name: body for name, body in self.bodies.items() if not name.startswith(f"{JOURNAL}/")}

    def create(
        self,
        name: str,
        body: bytes,
        *,
        content_type: str = "application/octet-stream",  # noqa: ARG002  # the port's signature
        metadata: Mapping[str, str] = {},
    ) -> bool:
        """See `Objects.create`."""
        self.check()
        with self._lock:
            if name in self.bodies:
                return False
            self._write(name, body, metadata)
            return True

    def read(self, name: str) -> Versioned | None:
        """See `Objects.read`."""
        self.check()
        with self._lock:
            return Versioned(self.bodies[name], self.generations[name]) if name in self.bodies else None

    def replace(self, name: str, body: bytes, *, generation: int) -> bool:
        """See `Objects.replace`."""
        self.check()
        with self._lock:
            if name not in self.bodies or self.generations[name] != generation:
                return False
            self._write(name, body, {})
            return True

    def annotate(self, name: str, metadata: Mapping[str, str]) -> Mapping[str, str] | None:
        """See `Objects.annotate`."""
        self.check()
        with self._lock:
            if name not in self.bodies:
                return None
            self.metadata[name] = {**self.metadata[name], **metadata}
            return self.metadata[name]

    def put(self, name: str, body: bytes, *, content_type: str, metadata: Mapping[str, str] = {}) -> None:  # noqa: ARG002
        """See `Objects.put`."""
        self.check()
        with self._lock:
            self._write(name, body, metadata)

    def _write(self, name: str, body: bytes, metadata: Mapping[str, str]) -> None:
        check_object(name, metadata)
        self.bodies[name], self.metadata[name] = body, dict(metadata)
        self.generations[name], self.updated[name] = next(self._next_generation), self.now

    def put_chunks(
        self, name: str, chunks: Iterable[bytes], *, content_type: str, metadata: Mapping[str, str] = {}
    ) -> None:
        """See `Objects.put_chunks`."""
        self.put(name, b"".join(chunks), content_type=content_type, metadata=metadata)

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """See `Objects.delete`."""
        self.check()
        with self._lock:
            if generation in (None, self.generations[name]):
                self.bodies.pop(name, None)

    def get(self, name: str) -> bytes | None:
        """See `Objects.get`."""
        self.check()
        check_object(name)
        return self.bodies.get(name)

    def info(self, name: str) -> ObjectInfo | None:
        """See `Objects.info`."""
        self.check()
        return self._info(name) if name in self.bodies else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Objects.list`."""
        self.check()
        for name in sorted(self.bodies):
            if name.startswith(prefix):
                yield self._info(name)

    def check(self) -> None:
        """See `Objects.check`."""
        if self.down:
            raise Unavailable(f"bucket {self.bucket} is down")

    def _info(self, name: str) -> ObjectInfo:
        updated = self.updated.get(name, WRITTEN_AT)
        return ObjectInfo(
            name, len(self.bodies[name]), updated, self.metadata.get(name, {}), self.generations[name]
        )


@dataclass
class RecordingBus:
    """Records published events, and applies Pub/Sub's limits."""

    capacity: int | None = None
    """How many events it still accepts; None for any number."""
    published: list[Envelope] = field(default_factory=list)

    def publish(self, envelopes: Iterable[Envelope]) -> None:
        """Record the events; raises Unavailable once `capacity` is used up."""
        for envelope in envelopes:
            check_message(*encode(envelope))
            self.check()
            self.published.append(envelope)
            self.capacity = None if self.capacity is None else self.capacity - 1

    def check(self) -> None:
        """See `Bus.check`."""
        if self.capacity == 0:
            raise Unavailable("the bus is down")

    @property
    def events(self) -> list[Event]:
        """The published events, oldest first."""
        return [envelope.payload for envelope in self.published]

    def of(self, kind: type[Event]) -> list[Any]:
        """Return the published events of one kind."""
        return [event for event in self.events if type(event) is kind]


@dataclass
class MemoryWarehouse:
    """Records appended rows, by table."""

    down: bool = False
    refused: Mapping[int, str] = field(default_factory=dict)
    """The reasons why rows of each append are refused, by row index; {} refuses no row."""
    answer: Callable[[str, Mapping[str, Parameter]], list[dict[str, Any]]] = lambda _sql, _: []
    """Returns the rows of a query; may raise Unavailable."""
    tables: dict[str, list[Row]] = field(default_factory=dict)
    row_ids: list[str] = field(default_factory=list)

    def append(self, table: str, rows: Sequence[Row], row_ids: Sequence[str]) -> None:
        """See `Warehouse.append`."""
        self.check()
        good = [place for place in range(len(rows)) if place not in self.refused]
        self.tables.setdefault(table, []).extend(rows[place] for place in good)
        self.row_ids.extend(row_ids[place] for place in good)
        if self.refused:
            raise RowsRefused(table, self.refused)

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        """See `Warehouse.query`."""
        self.check()
        return self.answer(sql, parameters)

    def pages(
        self, sql: str, parameters: Mapping[str, Parameter], page_rows: int
    ) -> Iterator[list[dict[str, Any]]]:
        """See `Warehouse.pages`."""
        rows = self.query(sql, parameters)
        for start in range(0, len(rows), page_rows):
            self.check()
            yield rows[start : start + page_rows]

    def check(self) -> None:
        """See `Warehouse.check`."""
        if self.down:
            raise Unavailable("the warehouse is down")
