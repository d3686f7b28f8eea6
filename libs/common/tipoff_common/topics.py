"""The topic map, `infra/topics.yaml`: read by Terraform, the local stack, the services and the tests."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import Field, model_validator

from tipoff_common.events import EVENTS
from tipoff_common.yaml_source import ConfigurationNode, YamlSource


class Retry(ConfigurationNode):
    """Exponential back-off of a subscription, seconds."""

    minimum_seconds: float = Field(default=10, ge=0, le=600)
    maximum_seconds: float = Field(default=600, ge=0, le=600)

    @model_validator(mode="after")
    def _ascending(self) -> "Retry":
        # Pub/Sub would refuse such a policy, but only at the deployment.
        if self.maximum_seconds < self.minimum_seconds:
            raise ValueError(
                f"maximum_seconds {self.maximum_seconds:g} is below minimum_seconds {self.minimum_seconds:g}; swap them"
            )
        return self


class Subscription(ConfigurationNode):
    """A push subscription of one service."""

    service: str
    description: str = Field(min_length=1)
    filter: str = Field(default="", max_length=256)
    """A filter in Pub/Sub's language; "" matches every message."""
    ack_deadline_seconds: int = Field(default=60, ge=10, le=600, description="also the push timeout")


class Topic(ConfigurationNode):
    """A topic with the event types that go to it."""

    description: str = Field(min_length=1)
    events: tuple[str, ...] = Field(min_length=1)
    structured: bool = Field(default=False, description="whether structured mode is accepted beside binary")
    subscribed_outside: bool = Field(
        default=False, description="whether a subscriber outside of these services receives the messages"
    )
    subscriptions: Mapping[str, Subscription] = {}

    @model_validator(mode="after")
    def _has_subscriber(self) -> "Topic":
        if not self.subscriptions and not self.subscribed_outside:
            raise ValueError(
                "subscriptions: the topic has no subscription; add one, or write subscribed_outside: true"
            )
        return self

    @model_validator(mode="after")
    def _events_exist(self) -> "Topic":
        unknown = [name for name in self.events if name not in EVENTS]
        if unknown:
            raise ValueError(
                f"events: unknown event type {', '.join(unknown)}; known types are {', '.join(EVENTS)}"
            )
        return self


class TopicMap(ConfigurationNode):
    """All topics. Pub/Sub forwards a message without delivery attempts left to `dead_letter_topic`, whose own
    subscriptions have no dead-letter policy."""

    dead_letter_topic: str
    max_delivery_attempts: int = Field(ge=5, le=100)
    retry: Retry = Retry()
    topics: Mapping[str, Topic]

    @model_validator(mode="after")
    def _consistent(self) -> "TopicMap":
        if self.dead_letter_topic not in self.topics:
            raise ValueError(
                f"dead_letter_topic: '{self.dead_letter_topic}' is not among topics; add it there, or correct it"
            )
        carried = [name for topic in self.topics.values() for name in topic.events]
        missing = [name for name in EVENTS if name not in carried]
        if missing:
            raise ValueError(
                f"topics: no topic carries {', '.join(missing)}; list each under the events of one topic"
            )
        twice = sorted({name for name in carried if carried.count(name) > 1})
        if twice:
            raise ValueError(f"topics: {', '.join(twice)} is under two topics; keep it under one")
        names = [name for _, name, _ in self.subscriptions()]
        if same := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"subscriptions: {', '.join(same)} is under two topics; rename one")
        return self

    def topic_of(self, event_type: str) -> str:
        """Return the topic of an event type."""
        return next(name for name, topic in self.topics.items() if event_type in topic.events)

    def topic_of_subscription(self, name: str) -> str | None:
        """Return the topic of the subscription, None when the map does not have it."""
        return next((topic for topic, subscription, _ in self.subscriptions() if subscription == name), None)

    def subscriptions(self) -> Iterator[tuple[str, str, Subscription]]:
        """Yield (topic, subscription, its settings)."""
        for topic_name, topic in self.topics.items():
            for name, subscription in topic.subscriptions.items():
                yield topic_name, name, subscription


def load_topics(path: Path) -> TopicMap:
    """Read infra/topics.yaml. Raises ConfigurationError naming file, line and remedy."""
    return YamlSource.read(path).validate(TopicMap)
