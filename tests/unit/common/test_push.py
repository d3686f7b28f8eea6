"""Tests of Pub/Sub pushes: from the bytes of a request to delivery, response and recorded rejection."""

import asyncio
import json
import threading
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
import pytest
from fastapi import HTTPException, Request
from starlette.types import Message

from tests.support.cloudevents import encode_structured
from tests.support.pushes import AUTHORIZED, KEY, PUBLISHED, Receiver, local_settings, push_body, pushed
from tests.support.samples import NOON, SAMPLES, executed, processed, requested, tick
from tipoff_common import push
from tipoff_common.auth import SIGNATURE_REMOVED, InvalidToken
from tipoff_common.binding import Envelope, encode
from tipoff_common.cloud_run import InvokerCheck
from tipoff_common.events import EVENTS, Event, MessageRejected, ScrapeExecuted
from tipoff_common.identity import content_hash
from tipoff_common.ports import Overloaded, PermanentRefusal
from tipoff_common.push import BODY_LIMIT, EVENT_LIMIT, MOST_ITEMS, BodiesInFlight, Delivery
from tipoff_common.rejections import HEAD_BYTES
from tipoff_common.settings import ServiceSettings
from tipoff_common.testing import MemoryObjects, RecordingBus

DEAD_LETTERS = "projects/p/subscriptions/logger-dead-letters"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def wrapped(event: Event) -> Envelope:
    return Envelope(event, event.id, "/tipoff/test", NOON, f"00-{TRACE_ID}-b7ad6b7169203331-01")


def rejected(receiver: Receiver, body: bytes, status: int = 204) -> MessageRejected:
    """Push a body that no handler receives and return the one rejection that is published."""
    assert receiver.post(body).status_code == status
    assert receiver.received == []
    (event,) = receiver.bus.of(MessageRejected)
    assert len(receiver.bus.published) == 1
    return event  # type: ignore[no-any-return]


def kept(receiver: Receiver, event: MessageRejected) -> bytes:
    """Return the payload from the path that the event names."""
    assert event.payload_path is not None
    bucket, _, name = event.payload_path.removeprefix("gs://").partition("/")
    assert bucket == receiver.state.bucket
    return receiver.state.bodies[name]


@pytest.mark.parametrize("model", EVENTS.values(), ids=lambda model: model.TYPE)
def test_an_event_reaches_its_handler(model: type[Event]) -> None:
    receiver, envelope = Receiver(), wrapped(SAMPLES[model]())
    assert receiver.post(pushed(envelope)).status_code == 204
    (delivery,) = receiver.received
    assert delivery.event == envelope.payload
    assert delivery.envelope == envelope
    assert (delivery.message.message_id, delivery.message.subscription) == (
        "m-1",
        "projects/p/subscriptions/s-1",
    )
    assert receiver.bus.published == []


