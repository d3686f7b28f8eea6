"""Creation of topics, subscriptions, buckets and tables on the embedded cloud, as Terraform does on Google Cloud."""

from collections.abc import Callable, Collection
from contextlib import closing, suppress

from google.api_core.exceptions import AlreadyExists, Conflict
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy, Subscription

from gcp_emulators.pubsub.push import MAX_OUTSTANDING_LABEL
from tipoff_cli.checkout import FLEET, TOPICS
from tipoff_common.topics import Subscription as Settings
from tipoff_common.topics import TopicMap, load_topics
from tipoff_dataset.deploy import deploy
from tipoff_dataset.files import SCHEMAS
from tipoff_dev.stack.layout import DATA_BUCKET, PROJECT, SERVICE_MAP, STATE_BUCKET

PHASE_2 = (
    "nba-phase1-scrapers-complete",
    "phase2-files",
    Settings(service="phase2", description="Load the file; acknowledge it with a receipt."),
)
"""The fake's own subscription. The topic map has none, because Phase 2 subscribes from outside."""


def create_topics(
    push_endpoint: Callable[[str], str],
    services: Collection[str],
    minimum_backoff: float | None = None,
    maximum_backoff: float | None = None,
) -> TopicMap:
    """Create the missing topics of infra/topics.yaml and the missing subscriptions of `services`; return the topic map.

    push_endpoint: returns the URL of a service's pushes.
    services: includes "phase2" for the subscription of the fake.
    minimum_backoff, maximum_backoff: seconds between deliveries of a message, in place of the map's; tests wait less
    than production.
    """
    topics = load_topics(TOPICS)
    shortest = topics.retry.minimum_seconds if minimum_backoff is None else minimum_backoff
    longest = topics.retry.maximum_seconds if maximum_backoff is None else maximum_backoff
    publisher, subscriber = PublisherClient(), SubscriberClient()
    for topic in topics.topics:
        with suppress(AlreadyExists):
            publisher.create_topic(name=_topic(topic))
    for topic, name, settings in (*topics.subscriptions(), PHASE_2):
        if settings.service not in services:
            continue
        subscription = Subscription(
            name=f"projects/{PROJECT}/subscriptions/{name}",
            topic=_topic(topic),
            push_config=PushConfig(push_endpoint=push_endpoint(settings.service)),
            ack_deadline_seconds=settings.ack_deadline_seconds,
            filter=settings.filter,
            labels=_labels(settings.service),
            retry_policy=RetryPolicy(minimum_backoff=_seconds(shortest), maximum_backoff=_seconds(longest)),
        )
        if topic != topics.dead_letter_topic:
            subscription.dead_letter_policy = DeadLetterPolicy(
                dead_letter_topic=_topic(topics.dead_letter_topic),
                max_delivery_attempts=topics.max_delivery_attempts,
            )
        with suppress(AlreadyExists):
            subscriber.create_subscription(request=subscription)
    subscriber.close()
    publisher.stop()
    return topics


def _labels(service: str) -> dict[str, str]:
    """Return the label that limits concurrent pushes to the service's concurrency, as Cloud Run does."""
    entry = SERVICE_MAP.get(service)
    return {MAX_OUTSTANDING_LABEL: str(entry.concurrency)} if entry else {}


def create_buckets() -> None:
    """Create the missing buckets."""
    client = storage.Client(project=PROJECT, credentials=AnonymousCredentials())
    for bucket in (DATA_BUCKET, STATE_BUCKET):
        with suppress(Conflict):
            client.create_bucket(bucket)


def create_tables() -> list[str]:
    """Deploy the schemas; return the names of the deployed files."""
    client = bigquery.Client(project=PROJECT, credentials=AnonymousCredentials())
    with closing(client):
        return deploy(client, SCHEMAS, FLEET.dataset)


def _topic(name: str) -> str:
    return f"projects/{PROJECT}/topics/{name}"


def _seconds(value: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(int(value * 1_000_000_000))
    return duration
