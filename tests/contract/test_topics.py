"""`infra/topics.yaml`, compared with the publishers and subscribers in the code."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gcp_emulators.pubsub.filters import parse
from tests.support.samples import NOON, SAMPLES
from tipoff_common.adapters import bigquery
from tipoff_common.binding import Envelope, encode
from tipoff_common.events import EVENTS, Event, MessageRejected, Tick, TickFired, WorkflowDecided
from tipoff_common.rows import TABLES
from tipoff_common.topics import Subscription, load_topics
from tipoff_logger.settings import LoggerSettings
from tipoff_planning.reasons import Reason

REPOSITORY = Path(__file__).parents[2]
TOPICS = load_topics(REPOSITORY / "infra/topics.yaml")
SUBSCRIPTIONS = [(topic, name, settings) for topic, name, settings in TOPICS.subscriptions()]
HANDLERS = {
    path.parents[1].name: f"{path.parent.name}.handlers"
    for path in sorted(REPOSITORY.glob("services/*/tipoff_*/handlers.py"))
}


def messages(model: type[Event]) -> Iterator[dict[str, str]]:
    """Yield the attributes of such an event, of each tick and of each reason."""
    samples: list[Event] = [SAMPLES[model]()]
    if model is TickFired:
        samples = [TickFired(tick=tick) for tick in Tick]
    elif model is WorkflowDecided:
        samples = [SAMPLES[model](reason_code=reason.value) for reason in Reason]
    for event in samples:
        yield encode(Envelope(event, event.id, "/tipoff/test", NOON))[1]


def delivered(topic: str, subscription: Subscription) -> set[type[Event]]:
    """Return the types of event that reach the service.

    A dead letter arrives on the dead-letter topic with its own attributes, and is read as a rejection.
    """
    wanted = parse(subscription.filter)
    types = {EVENTS[name] for name in TOPICS.topics[topic].events if any(map(wanted, messages(EVENTS[name])))}
    dead = topic == TOPICS.dead_letter_topic and any(
        wanted(attributes) for model in EVENTS.values() for attributes in messages(model)
    )
    return types | ({MessageRejected} if dead else set())


@pytest.mark.parametrize("event_type", EVENTS)
def test_every_event_has_a_single_topic(event_type: str) -> None:
    carrying = [name for name, topic in TOPICS.topics.items() if event_type in topic.events]
    assert carrying == [TOPICS.topic_of(event_type)]


def test_every_subscribed_service_exists() -> None:
    assert {settings.service for _, _, settings in SUBSCRIPTIONS} <= set(HANDLERS)


def test_every_service_has_a_subscription() -> None:
    assert set(HANDLERS) <= {settings.service for _, _, settings in SUBSCRIPTIONS}


def test_subscription_names_are_unique() -> None:
    """Pub/Sub's names are unique in a project, not in a topic."""
    names = [name for _, name, _ in SUBSCRIPTIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("service", sorted(HANDLERS))
def test_service_accepts_exactly_its_delivered_events(service: str) -> None:
    reaching = [
        delivered(topic, settings) for topic, _, settings in SUBSCRIPTIONS if settings.service == service
    ]
    assert set().union(*reaching) == importlib.import_module(HANDLERS[service]).ACCEPTED


def test_every_event_with_a_row_reaches_the_logger() -> None:
    """Incident 25: an edge without a subscriber is silent."""
    reaching = {
        topic for topic, _, settings in SUBSCRIPTIONS if settings.service == "logger" and not settings.filter
    }
    assert {TOPICS.topic_of(model.TYPE) for model in TABLES} == reaching


@pytest.mark.parametrize(
    ("topic", "name", "settings"), SUBSCRIPTIONS, ids=[name for _, name, _ in SUBSCRIPTIONS]
)
def test_subscription_filter_matches_an_event(topic: str, name: str, settings: Subscription) -> None:
    assert delivered(topic, settings), f"{name}: the filter matches no event of {topic}"


def test_ticks_are_delivered_to_their_services() -> None:
    reached = {
        tick: {
            settings.service
            for topic, _, settings in SUBSCRIPTIONS
            if topic == TOPICS.topic_of(TickFired.TYPE) and parse(settings.filter)({"tick": tick.value})
        }
        for tick in (Tick.EVALUATE, Tick.DISCOVER, Tick.LOCK_SCHEDULE, Tick.CLEANUP, Tick.ARCHIVE)
    }
    assert reached == {
        Tick.EVALUATE: {"controller"},
        Tick.DISCOVER: {"controller"},
        Tick.LOCK_SCHEDULE: {"controller"},
        Tick.CLEANUP: {"cleanup"},
        Tick.ARCHIVE: {"logger"},
    }


def test_only_receipt_topic_allows_structured_mode() -> None:
    """Filters match attributes: elsewhere a structured message would be acknowledged unread."""
    assert [name for name, topic in TOPICS.topics.items() if topic.structured] == ["phase2-receipts"]


def test_runner_ack_deadline_is_at_least_540_seconds() -> None:
    (requests,) = (settings for _, name, settings in SUBSCRIPTIONS if name == "runner-requests")
    assert requests.ack_deadline_seconds >= 540


def test_longest_logger_wait_is_below_ack_deadlines() -> None:
    """The longest wait in the queue, plus the longest wait for an append without a response."""
    longest = LoggerSettings.model_fields["queue_seconds"].default + bigquery._TIMEOUT_SECONDS
    deadlines = {
        name: settings.ack_deadline_seconds
        for _, name, settings in SUBSCRIPTIONS
        if settings.service == "logger"
    }
    assert "logger-executions" in deadlines
    assert min(deadlines.values()) > longest


def test_retries_outlast_an_outage_of_six_hours() -> None:
    waits = [
        min(TOPICS.retry.minimum_seconds * 2**n, TOPICS.retry.maximum_seconds)
        for n in range(TOPICS.max_delivery_attempts - 1)
    ]
    assert sum(waits) > 6 * 3600
