"""All topics and subscriptions, and the delivery of messages between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from gcp_emulators.pubsub import errors, messages, publish_limits, resources
from gcp_emulators.pubsub.delivery import Message
from gcp_emulators.pubsub.messages import Pb
from gcp_emulators.pubsub.subscription import LiveSubscription


class Pusher(Protocol):
    """A sender of a subscription's messages to its endpoint."""

    @property
    def endpoint(self) -> str:
        """The URL of the push endpoint."""

    def stop(self) -> None:
        """Stop at once; messages in flight count as not acknowledged."""


class Broker:
    """All state of the server. Its methods raise PubsubError and never await."""

    def __init__(self, start_pusher: Callable[[LiveSubscription], Pusher]) -> None:
        self.topics: dict[str, Pb] = {}
        self.subscriptions: dict[str, LiveSubscription] = {}
        self._attached: dict[str, dict[str, LiveSubscription]] = {}
        self._start_pusher = start_pusher
        self._pushers: dict[str, Pusher] = {}
        # Consumers identify messages by these ids, so a restarted server must not reuse old ones.
        self._last_message_id = time.time_ns() // 1_000

    def create_topic(self, requested: Pb) -> Pb:
        """Create a topic. Raises ALREADY_EXISTS, or as `resources.new_topic`."""
        topic = resources.new_topic(requested)
        if topic.name in self.topics:
            raise errors.already_exists(topic.name)
        self.topics[topic.name] = topic
        self._attached[topic.name] = {}
        return topic

    def topic(self, name: str) -> Pb:
        """Return a topic. Raises INVALID_ARGUMENT for a malformed name, NOT_FOUND for an unknown one."""
        resources.check_name(name, "topics")
        if name not in self.topics:
            raise errors.not_found(name)
        return self.topics[name]

    def update_topic(self, wanted: Pb, mask: Pb) -> Pb:
        """Change a topic. Raises NOT_FOUND, or as `resources.updated`."""
        topic = resources.new_topic(resources.updated(self.topic(wanted.name), wanted, mask))
        self.topics[topic.name] = topic
        return topic

    def delete_topic(self, name: str) -> None:
        """Delete a topic; its subscriptions and their messages stay, attached to no topic."""
        self.topic(name)
        del self.topics[name]
        for subscription in self._attached.pop(name).values():
            subscription.config.topic = resources.DELETED_TOPIC

    def attached(self, topic: str) -> list[str]:
        """Return the names of the topic's subscriptions. Raises NOT_FOUND."""
        self.topic(topic)
        return list(self._attached[topic])

    def publish(self, request: Pb) -> list[str]:
        """Publish messages; return their new ids. Raises NOT_FOUND, or as `publish_limits.check_request`."""
        self.topic(request.topic)
        publish_limits.check_request(request)
        now = datetime.now(UTC)
        accepted = [
            Message(self._new_id(), sent.data, dict(sent.attributes), now, sent.ordering_key)
            for sent in request.messages
        ]
        for message in accepted:
            self._deliver(request.topic, message)
        return [message.message_id for message in accepted]

    def create_subscription(self, requested: Pb) -> LiveSubscription:
        """Create a subscription. Raises ALREADY_EXISTS, NOT_FOUND for its topics, or as
        `resources.new_subscription`."""
        config = resources.new_subscription(requested)
        if config.name in self.subscriptions:
            raise errors.already_exists(config.name)
        self.topic(config.topic)
        self._check_dead_letter_topic(config)
        subscription = LiveSubscription(config, self._dead_letter)
        self.subscriptions[config.name] = subscription
        self._attached[config.topic][config.name] = subscription
        self._match_pusher(subscription)
        return subscription

    def subscription(self, name: str) -> LiveSubscription:
        """Return a subscription. Raises INVALID_ARGUMENT for a malformed name, NOT_FOUND for an unknown one."""
        resources.check_name(name, "subscriptions")
        if name not in self.subscriptions:
            raise errors.not_found(name)
        return self.subscriptions[name]

    def update_subscription(self, wanted: Pb, mask: Pb) -> LiveSubscription:
        """Change a subscription. Raises NOT_FOUND, or as `resources.updated` and
        `resources.checked_subscription`."""
        subscription = self.subscription(wanted.name)
        config = resources.checked_subscription(resources.updated(subscription.config, wanted, mask))
        self._check_dead_letter_topic(config)
        subscription.reconfigure(config)
        self._match_pusher(subscription)
        return subscription

    def modify_push_config(self, name: str, push_config: Pb) -> None:
        """Change the endpoint; without one, convert a push subscription to a pull subscription."""
        subscription = self.subscription(name)
        resources.check_push_config(push_config)
        config = messages.Subscription()
        config.CopyFrom(subscription.config)
        config.push_config.CopyFrom(push_config)
        subscription.reconfigure(config)
        self._match_pusher(subscription)

    def delete_subscription(self, name: str) -> None:
        """Delete a subscription with its unacknowledged messages; waiting pulls get NOT_FOUND."""
        subscription = self.subscription(name)
        del self.subscriptions[name]
        self._attached.get(subscription.config.topic, {}).pop(name, None)
        self._stop_pusher(name)
        subscription.close(errors.not_found(name))

    def detach_subscription(self, name: str) -> None:
        """Detach a subscription: its settings can still be read, but it loses its messages and receives no new ones."""
        subscription = self.subscription(name)
        self._attached.get(subscription.config.topic, {}).pop(name, None)
        subscription.config.detached = True
        self._stop_pusher(name)
        subscription.close(errors.failed_precondition(f"The subscription is detached (resource={name})."))

    def close(self) -> None:
        """Stop pushing."""
        for name in list(self._pushers):
            self._stop_pusher(name)

    def _deliver(self, topic: str, message: Message) -> None:
        for subscription in self._attached[topic].values():
            subscription.offer(message)

    def _dead_letter(self, subscription: LiveSubscription, message: Message, attempts: int) -> bool:
        # The attributes are those of https://cloud.google.com/pubsub/docs/dead-letter-topics#how_dead_letter_topics_work.
        topic = subscription.config.dead_letter_policy.dead_letter_topic
        if topic not in self.topics:
            return False
        project, identifier = resources.project_and_id(subscription.name)
        added = {
            "CloudPubSubDeadLetterSourceDeliveryCount": str(attempts),
            "CloudPubSubDeadLetterSourceSubscription": identifier,
            "CloudPubSubDeadLetterSourceSubscriptionProject": project,
            "CloudPubSubDeadLetterSourceTopicPublishTime": messages.rfc3339(message.publish_time),
        }
        attributes = {**message.attributes, **added}
        self._deliver(
            topic,
            replace(
                message, message_id=self._new_id(), publish_time=datetime.now(UTC), attributes=attributes
            ),
        )
        return True

    def _check_dead_letter_topic(self, config: Pb) -> None:
        if config.HasField("dead_letter_policy"):
            self.topic(config.dead_letter_policy.dead_letter_topic)

    def _match_pusher(self, subscription: LiveSubscription) -> None:
        endpoint = "" if subscription.config.detached else subscription.push_endpoint
        pusher = self._pushers.get(subscription.name)
        if pusher is not None and pusher.endpoint != endpoint:
            # A new endpoint must not inherit the old one's pauses.
            self._stop_pusher(subscription.name)
            pusher = None
        if pusher is None and endpoint:
            self._pushers[subscription.name] = self._start_pusher(subscription)

    def _stop_pusher(self, name: str) -> None:
        pusher = self._pushers.pop(name, None)
        if pusher is not None:
            pusher.stop()

    def _new_id(self) -> str:
        self._last_message_id += 1
        return str(self._last_message_id)
