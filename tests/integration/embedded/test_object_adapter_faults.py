"""The object storage port on Google's client while calls fail: bounded retries, and no call takes effect twice."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from google.auth.credentials import AnonymousCredentials
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as Unreachable
from urllib3 import BaseHTTPResponse

from gcp_emulators.testing import running
from tipoff_common.adapters import storage
from tipoff_common.adapters.storage import GcsObjects, storage_client
from tipoff_common.ports import PermanentRefusal, Unavailable

CALLS = 300
Answer = TypeVar("Answer", Response, BaseHTTPResponse)


class Faults:
    """A fault injector that fails a share of the calls: not sent, sent with the response lost, or answered 503."""

    def __init__(self, share: float) -> None:
        self.share, self.sent, self.failed = share, 0, 0
        self._random = random.Random(7)  # noqa: S311  # faults, no secrets

    def send(self, call: Callable[[], Answer]) -> Answer:
        """Make the call, or fail with ConnectionError."""
        self.sent += 1
        if self._random.random() >= self.share:
            return call()
        self.failed += 1
        match self._random.randrange(3):
            case 0:
                raise Unreachable("connection refused")
            case 1:
                call()
                raise Unreachable("connection reset")
        return answered(call(), 503)


class FaultyTransport(HTTPAdapter):
    """The transport of Google's client that carries the rare calls."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        return self._faults.send(lambda: super(FaultyTransport, self).send(request, *arguments, **options))


def answered(answer: Answer, status: int) -> Answer:
    """Return the response with another status, read to its end so that its connection is free."""
    if isinstance(answer, Response):
        assert answer.content is not None
        answer.status_code = status
    else:
        answer.status = status
    return answer


@pytest.fixture(scope="module")
def storage_url() -> Iterator[str]:
    with running("storage") as emulator:
        yield emulator.url


@pytest.fixture
def objects(storage_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsObjects]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage_url)
    # Shorten the back-off, which is not under test here.
    retry = storage._retry
    monkeypatch.setattr(storage, "_retry", lambda *told: retry(*told).with_delay(0.001, 0.01, 2.0))
    client = storage_client("test", storage_url)
    bucket = f"bucket-{uuid4().hex}"
    client.create_bucket(bucket)
    yield GcsObjects(client, bucket)
    client.close()


def fail(objects: GcsObjects, share: float) -> Faults:
    """Inject faults between the adapter and the network, on both of its transports."""
    faults = Faults(share)
    mount(objects, faults)
    return faults


def mount(objects: GcsObjects, faults: Faults) -> None:
    client = objects._client
    client._http.get_adapter("http://x").close()
    client._http.mount("http://", FaultyTransport(faults))
    send = client.calls._send
    client.calls._send = lambda *arguments: faults.send(lambda: send(*arguments))


def test_calls_succeed_while_three_in_ten_fail(objects: GcsObjects) -> None:
    """Without retries one tick in a thousand had all of its twenty calls succeed."""
    transport = fail(objects, 0.3)
    for number in range(CALLS):
        name, body = f"ticks/{number}", str(number).encode()
        assert objects.create(name, body), "nobody else was first"
        assert not objects.create(name, b"another")
        assert objects.get(name) == body
    assert len(list(objects.list("ticks/"))) == CALLS
    assert transport.failed > CALLS / 2


def test_replacement_with_lost_response_is_recognized_as_own(objects: GcsObjects) -> None:
    fail(objects, 0.5)
    objects.create("claim", b"0")
    for number in range(1, 60):
        read = objects.read("claim")
        assert read is not None
        assert read.body == str(number - 1).encode()
        assert objects.replace("claim", str(number).encode(), generation=read.generation)
        assert not objects.replace("claim", b"late", generation=read.generation)


def test_create_sends_a_single_request(objects: GcsObjects) -> None:
    transport = fail(objects, 0.0)
    objects.create("file", b"{}")
    assert transport.sent == 1
    assert [thread.name for thread in threading.enumerate() if "_fetch_background" in thread.name] == []


