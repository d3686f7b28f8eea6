"""Pub/Sub's push as one FastAPI dependency: authenticated, bounded, decoded; poison recorded and acknowledged.

The wrapped push format: https://cloud.google.com/pubsub/docs/push#receive_push
"""

import logging
from base64 import b64decode
from dataclasses import dataclass

from fastapi import HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from tipoff_common.auth import Authentication
from tipoff_common.binding import STRUCTURED, Envelope, Message, Refused, decode
from tipoff_common.clock import Instant
from tipoff_common.events import Event, RejectReason
from tipoff_common.identity import content_hash
from tipoff_common.ports import Objects
from tipoff_common.publisher import Publisher
from tipoff_common.rejections import is_dead_letter, keep_payload, rejection
from tipoff_common.topics import TopicMap
from tipoff_common.trace import continue_trace
from tipoff_common.wall_clock import wall_now

log = logging.getLogger(__name__)

BODY_LIMIT = 10 * 1024 * 1024
EVENT_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Delivery:
    """A message that was read: its event, and the message it came in."""

    event: Event
    envelope: Envelope
    message: Message


class Acknowledged(Exception):
    """The message was dealt with while it was read; answer 2xx."""


class _PushedMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")

    data: str = ""
    attributes: dict[str, str] = Field(default_factory=dict)
    messageId: str = ""  # noqa: N815  # the name on the wire
    publishTime: Instant | None = None  # noqa: N815


class _Push(BaseModel):
    model_config = ConfigDict(extra="ignore")

    message: _PushedMessage
    subscription: str = ""
    deliveryAttempt: int | None = None  # noqa: N815


class PushEndpoint:
    """The dependency: `delivery: Annotated[Delivery, Depends(endpoint)]`.

    Answers 401/403 before reading the body and 413 for a body over 10 MiB; records and acknowledges what can never
    succeed; raises Unavailable (503, delivered again) when recording fails.
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

    async def __call__(self, request: Request) -> Delivery:
        self._authentication.push(request)
        body, complete = await _read(request)
        if not complete:
            await self._reject(
                Message(body, {}, subscription="unknown", message_id=content_hash(body)),
                "oversized",
                f"body over {BODY_LIMIT} bytes",
            )
            raise HTTPException(
                413, f"the body is over {BODY_LIMIT} bytes; keep events small and put data in the bucket"
            )
        try:
            message = _unwrap(body)
        except Refused as refused:
            await self._reject(
                Message(body, {}, message_id=content_hash(body)), refused.reason, refused.detail
            )
            raise Acknowledged from refused
        continue_trace(message.attributes.get("traceparent"))
        if is_dead_letter(message):
            return await self._dead_letter(message)
        try:
            envelope = self._decode(message)
        except Refused as refused:
            await self._reject(message, refused.reason, refused.detail)
            raise Acknowledged from refused
        return Delivery(envelope.payload, envelope, message)

    def _decode(self, message: Message) -> Envelope:
        if len(message.data) > EVENT_LIMIT:
            raise Refused("oversized", f"{len(message.data)} bytes; an event has at most {EVENT_LIMIT}")
        envelope = decode(message)
        event = envelope.payload
        if type(event) not in self._accepted:
            raise Refused("unknown_type", f"{event.TYPE} has no handler in {self._service}")
        structured = message.attributes.get("content-type", "").startswith(STRUCTURED)
        if structured and not self._topics.topics[self._topics.topic_of(event.TYPE)].structured:
            raise Refused(
                "invalid_payload", f"{event.TYPE} is accepted in binary mode only; send ce- attributes"
            )
        if getattr(event, "event_time", None) is not None and not self._event_time:
            raise Refused(
                "invalid_payload",
                "event_time: this service runs on the wall clock; send the event without it",
            )
        return envelope

    async def _dead_letter(self, message: Message) -> Delivery:
        event = rejection(
            message,
            "delivery_attempts",
            "Pub/Sub gave up after its last delivery attempt",
            service=self._service,
            environment=self._environment,
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

        def record() -> None:
            self._publisher.publish([keep_payload(event, message.data, self._state)])

        await run_in_threadpool(record)


async def _read(request: Request) -> tuple[bytes, bool]:
    """At most BODY_LIMIT bytes of the body, and whether that is all of it."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            return bytes(body[:BODY_LIMIT]), False
    return bytes(body), True


def _unwrap(body: bytes) -> Message:
    try:
        push = _Push.model_validate_json(body)
        data = b64decode(push.message.data, validate=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise Refused("undecodable", f"not a wrapped push: {where}: {first['msg']}") from error
    except ValueError as error:  # binascii.Error, and plain ValueError for characters beyond ASCII
        raise Refused("undecodable", f"message.data is not base64: {error}") from error
    return Message(
        data,
        push.message.attributes,
        push.message.messageId,
        push.message.publishTime or wall_now(),
        push.subscription,
        push.deliveryAttempt,
    )
