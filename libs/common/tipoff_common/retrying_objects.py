"""A wrapper of a bucket that repeats failed calls at once, for callers that make many calls for one result.

When three calls in ten fail, an evaluation of sixty calls would never succeed, however often Pub/Sub redelivers its
tick. Cloud Storage's adapter retries for seconds the errors that its client calls transient. This wrapper repeats the
calls that fail fast: those that the adapter tries once, failed refreshes of credentials, and those of other adapters.
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
"""Seconds before each repetition. When three tries in ten fail, one call in 1,400 fails all six tries; an outage costs
the caller a third of a second."""
PATIENCE_SECONDS = 2.0
"""The adapter has retried a call that took this long; another round would use up the caller's deadline."""


class RetryingObjects:
    """An `Objects` that repeats calls that raise Unavailable; it does not repeat a PermanentRefusal."""

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
        # No retries: `chunks` can be read only once.
        self._objects.put_chunks(name, chunks, content_type=content_type, metadata=metadata)

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """See `Objects.delete`."""
        self._repeated(lambda: self._objects.delete(name, generation=generation))

    def get(self, name: str) -> bytes | None:
        """See `Objects.get`."""
        return self._repeated(lambda: self._objects.get(name))

    def info(self, name: str) -> ObjectInfo | None:
        """See `Objects.info`."""
        return self._repeated(lambda: self._objects.info(name))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Objects.list`."""
        # Read the whole listing within one try: a listing that breaks off starts again.
        return iter(self._repeated(lambda: [*self._objects.list(prefix)]))

    def check(self) -> None:
        """See `Objects.check`."""
        # No retries: probes repeat the check anyway, and it should show the bucket's present state.
        self._objects.check()

    def _write(self, write: Callable[[], bool], name: str, body: bytes) -> bool:
        """Repeat a conditional write; after a lost answer, the content shows whether this write won."""
        failed = False

        def attempt() -> bool:
            nonlocal failed
            try:
                return write()
            except Unavailable:
                failed = True
                raise

        written = self._repeated(attempt)
        # Only after a failed try: otherwise False means that another writer was first, even with the same content.
        return written or (failed and self.get(name) == body)

    def _repeated(self, call: Callable[[], T]) -> T:
        """Return the call's result. Raises Unavailable when the last repetition does, or after a long try."""
        began = self._monotonic()
        for delay in DELAYS:
            try:
                return call()
            except Unavailable as error:
                if self._monotonic() - began > PATIENCE_SECONDS:
                    raise
                log.info("retrying a bucket call", extra={"detail": str(error)})
                self._sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  # jitter, not a secret
        return call()


def retrying(objects: Objects) -> Objects:
    """Return the bucket wrapped in RetryingObjects, or unchanged when it is one."""
    return objects if isinstance(objects, RetryingObjects) else RetryingObjects(objects)
