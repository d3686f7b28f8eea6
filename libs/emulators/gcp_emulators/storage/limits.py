"""Cloud Storage's limits on object names and custom metadata, with the messages of its JSON interface.

Sources: https://cloud.google.com/storage/docs/objects#naming and https://cloud.google.com/storage/quotas#objects.
"""

from collections.abc import Mapping

MAX_NAME_BYTES = 1_024
MAX_METADATA_BYTES = 8 * 1_024
"""Limit for all custom keys and values of an object together."""

_RESERVED = ".well-known/acme-challenge/"


def name_fault(name: str) -> str | None:
    """Return the reason why Cloud Storage refuses this object name; None for a valid one."""
    size = len(name.encode(errors="surrogatepass"))
    if size > MAX_NAME_BYTES:
        return (
            f"The maximum object length is {MAX_NAME_BYTES} characters,"
            f" but got a name with {size} characters: ''{name[:64]}...''"
        )
    if "\r" in name or "\n" in name:
        return "Invalid object name: it must not contain a carriage return or a line feed."
    if name in ("", ".", ".."):
        return f"Invalid object name: {name!r}."
    if name.startswith(_RESERVED):
        return f"Invalid object name: it must not start with {_RESERVED}"
    if any("\ud800" <= character <= "\udfff" for character in name):
        return "Invalid object name: it is not valid UTF-8."  # an unpaired surrogate cannot be encoded
    return None


def metadata_fault(metadata: Mapping[str, object] | None) -> str | None:
    """Return the reason why custom metadata is refused; None for valid metadata."""
    size = sum(len(f"{key}{value}".encode(errors="surrogatepass")) for key, value in (metadata or {}).items())
    if size > MAX_METADATA_BYTES:
        return f"Metadata part is too large: {size} bytes of keys and values, and {MAX_METADATA_BYTES} are allowed."
    return None
