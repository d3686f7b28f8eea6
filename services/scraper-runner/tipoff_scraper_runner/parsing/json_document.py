"""Typed reading of a JSON payload, key by key; errors name the path of the missing or unexpected value."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from pydantic import JsonValue

from tipoff_scraper_runner.errors import SourceChanged, Undecodable
from tipoff_scraper_runner.parsing.payloads import first_bytes

T = TypeVar("T")
# Exclusive upper bound of decimals: larger floats are not exact, and no source has such amounts.
_AMOUNTS = 1e15

# Stricter than int(), which takes "1_000" and digits of other scripts, and raises ValueError for more than 4,300
# digits. Eighteen digits fit 64 bits.
_PRINTED_NUMBER = re.compile(r"[0-9]{1,18}")

# A possible unpaired surrogate, which cannot be encoded as UTF-8.
_UNPAIRED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


@dataclass(frozen=True)
class Node:
    """A JSON value that should be an object, and its path in the document.

    Readers are named after the type they read. Each raises SourceChanged with the path of a missing or unexpected
    value. The first reader checks that the value is an object, so that an odd element of a list fails alone.
    """

    path: str
    value: JsonValue

    @property
    def fields(self) -> Mapping[str, JsonValue]:
        """The object's keys and values."""
        if not isinstance(self.value, dict):
            raise SourceChanged(f"{self.path} is {_kind(self.value)}, not an object")
        return self.value

    def require(self, keys: Collection[str]) -> None:
        """Raise SourceChanged naming every key of `keys` that the object lacks."""
        if missing := sorted(set(keys) - self.fields.keys()):
            present = ", ".join(sorted(self.fields))
            raise SourceChanged(
                f"{self.path} has no key {', '.join(map(repr, missing))}; its keys are {present}"
            )

    def text(self, key: str) -> str:
        """Read a text, which may be blank."""
        return self._required(key, str)

    def nonblank(self, key: str) -> str:
        """Read a text that is not blank, stripped."""
        # Most sources write a blank for a missing text; for a required name it is a fault.
        printed = self.text(key).strip()
        if not printed:
            raise SourceChanged(f"{self.path}.{key} is blank")
        return printed

    def integer(self, key: str) -> int:
        """Read a whole number, which some sources write as 1610612749.0."""
        value = self.fields.get(key)
        # stats.nba.com writes ids this way in its static files.
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return self._required(key, int)

    def printed_number(self, key: str) -> int:
        """Read a whole number, not negative, that the source writes as a text."""
        printed = self.text(key).strip()
        if not _PRINTED_NUMBER.fullmatch(printed):
            raise SourceChanged(f"{self.path}.{key} is {printed!r:.80}, not a number")
        return int(printed)

    def count(self, key: str) -> int:
        """Read a count, such as points, which is never negative."""
        value = self.integer(key)
        if value < 0:
            raise SourceChanged(f"{self.path}.{key} is {value}; a count cannot be negative")
        return value

    def decimal(self, key: str) -> float:
        """Read a number with or without a fraction. JSON has no infinity, but Python's reader accepts it."""
        value = self.fields.get(key)
        number = value if isinstance(value, float) else self.integer(key)
        if not abs(number) < _AMOUNTS:
            raise SourceChanged(f"{self.path}.{key} is {value!r:.80}, not a plausible amount")
        return float(number)

    def optional_decimal(self, key: str) -> float | None:
        """Read a number; None when the key is absent or null."""
        return None if self.fields.get(key) is None else self.decimal(key)

    def optional_integer(self, key: str) -> int | None:
        """Read a whole number; None when the key is absent or null."""
        return None if self.fields.get(key) is None else self.integer(key)

    def optional_text(self, key: str) -> str | None:
        """Read a text; None when the key is absent, null or blank."""
        value = self.fields.get(key)
        if value is None:
            return None
        # The fast path: this is the most frequent reader, and most values are texts.
        return (value if isinstance(value, str) else self.text(key)).strip() or None

    def child(self, key: str) -> "Node":
        """Read the object under `key`."""
        return Node(f"{self.path}.{key}", self._required(key, dict))

    def children(self, key: str) -> list["Node"]:
        """Read the list under `key`; each of its elements is checked when it is read."""
        return elements(f"{self.path}.{key}", self._required(key, list))

    def day(self, key: str, pattern: str, shown: str) -> date:
        """Read a date printed as strptime's `pattern`; `shown` is that pattern for people."""
        printed = self.text(key)
        try:
            return datetime.strptime(printed, pattern).date()  # noqa: DTZ007  # a date, not an instant
        except ValueError as error:
            raise SourceChanged(f"{self.path}.{key} is {printed!r:.80}, not {shown}") from error

    def instant(self, key: str) -> datetime:
        """Read an ISO 8601 instant with its offset, as the source states it."""
        printed = self.text(key)
        try:
            value = datetime.fromisoformat(printed)
        except ValueError as error:
            raise SourceChanged(f"{self.path}.{key} is {printed!r:.80}, not an ISO 8601 instant") from error
        # A local time without its zone would be taken for one in the reader's zone.
        if value.utcoffset() is None:
            raise SourceChanged(f"{self.path}.{key} is {printed!r:.80}, an instant without its UTC offset")
        return value

    def _required(self, key: str, kind: type[T]) -> T:
        fields = self.fields
        if key not in fields:
            raise SourceChanged(f"{self.path} has no key {key!r}; its keys are {', '.join(sorted(fields))}")
        value = fields[key]
        # A bool is an int in Python but in no source.
        if not isinstance(value, kind) or isinstance(value, bool):
            raise SourceChanged(f"{self.path}.{key} is {_kind(value)} ({value!r:.80}), not {kind.__name__}")
        return value


def json_object(payload: bytes, name: str) -> Node:
    """Read a document that is a JSON object. A byte-order mark before it is skipped.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: JSON of another kind.
    """
    document = json_value(payload, name)
    if not isinstance(document, dict):
        raise SourceChanged(f"the document is {_kind(document)}, not an object")
    return Node("document", document)


def json_value(payload: bytes, name: str) -> JsonValue:
    """Read a JSON document of any type. A byte-order mark before it is skipped.

    Raises:
        Undecodable: not JSON, or cut short.
    """
    try:
        # The same detection as in json.loads, so UTF-16 and a byte-order mark are accepted. Surrogates pass here and
        # are refused below.
        text = payload.decode(json.detect_encoding(payload), "surrogatepass")
        document: JsonValue = json.loads(text)
        # Encoding is the only sure test, but costly, so it runs only when such a character is possible. The search for
        # one takes longer than json.loads, and most documents are ASCII without escapes, so these are tested first.
        if ("\\u" in text or not text.isascii()) and _UNPAIRED_SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    # RecursionError: a few kilobytes of brackets nest deeper than json.loads can go.
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"{name} is not JSON ({error}); it begins {first_bytes(payload)}") from error
    return document


def elements(path: str, items: JsonValue) -> list[Node]:
    """Read the elements of the list at `path`. Raises SourceChanged for anything but a list."""
    if not isinstance(items, list):
        raise SourceChanged(f"{path} is {_kind(items)}, not a list")
    return [Node(f"{path}[{position}]", item) for position, item in enumerate(items)]


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
