"""google.pubsub.v1.Subscriber, without streaming pull. Source: google/pubsub/v1/pubsub.proto."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

from gcp_emulators.pubsub import errors, messages, rpc, streaming_pull
from gcp_emulators.pubsub.broker import Broker
from gcp_emulators.pubsub.messages import Pb

PULL_WAIT_SECONDS = 20.0
"""Longest wait of a pull for a message, even when its caller would wait longer."""


def handlers(broker: Broker) -> Any:
    """Return the service's methods over a broker, for `grpc.aio.Server.add_generic_rpc_handlers`."""

    def create(request: Pb) -> Pb:
        return broker.create_subscription(request).config

    def get(request: Pb) -> Pb:
        return broker.subscription(request.subscription).config

    def update(request: Pb) -> Pb:
        return broker.update_subscription(request.subscription, request.update_mask).config

    def list_subscriptions(request: Pb) -> Pb:
        names = sorted(name for name in broker.subscriptions if name.startswith(f"{request.project}/"))
        found, token = rpc.page(names, request.page_size, request.page_token)
        return messages.ListSubscriptionsResponse(
            subscriptions=[broker.subscriptions[name].config for name in found], next_page_token=token
        )

    def delete(request: Pb) -> Pb:
        broker.delete_subscription(request.subscription)
        return empty_pb2.Empty()

    def modify_push_config(request: Pb) -> Pb:
        broker.modify_push_config(request.subscription, request.push_config)
        return empty_pb2.Empty()

    def acknowledge(request: Pb) -> Pb:
        subscription = broker.subscription(request.subscription)
        streaming_pull.check_ack_ids(request.ack_ids)
        subscription.acknowledge(request.ack_ids)
        return empty_pb2.Empty()

    def modify_ack_deadline(request: Pb) -> Pb:
        subscription = broker.subscription(request.subscription)
        streaming_pull.check_ack_ids(request.ack_ids)
        if not 0 <= request.ack_deadline_seconds <= 600:
            raise errors.invalid(
                f"Invalid ack deadline given: (ack_deadline_seconds={request.ack_deadline_seconds})."
            )
        for ack_id in request.ack_ids:
            subscription.modify_deadline(ack_id, request.ack_deadline_seconds)
        return empty_pb2.Empty()

    async def pull(request: Pb, context: Any) -> Pb:
        return await _pull(broker, request, context.time_remaining())

    return grpc.method_handlers_generic_handler(
        "google.pubsub.v1.Subscriber",
        {
            "CreateSubscription": rpc.unary(types.Subscription, create),
            "GetSubscription": rpc.unary(types.GetSubscriptionRequest, get),
            "UpdateSubscription": rpc.unary(types.UpdateSubscriptionRequest, update),
            "ListSubscriptions": rpc.unary(types.ListSubscriptionsRequest, list_subscriptions),
            "DeleteSubscription": rpc.unary(types.DeleteSubscriptionRequest, delete),
            "ModifyPushConfig": rpc.unary(types.ModifyPushConfigRequest, modify_push_config),
            "Acknowledge": rpc.unary(types.AcknowledgeRequest, acknowledge),
            "ModifyAckDeadline": rpc.unary(types.ModifyAckDeadlineRequest, modify_ack_deadline),
            "Pull": rpc.unary_waiting(types.PullRequest, pull),
            "StreamingPull": streaming_pull.handler(broker),
        },
    )


async def _pull(broker: Broker, request: Pb, remaining: float | None) -> Pb:
    subscription = broker.subscription(request.subscription)
    if request.max_messages <= 0:
        raise errors.invalid("max_messages must be at least 1.")
    # Respond before the caller's own deadline, or the messages would be leased to a caller that is gone.
    patience = PULL_WAIT_SECONDS if remaining is None else max(0.0, min(PULL_WAIT_SECONDS, remaining - 0.25))
    deliveries = subscription.lease(min(request.max_messages, 1_000))
    if not deliveries and not request.return_immediately:
        try:
            async with asyncio.timeout(patience):
                while not deliveries:
                    await subscription.changed()
                    deliveries = subscription.lease(min(request.max_messages, 1_000))
        except TimeoutError:
            pass
    received = messages.received(deliveries, with_attempt=subscription.tells_attempts)
    return messages.PullResponse(received_messages=received)
