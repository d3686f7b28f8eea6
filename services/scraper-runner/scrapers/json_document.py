"""A JSON payload, read key by key. What is missing or not as expected is named by its path."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import JsonValue

from scrapers.payloads import first_bytes
from tipoff_scraper_runner.errors import SourceChanged, Undecodable

T = TypeVar("T")
_AMOUNTS = 1e15
"""What is no smaller is no amount of anything here, and not exact as a number with a fraction."""

_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
"""Where there may be one half of a surrogate pair without the other: a text that no file, event or row can hold."""


@dataclass(frozen=True)
class Node:
    """A JSON object and where it stands in the document."""

    path: str
    fields: Mapping[str, JsonValue]

    def text(self, key: str) -> str:
        return self._required(key, str)

    def name(self, key: str) -> str:
        """A text that says something, without the blanks around it."""
        printed = self.text(key).strip()
        if not printed:
            raise SourceChanged(f"{self.path}.{key} is blank")
        return printed

    def number(self, key: str) -> int:
        return self._required(key, int)

    def count(self, key: str) -> int:
        """A number of things: points, for one."""
        value = self.number(key)
        if value < 0:
            raise SourceChanged(f"{self.path}.{key} is {value}, no count")
        return value

    def whole(self, key: str) -> int:
        """A whole number, which some sources write as 1610612749.0."""
        value = self.fields.get(key)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return self.number(key)

    def amount(self, key: str) -> float:
        """A number with or without a fraction; JSON knows no infinity, but its readers do."""
        value = self.fields.get(key)
        number = value if isinstance(value, float) else self.number(key)
        if not abs(number) < _AMOUNTS:
            raise SourceChanged(f"{self.path}.{key} is {value!r:.80}, no amount")
        return float(number)

    def optional_amount(self, key: str) -> float | None:
        """None when the key is absent or null."""
        return None if self.fields.get(key) is None else self.amount(key)

    def optional_number(self, key: str) -> int | None:
        """None when the key is absent or null."""
        return None if self.fields.get(key) is None else self.number(key)

    def optional_text(self, key: str) -> str | None:
        """None when the key is absent, null or blank."""
        value = self.fields.get(key)
        if value is None:
            return None
        return self.text(key).strip() or None

    def child(self, key: str) -> "Node":
        return Node(f"{self.path}.{key}", self._required(key, dict))

    def children(self, key: str) -> Iterator["Node"]:
        return objects(f"{self.path}.{key}", self._required(key, list))

    def instant(self, key: str) -> datetime:
        """An aware instant as the source states it."""
        printed = self.text(key)
        try:
            value = datetime.fromisoformat(printed)
        except ValueError as error:
            raise SourceChanged(f"{self.path}.{key} is {printed!r}, not an ISO 8601 instant") from error
        if value.utcoffset() is None:
            raise SourceChanged(f"{self.path}.{key} is {printed!r}, without its offset")
        return value

    def _required(self, key: str, kind: type[T]) -> T:
        if key not in self.fields:
            raise SourceChanged(f"{self.path} has no key {key!r}; it has {', '.join(sorted(self.fields))}")
        value = self.fields[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise SourceChanged(f"{self.path}.{key} is {_kind(value)} ({value!r:.80}), not {kind.__name__}")
        return value


def json_object(payload: bytes, what: str) -> Node:
    """The document `what`, which is a JSON object.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: JSON of another kind.
    """
    document = json_value(payload, what)
    if not isinstance(document, dict):
        raise SourceChanged(f"the document is {_kind(document)}, not an object")
    return Node("document", document)


def json_value(payload: bytes, what: str) -> JsonValue:
    """The document `what`, whatever kind of JSON it is.

    Raises:
        Undecodable: not JSON, or cut short.
    """
    try:
        text = payload.decode(json.detect_encoding(payload), "surrogatepass")
        document: JsonValue = json.loads(text)
        if _HALF_CHARACTER.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"{what} is not JSON ({error}); it begins {first_bytes(payload)}") from error
    return document


def objects(path: str, items: JsonValue) -> Iterator[Node]:
    """The objects of the list at `path`. Raises SourceChanged for anything else."""
    if not isinstance(items, list):
        raise SourceChanged(f"{path} is {_kind(items)}, not a list")
    for position, item in enumerate(items):
        if not isinstance(item, dict):
            raise SourceChanged(f"{path}[{position}] is {_kind(item)}, not an object")
        yield Node(f"{path}[{position}]", item)


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
