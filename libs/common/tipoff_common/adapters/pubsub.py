"""The bus on google-cloud-pubsub."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from google.api_core.exceptions import GoogleAPIError, InvalidArgument, NotFound
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.publisher.exceptions import MessageTooLargeError
from google.cloud.pubsub_v1.types import BatchSettings

from tipoff_common.binding import Envelope, encode
from tipoff_common.limits import check_message
from tipoff_common.ports import PermanentRefusal, Unavailable

if TYPE_CHECKING:
    from tipoff_common.topics import TopicMap

_TIMEOUT_SECONDS = 15.0
_FAULTS = (GoogleAPIError, GoogleAuthError, TimeoutError)
_REFUSALS = (InvalidArgument, NotFound, MessageTooLargeError)
"""What sending a message again does not change: what is in it, and a topic that is not there. A deployment without its
topics is not ready (/readyz), so nothing is pushed to it."""


@contextmanager
def _translating(verb: str) -> Iterator[None]:
    """Raise the client's errors as the port's."""
    try:
        yield
    except _REFUSALS as error:
        raise PermanentRefusal(f"Pub/Sub will never {verb}: {error}") from error
    except _FAULTS as error:
        raise Unavailable(f"Pub/Sub did not {verb}: {error}") from error


class PubSubTopics:
    """The topics of one project."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._client = PublisherClient(batch_settings=BatchSettings(max_latency=0.005))

    def publish_messages(self, messages: Iterable[tuple[str, bytes, Mapping[str, str]]]) -> None:
        """Publish (topic, data, attributes) of each as they are; return when all are durable.

        Raises:
            PermanentRefusal: Pub/Sub will never take one of them; others may be published.
            Unavailable: some may be published.
        """
        checked = list(messages)
        for _, data, attributes in checked:
            # The client sends what waits in one request, which is refused as a whole: one message that is too large
            # would take those of other callers with it.
            check_message(data, attributes)
        with _translating("take an event"):
            futures = [
                self._client.publish(
                    self._path(topic),
                    data,
                    retry=Retry(deadline=_TIMEOUT_SECONDS),
                    timeout=_TIMEOUT_SECONDS,
                    **attributes,
                )
                for topic, data, attributes in checked
            ]
            for future in futures:
                future.result(timeout=2 * _TIMEOUT_SECONDS)

    def check_topics(self, topics: Iterable[str]) -> None:
        """Raise Unavailable when one of them cannot be read."""
        try:
            for topic in topics:
                self._client.get_topic(topic=self._path(topic), timeout=5.0, retry=None)
        except _FAULTS as error:
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
