"""The ports in simulated time: every call takes time, may fail before or after its effect, and may end in a crash."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import greenlet

from tests.simulation import dataset
from tests.simulation.faults import Kind
from tipoff_common.binding import Envelope
from tipoff_common.identity import content_hash
from tipoff_common.limits import check_object
from tipoff_common.ports import ObjectInfo, Parameter, Row, Unavailable, Versioned

if TYPE_CHECKING:
    from tests.simulation.process import Process

T = TypeVar("T")
INSERT_ID_WINDOW = 60.0
"""The minimum time for which the warehouse remembers an insertId."""
CLIENT_TIMEOUT = 20.0
"""A call without a response for so long has failed for its caller."""


def call(
    process: "Process", part: str, operation: str, effect: Callable[[], T], timeout: float = math.inf
) -> T:
    """Make one call of a process to a part of the cloud.

    The effect happens at one instant, between the request and the response. timeout: seconds after which the caller
    gives up. Raises: Unavailable: the caller cannot know whether the effect happened.
    """
    world, hub = process.world, process.world.hub
    if hub.current is not None and hub.current.killed:
        raise greenlet.GreenletExit  # unwinding: the process that makes the call is gone
    process.calls += 1
    crash = process.take_planned_crash()
    if crash is not None and not int(crash.size) % 2:
        process.crash(f"before {part} {operation}", crash)
        raise greenlet.GreenletExit
    slow = world.injector.hit(Kind.SLOW, hub.now, part)
    duration = min(timeout, world.latency() + (slow.size if slow else 0.0))
    # A slow call takes half of its time on either way. Any other call spends its whole time on one way, which the seed
    # draws: other tasks run before the effect, or after it.
    outbound_delay = duration / 2 if slow else duration if world.draw.random() < 0.5 else 0.0
    if outbound_delay and hub.current is not None:
        hub.sleep(outbound_delay)
    if world.injector.hit(Kind.ERROR_BEFORE, hub.now, part):
        world.log.add(hub.now, "fault", process.name, what=f"{part} fails before {operation}")
        raise Unavailable(f"{part}: 503")
    result = effect()
    if crash is not None:
        process.crash(f"after {part} {operation}", crash)
        raise greenlet.GreenletExit
    failed = world.injector.hit(Kind.ERROR_AFTER, hub.now, part)
    if duration > outbound_delay and hub.current is not None:
        hub.sleep(duration - outbound_delay)
    if failed is not None or duration > CLIENT_TIMEOUT:
        world.log.add(hub.now, "fault", process.name, what=f"{part} fails after {operation}")
        raise Unavailable(f"{part}: no answer")
    return result


@dataclass
class Stored:
    """One object of the bucket."""

    body: bytes
    generation: int
    updated: datetime
    metadata: Mapping[str, str]


@dataclass
class Bucket:
    """One process's client of one bucket; all clients share `objects`."""

    process: "Process"
    bucket: str
    objects: dict[str, Stored]

    def create(
        self,
        name: str,
        body: bytes,
        *,
        content_type: str = "application/octet-stream",  # noqa: ARG002  # the port's signature
        metadata: Mapping[str, str] = {},
    ) -> bool:
        check_object(name, metadata)
        return self._call("create", name, lambda: self._write_if(name, body, 0, metadata, "create"))

    def read(self, name: str) -> Versioned | None:
        def effect() -> Versioned | None:
            found = self.objects.get(name)
            return None if found is None else Versioned(found.body, found.generation)

        return self._call("read", name, effect)

    def replace(self, name: str, body: bytes, *, generation: int) -> bool:
        return self._call("replace", name, lambda: self._write_if(name, body, generation, {}, "replace"))

    def annotate(self, name: str, metadata: Mapping[str, str]) -> Mapping[str, str] | None:
        def effect() -> Mapping[str, str] | None:
            found = self.objects.get(name)
            if found is None:
                return None
            found.metadata = {**found.metadata, **metadata}
            found.updated = self.process.world.instant()
            return found.metadata

        return self._call("annotate", name, effect)

    def put(self, name: str, body: bytes, *, content_type: str, metadata: Mapping[str, str] = {}) -> None:  # noqa: ARG002
        self._call("put", name, lambda: self._write(name, body, metadata, "put"))

    def put_chunks(
        self, name: str, chunks: Iterable[bytes], *, content_type: str, metadata: Mapping[str, str] = {}
    ) -> None:
        self.put(name, b"".join(chunks), content_type=content_type, metadata=metadata)

    def delete(self, name: str, *, generation: int | None = None) -> None:
        def effect() -> None:
            found = self.objects.get(name)
            if found is None:
                return
            won = generation in (None, found.generation)
            if won:
                del self.objects[name]
            self._log("delete", name, won=won)

        self._call("delete", name, effect)

    def get(self, name: str) -> bytes | None:
        found = self.read(name)
        return None if found is None else found.body

    def info(self, name: str) -> ObjectInfo | None:
        return self._call("info", name, lambda: self._info(name) if name in self.objects else None)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        yield from self._call(
            "list",
            prefix,
            lambda: [self._info(name) for name in sorted(self.objects) if name.startswith(prefix)],
        )

    def check(self) -> None:
        """Readiness is not simulated."""

    def _call(self, verb: str, name: str, effect: Callable[[], T]) -> T:
        return call(self.process, "bucket", f"{verb} {name}", effect)

    def _write_if(
        self, name: str, body: bytes, generation: int, metadata: Mapping[str, str], verb: str
    ) -> bool:
        found = self.objects.get(name)
        if (found.generation if found else 0) != generation:
            self._log(verb, name, won=False)
            return False
        self._write(name, body, metadata, verb)
        return True

    def _write(self, name: str, body: bytes, metadata: Mapping[str, str], verb: str) -> None:
        world = self.process.world
        world.generations += 1
        self.objects[name] = Stored(body, world.generations, world.instant(), dict(metadata))
        self._log(verb, name, won=True, digest=content_hash(body)[:16])

    def _log(self, verb: str, name: str, **facts: Any) -> None:
        world = self.process.world
        world.log.add(
            world.hub.now, "object", self.process.name, op=verb, bucket=self.bucket, name=name, **facts
        )

    def _info(self, name: str) -> ObjectInfo:
        found = self.objects[name]
        return ObjectInfo(name, len(found.body), found.updated, found.metadata, found.generation)


