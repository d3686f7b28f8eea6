"""StreamingPull: messages as they arrive, within the client's flow control.

Source: the comments on StreamingPullRequest in google/pubsub/v1/pubsub.proto. Leases outlive the stream: unsettled
messages are delivered again after their deadline.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from google.pubsub_v1 import types

from gcp_emulators.pubsub import errors, messages, rpc
from gcp_emulators.pubsub.broker import Broker
from gcp_emulators.pubsub.messages import Pb
from gcp_emulators.pubsub.subscription import LiveSubscription

_MAX_BATCH = 100
_MAX_BATCH_BYTES = 3_000_000
"""Below gRPC's default limit for one message."""

_ACK_ID = re.compile(r"[0-9a-f]+-\d+")

_owners = itertools.count(1)


def handler(broker: Broker) -> rpc.Handler:
    """Return the method's handler."""

    async def call(requests: AsyncIterator[Pb], context: Any) -> AsyncIterator[Pb]:
        try:
            async for response in _stream(broker, requests):
                yield response
        except errors.PubsubError as error:
            await context.abort(error.code, error.message)

    return grpc.stream_stream_rpc_method_handler(
        call,
        request_deserializer=types.StreamingPullRequest.pb().FromString,
        response_serializer=rpc.serialize,
    )


async def _stream(broker: Broker, requests: AsyncIterator[Pb]) -> AsyncIterator[Pb]:
    first = await anext(aiter(requests), None)
    if first is None:
        raise errors.invalid("The first request of a stream must name its subscription.")
    subscription = broker.subscription(first.subscription)
    if not 10 <= first.stream_ack_deadline_seconds <= 600:
        raise errors.invalid("stream_ack_deadline_seconds must be between 10 and 600.")
    owner, ack_deadline = next(_owners), first.stream_ack_deadline_seconds

    async def listen() -> None:
        """Carry out the client's requests until it closes its side. Raises INVALID_ARGUMENT, which ends the stream."""
        nonlocal ack_deadline
        try:
            async for request in requests:
                ack_deadline = request.stream_ack_deadline_seconds or ack_deadline
                _settle(subscription, request)
        finally:
            subscription.notify()

    listening = asyncio.create_task(listen())
    try:
        while not listening.done():
            limit, limit_bytes = _room(subscription, owner, first)
            deliveries = []
            if limit > 0:
                deliveries = subscription.lease(
                    limit, owner=owner, seconds=ack_deadline, max_bytes=limit_bytes
                )
            if not deliveries:
                await subscription.changed()
                continue
            received = messages.received(deliveries, with_attempt=subscription.tells_attempts)
            yield messages.StreamingPullResponse(received_messages=received)
        await listening
    finally:
        listening.cancel()


def _settle(subscription: LiveSubscription, request: Pb) -> None:
    if request.ack_ids:
        check_ack_ids(request.ack_ids)
        subscription.acknowledge(request.ack_ids)
    if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
        raise errors.invalid("modify_deadline_ack_ids and modify_deadline_seconds differ in length.")
    for ack_id, seconds in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
        subscription.modify_deadline(ack_id, seconds)


def check_ack_ids(ack_ids: Iterable[str]) -> None:
    """Raise INVALID_ARGUMENT for an empty list, or an id that this server cannot have issued."""
    listed = list(ack_ids)
    if not listed:
        raise errors.invalid("No ack ids specified.")
    for ack_id in listed:
        if _ACK_ID.fullmatch(ack_id) is None:
            raise errors.invalid(f"Invalid ack id (ack_id={ack_id}).")


def _room(subscription: LiveSubscription, owner: int, first: Pb) -> tuple[int, int]:
    count, size = subscription.queue.held_by(owner)
    limit, limit_bytes = _MAX_BATCH, _MAX_BATCH_BYTES
    if first.max_outstanding_messages > 0:
        limit = min(limit, first.max_outstanding_messages - count)
    if first.max_outstanding_bytes > 0:
        limit_bytes = min(limit_bytes, first.max_outstanding_bytes - size)
        if limit_bytes <= 0:
            return 0, 0
    return limit, limit_bytes