def test_corrupted_transfer_is_rejected(objects: GcsObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.create("file", b"{}")
    send = objects._client.calls._send

    def damage(method: str, path: str, body: bytes | None, headers: Any) -> BaseHTTPResponse:
        answer = send(method, path, None if body is None else body.replace(b"{}", b"[]"), headers)
        answer._body = answer.data.replace(b"{}", b"[]")
        return answer

    monkeypatch.setattr(objects._client.calls, "_send", damage)
    with pytest.raises(Unavailable, match="CRC32C"):
        objects.get("file")
    with pytest.raises(PermanentRefusal):
        objects.create("other", b"{}")
    assert objects.info("other") is None


def test_revoked_token_is_refreshed_once(objects: GcsObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    class Revoked(AnonymousCredentials):
        refreshed = 0

        def refresh(self, request: Any) -> None:  # noqa: ARG002  # the base class's signature
            self.refreshed += 1

    calls, credentials = objects._client.calls, Revoked()
    send, statuses = calls._send, [401]
    monkeypatch.setattr(calls, "_credentials", credentials)

    def refuse_once(*arguments: Any) -> BaseHTTPResponse:
        answer = send(*arguments)
        return answered(answer, statuses.pop()) if statuses else answer

    monkeypatch.setattr(calls, "_send", refuse_once)
    assert objects.get("nothing") is None
    assert credentials.refreshed == 1


def test_write_id_is_hidden_from_metadata(objects: GcsObjects) -> None:
    objects.create("file", b"{}", metadata={"at": "noon"})
    info = objects.info("file")
    assert info is not None
    assert info.metadata == {"at": "noon"}
    assert next(objects.list("")).metadata == {"at": "noon"}
    assert objects.annotate("file", {"by": "me"}) == {"at": "noon", "by": "me"}


def test_listing_returns_all_pages(objects: GcsObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded store returns all objects in one page; Cloud Storage returns a thousand a page."""
    for number in range(5):
        objects.create(f"day/{number}", b"{}")
    whole, tokens = objects._client.calls.list_page, list[str]()

    def two_at_a_time(bucket: str, prefix: str, token: str = "") -> tuple[list[dict[str, Any]], str]:
        tokens.append(token)
        begin = int(token or 0)
        found = whole(bucket, prefix)[0]
        return found[begin : begin + 2], str(begin + 2) if begin + 2 < len(found) else ""

    monkeypatch.setattr(objects._client.calls, "list_page", two_at_a_time)
    assert [info.name for info in objects.list("day/")] == [f"day/{number}" for number in range(5)]
    assert tokens == ["", "2", "4"]


def test_outage_raises_unavailable_after_bounded_retries(
    objects: GcsObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_RETRY_SECONDS", 0.05)
    transport = fail(objects, 1.0)
    for call in (
        lambda: objects.create("a", b""),
        lambda: objects.put("a", b"", content_type="text/plain"),
        lambda: objects.get("a"),
        lambda: objects.info("a"),
        lambda: list(objects.list("")),
        lambda: objects.annotate("a", {}),
    ):
        with pytest.raises(Unavailable, match="Cloud Storage did not"):
            call()
    assert transport.sent > 6, "each was tried more than once"


@pytest.mark.parametrize("name", ["", "x" * 1025, "\N{BASKETBALL AND HOOP}" * 300, "a\nb", "..", "\ud800"])
def test_invalid_object_name_is_refused_without_request(objects: GcsObjects, name: str) -> None:
    transport = fail(objects, 0.0)
    for call in (
        lambda: objects.create(name, b""),
        lambda: objects.put(name, b"", content_type="text/plain"),
        lambda: objects.get(name),
        lambda: objects.info(name),
    ):
        with pytest.raises(PermanentRefusal):
            call()
    assert transport.sent == 0


def test_metadata_above_8_kib_is_permanently_refused(objects: GcsObjects) -> None:
    with pytest.raises(PermanentRefusal, match="the metadata of a has 82"):
        objects.create("a", b"", metadata={"path": "x" * 8200})


@pytest.mark.parametrize(
    ("status", "kind"), [(400, PermanentRefusal), (413, PermanentRefusal), (403, Unavailable)]
)
def test_client_error_is_permanent_refusal_but_403_is_unavailable(
    objects: GcsObjects, status: int, kind: type[Exception]
) -> None:
    class Answering(Faults):
        def send(self, call: Callable[[], Answer]) -> Answer:
            return answered(call(), status)

    mount(objects, Answering(0.0))
    with pytest.raises(kind):
        objects.create("a", b"")
    with pytest.raises(kind):
        objects.get("b")
