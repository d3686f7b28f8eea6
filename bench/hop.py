"""An empty handler: a push comes in, the next hop is published, the push is answered.

`python -m hop PORT TOPIC` publishes each message on to the topic; without TOPIC it is the last hop, which notes when
each message came and answers GET /arrivals/<name>.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import BatchSettings
from pydantic import BaseModel

HOST = "127.0.0.1"
PUBLISH_SECONDS = 30.0


class Message(BaseModel):
    """The part of a message that is used."""

    attributes: dict[str, str]


class Push(BaseModel):
    """The wrapped push, as much of it as a hop needs."""

    message: Message


def publishing_to(topic: str) -> Callable[[str], None]:
    """Publish as the services do: with their batching, and done when Pub/Sub has taken it."""
    client = PublisherClient(batch_settings=BatchSettings(max_latency=0.005))

    def publish(name: str) -> None:
        client.publish(topic, b"{}", name=name).result(timeout=PUBLISH_SECONDS)

    return publish


def hop(handle: Callable[[str], Any]) -> FastAPI:
    """Build an application that hands on each message's name."""
    app = FastAPI()

    @app.post("/events", status_code=204)
    def receive(push: Push) -> None:
        handle(push.message.attributes["name"])

    return app


def last_hop() -> FastAPI:
    """Build the last application: it keeps when each message arrived."""
    arrivals: dict[str, float] = {}
    app = hop(lambda name: arrivals.setdefault(name, time.time()))

    @app.get("/arrivals/{name}")
    def arrival(name: str) -> float:
        if name not in arrivals:
            raise HTTPException(404)
        return arrivals[name]

    return app


if __name__ == "__main__":
    port, *topics = sys.argv[1:]
    app = hop(publishing_to(topics[0])) if topics else last_hop()
    uvicorn.run(app, host=HOST, port=int(port), log_level="warning", access_log=False)
