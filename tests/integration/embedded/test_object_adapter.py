"""The contract of the object storage port, in memory and on Google's client alike."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.support.examples import examples

from gcp_emulators.testing import running
from tipoff_common.adapters.storage import GcsObjects, storage_client
from tipoff_common.files import EXECUTION_ID, FAN_OUT, FETCHED_AT, REQUEST
from tipoff_common.limits import check_object
from tipoff_common.ports import ObjectInfo, Objects, PermanentRefusal
from tipoff_common.testing import MemoryObjects

CALLERS = 16


@pytest.fixture(scope="module")
def storage_url() -> Iterator[str]:
    with running("storage") as emulator:
        yield emulator.url


@pytest.fixture(params=["memory", "Google's client"])
def objects(
    request: pytest.FixtureRequest, storage_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Objects]:
    if request.param == "memory":
        yield MemoryObjects()
        return
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage_url)
    client = storage_client("test", storage_url, CALLERS)
    bucket = f"bucket-{uuid4().hex}"
    client.create_bucket(bucket)
    yield GcsObjects(client, bucket)
    client.close()


def test_object_is_replaced_only_at_generation_read(objects: Objects) -> None:
    assert objects.create("claim", b"first")
    read = objects.read("claim")
    assert read is not None
    assert read.body == b"first"
    assert objects.replace("claim", b"second", generation=read.generation)
    assert not objects.replace("claim", b"third", generation=read.generation)
    assert objects.get("claim") == b"second"


def test_object_is_deleted_only_at_generation_listed(objects: Objects) -> None:
    objects.put("marker", b"", content_type="text/plain")
    (first,) = objects.list("")
    objects.put("marker", b"", content_type="text/plain")
    objects.delete("marker", generation=first.generation)
    (second,) = objects.list("")
    assert objects.info("marker") == second
    assert second.generation != first.generation
    objects.delete("marker", generation=second.generation)
    objects.delete("marker", generation=second.generation)
    assert list(objects.list("")) == []


def test_absent_object_is_not_read_replaced_or_annotated(objects: Objects) -> None:
    assert objects.read("claim") is None
    assert not objects.replace("claim", b"body", generation=12345)
    assert objects.annotate("claim", {"a": "1"}) is None
    assert objects.get("claim") is None


def test_exactly_one_concurrent_replacement_wins(objects: Objects) -> None:
    objects.create("claim", b"first")
    read = objects.read("claim")
    assert read is not None
    generation, together = read.generation, threading.Barrier(CALLERS)

    def replace(number: int) -> bool:
        together.wait()
        return objects.replace("claim", str(number).encode(), generation=generation)

    with ThreadPoolExecutor(CALLERS) as pool:
        won = list(pool.map(replace, range(CALLERS)))
    assert won.count(True) == 1
    assert objects.get("claim") == str(won.index(True)).encode()


def test_annotate_merges_metadata_and_keeps_content(objects: Objects) -> None:
    objects.create(
        "file", b"{}", content_type="application/json", metadata={"fetched-at": "1", "execution-id": "a"}
    )
    assert objects.annotate("file", {"fetched-at": "2"}) == {"fetched-at": "2", "execution-id": "a"}
    info = objects.info("file")
    assert isinstance(info, ObjectInfo)
    assert info.metadata == {"fetched-at": "2", "execution-id": "a"}
    assert objects.get("file") == b"{}"


texts = st.text(max_size=40) | st.sampled_from(
    ("", "\r\n", "\x00", "\u202e", "\u2028", "%2F..%2F", "é" * 300, "\ud800", "🏀")
)
names = st.lists(texts, min_size=1, max_size=4).map("/".join)
notes = st.dictionaries(
    st.sampled_from((REQUEST, FAN_OUT, EXECUTION_ID, FETCHED_AT, "fetched-for")), texts, max_size=4
)
"""Metadata of a file: the keys are our own constants, the values may come from an event."""


@settings(
    max_examples=examples(60),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # shrinking would take minutes of calls
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=names,
    body=st.binary(max_size=200),
    metadata=notes,
    more=notes,
)
def test_any_object_is_read_back_unchanged_or_refused(
    objects: Objects, name: str, body: bytes, metadata: dict[str, str], more: dict[str, str]
) -> None:
    """Name, content and metadata are read back unchanged, or the object is refused before any write."""
    name = f"{uuid4().hex}/{name}"
    # The annotation may replace the only value that is refused.
    for written in (metadata, {**metadata, **more}):
        try:
            check_object(name, written)
        except PermanentRefusal:
            with pytest.raises(PermanentRefusal):
                objects.create(name, body, metadata=written)
            return
    assert objects.create(name, body, metadata=metadata)
    assert objects.annotate(name, more) == {**metadata, **more}
    info, read = objects.info(name), objects.read(name)
    assert info is not None
    assert read is not None
    assert (info.name, info.metadata, info.size, read.body) == (name, {**metadata, **more}, len(body), body)
    assert [item.name for item in objects.list(name)] == [name]
    assert objects.replace(name, body + b"x", generation=read.generation)
    assert objects.get(name) == body + b"x"


def test_concurrent_calls_do_not_overflow_connection_pool(
    objects: Objects, caplog: pytest.LogCaptureFixture
) -> None:
    """Regression: a pool of ten under forty threads filled the logs and opened a connection for every call."""
    together = threading.Barrier(CALLERS)

    def call(number: int) -> None:
        together.wait()
        for turn in range(5):
            objects.create(f"{number}/{turn}", b"body")

    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(call, range(CALLERS)))
    assert "Connection pool is full" not in caplog.text
    assert len(list(objects.list(""))) == CALLERS * 5
