"""A bucket whose failed calls are repeated at once, for callers that make many calls for one answer.

At a fault in three calls an evaluation of sixty calls would never get through, however often its tick is delivered
again. Cloud Storage's adapter tries for seconds what its client calls transient; this repeats what fails fast: calls
that the adapter makes once, credentials that could not be refreshed, any other adapter of the port.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from tipoff_common.ports import ObjectInfo, Objects, Unavailable, Versioned

log = logging.getLogger(__name__)
T = TypeVar("T")

DELAYS: tuple[float, ...] = (0.0, 0.02, 0.04, 0.08, 0.16)
"""Seconds before each repetition. Six tries: at a fault in three calls one in 1,400 fails for good, and an outage costs
the caller a third of a second."""
PATIENCE_SECONDS = 2.0
"""A call that took this long was tried long enough by the adapter; another round would use up the deadline."""


class RetryingObjects:
    """An `Objects` that repeats calls that raise Unavailable. A refusal that stays is not repeated."""

    def __init__(
        self,
        objects: Objects,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objects, self._sleep, self._monotonic = objects, sleep, monotonic

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._objects.bucket

    def create(
        self,
        name: str,
        body: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] = {},
    ) -> bool:
        """See `Objects.create`."""
        return self._write(
            lambda: self._objects.create(name, body, content_type=content_type, metadata=metadata), name, body
        )

    def replace(self, name: str, body: bytes, *, generation: int) -> bool:
        """See `Objects.replace`."""
        return self._write(lambda: self._objects.replace(name, body, generation=generation), name, body)

    def read(self, name: str) -> Versioned | None:
        """See `Objects.read`."""
        return self._repeated(lambda: self._objects.read(name))

    def annotate(self, name: str, metadata: Mapping[str, str]) -> Mapping[str, str] | None:
        """See `Objects.annotate`."""
        return self._repeated(lambda: self._objects.annotate(name, metadata))

    def put(self, name: str, body: bytes, *, content_type: str, metadata: Mapping[str, str] = {}) -> None:
        """See `Objects.put`."""
        self._repeated(lambda: self._objects.put(name, body, content_type=content_type, metadata=metadata))

    def put_chunks(
        self, name: str, chunks: Iterable[bytes], *, content_type: str, metadata: Mapping[str, str] = {}
    ) -> None:
        """See `Objects.put_chunks`."""
        # Once: what was read from `chunks` is gone.
        self._objects.put_chunks(name, chunks, content_type=content_type, metadata=metadata)

    def delete(self, name: str) -> None:
        """See `Objects.delete`."""
        self._repeated(lambda: self._objects.delete(name))

    def get(self, name: str) -> bytes | None:
        """See `Objects.get`."""
        return self._repeated(lambda: self._objects.get(name))

    def info(self, name: str) -> ObjectInfo | None:
        """See `Objects.info`."""
        return self._repeated(lambda: self._objects.info(name))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Objects.list`."""
        # Read to its end within the repetition: a listing that breaks off half way begins anew.
        return iter(self._repeated(lambda: [*self._objects.list(prefix)]))

    def check(self) -> None:
        """See `Objects.check`."""
        # Readiness is asked again anyway, and is to show what the bucket does now.
        self._objects.check()

    def _write(self, write: Callable[[], bool], name: str, body: bytes) -> bool:
        """Repeat a conditional write; one whose answer was lost is told from another caller's by its content."""
        failed = False

        def attempt() -> bool:
            nonlocal failed
            try:
                return write()
            except Unavailable:
                failed = True
                raise

        written = self._repeated(attempt)
        # Only after a failed try: without one, False means that somebody else was
        # first, whatever the content is.
        return written or (failed and self.get(name) == body)

    def _repeated(self, call: Callable[[], T]) -> T:
        """Return what the call returns. Raises Unavailable when the last repetition does, or after a long try."""
        began = self._monotonic()
        for delay in DELAYS:
            try:
                return call()
            except Unavailable as error:
                if self._monotonic() - began > PATIENCE_SECONDS:
                    raise
                log.info("bucket call is repeated", extra={"detail": str(error)})
                self._sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  # jitter, not a secret
        return call()


def retrying(objects: Objects) -> Objects:
    """Return the bucket with failed calls repeated; as it is when it repeats them already."""
    return objects if isinstance(objects, RetryingObjects) else RetryingObjects(objects)
