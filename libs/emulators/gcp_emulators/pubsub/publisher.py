"""google.pubsub.v1.Publisher. Source: google/pubsub/v1/pubsub.proto."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

from gcp_emulators.pubsub import messages, rpc
from gcp_emulators.pubsub.broker import Broker
from gcp_emulators.pubsub.messages import Pb


def handlers(broker: Broker) -> Any:
    """Return the service's methods over a broker, for `grpc.aio.Server.add_generic_rpc_handlers`."""

    def publish(request: Pb) -> Pb:
        return messages.PublishResponse(message_ids=broker.publish(request))

    def update_topic(request: Pb) -> Pb:
        return broker.update_topic(request.topic, request.update_mask)

    def list_topics(request: Pb) -> Pb:
        names = sorted(name for name in broker.topics if name.startswith(f"{request.project}/"))
        found, token = rpc.page(names, request.page_size, request.page_token)
        return messages.ListTopicsResponse(
            topics=[broker.topics[name] for name in found], next_page_token=token
        )

    def list_topic_subscriptions(request: Pb) -> Pb:
        names, token = rpc.page(sorted(broker.attached(request.topic)), request.page_size, request.page_token)
        return messages.ListTopicSubscriptionsResponse(subscriptions=names, next_page_token=token)

    def delete_topic(request: Pb) -> Pb:
        broker.delete_topic(request.topic)
        return empty_pb2.Empty()

    def detach_subscription(request: Pb) -> Pb:
        broker.detach_subscription(request.subscription)
        return messages.DetachSubscriptionResponse()

    return grpc.method_handlers_generic_handler(
        "google.pubsub.v1.Publisher",
        {
            "CreateTopic": rpc.unary(types.Topic, broker.create_topic),
            "UpdateTopic": rpc.unary(types.UpdateTopicRequest, update_topic),
            "Publish": rpc.unary(types.PublishRequest, publish),
            "GetTopic": rpc.unary(types.GetTopicRequest, lambda request: broker.topic(request.topic)),
            "ListTopics": rpc.unary(types.ListTopicsRequest, list_topics),
            "ListTopicSubscriptions": rpc.unary(
                types.ListTopicSubscriptionsRequest, list_topic_subscriptions
            ),
            "DeleteTopic": rpc.unary(types.DeleteTopicRequest, delete_topic),
            "DetachSubscription": rpc.unary(types.DetachSubscriptionRequest, detach_subscription),
        },
    )
