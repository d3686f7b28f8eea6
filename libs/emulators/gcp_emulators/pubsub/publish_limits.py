"""Checks of a publish request. Source: "Quotas and limits", https://cloud.google.com/pubsub/quotas#resource_limits."""

from __future__ import annotations

from collections.abc import Iterable

from gcp_emulators.pubsub import errors
from gcp_emulators.pubsub.messages import Pb

MAX_REQUEST_BYTES = 10_000_000
MAX_REQUEST_MESSAGES = 1_000
_MAX_ATTRIBUTES = 100
_MAX_KEY_BYTES = 256
_MAX_VALUE_BYTES = 1_024


def check_request(request: Pb) -> None:
    """Raise INVALID_ARGUMENT unless every message of a publish request is valid; one bad message refuses all."""
    if not request.messages:
        raise errors.invalid("No messages to publish.")
    if len(request.messages) > MAX_REQUEST_MESSAGES:
        raise errors.invalid(f"A publish request carries at most {MAX_REQUEST_MESSAGES} messages.")
    if request.ByteSize() > MAX_REQUEST_BYTES:
        raise errors.invalid(f"The request size exceeds the limit of {MAX_REQUEST_BYTES} bytes.")
    for message in request.messages:
        if not message.data and not message.attributes:
            raise errors.invalid("Some messages are empty: a message needs data or at least one attribute.")
        _check_attributes(message.attributes.items())


def _check_attributes(attributes: Iterable[tuple[str, str]]) -> None:
    pairs = list(attributes)
    if len(pairs) > _MAX_ATTRIBUTES:
        raise errors.invalid(f"A message has at most {_MAX_ATTRIBUTES} attributes.")
    for key, value in pairs:
        if not key or len(key.encode()) > _MAX_KEY_BYTES:
            raise errors.invalid(
                f"The attribute key {key[:40]!r} is empty or longer than {_MAX_KEY_BYTES} bytes."
            )
        if key.startswith("goog") and not key.startswith("googclient_"):
            raise errors.invalid(f"The attribute key {key!r} starts with goog, which is reserved.")
        if len(value.encode()) > _MAX_VALUE_BYTES:
            raise errors.invalid(f"The value of attribute {key!r} is longer than {_MAX_VALUE_BYTES} bytes.")
