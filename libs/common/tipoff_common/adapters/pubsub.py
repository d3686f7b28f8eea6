"""The bus on google-cloud-pubsub."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from google.api_core.exceptions import GoogleAPIError, InvalidArgument, NotFound, from_grpc_error
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import PublishRequest, PublishResponse, PubsubMessage

from tipoff_common.binding import Envelope, encode
from tipoff_common.limits import check_message
from tipoff_common.ports import PermanentRefusal, Unavailable

if TYPE_CHECKING:
    from tipoff_common.topics import TopicMap

_TIMEOUT_SECONDS = 15.0
_FAULTS = (GoogleAPIError, GoogleAuthError, TimeoutError)
_RETRY = Retry(initial=0.1, maximum=2.0, multiplier=2.0, timeout=_TIMEOUT_SECONDS)
"""Of what Google calls transient; an outage is redelivery's."""
_ROUTING = "x-goog-request-params"
_BATCH_MESSAGES, _BATCH_BYTES = 500, 8_000_000
"""Of one request, which may carry 1,000 messages and 10 MB with all that is around them
(https://cloud.google.com/pubsub/quotas#resource_limits)."""
_Request, _Message = PublishRequest.pb(), PubsubMessage.pb()
"""The generated protocol buffers, of which Google's types are wrappers."""
_REFUSALS = (InvalidArgument, NotFound)
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
        self._client = PublisherClient()
        # The same call on the same authenticated channel as the client's own `publish`, which hands each message to
        # timers and threads and wraps it three times: 1.0 ms of CPU a message, and 0.3 ms this way
        # (docs/adr/0023-lean-clients-on-the-hot-path.md). Whoever publishes waits for the answer anyway.
        self._publish: Callable[..., Any] = self._client.transport.grpc_channel.unary_unary(
            "/google.pubsub.v1.Publisher/Publish",
            request_serializer=_Request.SerializeToString,
            response_deserializer=PublishResponse.pb().FromString,
        )

    def publish_messages(self, messages: Iterable[tuple[str, bytes, Mapping[str, str]]]) -> None:
        """Publish (topic, data, attributes) of each as they are, topic by topic as they first come.

        Returns when all are durable.

        Raises:
            PermanentRefusal: Pub/Sub will never take one of them; others may be published.
            Unavailable: some may be published.
        """
        by_topic: dict[str, list[Any]] = {}
        for topic, data, attributes in messages:
            # One request carries many messages and is refused as a whole, hence each is checked before any is sent.
            check_message(data, attributes)
            # In the order in which topics first come, as a file has to be out
            # before the execution that names it.
            by_topic.setdefault(topic, []).append(_Message(data=data, attributes=attributes))
        with _translating("take an event"):
            for topic, made in by_topic.items():
                for batch in _batches(made):
                    self._send(self._path(topic), batch)

    def _send(self, topic: str, messages: Sequence[Any]) -> None:
        """Publish one request's messages, again while Pub/Sub calls the fault transient. Raises GoogleAPIError."""
        request = _Request(topic=topic, messages=messages)

        def send() -> None:
            try:
                # The routing header: https://google.aip.dev/client-libraries/4222.
                self._publish(request, timeout=_TIMEOUT_SECONDS, metadata=[(_ROUTING, f"topic={topic}")])
            except grpc.RpcError as error:
                raise from_grpc_error(error) from error

        _RETRY(send)()

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
        """See `Bus.publish`."""
        self.publish_messages(
            (self._topics.topic_of(envelope.payload.TYPE), *encode(envelope)) for envelope in envelopes
        )

    def check(self) -> None:
        """See `Bus.check`."""
        # Every service publishes to this one, and may ask after no other: topics that it has no use for stay unseen.
        self.check_topics([self._topics.dead_letter_topic])


class OneTopic(PubSubTopics):
    """Publishes in binary mode to one topic: the bus of a program that knows no other, and needs no topic map."""

    def __init__(self, project: str, topic: str) -> None:
        super().__init__(project)
        self._topic = topic

    def publish(self, envelopes: Iterable[Envelope]) -> None:
        """See `Bus.publish`."""
        self.publish_messages((self._topic, *encode(envelope)) for envelope in envelopes)

    def check(self) -> None:
        """See `Bus.check`."""
        self.check_topics([self._topic])


def _batches(messages: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Split messages into what one request carries; a message is never larger than that."""
    batch: list[Any] = []
    size = 0
    for message in messages:
        length = message.ByteSize()
        if batch and (len(batch) == _BATCH_MESSAGES or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch
