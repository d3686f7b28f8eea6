"""Pushes as Pub/Sub sends them, an endpoint that receives them, and a client that needs no port."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI

from tipoff_common.auth import Authentication, TokenVerifier
from tipoff_common.binding import Envelope, encode
from tipoff_common.events import EVENTS, Event
from tipoff_common.publisher import Publisher
from tipoff_common.push import Delivery, PushEndpoint
from tipoff_common.settings import ServiceSettings
from tipoff_common.testing import MemoryObjects, RecordingBus
from tipoff_common.topics import TopicMap, load_topics
from tipoff_common.web import create_app
from tipoff_dev.fakes.sources.testing import InProcessTransport

REPOSITORY = Path(__file__).parents[2]
KEY = "development-key"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
PUBLISHED = "2025-01-15T17:00:03Z"


def local_settings(**changes: object) -> ServiceSettings:
    """Return settings of the local environment."""
    sample = {
        "environment": "local",
        "project": "p",
        "data_bucket": "data",
        "state_bucket": "state",
        "development_key": KEY,
    }
    return ServiceSettings.model_validate({**sample, **changes})


def push_body(
    data: bytes,
    attributes: Mapping[str, str],
    *,
    message_id: str = "m-1",
    subscription: str = "projects/p/subscriptions/s-1",
    **more: object,
) -> bytes:
    message = {
        "data": b64encode(data).decode(),
        "attributes": dict(attributes),
        "messageId": message_id,
        "publishTime": PUBLISHED,
    }
    return json.dumps({"message": message, "subscription": subscription, **more}).encode()


def pushed(envelope: Envelope) -> bytes:
    return push_body(*encode(envelope))


@cache
def _topics() -> TopicMap:
    return load_topics(REPOSITORY / "infra/topics.yaml")


@dataclass
class Receiver:
    """A service that accepts any event, and records the deliveries to its handler."""

    accepted: frozenset[type[Event]] = frozenset(EVENTS.values())
    event_time: bool = False
    settings: ServiceSettings = field(default_factory=local_settings)
    verify: TokenVerifier | None = None
    bus: RecordingBus = field(default_factory=RecordingBus)
    state: MemoryObjects = field(default_factory=MemoryObjects)
    received: list[Delivery] = field(default_factory=list)
    handle: Callable[[Delivery], None] = field(default=lambda _delivery: None)

    def app(self) -> FastAPI:
        endpoint = PushEndpoint(
            service="receiver",
            environment="local",
            event_time=self.event_time,
            accepted=self.accepted,
            authentication=Authentication(self.settings, self.verify),
            topics=_topics(),
            publisher=Publisher("receiver", self.bus),
            state=self.state,
        )
        app = create_app(
            service="receiver",
            description="Takes any event.",
            environment="local",
            config_hash="abc123",
            checks={"bus": self.bus.check, "state": self.state.check},
        )

        @app.post("/events", status_code=204)
        def receive(delivery: Annotated[Delivery, Depends(endpoint)]) -> None:
            self.received.append(delivery)
            self.handle(delivery)

        return app

    @cached_property
    def _client(self) -> httpx.Client:
        return client(self.app())

    def post(self, body: bytes, headers: Mapping[str, str] = AUTHORIZED) -> httpx.Response:
        return self._client.post("/events", content=body, headers=dict(headers))


def client(app: FastAPI) -> httpx.Client:
    """Return a client whose relative URLs reach `app`."""
    return httpx.Client(transport=InProcessTransport(app), base_url="http://service")
