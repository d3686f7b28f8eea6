"""Settings of topics and subscriptions: validation, defaults, and updatable fields.

Sources: the field comments of google/pubsub/v1/pubsub.proto, "Subscription properties"
(https://cloud.google.com/pubsub/docs/subscription-properties) and "Guidelines to name a resource"
(https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from google.protobuf import field_mask_pb2

from gcp_emulators.pubsub import errors, filters, messages
from gcp_emulators.pubsub.delivery import DeliveryPolicy
from gcp_emulators.pubsub.messages import Pb

DELETED_TOPIC = "_deleted-topic_"
"""The topic name of a subscription whose topic is deleted."""

_NAME = re.compile(r"projects/(?P<project>[^/]+)/(?P<kind>topics|subscriptions)/(?P<id>[^/]+)")
_ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
_IMMUTABLE = {
    "name",
    "topic",
    "filter",
    "enable_message_ordering",
    "state",
    "topic_message_retention_duration",
}
# Refused and not ignored: a test must not pass with a setting that has no effect.
_UNSUPPORTED_FIELDS = (
    "bigquery_config",
    "bigtable_config",
    "cloud_storage_config",
    "enable_exactly_once_delivery",
    "enable_message_ordering",
    "message_transforms",
)
_UNSUPPORTED_TOPIC_FIELDS = ("schema_settings", "ingestion_data_source_settings", "message_transforms")
# Bound of both back-offs in RetryPolicy of pubsub.proto.
_MAX_BACKOFF_SECONDS = 600.0


def check_name(name: str, kind: str) -> None:
    """Raise INVALID_ARGUMENT unless the name is `projects/P/KIND/ID` with an ID the service allows."""
    match = _NAME.fullmatch(name)
    if match is None or match["kind"] != kind or _ID.fullmatch(match["id"]) is None:
        raise errors.invalid(f"Invalid [{kind}] name: (name={name})")


def project_and_id(name: str) -> tuple[str, str]:
    """Return the project and the short name in a valid resource name."""
    _, project, _, identifier = name.split("/")
    return project, identifier


def new_topic(requested: Pb) -> Pb:
    """Return the topic to store. Raises INVALID_ARGUMENT, or UNIMPLEMENTED for an unsupported feature."""
    check_name(requested.name, "topics")
    _refuse(requested, _UNSUPPORTED_TOPIC_FIELDS)
    topic = messages.Topic()
    topic.CopyFrom(requested)
    topic.state = messages.Topic.ACTIVE
    return topic


def new_subscription(requested: Pb) -> Pb:
    """Return the subscription to store, with defaults. Raises as `new_topic` and `checked_subscription` do."""
    check_name(requested.name, "subscriptions")
    subscription = messages.Subscription()
    subscription.CopyFrom(requested)
    subscription.state = messages.Subscription.ACTIVE
    return checked_subscription(subscription)


def checked_subscription(subscription: Pb) -> Pb:
    """Validate a subscription; return it with defaults filled in. Raises INVALID_ARGUMENT, OUT_OF_RANGE or
    UNIMPLEMENTED."""
    _refuse(subscription, _UNSUPPORTED_FIELDS)
    subscription.ack_deadline_seconds = subscription.ack_deadline_seconds or 10
    if not 10 <= subscription.ack_deadline_seconds <= 600:
        raise errors.invalid(
            f"Invalid ack deadline given: (ack_deadline_seconds={subscription.ack_deadline_seconds}); "
            "it must be between 10 and 600."
        )
    # Defaults of pubsub.proto: seven days of retention, expiry after 31 days without activity.
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.seconds = 7 * 86_400
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.seconds = 31 * 86_400
    try:
        filters.parse(subscription.filter)
    except filters.FilterError as error:
        raise errors.invalid(f"Invalid filter expression: {error}") from error
    # Only an existing policy has defaults: without one the service redelivers at once.
    if subscription.HasField("retry_policy"):
        _check_retry_policy(subscription.retry_policy)
    if subscription.HasField("dead_letter_policy"):
        _check_dead_letter_policy(subscription.dead_letter_policy)
    check_push_config(subscription.push_config)
    return subscription


def check_push_config(push_config: Pb) -> None:
    """Raise INVALID_ARGUMENT for an endpoint that is not an http(s) URL, UNIMPLEMENTED for unwrapped push."""
    if push_config.HasField("no_wrapper"):
        raise errors.unsupported("no_wrapper")
    if push_config.push_endpoint:
        parts = urlsplit(push_config.push_endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise errors.invalid(f"Invalid push endpoint given (endpoint={push_config.push_endpoint}).")


def updated(current: Pb, wanted: Pb, mask: Pb) -> Pb:
    """Return a copy of a topic or subscription with the masked fields replaced. Raises INVALID_ARGUMENT for a bad
    mask."""
    kind = current.DESCRIPTOR.name
    if not mask.paths:
        raise errors.invalid(
            f"The update_mask in the Update{kind}Request must be set, and must contain a non-empty paths list."
        )
    for path in mask.paths:
        field = path.split(".")[0]
        problem = f"Invalid update_mask provided in the Update{kind}Request: "
        if field not in current.DESCRIPTOR.fields_by_name:
            raise errors.invalid(f"{problem}{path} is not a known {kind} field.")
        if field in _IMMUTABLE:
            raise errors.invalid(f"{problem}the {field} field in the {kind} is not mutable.")
    # On a copy: an invalid mask must leave the stored resource unchanged.
    merged = type(current)()
    merged.CopyFrom(current)
    try:
        # Both flags replace: an update sets a masked message or list, and does not merge into the stored value.
        field_mask_pb2.FieldMask(paths=mask.paths).MergeMessage(wanted, merged, True, True)
    except ValueError as error:
        raise errors.invalid(str(error)) from error
    return merged


def delivery_policy(subscription: Pb) -> DeliveryPolicy:
    """Return the delivery queue's settings from a stored subscription."""
    retry = subscription.retry_policy if subscription.HasField("retry_policy") else None
    dead = subscription.dead_letter_policy if subscription.HasField("dead_letter_policy") else None
    return DeliveryPolicy(
        ack_deadline=float(subscription.ack_deadline_seconds),
        minimum_backoff=_seconds(retry.minimum_backoff) if retry else 0.0,
        maximum_backoff=_seconds(retry.maximum_backoff) if retry else 0.0,
        max_attempts=dead.max_delivery_attempts if dead else None,
    )


