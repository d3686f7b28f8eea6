"""The bus on google-cloud-pubsub."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from google.api_core.exceptions import GoogleAPIError
from google.api_core.retry import Retry
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import BatchSettings

from tipoff_common.binding import Envelope, encode
from tipoff_common.ports import Unavailable

if TYPE_CHECKING:
    from tipoff_common.topics import TopicMap

_TIMEOUT_SECONDS = 15.0


class PubSubTopics:
    """The topics of one project."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._client = PublisherClient(batch_settings=BatchSettings(max_latency=0.005))

    def publish_messages(self, messages: Iterable[tuple[str, bytes, Mapping[str, str]]]) -> None:
        """(topic, data, attributes) of each, as they are. Returns when all are durable. Raises Unavailable; some may
        then be published."""
        futures = [
            self._client.publish(
                self._path(topic),
                data,
                retry=Retry(deadline=_TIMEOUT_SECONDS),
                timeout=_TIMEOUT_SECONDS,
                **attributes,
            )
            for topic, data, attributes in messages
        ]
        try:
            for future in futures:
                future.result(timeout=2 * _TIMEOUT_SECONDS)
        except (GoogleAPIError, TimeoutError) as error:
            raise Unavailable(f"Pub/Sub did not take an event: {error}") from error

    def check_topics(self, topics: Iterable[str]) -> None:
        """Raises Unavailable when one of them cannot be read."""
        try:
            for topic in topics:
                self._client.get_topic(topic=self._path(topic), timeout=5.0, retry=None)
        except GoogleAPIError as error:
            raise Unavailable(f"Pub/Sub topics cannot be read: {error}") from error

    def _path(self, topic: str) -> str:
        return f"projects/{self._project}/topics/{topic}"


class PubSubBus(PubSubTopics):
    """Publishes in binary mode to the topic that carries the event's type."""

    def __init__(self, project: str, topics: "TopicMap") -> None:
        super().__init__(project)
        self._topics = topics

    def publish(self, envelopes: Iterable[Envelope]) -> None:
        self.publish_messages(
            (self._topics.topic_of(envelope.payload.TYPE), *encode(envelope)) for envelope in envelopes
        )

    def check(self) -> None:
        # Every service publishes to this one, and may ask after no other: topics that it has no use for stay unseen.
        self.check_topics([self._topics.dead_letter_topic])


class OneTopic(PubSubTopics):
    """Publishes in binary mode to one topic: the bus of a program that knows no other, and needs no topic map."""

    def __init__(self, project: str, topic: str) -> None:
        super().__init__(project)
        self._topic = topic

    def publish(self, envelopes: Iterable[Envelope]) -> None:
        self.publish_messages((self._topic, *encode(envelope)) for envelope in envelopes)

    def check(self) -> None:
        self.check_topics([self._topic])
