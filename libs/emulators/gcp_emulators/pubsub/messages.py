"""The API's protocol buffer classes, plain rather than proto-plus: those cost several times as much per field.

They come with google-cloud-pubsub and carry no type information, hence `Any`. Source: google/pubsub/v1/pubsub.proto.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.pubsub_v1 import types

from gcp_emulators.pubsub.delivery import Delivery, Message

Pb = Any
"""A protocol buffer message of a class below."""

AcknowledgeRequest: Any = types.AcknowledgeRequest.pb()
DeleteSubscriptionRequest: Any = types.DeleteSubscriptionRequest.pb()
DeleteTopicRequest: Any = types.DeleteTopicRequest.pb()
DetachSubscriptionRequest: Any = types.DetachSubscriptionRequest.pb()
DetachSubscriptionResponse: Any = types.DetachSubscriptionResponse.pb()
GetSubscriptionRequest: Any = types.GetSubscriptionRequest.pb()
GetTopicRequest: Any = types.GetTopicRequest.pb()
ListSubscriptionsRequest: Any = types.ListSubscriptionsRequest.pb()
ListSubscriptionsResponse: Any = types.ListSubscriptionsResponse.pb()
ListTopicSubscriptionsRequest: Any = types.ListTopicSubscriptionsRequest.pb()
ListTopicSubscriptionsResponse: Any = types.ListTopicSubscriptionsResponse.pb()
ListTopicsRequest: Any = types.ListTopicsRequest.pb()
ListTopicsResponse: Any = types.ListTopicsResponse.pb()
ModifyAckDeadlineRequest: Any = types.ModifyAckDeadlineRequest.pb()
ModifyPushConfigRequest: Any = types.ModifyPushConfigRequest.pb()
PublishRequest: Any = types.PublishRequest.pb()
PublishResponse: Any = types.PublishResponse.pb()
PubsubMessage: Any = types.PubsubMessage.pb()
PullRequest: Any = types.PullRequest.pb()
PullResponse: Any = types.PullResponse.pb()
ReceivedMessage: Any = types.ReceivedMessage.pb()
StreamingPullRequest: Any = types.StreamingPullRequest.pb()
StreamingPullResponse: Any = types.StreamingPullResponse.pb()
Subscription: Any = types.Subscription.pb()
Topic: Any = types.Topic.pb()
UpdateSubscriptionRequest: Any = types.UpdateSubscriptionRequest.pb()
UpdateTopicRequest: Any = types.UpdateTopicRequest.pb()


def received(delivery: Delivery, *, with_attempt: bool) -> Pb:
    """Return a delivery as pull and streaming pull return it; the attempt is told only where a dead-letter policy
    exists."""
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
    """Return a UTC time as the service writes it in push bodies and dead-letter attributes: milliseconds and Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def copy_of(message: Message, *, message_id: str, publish_time: datetime, added: dict[str, str]) -> Message:
    """Return the message as it is published again elsewhere, with attributes added."""
    return Message(
        message_id, message.data, {**message.attributes, **added}, publish_time, message.ordering_key
    )
