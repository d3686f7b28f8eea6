"""Simulated Pub/Sub, and Phase 2 behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from gcp_emulators.pubsub.filters import parse as parse_filter
from tests.simulation.cloud import instant_of
from tests.simulation.faults import Kind
from tests.simulation.fleet import ENVIRONMENT, ROOT
from tests.simulation.process import Process
from tipoff_common.binding import Message
from tipoff_common.events import (
    EVENTS,
    Event,
    FileLanded,
    FileProcessed,
    MessageRejected,
    RejectReason,
)
from tipoff_common.identity import content_hash
from tipoff_common.ports import Unavailable
from tipoff_common.push import Delivery
from tipoff_common.rejections import rejection
from tipoff_common.topics import Subscription, TopicMap, load_topics

if TYPE_CHECKING:
    from tests.simulation.world import World


@cache
def topic_map() -> TopicMap:
    """Return the real map of topics."""
    return load_topics(ROOT / "infra/topics.yaml")


@cache
def routes() -> Mapping[str, Sequence[tuple[str, str, Subscription, Any]]]:
    """Return the subscriptions of each type of event, with their filters."""
    found: dict[str, list[tuple[str, str, Subscription, Any]]] = {}
    for topic, name, settings in topic_map().subscriptions():
        for event_type in topic_map().topics[topic].events:
            found.setdefault(event_type, []).append((topic, name, settings, parse_filter(settings.filter)))
    return found


@dataclass(eq=False)
class Pushed:
    """One message of one subscription."""

    number: int
    subscription: str
    settings: Subscription
    topic: str
    event: Event
    published: float
    attempts: int = 0
    acknowledged: bool = False


@dataclass(eq=False)
class Handling:
    """One delivery attempt of one message to one process."""

    broker: "Broker"
    message: Pushed
    process: Process
    closed: bool = False

    def settle(self, _result: Any, error: Exception | None) -> None:
        """Acknowledge or reject the message, once the handler has returned or raised."""
        world, name = self.broker.world, self.process.name
        self.process.deliveries.pop(self, None)
        if error is None:
            world.log.add(world.hub.now, "ack", name, message=self.message.number, late=self.closed)
            if world.injector.hit(Kind.LOST_ACK, world.hub.now):
                return
            # A late acknowledgement counts as well, unless the deadline has passed.
            if not self.closed:
                self.message.acknowledged = True
                self.closed = True
            return
        description = f"{type(error).__name__}: {error}"
        unforeseen = not isinstance(error, Unavailable)
        world.log.add(
            world.hub.now,
            "nack",
            name,
            message=self.message.number,
            error=description[:300],
            unforeseen=unforeseen,
        )
        self.redeliver()

    def redeliver(self) -> None:
        """Redeliver the message: the response is missing or an error."""
        if not self.closed:
            self.closed = True
            self.broker.schedule_retry(self.message)


@lru_cache(maxsize=256)
def _read(event_type: str, data: str) -> Event:
    """Decode an event as a subscriber does. Ticks and republished events are the same text many times."""
    return EVENTS[event_type].model_validate_json(data)


class Broker:
    """Pub/Sub: at-least-once delivery in any order, with back-off and dead letters."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self._messages = 0
        self.open: dict[Pushed, None] = {}
        self._routes = routes()

    def publish(self, event: Event, process: Process | None, by: str = "") -> None:
        """Accept an event and deliver it to all its subscribers."""
        world = self.world
        data = event.model_dump_json()
        name = process.name if process else by
        world.log.add(
            world.hub.now,
            "publish",
            name,
            type=event.TYPE,
            id=event.id,
            digest=content_hash(data.encode())[:16],
            data=data,
        )
        if process is not None and process.version == 2:
            # A later version of the service may add fields.
            data = f'{data[:-1]},"added_later":{{"by":"{process.name}"}}}}'
        # A subscriber reads the encoded event, not the publisher's object.
        read = _read(event.TYPE, data)
        if isinstance(event, FileLanded):
            world.phase2.take(event)
        attributes = {**event.filter_attributes, "ce-type": event.TYPE}
        for topic, subscription, settings, matches in self._routes.get(event.TYPE, ()):
            if matches(attributes):
                self._add(subscription, settings, topic, read)

    def _add(self, subscription: str, settings: Subscription, topic: str, event: Event) -> None:
        world = self.world
        self._messages += 1
        message = Pushed(self._messages, subscription, settings, topic, event, world.hub.now)
        self.open[message] = None
        delay = world.injector.hit(Kind.DELAY, world.hub.now)
        world.hub.after(
            world.latency() + (world.injector.draw(delay).uniform(0, delay.size) if delay else 0.0),
            self.deliver,
            message,
        )
        if world.injector.hit(Kind.DUPLICATE, world.hub.now):
            world.hub.after(world.latency() * 3, self.deliver, message, True)

    def deliver(self, message: Pushed, is_duplicate: bool = False) -> None:
        """Push a message to one of its service's processes."""
        world, now = self.world, self.world.hub.now
        if message.acknowledged:
            self.open.pop(message, None)
            return
        message.attempts += not is_duplicate
        if message.attempts > world.max_attempts and not is_duplicate:
            self._give_up(message)
            return
        ready = [it for it in world.processes[message.settings.service] if it.alive]
        if not ready or world.injector.hit(Kind.LOST_DELIVERY, now):
            if not is_duplicate:
                self.schedule_retry(message)
            return
        process = ready[world.draw.randrange(len(ready))]
        handling = Handling(self, message, process)
        process.deliveries[handling] = None
        world.log.add(
            now, "deliver", process.name, message=message.number, subscription=message.subscription,
            attempt=message.attempts, type=message.event.TYPE, id=message.event.id,
            request=getattr(message.event, "request_id", None),
        )  # fmt: skip
        delivery = Delivery(
            message.event,
            None,  # type: ignore[arg-type]  # handlers never read the envelope
            Message(
                b"", {}, str(message.number), instant_of(world.start, message.published), message.subscription
            ),
        )
        process.handle(delivery, handling.settle)
        if not is_duplicate:
            world.hub.after(message.settings.ack_deadline_seconds, self._expire, handling)

    def _expire(self, handling: Handling) -> None:
        if not handling.message.acknowledged:
            handling.redeliver()

    def schedule_retry(self, message: Pushed) -> None:
        """Redeliver with a delay that grows each time."""
        retry = topic_map().retry
        wait = min(retry.maximum_seconds, retry.minimum_seconds * 2 ** min(message.attempts, 10))
        self.world.hub.after(wait * self.world.draw.uniform(0.8, 1.2), self.deliver, message)

    def _give_up(self, message: Pushed) -> None:
        """Forward a message to the dead-letter topic; the logger reads it from there."""
        message.acknowledged = True
        self.open.pop(message, None)
        if message.topic == topic_map().dead_letter_topic:
            return
        event = rejection(
            Message(
                b"{}",
                {"ce-type": message.event.TYPE},
                str(message.number),
                self.world.instant(),
                message.subscription,
            ),
            RejectReason.DELIVERY_ATTEMPTS,
            f"{message.event.TYPE} {message.event.id}",
            service="pubsub",
            environment=ENVIRONMENT,
            at=self.world.instant(),
        )
        assert isinstance(event, MessageRejected)
        self.publish(event, None, "pubsub")


@dataclass
class Phase2:
    """Phase 2: processes each file once, and publishes a receipt."""

    world: "World"
    receipts: dict[str, FileProcessed] = field(default_factory=dict)

    def take(self, event: FileLanded) -> None:
        """Receive the announcement of a file."""
        world = self.world
        if world.injector.hit(Kind.PHASE2_DROPS, world.hub.now):
            world.log.add(world.hub.now, "dropped", "phase2", path=event.gcs_path)
            return
        world.hub.after(world.draw.uniform(2, 60), self._process, event.gcs_path)

    def _process(self, path: str) -> None:
        world = self.world
        if path not in self.receipts:
            self.receipts[path] = FileProcessed(
                gcs_path=path,
                processor="p",
                processed_at=world.instant(),
                row_count=2,
                environment=ENVIRONMENT,
            )
        world.broker.publish(self.receipts[path], None, "phase2")