@dataclass
class Bus:
    """One process's client of Pub/Sub."""

    process: "Process"

    def publish(self, envelopes: Iterable[Envelope]) -> None:
        events = [envelope.payload for envelope in envelopes]
        if not events:
            return
        world = self.process.world

        def effect() -> bool:
            partial = world.injector.hit(Kind.PARTIAL, world.hub.now, "bus")
            # A client sends its messages in several concurrent requests: any of them may fail.
            for event in events:
                if partial is None or world.injector.draw(partial).random() < 0.5:
                    world.broker.publish(event, self.process)
            return partial is None

        if not call(self.process, "bus", f"publish {len(events)}", effect):
            world.log.add(
                world.hub.now, "fault", self.process.name, what="a part of the events was published"
            )
            raise Unavailable("bus: some of the events were not published")

    def check(self) -> None:
        """Readiness is not simulated."""


@dataclass
class Rows:
    """The tables, shared by all processes. Queries return a row from `visible` on."""

    tables: dict[str, list[tuple[float, Row]]] = field(default_factory=lambda: defaultdict(list))
    insert_ids: dict[tuple[str, str], float] = field(default_factory=dict)

    def visible_rows(self, now: float) -> Mapping[str, Sequence[Row]]:
        """Return the rows that a query can read at this instant."""
        found: dict[str, list[Row]] = defaultdict(list)
        for table, rows in self.tables.items():
            found[table] = [row for visible, row in rows if visible <= now]
        return found


@dataclass
class Warehouse:
    """One process's client of the dataset."""

    process: "Process"

    def append(self, table: str, rows: Sequence[Row], row_ids: Sequence[str]) -> None:
        world = self.process.world

        def effect() -> bool:
            partial = world.injector.hit(Kind.PARTIAL, world.hub.now, "warehouse")
            for row, row_id in zip(rows, row_ids, strict=True):
                if partial is None or world.injector.draw(partial).random() < 0.5:
                    self._store(table, row, row_id)
            return partial is None

        if not call(self.process, "warehouse", f"append {len(rows)} to {table}", effect):
            world.log.add(world.hub.now, "fault", self.process.name, what="a part of the rows was appended")
            raise Unavailable("warehouse: some rows were not appended")

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        world = self.process.world
        world.queries.append((sql, parameters))
        return call(
            self.process,
            "warehouse",
            "query",
            lambda: dataset.answer(sql, parameters, world.rows.visible_rows(world.hub.now)),
        )

    def pages(
        self, sql: str, parameters: Mapping[str, Parameter], page_rows: int
    ) -> Iterator[list[dict[str, Any]]]:
        rows = self.query(sql, parameters)
        for start in range(0, len(rows), page_rows):
            yield rows[start : start + page_rows]

    def check(self) -> None:
        """Readiness is not simulated."""

    def _store(self, table: str, row: Row, row_id: str) -> None:
        world = self.process.world
        now = world.hub.now
        known = world.rows.insert_ids.get((table, row_id))
        world.rows.insert_ids[table, row_id] = now
        is_duplicate = known is not None and now - known < INSERT_ID_WINDOW
        # Best effort: https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataconsistency
        if is_duplicate and not world.injector.hit(Kind.NO_DEDUPLICATION, now):
            return
        late = world.injector.hit(Kind.LATE_ROWS, now)
        visible = now + (world.injector.draw(late).uniform(0, late.size) if late else 0.0)
        world.rows.tables[table].append((visible, row))
        world.log.add(now, "row", self.process.name, table=table, row_id=row_id, row=row)


def instant_of(start: datetime, seconds: float) -> datetime:
    """Return the instant after so many seconds of the simulation."""
    return start + timedelta(seconds=seconds)
