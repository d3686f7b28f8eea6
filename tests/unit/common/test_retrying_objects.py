"""Tests of calls to a bucket that are retried for a bounded time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tipoff_common import retrying_objects
from tipoff_common.limits import check_object
from tipoff_common.ports import PermanentRefusal, Unavailable
from tipoff_common.retrying_objects import RetryingObjects
from tipoff_common.testing import MemoryObjects


@dataclass
class Failing(MemoryObjects):
    """A bucket whose next calls fail."""

    failures: int = 0
    lost: int = 0
    """Writes that succeed although their responses are lost."""
    calls: list[str] = field(default_factory=list)

    def check(self) -> None:
        self.calls.append("call")
        if self.failures:
            self.failures -= 1
            raise Unavailable("503")

    def create(self, name: str, body: bytes, **options: Any) -> bool:
        created = super().create(name, body, **options)
        self._lose()
        return created

    def replace(self, name: str, body: bytes, *, generation: int) -> bool:
        replaced = super().replace(name, body, generation=generation)
        self._lose()
        return replaced

    def _lose(self) -> None:
        if self.lost:
            self.lost -= 1
            raise Unavailable("connection reset")


CALLS: list[Callable[[RetryingObjects], Any]] = [
    lambda bucket: bucket.create("b", b"1"),
    lambda bucket: bucket.replace("a", b"2", generation=1),
    lambda bucket: bucket.read("a"),
    lambda bucket: bucket.get("a"),
    lambda bucket: bucket.info("a"),
    lambda bucket: bucket.annotate("a", {"k": "v"}),
    lambda bucket: bucket.put("a", b"3", content_type="text/plain"),
    lambda bucket: bucket.delete("a"),
    lambda bucket: list(bucket.list("")),
]


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying_objects, "DELAYS", (0.0,) * len(retrying_objects.DELAYS))


@pytest.mark.parametrize("call", CALLS)
def test_every_call_is_retried_a_bounded_number_of_times(call: Callable[[RetryingObjects], Any]) -> None:
    few, many = len(retrying_objects.DELAYS), len(retrying_objects.DELAYS) + 1
    calm = call(RetryingObjects(Failing(bodies={"a": b"1"}, metadata={"a": {}})))
    assert call(RetryingObjects(Failing(bodies={"a": b"1"}, metadata={"a": {}}, failures=few))) == calm
    with pytest.raises(Unavailable):
        call(RetryingObjects(Failing(bodies={"a": b"1"}, metadata={"a": {}}, failures=many)))


def test_write_with_lost_response_counts_as_success() -> None:
    bucket = RetryingObjects(Failing(lost=1))
    assert bucket.create("a", b"mine")
    assert not bucket.create("a", b"another's")
    assert RetryingObjects(Failing(bodies={"a": b"1"}, lost=1)).replace("a", b"2", generation=1)


def test_retried_create_does_not_overwrite_another_writer() -> None:
    objects = Failing(bodies={"a": b"theirs"}, failures=1)
    assert not RetryingObjects(objects).create("a", b"mine")
    assert objects.bodies == {"a": b"theirs"}


def test_slow_failure_is_not_retried() -> None:
    """The adapter has retried for seconds by then, and the message's deadline leaves no more time."""
    clock = iter([0.0, 100.0])
    objects = Failing(failures=1)
    with pytest.raises(Unavailable):
        RetryingObjects(objects, monotonic=lambda: next(clock)).get("a")
    assert len(objects.calls) == 1


def test_permanent_refusal_is_not_retried() -> None:
    objects = Failing()
    with pytest.raises(PermanentRefusal):
        check_object("x" * 2000, {})
    with pytest.raises(PermanentRefusal):
        RetryingObjects(objects).create("x" * 2000, b"")
    assert len(objects.calls) == 1
