"""Tipoff's requirements of Pub/Sub, as one suite for every server that replaces it.

`pubsub_harness.GOOGLE_EMULATOR_LACKS` lists the known differences between Google's emulator and the service.
"""

from __future__ import annotations

import base64
import queue
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import field_mask_pb2
from pubsub_harness import Endpoint, Pubsub, status_of, wait_for

from gcp_emulators.testing import free_port

pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag is deprecated")

QUICK_RETRY = {"minimum_backoff": {"nanos": 100_000_000}, "maximum_backoff": {"seconds": 1}}

MakeEndpoint = Callable[..., Endpoint]


@pytest.fixture
def topic(pubsub: Pubsub) -> Iterator[str]:
    name = pubsub.topic()
    yield name
    for subscription in pubsub.publisher.list_topic_subscriptions(topic=name):
        pubsub.subscriber.delete_subscription(subscription=subscription)
    pubsub.publisher.delete_topic(topic=name)


# Publishing and pulling


def test_message_arrives_with_data_attributes_id_and_publish_time(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    message_id = pubsub.publish(topic, b"\x00payload\xff", kind="test", empty="")
    received = pubsub.pull(subscription)
    assert received.message.data == b"\x00payload\xff"
    assert dict(received.message.attributes) == {"kind": "test", "empty": ""}
    assert received.message.message_id == message_id
    assert abs(datetime.now(UTC) - received.message.publish_time) < timedelta(seconds=30)


def test_every_subscription_receives_its_own_copy(pubsub: Pubsub, topic: str) -> None:
    one, other = pubsub.subscription(topic), pubsub.subscription(topic)
    message_id = pubsub.publish(topic)
    pubsub.ack(one, pubsub.pull(one))
    assert pubsub.pull(other).message.message_id == message_id


def test_subscription_receives_only_later_messages(pubsub: Pubsub, topic: str) -> None:
    pubsub.publish(topic, b"before")
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"after")
    assert pubsub.pull(subscription).message.data == b"after"


def test_message_without_data_is_delivered(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"", only="attributes")
    assert dict(pubsub.pull(subscription).message.attributes) == {"only": "attributes"}


def test_pull_waits_for_message(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pubsub.subscriber.pull, subscription=subscription, max_messages=1, timeout=15)
        message_id = pubsub.publish(topic)
        (received,) = waiting.result().received_messages
    assert received.message.message_id == message_id


# Leases


def test_acknowledged_message_is_not_redelivered(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic)
    received = pubsub.pull(subscription)
    pubsub.deadline(subscription, received, 1)
    pubsub.ack(subscription, received)
    assert pubsub.nothing_to_pull_for(subscription, 1.5)


