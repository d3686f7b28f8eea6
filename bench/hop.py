"""A service with an empty handler, which publishes the next hop and answers the push.

`python -m bench.hop PORT PROJECT CLIENT TOPIC` publishes each message to the topic; without TOPIC it is the last hop.
CLIENT is `google` for Google's publisher, with a batching window of 5 ms, or `lean` for the services' publisher.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import uvicorn
from fastapi import FastAPI
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import BatchSettings
from pydantic import BaseModel

from tipoff_common.adapters.pubsub import PubSubTopics

HOST = "127.0.0.1"
PUBLISH_SECONDS = 30.0
DATA = b"{}"
Publish = Callable[[Mapping[str, str]], None]
"""Publish a message with these attributes; return when Pub/Sub has accepted it."""


class HopMessage(BaseModel):
    """The part of a message that a hop uses."""

    attributes: dict[str, str]


class Push(BaseModel):
    """The part of a wrapped push that a hop uses."""

    message: HopMessage


def publisher(client: str, project: str, topic: str) -> Publish:
    """Return a function that publishes to a topic by one of the two clients."""
    if client == "lean":
        topics = PubSubTopics(project)
        return lambda attributes: topics.publish_messages([(topic, DATA, attributes)])
    google = PublisherClient(batch_settings=BatchSettings(max_latency=0.005))
    path = google.topic_path(project, topic)

    def publish(attributes: Mapping[str, str]) -> None:
        google.publish(path, DATA, **attributes).result(timeout=PUBLISH_SECONDS)

    return publish


def hop(publish: Publish) -> FastAPI:
    """Build a service with one route."""
    app = FastAPI()

    @app.post("/events", status_code=204)
    def receive(push: Push) -> None:
        publish(push.message.attributes)

    return app


if __name__ == "__main__":
    port, project, client, *topics = sys.argv[1:]
    app = hop(publisher(client, project, topics[0]) if topics else lambda _attributes: None)
    uvicorn.run(app, host=HOST, port=int(port), log_level="warning", access_log=False)
