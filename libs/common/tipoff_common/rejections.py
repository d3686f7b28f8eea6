"""Rejection of messages that can never succeed: keep the payload, publish the fact as an event, answer Pub/Sub."""

from datetime import datetime

from tipoff_common.binding import Message
from tipoff_common.bounds import bounded_name
from tipoff_common.events import MessageRejected, RejectReason
from tipoff_common.identity import content_hash
from tipoff_common.ports import Objects

# Enough to see what it was; a row has a limit, and the whole lies in the bucket.
HEAD_BYTES = 64 * 1024
_NAME = 400
"""Bytes of a name that somebody else gave; Pub/Sub's own are shorter."""
SOURCE = "CloudPubSubDeadLetterSource"
"""Prefix of the attributes that Pub/Sub adds to a message it gave up on."""


def is_dead_letter(message: Message) -> bool:
    """Return whether Pub/Sub gave up on the message.

    Source of the attributes: https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic
    """
    return f"{SOURCE}Subscription" in message.attributes


def rejection(
    message: Message, reason: RejectReason, detail: str, *, service: str, environment: str, at: datetime
) -> MessageRejected:
    """Return the event that records `message`, without its payload's path."""
    count = message.attributes.get(f"{SOURCE}DeliveryCount", "")
    # The attribute is whatever the sender wrote, digits without end included.
    attempts = (
        int(count) if count.isascii() and count.isdecimal() and len(count) < 10 else message.delivery_attempt
    )
    return MessageRejected(
        rejected_at=at,
        reason=reason,
        detail=detail,
        service=service,
        subscription=bounded_name(
            message.attributes.get(f"{SOURCE}Subscription", message.subscription.rsplit("/", 1)[-1]), _NAME
        ),
        message_id=bounded_name(message.message_id, _NAME),
        event_type=bounded_name(message.event_type, _NAME) if message.event_type else message.event_type,
        attributes=message.attributes,
        payload_sha256=content_hash(message.data),
        payload_bytes=len(message.data),
        payload_head=message.data[:HEAD_BYTES].decode("utf-8", "backslashreplace"),
        delivery_attempts=attempts,
        environment=environment,
    )


def keep_payload(event: MessageRejected, payload: bytes, state: Objects) -> MessageRejected:
    """Write the payload to the state bucket under its hash and name it in the event. Raises Unavailable."""
    # By its content: the same poison, delivered a hundred times, is one object.
    name = f"dead-letters/{event.payload_sha256}"
    state.create(name, payload)
    return event.model_copy(update={"payload_path": f"gs://{state.bucket}/{name}"})
