"""The port for objects keeps its promises in memory and on Google's client alike."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from gcp_emulators.testing import running
from tipoff_common.adapters.storage import GcsObjects, storage_client
from tipoff_common.ports import ObjectInfo, Objects
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


def test_an_object_is_written_over_at_the_generation_that_was_read(objects: Objects) -> None:
    assert objects.create("claim", b"first")
    read = objects.read("claim")
    assert read is not None
    assert read.body == b"first"
    assert objects.replace("claim", b"second", generation=read.generation)
    assert not objects.replace("claim", b"third", generation=read.generation)
    assert objects.get("claim") == b"second"


def test_what_is_not_there_is_neither_read_nor_replaced_nor_annotated(objects: Objects) -> None:
    assert objects.read("claim") is None
    assert not objects.replace("claim", b"body", generation=12345)
    assert objects.annotate("claim", {"a": "1"}) is None
    assert objects.get("claim") is None


def test_of_concurrent_replacements_exactly_one_wins(objects: Objects) -> None:
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


def test_metadata_is_added_to_and_the_rest_stays(objects: Objects) -> None:
    objects.create(
        "file", b"{}", content_type="application/json", metadata={"fetched-at": "1", "execution-id": "a"}
    )
    assert objects.annotate("file", {"fetched-at": "2"}) == {"fetched-at": "2", "execution-id": "a"}
    info = objects.info("file")
    assert isinstance(info, ObjectInfo)
    assert info.metadata == {"fetched-at": "2", "execution-id": "a"}
    assert objects.get("file") == b"{}"


def test_as_many_calls_at_a_time_as_there_are_connections_open_no_other(
    objects: Objects, caplog: pytest.LogCaptureFixture
) -> None:
    """A pool of ten under forty threads filled the logs and opened a connection for every call."""
    together = threading.Barrier(CALLERS)

    def call(number: int) -> None:
        together.wait()
        for turn in range(5):
            objects.create(f"{number}/{turn}", b"body")

    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(call, range(CALLERS)))
    assert "Connection pool is full" not in caplog.text
    assert len(list(objects.list(""))) == CALLERS * 5
