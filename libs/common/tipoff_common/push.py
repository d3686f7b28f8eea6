"""A FastAPI dependency for Pub/Sub pushes: authenticates, bounds and decodes; records and acknowledges poison messages.

The wrapped push format: https://cloud.google.com/pubsub/docs/push#receive_push
"""

import asyncio
import json
import logging
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import HTTPException, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from tipoff_common.additions import unknown_fields, unknown_members
from tipoff_common.auth import Authentication
from tipoff_common.binding import STRUCTURED, Envelope, Message, Refused, decode
from tipoff_common.bounds import EVENT_LIMIT, Count
from tipoff_common.clock import Instant
from tipoff_common.events import Event, RejectReason
from tipoff_common.identity import content_hash
from tipoff_common.metrics import REJECTED
from tipoff_common.ports import Objects, Overloaded, PermanentRefusal, Unavailable
from tipoff_common.problems import problems
from tipoff_common.publisher import Publisher
from tipoff_common.rejections import is_dead_letter, keep_payload, rejection
from tipoff_common.telemetry import begin_hop, record
from tipoff_common.topics import TopicMap
from tipoff_common.wall_clock import wall_now

log = logging.getLogger(__name__)

# Pub/Sub's largest message, 10 MB, would exceed this as base64; Tipoff's messages are far smaller.
BODY_LIMIT = 10 * 1024 * 1024
MOST_ITEMS = 200_000
"""Most commas and opening brackets in a body. A wrapped push has some hundreds, as its data is base64. Each is an item
that takes up to 130 bytes when parsed: 9 MB of `{},` took 400 MB, too much for cleanup's 512 MiB."""
# Three of the largest bodies; many more at a time would exhaust the instance's memory.
BODIES_LIMIT = 32 * 1024 * 1024
"""Bytes of bodies that one process holds at a time. A body takes several times its size while it is decoded."""
BODY_SECONDS = 30.0
"""How long a sender may take to send a body; otherwise a few slow senders would block all others."""


PUSH_PROBLEMS = problems(400, 401, 403, 408, 413, 503)
"""The `responses` of a route for pushes; a message that can never succeed is recorded and answered 204."""
RECORD_REFUSAL = "record_refusal"
"""The key in a request's state of the function that records a refusal of its message."""
_SUBSCRIPTION = "x-goog-pubsub-subscription-name"
_UNWRAPPED = (
    "not a wrapped push: the subscription delivers payloads without their attributes, which name the event;"
    " recreate it without payload unwrapping (push_config.no_wrapper, --push-no-wrapper)"
)


@dataclass(frozen=True)
class Delivery:
    """A decoded message: its event, envelope and the message itself."""

    event: Event
    envelope: Envelope
    message: Message


class Acknowledged(Exception):
    """The message was handled while it was read; answer 2xx."""


# Google may add fields to its wrapper at any time; pydantic ignores them.
class _PushedMessage(BaseModel):
    data: str = ""
    attributes: dict[str, str] = Field(default_factory=dict)
    messageId: str = ""  # noqa: N815  # the name on the wire
    publishTime: Instant | None = None  # noqa: N815


class _Push(BaseModel):
    message: _PushedMessage
    subscription: str = ""
    deliveryAttempt: Count | None = None  # noqa: N815