def _check_retry_policy(policy: Pb) -> None:
    if not policy.HasField("minimum_backoff"):
        policy.minimum_backoff.seconds = 10
    if not policy.HasField("maximum_backoff"):
        policy.maximum_backoff.seconds = 600
    minimum, maximum = _seconds(policy.minimum_backoff), _seconds(policy.maximum_backoff)
    for name, value in (("minimum_backoff", minimum), ("maximum_backoff", maximum)):
        if not 0 <= value <= _MAX_BACKOFF_SECONDS:
            raise errors.invalid(
                f"The value for {name} is out of bounds. You passed {value:g}s in the request, "
                "but the value must be between 0s and 600s."
            )
    if maximum < minimum:
        raise errors.invalid(
            f"The value for maximum_backoff is too small. You passed {maximum:g}s in the request, "
            f"but the minimum value is {minimum:g}s."
        )


def _check_dead_letter_policy(policy: Pb) -> None:
    check_name(policy.dead_letter_topic, "topics")
    policy.max_delivery_attempts = policy.max_delivery_attempts or 5
    if not 5 <= policy.max_delivery_attempts <= 100:
        size, bound = (
            ("small", "minimum value is 5")
            if policy.max_delivery_attempts < 5
            else ("large", "maximum value is 100")
        )
        raise errors.out_of_range(
            f"The value for max_delivery_attempts is too {size}. You passed {policy.max_delivery_attempts} "
            f"in the request, but the {bound}."
        )


def _refuse(resource: Pb, fields: tuple[str, ...]) -> None:
    present = {field.name for field, _ in resource.ListFields()}
    for field in fields:
        if field in present:
            raise errors.unsupported(field)


def _seconds(duration: Any) -> float:
    return float(duration.seconds) + float(duration.nanos) / 1e9
