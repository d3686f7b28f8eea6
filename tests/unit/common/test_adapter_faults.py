"""Tests of the cloud adapters' errors: authentication failures and messages that Pub/Sub refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import google.auth
import grpc
import pytest
from google.api_core.exceptions import InvalidArgument, NotFound, PermissionDenied, ServiceUnavailable
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError

from tests.support.pushes import client
from tests.support.samples import NOON, executed
from tipoff_common.adapters import pubsub, storage
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_common.adapters.pubsub import PubSubBus
from tipoff_common.adapters.storage import GcsObjects, storage_client
from tipoff_common.binding import Envelope
from tipoff_common.limits import check_message
from tipoff_common.ports import PermanentRefusal, Unavailable
from tipoff_common.rows import execution_row
from tipoff_common.topics import load_topics
from tipoff_common.web import create_app

TOPICS = Path(__file__).parents[3] / "infra/topics.yaml"
FAULTS = pytest.mark.parametrize(
    "fault", [RefreshError("the account is disabled"), TransportError(ConnectionError("no metadata server"))]
)


class Expired(Credentials):
    """Credentials that cannot be refreshed."""

    def __init__(self, fault: GoogleAuthError) -> None:
        super().__init__()
        self._fault = fault

    def refresh(self, request: Any) -> None:  # noqa: ARG002  # the base class's signature
        raise self._fault


@pytest.fixture
def expired(monkeypatch: pytest.MonkeyPatch) -> Callable[[GoogleAuthError], None]:
    """Return a function that gives every client of the test expired credentials."""
    monkeypatch.setattr(storage, "_RETRY_SECONDS", 0.01)
    for name in ("STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)

    def expire(fault: GoogleAuthError) -> None:
        monkeypatch.setattr(google.auth, "default", lambda *_, **__: (Expired(fault), "p"))

    return expire


@FAULTS
def test_a_warehouse_without_credentials_is_unavailable(
    expired: Callable[[GoogleAuthError], None], fault: GoogleAuthError
) -> None:
    """The raw error ended each tick; on Unavailable the controller decides from its own memory."""
    expired(fault)
    warehouse = BigQueryWarehouse("p")
    with pytest.raises(Unavailable):
        warehouse.query("SELECT 1", {})
    with pytest.raises(Unavailable):
        warehouse.append("scraper_execution_log", [execution_row(executed(), NOON)], ["a"])
    with pytest.raises(Unavailable):
        warehouse.check()


@FAULTS
def test_a_bucket_without_credentials_is_unavailable(
    expired: Callable[[GoogleAuthError], None], fault: GoogleAuthError
) -> None:
    expired(fault)
    objects = GcsObjects(storage_client("p", None), "b")
    for call in (lambda: objects.get("a"), lambda: objects.create("a", b""), objects.check):
        with pytest.raises(Unavailable):
            call()


@FAULTS
def test_readiness_without_credentials_is_503_with_the_fault(
    expired: Callable[[GoogleAuthError], None], fault: GoogleAuthError
) -> None:
    expired(fault)
    checks = {
        "warehouse": BigQueryWarehouse("p").check,
        "state": GcsObjects(storage_client("p", None), "b").check,
    }
    app = create_app(service="s", description="", environment="prod", config_hash="c", checks=checks)
    with client(app) as http:
        answer = http.get("/readyz")
    assert answer.status_code == 503
    assert all(str(fault) in told for told in answer.json()["checks"].values())


class Publishing:
    """Google's publisher and channel as far as the bus uses them; every call raises the same fault."""

    def __init__(self, fault: Exception) -> None:
        self.fault, self.published = fault, 0

    def publish(self, *_: Any, **__: Any) -> None:
        self.published += 1
        raise self.fault

    def get_topic(self, **_: Any) -> None:
        raise self.fault


