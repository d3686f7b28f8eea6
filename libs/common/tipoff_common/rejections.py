"""Rejection of messages that can never succeed: the stored payload and the event that records it."""

from datetime import datetime

from tipoff_common.binding import Message
from tipoff_common.bounds import bounded_name
from tipoff_common.events import MessageRejected, RejectReason
from tipoff_common.identity import content_hash
from tipoff_common.ports import Objects

# Enough to identify the message; a row has a size limit, and the bucket has the whole payload.
HEAD_BYTES = 64 * 1024
_NAME = 400
"""Bytes of a foreign name; Pub/Sub's own names are shorter."""
SOURCE = "CloudPubSubDeadLetterSource"
"""Prefix of the attributes that Pub/Sub adds to a dead letter."""


def is_dead_letter(message: Message) -> bool:
    """Return whether Pub/Sub forwarded the message as a dead letter.

    Source of the attributes: https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic
    """
    return f"{SOURCE}Subscription" in message.attributes


def rejection(
    message: Message, reason: RejectReason, detail: str, *, service: str, environment: str, at: datetime
) -> MessageRejected:
    """Return the event that records `message`, without its payload's path."""
    count = message.attributes.get(f"{SOURCE}DeliveryCount", "")
    # A sender may have written the attribute, possibly with thousands of digits.
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
    """Write the payload to the state bucket under its hash and return the event with its path. Raises Unavailable."""
    # Named by its content: a message that is delivered a hundred times is one object.
    name = f"dead-letters/{event.payload_sha256}"
    state.create(name, payload)
    return event.model_copy(update={"payload_path": f"gs://{state.bucket}/{name}"})
