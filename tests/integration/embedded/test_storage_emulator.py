"""The embedded object store, through Google's own client."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from google.api_core.exceptions import BadRequest, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.exceptions import InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

from gcp_emulators.testing import free_port, running

MODULE = "gcp_emulators.storage"
RETRY = DEFAULT_RETRY.with_timeout(5)


def client_for(port: int) -> storage.Client:
    return storage.Client(
        project="test",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": f"http://127.0.0.1:{port}"},
    )


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running("storage") as emulator:
        yield emulator.port


@pytest.fixture(scope="module")
def client(port: int) -> Iterator[storage.Client]:
    client = client_for(port)
    yield client
    client.close()


@pytest.fixture
def bucket(client: storage.Client) -> Any:
    return client.create_bucket(f"bucket-{uuid4().hex}")


def upload_multipart(blob: Any, data: bytes, **conditions: Any) -> None:
    blob.upload_from_string(data, retry=RETRY, **conditions)


def upload_resumable(blob: Any, data: bytes, **conditions: Any) -> None:
    blob.upload_from_file(BytesIO(data), retry=RETRY, **conditions)  # of unknown size


def upload_media(blob: Any, data: bytes, **conditions: Any) -> None:
    """Upload without metadata, a kind of upload for which the client has no method."""
    names = {
        "if_generation_match": "ifGenerationMatch",
        "if_metageneration_match": "ifMetagenerationMatch",
    }
    query = {"uploadType": "media", "name": blob.name}
    query |= {names[name]: str(value) for name, value in conditions.items()}
    url = f"{blob.client._connection.API_BASE_URL}/upload/storage/v1/b/{blob.bucket.name}/o"
    answer = blob.client._http.post(url, params=query, data=data, headers={"Content-Type": "text/plain"})
    if answer.status_code == 412:
        raise PreconditionFailed(answer.json()["error"]["message"])
    if answer.status_code == 400:
        raise BadRequest(answer.json()["error"]["message"])
    assert answer.status_code == 200, answer.text


uploads = pytest.mark.parametrize("upload", [upload_multipart, upload_resumable, upload_media])


@uploads
def test_created_only_when_absent(bucket: Any, upload: Callable[..., None]) -> None:
    upload(bucket.blob("marker"), b"first", if_generation_match=0)

    with pytest.raises(PreconditionFailed):
        upload(bucket.blob("marker"), b"second", if_generation_match=0)

    assert bucket.blob("marker").download_as_bytes(retry=RETRY) == b"first"


@uploads
def test_replaced_only_at_the_generation_that_was_read(bucket: Any, upload: Callable[..., None]) -> None:
    upload(bucket.blob("state"), b"1")
    read = bucket.get_blob("state").generation

    upload(bucket.blob("state"), b"2", if_generation_match=read)
    with pytest.raises(PreconditionFailed):
        upload(bucket.blob("state"), b"3", if_generation_match=read)

    after = bucket.get_blob("state")
    assert after.generation > read
    assert after.download_as_bytes(retry=RETRY) == b"2"
    assert after.generation == bucket.get_blob("state").generation  # from the download's own headers


@uploads
def test_refused_at_another_metageneration(bucket: Any, upload: Callable[..., None]) -> None:
    upload(bucket.blob("state"), b"1")

    with pytest.raises(PreconditionFailed):
        upload(bucket.blob("state"), b"2", if_metageneration_match=7)
    upload(bucket.blob("state"), b"3", if_metageneration_match=1)


def test_resumable_upload_fails_if_object_was_created_meanwhile(bucket: Any) -> None:
    blob = bucket.blob("slow")
    blob.chunk_size = 256 * 1024
    writer = blob.open("wb", retry=RETRY, if_generation_match=0)
    writer.write(b"x" * 300 * 1024)  # the session exists, the object does not
    bucket.blob("slow").upload_from_string(b"quick", if_generation_match=0)

    with pytest.raises(InvalidResponse, match="412"):  # the client raises this for a 412 here
        writer.close()

    assert bucket.blob("slow").download_as_bytes(retry=RETRY) == b"quick"


def test_exactly_one_concurrent_creation_wins(port: int, bucket: Any) -> None:
    threads, rounds = 16, 20
    barrier = threading.Barrier(threads)

    def create(number: int) -> list[int]:
        client = client_for(port)
        won = []
        for turn in range(rounds):
            barrier.wait(timeout=90)
            try:
                content = f"{number}".encode()
                client.bucket(bucket.name).blob(f"race/{turn}").upload_from_string(
                    content, if_generation_match=0
                )
            except PreconditionFailed:
                continue
            won.append(turn)
        client.close()
        return won

    with ThreadPoolExecutor(threads) as pool:
        won = list(pool.map(create, range(threads)))

    assert sorted(turn for turns in won for turn in turns) == list(range(rounds))
    for number, turns in enumerate(won):
        for turn in turns:
            assert bucket.blob(f"race/{turn}").download_as_bytes(retry=RETRY) == f"{number}".encode()


def test_delete_and_patch_check_generation(bucket: Any) -> None:
    blob = bucket.blob("thing")
    blob.upload_from_string(b"1")
    stale = blob.generation
    bucket.blob("thing").upload_from_string(b"2")

    with pytest.raises(PreconditionFailed):
        bucket.blob("thing").delete(if_generation_match=stale)
    with pytest.raises(PreconditionFailed):
        stale_blob = bucket.blob("thing")
        stale_blob.metadata = {"a": "b"}
        stale_blob.patch(if_generation_match=stale)
    bucket.get_blob("thing").delete()
    with pytest.raises(NotFound):
        bucket.blob("thing").download_as_bytes(retry=RETRY)
    bucket.blob("thing").upload_from_string(b"3", if_generation_match=0)


def test_generations_increase_and_times_are_current(bucket: Any) -> None:
    before = datetime.now(UTC)
    seen = []
    for content in (b"1", b"2", b"3"):
        blob = bucket.blob("thing")
        blob.upload_from_string(content)
        seen.append(blob.generation)
    stored = bucket.get_blob("thing")
    stored.metadata = {"k": "v"}
    stored.patch()

    assert seen == sorted(set(seen))
    assert timedelta(0) <= stored.updated - before < timedelta(seconds=30)
    assert stored.metageneration == 2
    assert stored.updated >= stored.time_created


def test_metadata_and_content_survive_byte_for_byte(bucket: Any) -> None:
    content = bytes(range(256)) * 50 + b"\r\n--\r\n\r"
    blob = bucket.blob("dir/file with spaces \u00e9.bin")
    blob.metadata = {"run-id": "abc", "note": "caf\u00e9"}
    blob.upload_from_string(content, content_type="text/plain; charset=utf-8")

    stored = bucket.get_blob(blob.name)

    assert stored.metadata == {"run-id": "abc", "note": "caf\u00e9"}
    assert stored.content_type == "text/plain; charset=utf-8"
    assert stored.download_as_bytes(retry=RETRY) == content
    assert stored.size == len(content)


@uploads
@pytest.mark.parametrize("name", ["nba-com/../etc/passwd", "a/./b", "a//b", "/a", "a/", "a\\b", "a/b/c", "1"])
def test_similar_names_are_separate_objects(bucket: Any, upload: Callable[..., None], name: str) -> None:
    bucket.blob("a/b").upload_from_string(b"kept")
    upload(bucket.blob(name), b"1")
    assert {blob.name for blob in bucket.list_blobs()} == {"a/b", name}
    assert bucket.blob("a/b").download_as_bytes(retry=RETRY) == b"kept"
    assert bucket.blob(name).download_as_bytes(retry=RETRY) == b"1"
    bucket.blob(name).delete()
    assert [blob.name for blob in bucket.list_blobs()] == ["a/b"]


@uploads
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a" * 1025, "maximum object length is 1024"),
        ("\u00e9" * 513, "1024 characters, but got a name with 1026"),
        ("\U0001f3c0" * 257, "but got a name with 1028"),
        ("a\nb", "line feed"),
        ("a\rb", "carriage return"),
        (".", "Invalid object name"),
        ("..", "Invalid object name"),
        (".well-known/acme-challenge/x", "must not start with"),
    ],
    ids=["1025 bytes", "1026 bytes", "1028 bytes", "LF", "CR", ".", "..", "reserved"],
)
def test_name_invalid_for_cloud_storage_is_refused(
    bucket: Any, upload: Callable[..., None], name: str, fault: str
) -> None:
    with pytest.raises((BadRequest, InvalidResponse), match=fault):
        upload(bucket.blob(name), b"1")
    assert list(bucket.list_blobs()) == []


@uploads
@pytest.mark.parametrize("name", ["/".join(["a" * 128] * 8)[:1024], "/".join(["\u00e9" * 60] * 8)])
def test_name_at_length_limit_is_accepted(bucket: Any, upload: Callable[..., None], name: str) -> None:
    upload(bucket.blob(name), b"1")
    assert bucket.blob(name).download_as_bytes(retry=RETRY) == b"1"


@pytest.mark.parametrize("upload", [upload_multipart, upload_resumable])
def test_metadata_is_accepted_up_to_8_kib(bucket: Any, upload: Callable[..., None]) -> None:
    blob = bucket.blob("thing")
    blob.metadata = {"key": "\u00e9" * 4095}  # 3 bytes of key, 8,190 of value
    with pytest.raises((BadRequest, InvalidResponse), match="Metadata part is too large"):
        upload(blob, b"1")
    assert bucket.get_blob("thing") is None
    blob.metadata = {"key": "\u00e9" * 4094 + "a"}
    upload(blob, b"1")
    assert bucket.get_blob("thing").metadata == blob.metadata


def test_patch_counts_existing_metadata_towards_limit(bucket: Any) -> None:
    blob = bucket.blob("thing")
    blob.metadata = {"one": "a" * 5_000}
    blob.upload_from_string(b"1")
    patched = bucket.blob("thing")
    patched.metadata = {"two": "b" * 5_000}
    with pytest.raises(BadRequest, match="Metadata part is too large"):
        patched.patch()
    assert bucket.get_blob("thing").metadata == {"one": "a" * 5_000}


@pytest.mark.parametrize("data", [b'{"records": [1]}', b"no JSON", b""])
def test_a_simple_upload_is_stored_byte_for_byte(port: int, bucket: Any, data: bytes) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{port}/upload/storage/v1/b/{bucket.name}/o",
        params={"uploadType": "media", "name": "a.json"},
        headers={"Content-Type": "application/json"},
        content=data,
    )
    assert answer.status_code == 200, answer.text
    blob = bucket.get_blob("a.json")
    assert (blob.content_type, blob.download_as_bytes()) == ("application/json", data)


def test_list_by_prefix_is_sorted(bucket: Any) -> None:
    for name in ("day/2", "day/10", "day/1", "other/1"):
        bucket.blob(name).upload_from_string(name)

    assert [blob.name for blob in bucket.list_blobs(prefix="day/")] == ["day/1", "day/10", "day/2"]


def test_objects_survive_kill_and_restart(tmp_path: Path) -> None:
    for stop in ("kill", "terminate", None):
        with running("storage", "--data-dir", str(tmp_path)) as emulator:
            client = client_for(emulator.port)
            bucket = client.bucket("kept")
            if stop == "kill":
                client.create_bucket("kept")
                for number in range(20):
                    bucket.blob(f"o/{number}").upload_from_string(str(number))
                bucket.blob("o/7").delete()
            with pytest.raises(PreconditionFailed):
                bucket.blob("o/8").upload_from_string(b"again", if_generation_match=0)
            names = {blob.name for blob in bucket.list_blobs()}
            assert names == {f"o/{number}" for number in range(20) if number != 7}
            assert bucket.blob("o/9").download_as_bytes(retry=RETRY) == b"9"
            client.close()
            if stop == "kill":
                emulator.kill()


def test_taken_port_is_reported(port: int) -> None:
    command = [sys.executable, "-m", MODULE, "--port", str(port)]
    ended = subprocess.run(command, capture_output=True, timeout=90, check=False)

    assert ended.returncode != 0
    assert str(port).encode() in ended.stderr


TOLD_AT_ONCE = f"""
import signal, socket, sys
from {MODULE}.__main__ import main
listen = socket.create_server
def told(*arguments, **options):
    listener = listen(*arguments, **options)
    Signal()
    return listener
class Signal:  # arrives while an object is collected, where an exception would be lost
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
socket.create_server = told
sys.exit(main(sys.argv[1:]))
"""


def test_sigterm_before_serving_exits_with_0() -> None:
    """It already listens by then, and its parent only waits for that."""
    command = [sys.executable, "-c", TOLD_AT_ONCE, "--port", str(free_port())]
    ended = subprocess.run(command, capture_output=True, timeout=90, check=False)

    assert (ended.returncode, ended.stderr) == (0, b"")