def bus(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> PubSubBus:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    made = PubSubBus("p", load_topics(TOPICS))
    publishing = Publishing(fault)
    made._client, made._publish = publishing, publishing.publish
    monkeypatch.setattr(pubsub, "_RETRY", pubsub._RETRY.with_timeout(0.01).with_delay(0.001, 0.001))
    return made


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (RefreshError("the account is disabled"), Unavailable),
        (TransportError("no metadata server"), Unavailable),
        (ServiceUnavailable("down"), Unavailable),
        (PermissionDenied("not yet"), Unavailable),
        (TimeoutError(), Unavailable),
        (InvalidArgument("attribute"), PermanentRefusal),
        (NotFound("no such topic"), Unavailable),  # Terraform replaces it
    ],
)
def test_publish_error_is_unavailable_or_permanent_refusal(
    fault: Exception, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    event = executed()
    with pytest.raises(kind):
        bus(fault, monkeypatch).publish([Envelope(event, event.id, "/tipoff/test", NOON)])


@pytest.mark.parametrize("fault", [RefreshError("disabled"), NotFound("no such topic")])
def test_bus_check_error_is_unavailable(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable):
        bus(fault, monkeypatch).check()


MESSAGES = {
    "too large": (b"x" * 10_000_001, {}),
    "an attribute too long": (b"", {"ce-id": "x" * 1025}),
    "a name too long": (b"", {"x" * 257: ""}),
    "a name of Google's": (b"", {"googclient": ""}),
    "too many": (b"", {f"a{n}": "" for n in range(101)}),
    "unpaired surrogate": (b"", {"a": "\ud800"}),
}


@pytest.mark.parametrize(("data", "attributes"), MESSAGES.values(), ids=MESSAGES)
def test_message_invalid_for_pubsub_is_not_sent(
    data: bytes, attributes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused message fails every other message in the same publish request."""
    with pytest.raises(PermanentRefusal):
        check_message(data, attributes)
    made = bus(ServiceUnavailable("down"), monkeypatch)
    with pytest.raises(PermanentRefusal):
        made.publish_messages([("t", b"fine", {}), ("t", data, attributes)])
    assert made._client.published == 0


class _RpcError(grpc.RpcError):
    """A status in the form that a channel raises."""

    def __init__(self, status: grpc.StatusCode) -> None:
        super().__init__()
        self._status = status

    def code(self) -> grpc.StatusCode:
        return self._status

    def details(self) -> str:
        return self._status.name

    def trailing_metadata(self) -> tuple[()]:
        return ()


def test_publish_retries_transient_status_but_not_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    made = bus(ServiceUnavailable("down"), monkeypatch)
    answers = [_RpcError(grpc.StatusCode.UNAVAILABLE), None, _RpcError(grpc.StatusCode.INVALID_ARGUMENT)]
    asked = []

    def publish(request: Any, **_: Any) -> None:
        asked.append(request.topic)
        if (answer := answers.pop(0)) is not None:
            raise answer

    monkeypatch.setattr(pubsub, "_RETRY", pubsub._RETRY.with_timeout(5.0))
    made._publish = publish
    made.publish_messages([("t", b"fine", {})])
    assert asked == ["projects/p/topics/t"] * 2
    with pytest.raises(PermanentRefusal):
        made.publish_messages([("t", b"fine", {})])
    assert len(asked) == 3


def test_messages_are_batched_by_topic_in_topic_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file event is published before the execution that names the file."""
    made = bus(ServiceUnavailable("down"), monkeypatch)
    sent: list[tuple[str, int]] = []
    made._publish = lambda request, **_: sent.append((request.topic[-1], len(request.messages)))
    made.publish_messages(
        [("f", b"0", {}), *(("e", b"x" * 9_000, {}) for _ in range(1_200)), ("f", b"1", {})]
    )
    assert sent[0] == ("f", 2)
    assert {topic for topic, _ in sent[1:]} == {"e"}
    assert [count for _, count in sent[1:]] == [500, 500, 200]
    sent.clear()
    made.publish_messages([("e", b"x" * 3_000_000, {})] * 5)
    assert [count for _, count in sent] == [2, 2, 1], "ten megabytes are the most of one request"