class BodiesInFlight:
    """Bounds the bytes of all bodies that are being read or decoded."""

    def __init__(self, limit: int = BODIES_LIMIT) -> None:
        self._limit, self._reserved = limit, 0

    @contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that reserves bytes; the end of the block releases them.

        Only the event loop calls it, so no lock is needed. The function raises Overloaded at the limit and does not
        wait, as two half-read bodies could wait for each other forever.
        """
        mine = 0

        def take(size: int) -> None:
            nonlocal mine
            if self._reserved + size > self._limit:
                raise Overloaded(
                    f"bodies of {self._reserved} bytes are being read; the limit is {self._limit}"
                )
            self._reserved += size
            mine += size

        try:
            yield take
        finally:
            self._reserved -= mine


class PushEndpoint:
    """The dependency: `delivery: Annotated[Delivery, Depends(endpoint)]`.

    Answers 401/403 before reading the body, 413 for a body over 10 MiB, 408 for a slow body and 503 while the bodies of
    other requests use up BODIES_LIMIT. Records and acknowledges messages that can never succeed; raises Unavailable
    (503, redelivered) when recording fails.
    """

    def __init__(
        self,
        *,
        service: str,
        environment: str,
        event_time: bool,
        accepted: frozenset[type[Event]],
        authentication: Authentication,
        topics: TopicMap,
        publisher: Publisher,
        state: Objects,
    ) -> None:
        self._service, self._environment, self._event_time = service, environment, event_time
        self._accepted, self._authentication, self._topics = accepted, authentication, topics
        self._publisher, self._state = publisher, state
        self._bodies = BodiesInFlight()

    async def __call__(self, request: Request) -> Delivery:
        """Authenticate a push, then read its message; see the class for the answers to faults."""
        # Before a byte of the body is read: an unauthenticated caller must not be able to fill memory.
        if self._authentication.may_block(request):
            await run_in_threadpool(self._authentication.push, request)
        else:
            # A thread costs more than the rest of this authentication.
            self._authentication.push(request)
        with self._bodies.holding() as take:
            return await self._receive(request, take)

    async def _receive(self, request: Request, take: Callable[[int], None]) -> Delivery:
        """Read and decode the message.

        Raises:
            HTTPException: the body is too large, too slow, or no wrapped push.
            Acknowledged: the message was rejected.
            Overloaded, Unavailable
        """
        body, complete = await _read(request, take)
        if not complete:
            await self._reject(
                Message(body, {}, subscription="unknown", message_id=content_hash(body)),
                RejectReason.OVERSIZED,
                f"body over {BODY_LIMIT} bytes",
            )
            raise HTTPException(
                413, f"the body is over {BODY_LIMIT} bytes; keep events small and put data in the bucket"
            )
        try:
            message = _unwrap(body)
        except Refused as refused:
            if _is_unwrapped(request, body):
                # An acknowledged message would be lost, with its type and id. Pub/Sub keeps this one until the
                # subscription is corrected, and else forwards it whole to dead-letters.
                log.error(_UNWRAPPED, extra={"subscription": request.headers.get(_SUBSCRIPTION)})
                raise HTTPException(400, _UNWRAPPED) from refused
            await self._reject(
                Message(body, {}, message_id=content_hash(body)), refused.reason, refused.detail
            )
            raise Acknowledged from refused
        # As soon as the attributes are read, so that log lines about a refusal belong to the message's trace.
        begin_hop(request.scope, message.event_type, message.attributes.get("traceparent"))

        async def record_refusal(detail: str) -> None:
            await self._reject(message, RejectReason.NOT_STORABLE, detail)

        # For web.py, which records a PermanentRefusal that the handler raises.
        setattr(request.state, RECORD_REFUSAL, record_refusal)
        # Before decoding: a dead letter may be undecodable, and is recorded as it is.
        if self._is_given_up(message):
            return await self._dead_letter(message)
        try:
            envelope = self._decode(message)
        except Refused as refused:
            await self._reject(message, refused.reason, refused.detail)
            raise Acknowledged from refused
        # Logged here for every service: an addition shows that a newer producer is live.
        _log_additions(envelope.payload)
        return Delivery(envelope.payload, envelope, message)

    def _is_given_up(self, message: Message) -> bool:
        """Return whether the message is a dead letter.

        Any sender may set a dead letter's attributes, so they count on the subscriptions of the dead-letter topic only.
        """
        subscription = message.subscription.rsplit("/", 1)[-1]
        # Pub/Sub writes the name of the subscription; a sender cannot forge it.
        topic = self._topics.topic_of_subscription(subscription)
        return is_dead_letter(message) and topic == self._topics.dead_letter_topic

    def _decode(self, message: Message) -> Envelope:
        if len(message.data) > EVENT_LIMIT:
            raise Refused(
                RejectReason.OVERSIZED, f"{len(message.data)} bytes; an event has at most {EVENT_LIMIT}"
            )
        envelope = decode(message)
        event = envelope.payload
        # Recorded and acknowledged: a subscription with a wrong filter would otherwise redeliver it a hundred times.
        if type(event) not in self._accepted:
            raise Refused(RejectReason.UNKNOWN_TYPE, f"{event.TYPE} has no handler in {self._service}")
        structured = message.attributes.get("content-type", "").startswith(STRUCTURED)
        # Filters of subscriptions see no attributes of structured events, so only some topics accept them.
        if structured and not self._topics.topics[self._topics.topic_of(event.TYPE)].structured:
            raise Refused(
                RejectReason.INVALID_PAYLOAD,
                f"{event.TYPE} is accepted in binary mode only; send ce- attributes",
            )
        # In production an event with its own time could cause decisions about any day.
        if getattr(event, "event_time", None) is not None and not self._event_time:
            raise Refused(
                RejectReason.INVALID_PAYLOAD,
                "event_time: this service runs on the wall clock; send the event without event_time",
            )
        return envelope

    async def _dead_letter(self, message: Message) -> Delivery:
        event = rejection(
            message,
            RejectReason.DELIVERY_ATTEMPTS,
            "Pub/Sub gave up after its last delivery attempt",
            service=self._service,
            environment=self._environment,
            # The publish time, so that each delivery of the dead letter makes the same row.
            at=message.publish_time or wall_now(),
        )
        event = await run_in_threadpool(keep_payload, event, message.data, self._state)
        return Delivery(event, self._publisher.envelope(event), message)

    async def _reject(self, message: Message, reason: RejectReason, detail: str) -> None:
        event = rejection(
            message, reason, detail, service=self._service, environment=self._environment, at=wall_now()
        )
        log.warning(
            "message rejected", extra={"reason": reason, "detail": detail, "message_id": message.message_id}
        )

        record(REJECTED, reason=reason.value)

        def record_rejection() -> None:
            try:
                self._publisher.publish([keep_payload(event, message.data, self._state)])
            except PermanentRefusal as error:
                # Without a record the message must not be acknowledged.
                raise Unavailable(f"the record of a rejected message was refused: {error}") from error

        await run_in_threadpool(record_rejection)


def _is_unwrapped(request: Request, body: bytes) -> bool:
    """Return whether the subscription delivers payloads unwrapped, with or without their metadata in headers.

    https://cloud.google.com/pubsub/docs/payload-unwrapping: payloads are JSON objects, and a wrapped push has a
    `message`.
    """
    # Only an unwrapped delivery has its metadata in headers.
    if any(name.startswith("x-goog-pubsub-") for name in request.headers):
        return True
    if _has_too_many_items(body):
        return False
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and bool(found) and "message" not in found


def _log_additions(event: Event) -> None:
    fields, members = unknown_fields(event), unknown_members(event)
    if fields or members:
        log.warning(
            "event has additions of a newer producer",
            extra={
                "event_type": event.TYPE,
                "event_id": event.id,
                "fields": list(fields),
                "members": members,
            },
        )


async def _read(request: Request, take: Callable[[int], None]) -> tuple[bytes, bool]:
    """Return at most BODY_LIMIT bytes of the body, and whether they are all of it. Raises Overloaded."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                take(len(chunk))
                body += chunk
                if len(body) > BODY_LIMIT:
                    return bytes(body[:BODY_LIMIT]), False
    except TimeoutError as error:
        raise HTTPException(
            408, f"the body did not arrive within {BODY_SECONDS:g} s; send it again"
        ) from error
    return bytes(body), True


def _has_too_many_items(body: bytes) -> bool:
    return body.count(b",") + body.count(b"{") + body.count(b"[") > MOST_ITEMS


def _unwrap(body: bytes) -> Message:
    if _has_too_many_items(body):
        raise Refused(
            RejectReason.UNDECODABLE, f"not a wrapped push: the body has more than {MOST_ITEMS:,} items"
        )
    try:
        push = _Push.model_validate_json(body)
        data = b64decode(push.message.data, validate=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise Refused(RejectReason.UNDECODABLE, f"not a wrapped push: {where}: {first['msg']}") from error
    except ValueError as error:  # binascii.Error, and plain ValueError for characters beyond ASCII
        raise Refused(RejectReason.UNDECODABLE, f"message.data is not base64: {error}") from error
    return Message(
        data,
        push.message.attributes,
        push.message.messageId,
        push.message.publishTime or wall_now(),
        push.subscription,
        push.deliveryAttempt,
    )
