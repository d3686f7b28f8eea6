"""The API's protocol buffer classes, plain rather than proto-plus: those cost several times as much per field.

They come with google-cloud-pubsub and carry no type information, hence `Any`. Source: google/pubsub/v1/pubsub.proto.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from google.pubsub_v1 import types

from gcp_emulators.pubsub.delivery import Delivery

Pb = Any
"""A protocol buffer message of a class below."""

DetachSubscriptionResponse: Any = types.DetachSubscriptionResponse.pb()
ListSubscriptionsResponse: Any = types.ListSubscriptionsResponse.pb()
ListTopicSubscriptionsResponse: Any = types.ListTopicSubscriptionsResponse.pb()
ListTopicsResponse: Any = types.ListTopicsResponse.pb()
PublishRequest: Any = types.PublishRequest.pb()
PublishResponse: Any = types.PublishResponse.pb()
PubsubMessage: Any = types.PubsubMessage.pb()
PullResponse: Any = types.PullResponse.pb()
ReceivedMessage: Any = types.ReceivedMessage.pb()
StreamingPullResponse: Any = types.StreamingPullResponse.pb()
Subscription: Any = types.Subscription.pb()
Topic: Any = types.Topic.pb()
UpdateSubscriptionRequest: Any = types.UpdateSubscriptionRequest.pb()


def received(deliveries: Iterable[Delivery], *, with_attempt: bool) -> list[Pb]:
    """Return deliveries in the form of pull and streaming pull; with the attempt only where a dead-letter policy
    exists."""
    return [_received(delivery, with_attempt) for delivery in deliveries]


def _received(delivery: Delivery, with_attempt: bool) -> Pb:
    message = delivery.message
    answer = ReceivedMessage(
        ack_id=delivery.ack_id,
        message=PubsubMessage(
            data=message.data,
            attributes=dict(message.attributes),
            message_id=message.message_id,
            ordering_key=message.ordering_key,
        ),
        delivery_attempt=delivery.attempt if with_attempt else 0,
    )
    answer.message.publish_time.FromDatetime(message.publish_time)
    return answer


def rfc3339(moment: datetime) -> str:
    """Return a UTC time in the service's form for push bodies and dead-letter attributes: milliseconds and Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
