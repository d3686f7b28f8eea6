"""Limits of Google's services, checked before a call by the adapters and by the in-memory fakes alike.

Sources: https://cloud.google.com/storage/docs/objects#naming, https://cloud.google.com/storage/quotas#objects and
https://cloud.google.com/pubsub/quotas#resource_limits.
"""

from collections.abc import Mapping

from tipoff_common.ports import PermanentRefusal

OBJECT_NAME_BYTES = 1024
METADATA_BYTES = 8 * 1024
MESSAGE_BYTES = 10_000_000
ATTRIBUTES, ATTRIBUTE_NAME_BYTES, ATTRIBUTE_VALUE_BYTES = 100, 256, 1024


def check_object(name: str, metadata: Mapping[str, str] = {}) -> None:
    """Raise PermanentRefusal when Cloud Storage accepts no object of this name with this metadata."""
    size = _bytes(name, "an object's name")
    if not 1 <= size <= OBJECT_NAME_BYTES:
        raise PermanentRefusal(
            f"the object's name has {size} bytes; Cloud Storage allows 1 to {OBJECT_NAME_BYTES}: {name:.80}"
        )
    if name in (".", "..") or "\r" in name or "\n" in name or name.startswith(".well-known/acme-challenge/"):
        raise PermanentRefusal(f"invalid name of an object: {name!r:.80}")
    total = sum(_bytes(key, "metadata") + _bytes(value, "metadata") for key, value in metadata.items())
    if total > METADATA_BYTES:
        raise PermanentRefusal(
            f"the metadata of {name:.80} has {total} bytes; Cloud Storage allows {METADATA_BYTES}"
        )


def check_message(data: bytes, attributes: Mapping[str, str]) -> None:
    """Raise PermanentRefusal when Pub/Sub accepts no such message."""
    if len(attributes) > ATTRIBUTES:
        raise PermanentRefusal(f"the message has {len(attributes)} attributes; Pub/Sub allows {ATTRIBUTES}")
    size = len(data)
    for name, value in attributes.items():
        # Pub/Sub also refuses an empty message; Tipoff sends none.
        length, taken = _bytes(name, "an attribute's name"), _bytes(value, f"the attribute {name:.80}")
        if not 1 <= length <= ATTRIBUTE_NAME_BYTES or name.lower().startswith("goog"):
            raise PermanentRefusal(f"invalid name of an attribute: {name!r:.80}")
        if taken > ATTRIBUTE_VALUE_BYTES:
            raise PermanentRefusal(
                f"the attribute {name} has {taken} bytes; Pub/Sub allows {ATTRIBUTE_VALUE_BYTES}"
            )
        size += length + taken
    if size > MESSAGE_BYTES:
        raise PermanentRefusal(f"the message has {size} bytes; Pub/Sub allows {MESSAGE_BYTES}")


def _bytes(text: str, name: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise PermanentRefusal(f"{name} cannot be encoded as UTF-8: {error}") from error
