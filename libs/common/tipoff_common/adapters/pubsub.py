"""The bus on google-cloud-pubsub."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from google.api_core.exceptions import GoogleAPIError, InvalidArgument, from_grpc_error
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
"""Retries errors that Google classes as transient; an outage is left to redelivery."""
_ROUTING = "x-goog-request-params"
_BATCH_MESSAGES, _BATCH_BYTES = 500, 8_000_000
"""Limits of one request; Pub/Sub allows 1,000 messages and 10 MB, overhead included
(https://cloud.google.com/pubsub/quotas#resource_limits)."""
_Request, _Message = PublishRequest.pb(), PubsubMessage.pb()
"""The generated protocol buffers that Google's types wrap."""


@contextmanager
def _translating(verb: str) -> Iterator[None]:
    """Convert the client's errors to those of the port."""
    try:
        yield
    except InvalidArgument as error:  # the only error that a redelivery does not mend
        raise PermanentRefusal(f"Pub/Sub will never {verb}: {error}") from error
    # These include a missing topic: Terraform may be replacing it, and an acknowledged message loses its follow-ups.
    # The subscription's max_delivery_attempts end the redeliveries when the topic never returns.
    except _FAULTS as error:
        raise Unavailable(f"Pub/Sub did not {verb}: {error}") from error


class PubSubTopics:
    """The topics of one project."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._client = PublisherClient()
        # The same call on the same authenticated channel as the client's own `publish`. That one hands each message to
        # timers and threads and wraps it three times: 1.0 ms of CPU a message instead of 0.3 ms
        # (docs/adr/0023-lean-clients-on-the-hot-path.md). Every publisher here waits for the answer anyway.
        self._publish: Callable[..., Any] = self._client.transport.grpc_channel.unary_unary(
            "/google.pubsub.v1.Publisher/Publish",
            request_serializer=_Request.SerializeToString,
            response_deserializer=PublishResponse.pb().FromString,
        )

    def publish_messages(self, messages: Iterable[tuple[str, bytes, Mapping[str, str]]]) -> None:
        """Publish each (topic, data, attributes) unchanged, grouped by topic in order of first appearance.

        Returns when all are durable.

        Raises:
            PermanentRefusal: Pub/Sub will never accept one of them; others may be published.
            Unavailable: some may be published.
        """
        by_topic: dict[str, list[Any]] = {}
        for topic, data, attributes in messages:
            # Pub/Sub refuses a request as a whole, hence each message is checked before any is sent.
            check_message(data, attributes)
            # The dict keeps the order of topics: a file has to be published before the execution that names it.
            by_topic.setdefault(topic, []).append(_Message(data=data, attributes=attributes))
        with _translating("accept an event"):
            for topic, made in by_topic.items():
                for batch in _batches(made):
                    self._send(self._path(topic), batch)

    def _send(self, topic: str, messages: Sequence[Any]) -> None:
        """Publish the messages in one request, and retry transient errors. Raises GoogleAPIError."""
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
        # Every service publishes to this topic, and its account may read no topic that it does not publish to.
        self.check_topics([self._topics.dead_letter_topic])


class OneTopic(PubSubTopics):
    """Publishes in binary mode to one topic, for a program without a topic map."""

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
    """Split messages into batches for one request each; no message is larger than a request may be."""
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