def test_message_is_redelivered_only_after_its_deadline(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    message_id = pubsub.publish(topic)
    received = pubsub.pull(subscription)
    since = time.monotonic()
    pubsub.deadline(subscription, received, 2)
    again = pubsub.pull(subscription)
    assert time.monotonic() - since >= 1.8
    assert again.message.message_id == message_id
    assert again.ack_id != received.ack_id


def test_extended_deadline_delays_redelivery(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic)
    received = pubsub.pull(subscription)
    pubsub.deadline(subscription, received, 1)
    pubsub.deadline(subscription, received, 60)
    assert pubsub.nothing_to_pull_for(subscription, 1.5)


def test_nacked_message_is_redelivered_at_once(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic, ack_deadline_seconds=600)
    message_id = pubsub.publish(topic)
    pubsub.deadline(subscription, pubsub.pull(subscription), 0)
    assert pubsub.pull(subscription).message.message_id == message_id


def test_delivery_attempt_is_0_without_dead_letter_policy(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic)
    assert pubsub.pull(subscription).delivery_attempt == 0


# Streaming pull


def test_streaming_pull_delivers_and_acknowledges_all_messages(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    received: queue.Queue[Any] = queue.Queue()

    def callback(message: Any) -> None:
        message.ack()
        received.put(message)

    stream = pubsub.subscriber.subscribe(subscription, callback)
    try:
        published = {pubsub.publish(topic, str(number).encode()) for number in range(50)}
        arrived = [received.get(timeout=90).message_id for _ in published]
    finally:
        stream.cancel()
        stream.result(timeout=90)
    assert set(arrived) == published
    assert pubsub.nothing_to_pull_for(subscription, 0.5)


def test_message_nacked_on_stream_is_redelivered(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    received: queue.Queue[Any] = queue.Queue()
    stream = pubsub.subscriber.subscribe(subscription, received.put)
    try:
        message_id = pubsub.publish(topic)
        received.get(timeout=90).nack()
        again = received.get(timeout=90)
        again.ack()
    finally:
        stream.cancel()
        stream.result(timeout=90)
    assert again.message_id == message_id


def test_stream_of_unknown_subscription_is_not_found(pubsub: Pubsub) -> None:
    stream = pubsub.subscriber.subscribe(pubsub.name("subscriptions"), lambda message: message.ack())
    assert status_of(lambda: stream.result(timeout=90)) == "NOT_FOUND"


# Push


def test_push_body_is_the_wrapped_message(pubsub: Pubsub, topic: str, endpoint: MakeEndpoint) -> None:
    receiver = endpoint()
    subscription = pubsub.subscription(topic, push_config={"push_endpoint": receiver.url})
    message_id = pubsub.publish(topic, b"\x00data", kind="test")
    push = receiver.next()
    message = push.body["message"]
    assert push.headers["content-type"] == "application/json"
    assert push.body["subscription"] == subscription
    assert "deliveryAttempt" not in push.body
    assert base64.b64decode(message["data"]) == b"\x00data"
    assert message["attributes"] == {"kind": "test"}
    assert message["messageId"] == message["message_id"] == message_id
    assert message["publishTime"] == message["publish_time"]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(message["publishTime"])) < timedelta(seconds=30)


def test_push_answered_with_success_is_not_repeated(
    pubsub: Pubsub, topic: str, endpoint: MakeEndpoint
) -> None:
    receiver = endpoint(204)
    pubsub.subscription(topic, push_config={"push_endpoint": receiver.url}, retry_policy=QUICK_RETRY)
    pubsub.publish(topic)
    receiver.next()
    assert receiver.nothing_for(1)


def test_failed_push_is_repeated_with_growing_backoff(
    pubsub: Pubsub, topic: str, endpoint: MakeEndpoint
) -> None:
    receiver = endpoint(503, 429)
    retry = {"minimum_backoff": {"nanos": 500_000_000}, "maximum_backoff": {"seconds": 600}}
    pubsub.subscription(topic, push_config={"push_endpoint": receiver.url}, retry_policy=retry)
    message_id = pubsub.publish(topic)
    first, second, third = receiver.next(), receiver.next(), receiver.next()
    assert {first.message_id, second.message_id, third.message_id} == {message_id}
    assert second.at - first.at >= 0.4
    assert third.at - second.at >= 0.8
    assert receiver.nothing_for(0.5)


def test_redirect_counts_as_failed_push(pubsub: Pubsub, topic: str, endpoint: MakeEndpoint) -> None:
    receiver = endpoint(302)
    pubsub.subscription(topic, push_config={"push_endpoint": receiver.url}, retry_policy=QUICK_RETRY)
    message_id = pubsub.publish(topic)
    assert [receiver.next().message_id, receiver.next().message_id] == [message_id, message_id]


def test_push_waits_for_absent_endpoint(pubsub: Pubsub, topic: str, endpoint: MakeEndpoint) -> None:
    port = free_port()
    pubsub.subscription(
        topic, push_config={"push_endpoint": f"http://127.0.0.1:{port}/push"}, retry_policy=QUICK_RETRY
    )
    message_id = pubsub.publish(topic)
    assert endpoint(port=port).next().message_id == message_id


def test_push_can_be_enabled_and_disabled(pubsub: Pubsub, topic: str, endpoint: MakeEndpoint) -> None:
    receiver = endpoint()
    subscription = pubsub.subscription(topic)
    pubsub.subscriber.modify_push_config(
        subscription=subscription, push_config={"push_endpoint": receiver.url}
    )
    pushed = pubsub.publish(topic)
    assert receiver.next().message_id == pushed
    pubsub.subscriber.modify_push_config(subscription=subscription, push_config={})
    pulled = pubsub.publish(topic)
    found = pubsub.pull(subscription).message.message_id
    if found == pushed:  # turned off before the endpoint's response was read, so it is delivered again
        found = pubsub.pull(subscription).message.message_id
    assert found == pulled
    assert receiver.received.empty()


# Filters


def test_filter_passes_only_matching_messages(pubsub: Pubsub, topic: str) -> None:
    filtered = pubsub.subscription(topic, filter='attributes.kind = "wanted" AND NOT attributes:"test-run"')
    for attributes in ({"kind": "other"}, {"kind": "wanted", "test-run": ""}, {"kind": "wanted"}):
        pubsub.publish(topic, **attributes)
    assert dict(pubsub.pull(filtered).message.attributes) == {"kind": "wanted"}
    assert pubsub.nothing_to_pull_for(filtered, 0.3)


def test_filter_applies_to_push(pubsub: Pubsub, topic: str, endpoint: MakeEndpoint) -> None:
    receiver = endpoint()
    pubsub.subscription(
        topic, push_config={"push_endpoint": receiver.url}, filter='hasPrefix(attributes.kind, "wanted")'
    )
    pubsub.publish(topic, kind="other")
    pubsub.publish(topic, kind="wanted-1")
    assert receiver.next().body["message"]["attributes"] == {"kind": "wanted-1"}
    assert receiver.nothing_for(0.5)


@pytest.mark.parametrize("text", ["kind", 'attributes.a = "x" AND attributes:b OR attributes:c'])
def test_malformed_filter_is_refused(pubsub: Pubsub, topic: str, text: str) -> None:
    assert status_of(lambda: pubsub.subscription(topic, filter=text)) == "INVALID_ARGUMENT"


def test_a_filter_cannot_be_changed(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic, filter="attributes:a")
    assert _update(pubsub, subscription, filter="attributes:b") == "INVALID_ARGUMENT"
    assert pubsub.subscriber.get_subscription(subscription=subscription).filter == "attributes:a"


# Dead letters


def test_message_is_dead_lettered_after_last_pull(pubsub: Pubsub, topic: str) -> None:
    dead_topic = pubsub.topic()
    dead = pubsub.subscription(dead_topic)
    subscription = pubsub.subscription(topic, dead_letter_policy=_dead_letters_to(dead_topic))
    pubsub.publish(topic, b"poison", kind="test")
    attempts = []
    published = None
    for _ in range(5):
        received = pubsub.pull(subscription)
        published = received.message.publish_time
        attempts.append(received.delivery_attempt)
        pubsub.deadline(subscription, received, 0)
    assert attempts == [1, 2, 3, 4, 5]
    # A consumer keeps pulling, and Google's emulator forwards the dead letter only at the next pull.
    (letter,) = wait_for(lambda: pubsub.pull_now(subscription) or pubsub.pull_now(dead), "the dead letter")
    _check_dead_letter(letter, subscription)
    result = letter.message.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"]
    assert published is not None
    assert abs(datetime.fromisoformat(result) - published) < timedelta(milliseconds=2)
    assert pubsub.nothing_to_pull_for(subscription, 0.5)


def test_message_is_dead_lettered_after_last_push(pubsub: Pubsub, topic: str, endpoint: MakeEndpoint) -> None:
    dead_topic = pubsub.topic()
    dead = pubsub.subscription(dead_topic)
    receiver = endpoint(*[500] * 10)
    subscription = pubsub.subscription(
        topic,
        push_config={"push_endpoint": receiver.url},
        dead_letter_policy=_dead_letters_to(dead_topic),
        retry_policy=QUICK_RETRY,
    )
    pubsub.publish(topic, b"poison", kind="test")
    _check_dead_letter(pubsub.pull(dead, 30), subscription)
    assert receiver.received.qsize() == 5


def test_push_has_delivery_attempt_with_dead_letter_policy(
    pubsub: Pubsub, topic: str, endpoint: MakeEndpoint
) -> None:
    receiver = endpoint(500)
    pubsub.subscription(
        topic,
        push_config={"push_endpoint": receiver.url},
        dead_letter_policy=_dead_letters_to(pubsub.topic()),
        retry_policy=QUICK_RETRY,
    )
    pubsub.publish(topic)
    assert [receiver.next().body.get("deliveryAttempt") for _ in range(2)] == [1, 2]


# Resources


def test_a_subscription_is_stored_with_its_settings(pubsub: Pubsub, topic: str) -> None:
    dead_topic = pubsub.topic()
    name = pubsub.subscription(
        topic,
        ack_deadline_seconds=30,
        retry_policy={"minimum_backoff": {"seconds": 5}, "maximum_backoff": {"seconds": 50}},
        dead_letter_policy={"dead_letter_topic": dead_topic, "max_delivery_attempts": 7},
        filter="attributes:kind",
    )
    stored = pubsub.subscriber.get_subscription(subscription=name)
    assert (stored.topic, stored.ack_deadline_seconds, stored.filter) == (topic, 30, "attributes:kind")
    assert (stored.retry_policy.minimum_backoff.seconds, stored.retry_policy.maximum_backoff.seconds) == (
        5,
        50,
    )
    assert stored.dead_letter_policy.dead_letter_topic == dead_topic
    assert stored.dead_letter_policy.max_delivery_attempts == 7
    assert stored.message_retention_duration == timedelta(days=7)


def test_settings_can_be_updated_by_mask(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic, ack_deadline_seconds=30)
    assert _update(pubsub, subscription, ack_deadline_seconds=60, retry_policy=QUICK_RETRY) == "OK"
    stored = pubsub.subscriber.get_subscription(subscription=subscription)
    assert (stored.ack_deadline_seconds, stored.retry_policy.maximum_backoff.seconds) == (60, 1)


def test_labels_can_be_updated(pubsub: Pubsub, topic: str) -> None:
    assert _update(pubsub, pubsub.subscription(topic), labels={"team": "data"}) == "OK"
    mask = field_mask_pb2.FieldMask(paths=["labels"])
    request = {"topic": {"name": topic, "labels": {"team": "data"}}, "update_mask": mask}
    assert pubsub.publisher.update_topic(request=request).labels == {"team": "data"}


def test_invalid_update_is_refused(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    assert _update(pubsub, subscription) == "INVALID_ARGUMENT"
    assert _update(pubsub, subscription, topic=topic) == "INVALID_ARGUMENT"
    assert _update(pubsub, subscription, ack_deadline_seconds=601) == "INVALID_ARGUMENT"


def test_resources_are_listed_in_pages(pubsub: Pubsub, topic: str) -> None:
    names = {pubsub.subscription(topic) for _ in range(3)}
    assert set(pubsub.publisher.list_topic_subscriptions(request={"topic": topic, "page_size": 2})) == names
    project = topic.rpartition("/topics/")[0]
    assert topic in {
        item.name for item in pubsub.publisher.list_topics(request={"project": project, "page_size": 2})
    }
    listed = {item.name for item in pubsub.subscriber.list_subscriptions(project=project)}
    assert names <= listed


def test_a_subscription_outlives_its_topic(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    message_id = pubsub.publish(topic)
    pubsub.publisher.delete_topic(topic=topic)
    assert pubsub.subscriber.get_subscription(subscription=subscription).topic == "_deleted-topic_"
    assert pubsub.pull(subscription).message.message_id == message_id


def test_unknown_resource_is_not_found(pubsub: Pubsub, topic: str) -> None:
    nowhere, nobody = pubsub.name("topics"), pubsub.name("subscriptions")
    publisher, subscriber = pubsub.publisher, pubsub.subscriber
    calls: dict[str, Callable[[], Any]] = {
        "get topic": lambda: publisher.get_topic(topic=nowhere),
        "delete topic": lambda: publisher.delete_topic(topic=nowhere),
        "publish": lambda: pubsub.publish(nowhere),
        "subscribe": lambda: pubsub.subscription(nowhere),
        "dead letters": lambda: pubsub.subscription(topic, dead_letter_policy=_dead_letters_to(nowhere)),
        "get subscription": lambda: subscriber.get_subscription(subscription=nobody),
        "delete subscription": lambda: subscriber.delete_subscription(subscription=nobody),
        "pull": lambda: pubsub.pull_now(nobody),
        "acknowledge": lambda: subscriber.acknowledge(subscription=nobody, ack_ids=["1-1"]),
    }
    assert {name: status_of(call) for name, call in calls.items()} == dict.fromkeys(calls, "NOT_FOUND")


def test_existing_resource_cannot_be_created_again(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    assert status_of(lambda: pubsub.publisher.create_topic(name=topic)) == "ALREADY_EXISTS"
    assert (
        status_of(lambda: pubsub.subscriber.create_subscription(name=subscription, topic=topic))
        == "ALREADY_EXISTS"
    )


def test_invalid_request_is_an_invalid_argument(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    too_long = {"minimum_backoff": {"seconds": 601}}
    crossed = {"minimum_backoff": {"seconds": 20}, "maximum_backoff": {"seconds": 10}}
    calls: dict[str, Callable[[], Any]] = {
        "name": lambda: pubsub.publisher.create_topic(name="projects/p/topics/1-starts-with-a-digit"),
        "empty message": lambda: pubsub.publish(topic, b""),
        "deadline": lambda: pubsub.subscription(topic, ack_deadline_seconds=601),
        "back-off": lambda: pubsub.subscription(topic, retry_policy=too_long),
        "back-offs crossed": lambda: pubsub.subscription(topic, retry_policy=crossed),
        "endpoint": lambda: pubsub.subscription(topic, push_config={"push_endpoint": "ftp://host/"}),
        "pull of none": lambda: pubsub.pull_now(subscription, 0),
        "acknowledge nothing": lambda: pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=[]),
        "acknowledge rubbish": lambda: pubsub.subscriber.acknowledge(
            subscription=subscription, ack_ids=["?"]
        ),
    }
    assert {name: status_of(call) for name, call in calls.items()} == dict.fromkeys(calls, "INVALID_ARGUMENT")


LIMITS: dict[str, list[dict[str, Any]]] = {
    "1,001 messages": [{"data": b"x"}] * 1_001,
    "one empty message of two": [{"data": b"x"}, {}],
}
SIZES: dict[str, list[dict[str, Any]]] = {
    "10 MB of data": [{"data": b"x" * 10_000_001}],
    "10 MB together": [{"data": b"x" * 2_000_001}] * 5,
    "101 attributes": [{"data": b"x", "attributes": {f"a{number}": "x" for number in range(101)}}],
    "a key of 257 bytes": [{"data": b"x", "attributes": {"k" * 257: "x"}}],
    "a key of 129 characters in 258 bytes": [{"data": b"x", "attributes": {"\u00e9" * 129: "x"}}],
    "a value of 1,025 bytes": [{"data": b"x", "attributes": {"k": "v" * 1_025}}],
    "an empty key": [{"data": b"x", "attributes": {"": "x"}}],
}
"""Source: https://cloud.google.com/pubsub/quotas#resource_limits"""


@pytest.mark.parametrize("published", LIMITS.values(), ids=LIMITS)
def test_publish_with_too_many_or_empty_messages_is_refused_whole(
    pubsub: Pubsub, topic: str, published: list[dict[str, Any]]
) -> None:
    subscription = pubsub.subscription(topic)
    request = {"topic": topic, "messages": published}
    assert status_of(lambda: pubsub.publisher._gapic_publish(request=request)) == "INVALID_ARGUMENT"
    assert pubsub.pull_now(subscription) == []


@pytest.mark.parametrize("published", SIZES.values(), ids=SIZES)
def test_oversized_publish_is_refused_whole(
    pubsub: Pubsub, topic: str, published: list[dict[str, Any]]
) -> None:
    test_publish_with_too_many_or_empty_messages_is_refused_whole(pubsub, topic, published)


def test_publish_at_the_limits_is_accepted(pubsub: Pubsub, topic: str) -> None:
    largest = {"k" * 254 + f"{number:02}": "v" * 1_024 for number in range(100)}
    subscription = pubsub.subscription(topic)
    pubsub.publisher._gapic_publish(request={"topic": topic, "messages": [{"attributes": largest}]})
    pubsub.publisher._gapic_publish(request={"topic": topic, "messages": [{"data": b"x" * 9_990_000}]})
    assert dict(pubsub.pull(subscription).message.attributes) == largest


def test_fewer_than_five_delivery_attempts_are_out_of_range(pubsub: Pubsub, topic: str) -> None:
    policy = {**_dead_letters_to(topic), "max_delivery_attempts": 4}
    assert status_of(lambda: pubsub.subscription(topic, dead_letter_policy=policy)) == "OUT_OF_RANGE"


def test_an_ack_deadline_below_ten_seconds_is_refused(pubsub: Pubsub, topic: str) -> None:
    assert status_of(lambda: pubsub.subscription(topic, ack_deadline_seconds=9)) == "INVALID_ARGUMENT"


def test_deleted_subscription_is_not_found(pubsub: Pubsub, topic: str) -> None:
    subscription = pubsub.subscription(topic)
    pubsub.subscriber.delete_subscription(subscription=subscription)
    wait_for(
        lambda: status_of(lambda: pubsub.pull_now(subscription)) == "NOT_FOUND", "the subscription to be gone"
    )


def _update(pubsub: Pubsub, subscription: str, **settings: Any) -> str:
    mask = field_mask_pb2.FieldMask(paths=list(settings))
    request = {"subscription": {"name": subscription, **settings}, "update_mask": mask}
    return status_of(lambda: pubsub.subscriber.update_subscription(request=request))


def _dead_letters_to(topic: str) -> dict[str, Any]:
    return {"dead_letter_topic": topic, "max_delivery_attempts": 5}


def _check_dead_letter(letter: Any, subscription: str) -> None:
    _, project, _, identifier = subscription.split("/")
    attributes = dict(letter.message.attributes)
    assert letter.message.data == b"poison"
    assert attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime")
    assert attributes == {
        "kind": "test",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": identifier,
        "CloudPubSubDeadLetterSourceSubscriptionProject": project,
    }