def test_non_push_body_is_recorded_and_acknowledged() -> None:
    receiver = Receiver()
    event = rejected(receiver, b"{not json")
    assert (event.reason, event.service, event.environment) == ("undecodable", "receiver", "local")
    assert event.payload_head == "{not json"
    assert event.message_id == event.payload_sha256 == content_hash(b"{not json")
    assert kept(receiver, event) == b"{not json"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the body: Invalid JSON"),
        (b"\xff\xfe", "the body: Invalid JSON"),
        (b"[" * 100_000, "the body: Invalid JSON"),
        (b"[]", "the body: Input should be an object"),
        (b"{}", "message: Field required"),
        (b'{"message":{"attributes":{"a":1}}}', "message.attributes.a"),
        (b'{"message":{"publishTime":"2025-01-15T12:00:00"}}', "message.publishTime"),
        (b'{"message":{"deep":' + b"9" * 5000 + b"}}", "the body: Invalid JSON"),
        (b'{"message":{"data":"not base64"}}', "message.data is not base64"),
        (b'{"message":{"data":"YQ"}}', "message.data is not base64"),
        ('{"message":{"data":"h\u00e9llo"}}'.encode(), "message.data is not base64"),
        (b'{"message":{"attributes":{"ce-type":"\\ud800"}}}', "the body: Invalid JSON"),
        (b'{"message":{"data":"","attributes":{}}}', "ce-type attribute is missing"),
        (b'{"message":{}}', "ce-type attribute is missing"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_malformed_push_is_recorded_with_its_fault(body: bytes, detail: str) -> None:
    event = rejected(Receiver(), body)
    assert event.reason == "undecodable"
    assert detail in event.detail


@pytest.mark.parametrize("item", [b"{}", b"[]", b"1", b'""'])
def test_a_body_of_very_many_items_is_acknowledged_and_never_parsed(
    item: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """9 MB of empty objects took 400 MB in a service with 512 MB."""

    def parse(*_: object, **__: object) -> None:
        raise AssertionError("a body of so many items is parsed")

    receiver = Receiver()
    monkeypatch.setattr(push._Push, "model_validate_json", parse)
    event = rejected(receiver, b"[" + (item + b",") * MOST_ITEMS + item + b"]")
    assert event.reason == "undecodable"
    assert "more than 200,000 items" in event.detail


def test_rejected_non_event_keeps_payload_and_attributes() -> None:
    receiver = Receiver()
    event = rejected(receiver, push_body(b"\x00\xffdata", {"colour": "red"}))
    assert kept(receiver, event) == b"\x00\xffdata"
    assert event.payload_head == "\x00\\xffdata"
    assert event.payload_bytes == 6
    assert event.attributes == {"colour": "red"}
    assert (event.message_id, event.subscription) == ("m-1", "s-1")


@pytest.mark.parametrize(
    ("attributes", "data", "reason"),
    [
        ({"ce-type": "tipoff.scrape.executed.v2"}, b"{}", "unknown_type"),
        ({"ce-type": "tipoff.scrape.executed.v1"}, b"{}", "invalid_payload"),
        ({"ce-type": "tipoff.scrape.executed.v1"}, b"{", "undecodable"),
    ],
)
def test_unreadable_event_is_recorded_with_its_type(
    attributes: Mapping[str, str], data: bytes, reason: str
) -> None:
    context = {"ce-id": "1", "ce-source": "/x", "ce-specversion": "1.0", **attributes}
    event = rejected(Receiver(), push_body(data, context))
    assert (event.reason, event.event_type) == (reason, attributes["ce-type"])


def test_event_type_without_handler_is_rejected_as_unknown() -> None:
    event = rejected(Receiver(accepted=frozenset({ScrapeExecuted})), pushed(wrapped(requested())))
    assert event.reason == "unknown_type"
    assert "has no handler in receiver" in event.detail


def test_an_event_over_a_mebibyte_is_recorded_and_acknowledged() -> None:
    data, attributes = encode(wrapped(processed(note="x" * EVENT_LIMIT)))
    receiver = Receiver()
    event = rejected(receiver, push_body(data, attributes))
    assert event.reason == "oversized"
    assert kept(receiver, event) == data
    assert len(event.payload_head) == HEAD_BYTES
    assert event.payload_bytes == len(data)


def test_event_of_exactly_a_mebibyte_is_accepted() -> None:
    room = EVENT_LIMIT - len(encode(wrapped(processed(note="x")))[0])
    receiver = Receiver()
    receiver.post(pushed(wrapped(processed(note="x" * (room + 1)))))
    assert len(receiver.received) == 1


def test_a_body_over_the_limit_is_413_and_recorded() -> None:
    event = rejected(Receiver(), b" " * (BODY_LIMIT + 1024 * 1024), status=413)
    assert event.reason == "oversized"
    assert event.payload_bytes == BODY_LIMIT


def test_event_time_is_refused_outside_replay() -> None:
    event = rejected(Receiver(event_time=False), pushed(wrapped(tick(event_time=NOON))))
    assert event.reason == "invalid_payload"
    assert "event_time" in event.detail


def test_event_time_is_accepted_in_replay() -> None:
    receiver = Receiver(event_time=True)
    receiver.post(pushed(wrapped(tick(event_time=NOON))))
    assert [delivery.event for delivery in receiver.received] == [tick(event_time=NOON)]


def test_structured_mode_is_accepted_for_receipts() -> None:
    receiver = Receiver()
    receiver.post(push_body(*encode_structured(wrapped(processed()))))
    assert [delivery.event for delivery in receiver.received] == [processed()]


def test_structured_mode_is_refused_for_other_events() -> None:
    event = rejected(Receiver(), push_body(*encode_structured(wrapped(executed()))))
    assert event.reason == "invalid_payload"
    assert "binary mode only" in event.detail


class TestDeadLetters:
    """Messages that Pub/Sub gave up on arrive as rejections, whatever their content."""

    ATTRIBUTES: Mapping[str, str] = {
        "CloudPubSubDeadLetterSourceSubscription": "logger-executions",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
        "CloudPubSubDeadLetterSourceDeliveryCount": "100",
        "CloudPubSubDeadLetterSourceTopicPublishTime": PUBLISHED,
    }

    def receive(self, data: bytes, attributes: Mapping[str, str], receiver: Receiver) -> MessageRejected:
        body = push_body(data, {**attributes, **self.ATTRIBUTES}, subscription=DEAD_LETTERS)
        assert receiver.post(body).status_code == 204
        (delivery,) = receiver.received
        assert isinstance(delivery.event, MessageRejected)
        return delivery.event

    def test_dead_letter_rejection_has_subscription_attempts_and_payload(self) -> None:
        receiver = Receiver()
        data, attributes = encode(wrapped(executed()))
        event = self.receive(data, attributes, receiver)
        assert event.reason == "delivery_attempts"
        assert event.subscription == "logger-executions"
        assert event.delivery_attempts == 100
        assert event.event_type == ScrapeExecuted.TYPE
        assert json.loads(event.payload_head) == executed().model_dump(mode="json")
        assert kept(receiver, event) == data
        assert receiver.bus.published == []

    def test_dead_letter_may_be_a_non_event(self) -> None:
        assert self.receive(b"\xff", {}, Receiver()).event_type is None

    def test_redelivered_dead_letter_is_the_same_event(self) -> None:
        first, again = (self.receive(b"x", {}, Receiver()) for _ in range(2))
        assert first == again
        assert first.id == again.id

    def test_dead_letter_is_redelivered_when_payload_cannot_be_stored(self) -> None:
        receiver = Receiver(state=MemoryObjects(down=True))
        assert receiver.post(push_body(b"x", self.ATTRIBUTES, subscription=DEAD_LETTERS)).status_code == 503

    @pytest.mark.parametrize(
        "subscription", ["logger-executions", "scraper-runner", "controller-ticks", "s-1", ""]
    )
    def test_dead_letter_attributes_are_ignored_on_other_subscriptions(self, subscription: str) -> None:
        """Every publisher can set these attributes; runner, cleanup and controller dropped such messages."""
        receiver = Receiver()
        data, attributes = encode(wrapped(executed()))
        name = f"projects/p/subscriptions/{subscription}"
        assert (
            receiver.post(push_body(data, {**attributes, **self.ATTRIBUTES}, subscription=name)).status_code
            == 204
        )
        assert [delivery.event for delivery in receiver.received] == [executed()]

    @pytest.mark.parametrize("subscription", ["logger-dead-letters", "controller-dead-requests"])
    def test_message_on_dead_letter_subscription_becomes_a_rejection(self, subscription: str) -> None:
        receiver = Receiver()
        data, attributes = encode(wrapped(executed()))
        name = f"projects/p/subscriptions/{subscription}"
        receiver.post(push_body(data, {**attributes, **self.ATTRIBUTES}, subscription=name))
        assert [type(delivery.event) for delivery in receiver.received] == [MessageRejected]

    @pytest.mark.parametrize("count", ["\uff19\uff19", "9" * 5000, "-1", "many", ""])
    def test_non_numeric_delivery_count_is_ignored(self, count: str) -> None:
        attributes = {**self.ATTRIBUTES, "CloudPubSubDeadLetterSourceDeliveryCount": count}
        receiver = Receiver()
        body = push_body(b"x", attributes, subscription=DEAD_LETTERS)
        assert receiver.post(body).status_code == 204
        (delivery,) = receiver.received
        assert delivery.event.model_dump()["delivery_attempts"] is None


UNWRAPPED = {
    "payload alone": (executed().model_dump_json().encode(), {}),
    "with metadata": (
        executed().model_dump_json().encode(),
        {"x-goog-pubsub-subscription-name": "projects/p/subscriptions/s", "x-goog-pubsub-message-id": "1"},
    ),
    "no JSON, with metadata": (b"\x00", {"x-goog-pubsub-message-id": "1"}),
}


@pytest.mark.parametrize(("body", "headers"), UNWRAPPED.values(), ids=UNWRAPPED)
def test_an_unwrapped_push_is_not_acknowledged(
    body: bytes, headers: Mapping[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """An unwrapped push lacks the event's type and id, which Pub/Sub still has."""
    receiver = Receiver()
    answer = receiver.post(body, {**AUTHORIZED, **headers})
    assert answer.status_code == 400
    assert "without payload unwrapping" in answer.json()["detail"]
    assert "--push-no-wrapper" in caplog.text
    assert (receiver.received, receiver.bus.published) == ([], [])


def test_wrapped_push_with_metadata_header_is_accepted() -> None:
    receiver = Receiver()
    headers = {**AUTHORIZED, "x-goog-pubsub-message-id": "1"}
    assert receiver.post(pushed(wrapped(executed())), headers).status_code == 204
    assert len(receiver.received) == 1


class TestRefusedForGood:
    """Permanent refusals, raised anywhere in a handler, are recorded and acknowledged."""

    def receive(self, receiver: Receiver) -> int:
        def handle(_delivery: Delivery) -> None:
            receiver.state.create("x" * 1100, b"")

        receiver.handle = handle
        return receiver.post(pushed(wrapped(executed()))).status_code

    def test_permanently_refused_message_is_recorded_and_acknowledged(self) -> None:
        receiver = Receiver()
        assert self.receive(receiver) == 204
        (event,) = receiver.bus.of(MessageRejected)
        assert (event.reason, event.event_type) == ("not_storable", ScrapeExecuted.TYPE)
        assert "1100 bytes; Cloud Storage allows 1 to 1024" in event.detail
        assert json.loads(kept(receiver, event)) == executed().model_dump(mode="json")

    def test_message_is_redelivered_when_rejection_cannot_be_published(self) -> None:
        assert self.receive(Receiver(bus=RecordingBus(capacity=0))) == 503

    def test_message_is_redelivered_when_its_rejection_is_refused(self) -> None:
        class Refusing(RecordingBus):
            def publish(self, _envelopes: Iterable[Envelope]) -> None:
                raise PermanentRefusal("no such topic")

        assert self.receive(Receiver(bus=Refusing())) == 503


def test_additions_of_newer_producer_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    newer = {"status": "failed", "kind": "captcha", "message": "no", "wait_seconds": 60}
    receiver.post(pushed(wrapped(executed(outcome=newer, source="MARS"))))
    (record,) = [
        record for record in caplog.records if record.message == "event has additions of a newer producer"
    ]
    assert vars(record)["fields"] == ["outcome.wait_seconds"]
    assert vars(record)["members"] == {"source": "MARS", "outcome.kind": "captcha"}
    (delivery,) = receiver.received
    assert delivery.event == executed(outcome=newer, source="MARS")


@pytest.mark.parametrize(
    "broken",
    [{"bus": RecordingBus(capacity=0)}, {"state": MemoryObjects(down=True)}],
    ids=["bus", "state"],
)
def test_malformed_push_is_redelivered_when_recording_fails(broken: dict[str, Any]) -> None:
    """A 2xx response here would lose the message."""
    answer = Receiver(**broken).post(push_body(b"{", {}))
    assert answer.status_code == 503
    assert "Pub/Sub redelivers" in answer.json()["remedy"]


def test_redelivered_malformed_push_is_one_rejection() -> None:
    """Redelivery multiplied the rows (incident 16)."""
    receiver = Receiver()
    for _ in range(2):
        receiver.post(push_body(b"{", {}))
    first, again = receiver.bus.of(MessageRejected)
    assert first.id == again.id
    assert len(receiver.state.bodies) == 1


def prove_nothing(_token: str) -> Mapping[str, Any]:
    raise InvalidToken("expired")


def prove_somebody(_token: str) -> Mapping[str, Any]:
    return {"email": "somebody@example.com", "email_verified": True}


PRODUCTION = ServiceSettings.model_validate(
    {
        "environment": "prod",
        "project": "p",
        "data_bucket": "data",
        "state_bucket": "state",
        "audience": "https://runner.example",
        "push_service_account": "push@p.iam.gserviceaccount.com",
    }
)


@pytest.mark.parametrize(
    ("receiver", "headers", "status"),
    [
        (Receiver(), {}, 401),
        (Receiver(), {"Authorization": "Bearer wrong"}, 403),
        (Receiver(settings=PRODUCTION, verify=prove_nothing), AUTHORIZED, 401),
        (Receiver(settings=PRODUCTION, verify=prove_somebody), AUTHORIZED, 403),
    ],
    ids=["no key", "wrong key", "no proof", "another account"],
)
def test_unauthorized_push_is_refused_before_body_is_read(
    receiver: Receiver, headers: Mapping[str, str], status: int
) -> None:
    answered: list[int] = []

    async def unread() -> dict[str, Any]:
        raise AssertionError("the body was asked for")

    async def answer(message: Any) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/events",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(receiver.app()(scope, unread, answer))
    assert answered == [status]
    assert (receiver.received, receiver.bus.published) == ([], [])


def test_event_loop_runs_while_a_token_is_verified() -> None:
    """Certificates that were slow to come stopped every other request of the process, health checks included."""
    went_on = threading.Event()

    def verify(_token: str) -> Mapping[str, Any]:
        assert went_on.wait(5), "the event loop waits for the verification"
        raise InvalidToken("expired")

    async def scenario() -> int:
        asyncio.get_running_loop().call_later(0.01, went_on.set)
        transport = httpx.ASGITransport(Receiver(settings=PRODUCTION, verify=verify).app())
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as pubsub:
            return (await pubsub.post("/events", headers=AUTHORIZED)).status_code

    assert asyncio.run(scenario()) == 401


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "not cached"])
def test_token_that_cloud_run_verified_needs_a_thread_only_for_a_new_invoker_check(
    cached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified_in: list[int] = []

    def verify(_token: str) -> Mapping[str, Any]:
        verified_in.append(threading.get_ident())
        raise InvalidToken("expired")

    async def scenario() -> bool:
        transport = httpx.ASGITransport(Receiver(settings=PRODUCTION, verify=verify).app())
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as pubsub:
            token = f"Bearer a.b{SIGNATURE_REMOVED}"
            assert (await pubsub.post("/events", headers={"Authorization": token})).status_code == 401
        return verified_in == [threading.get_ident()]

    monkeypatch.setattr(InvokerCheck, "is_cached", lambda _: cached)
    assert asyncio.run(scenario()) is cached


def test_rejection_continues_trace_of_message() -> None:
    """The rejection continues the trace of the incoming message."""
    receiver = Receiver()
    receiver.post(push_body(b"{", {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}))
    (envelope,) = receiver.bus.published
    assert envelope.traceparent.split("-")[1] == TRACE_ID


def test_push_without_publish_time_gets_a_default_time() -> None:
    message = {
        "data": b64encode(encode(wrapped(executed()))[0]).decode(),
        "attributes": encode(wrapped(executed()))[1],
    }
    receiver = Receiver(settings=local_settings(development_key=KEY))
    assert receiver.post(json.dumps({"message": message}).encode()).status_code == 204
    assert receiver.received[0].message.publish_time is not None


class SlowSender:
    """A request whose body arrives in chunks and then stalls until `finish`."""

    def __init__(self, size: int) -> None:
        self._left, self.finish = size, asyncio.Event()

    async def receive(self) -> Message:
        if self._left > 0:
            self._left -= CHUNK
            await asyncio.sleep(0)
            return {"type": "http.request", "body": bytes(CHUNK), "more_body": True}
        await self.finish.wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    @property
    def request(self) -> Request:
        return Request({"type": "http", "method": "POST", "headers": []}, self.receive)


CHUNK = 64 * 1024


def test_slow_request_bodies_share_one_memory_bound() -> None:
    """80 slow bodies of 10 MiB took 2.1 GiB in a service with 1 GiB."""

    async def scenario() -> list[object]:
        bodies = BodiesInFlight(4 * 1024 * 1024)
        senders = [SlowSender(1024 * 1024) for _ in range(80)]

        async def receive(sender: SlowSender) -> tuple[bytes, bool]:
            with bodies.holding() as take:
                return await push._read(sender.request, take)

        reading = [asyncio.create_task(receive(sender)) for sender in senders]
        await asyncio.wait(reading, return_when=asyncio.FIRST_EXCEPTION)
        held = bodies._reserved
        assert 0 < held <= 4 * 1024 * 1024
        for sender in senders:
            sender.finish.set()
        ends: list[object] = list(await asyncio.gather(*reading, return_exceptions=True))
        assert bodies._reserved == 0, "every byte is given back, however a request ends"
        return ends

    ends = asyncio.run(scenario())
    refused = [end for end in ends if isinstance(end, Overloaded)]
    read = [end for end in ends if isinstance(end, tuple)]
    assert len(refused) + len(read) == 80
    assert len(read) >= 1
    assert len(refused) >= 70


def test_stalled_body_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "BODY_SECONDS", 0.01)

    async def scenario() -> None:
        with BodiesInFlight().holding() as take:
            await push._read(SlowSender(CHUNK).request, take)

    with pytest.raises(HTTPException, match="did not arrive within") as caught:
        asyncio.run(scenario())
    assert caught.value.status_code == 408
