"""The shape of the payload. cdn.nba.com's `scheduleLeagueV2` and stats.nba.com's `scheduleleaguev2int` share it.

Every value is asked for by its key and type; what is not as expected is named by its path.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from pydantic import JsonValue

from scrapers.nbacom.payloads import first_bytes
from tipoff_scraper_runner.errors import SourceChanged, Undecodable

T = TypeVar("T")


@dataclass(frozen=True)
class Node:
    """A JSON object and where it stands in the document."""

    path: str
    fields: Mapping[str, JsonValue]

    def text(self, key: str) -> str:
        return self._required(key, str)

    def number(self, key: str) -> int:
        return self._required(key, int)

    def optional_text(self, key: str) -> str | None:
        """None when the key is absent, null or blank: seasons before 2024-25 lack some."""
        value = self.fields.get(key)
        if value is None:
            return None
        return self.text(key).strip() or None

    def child(self, key: str) -> "Node":
        return Node(f"{self.path}.{key}", self._required(key, dict))

    def children(self, key: str) -> Iterator["Node"]:
        for position, item in enumerate(self._required(key, list)):
            path = f"{self.path}.{key}[{position}]"
            if not isinstance(item, dict):
                raise SourceChanged(f"{path} is {_kind(item)}, not an object")
            yield Node(path, item)

    def _required(self, key: str, kind: type[T]) -> T:
        if key not in self.fields:
            raise SourceChanged(f"{self.path} has no key {key!r}; it has {', '.join(sorted(self.fields))}")
        value = self.fields[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise SourceChanged(f"{self.path}.{key} is {_kind(value)} ({value!r:.80}), not {kind.__name__}")
        return value


def league_schedule(payload: bytes) -> Node:
    """The document's `leagueSchedule`.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: JSON without it.
    """
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Undecodable(f"the schedule is not JSON ({error}); it begins {first_bytes(payload)}") from error
    if not isinstance(document, dict):
        raise SourceChanged(f"the document is {_kind(document)}, not an object")
    return Node("document", document).child("leagueSchedule")


def league_date(day: Node) -> date:
    """The league's date for the games under `day`, an element of `gameDates`."""
    printed = day.text("gameDate")
    try:
        return datetime.strptime(printed, "%m/%d/%Y %H:%M:%S").date()  # noqa: DTZ007  # a date, not an instant
    except ValueError as error:
        raise SourceChanged(f"{day.path}.gameDate is {printed!r}, not 'MM/DD/YYYY 00:00:00'") from error


def instant(node: Node, key: str) -> datetime:
    """An aware UTC instant."""
    printed = node.text(key)
    try:
        value = datetime.fromisoformat(printed)
    except ValueError as error:
        raise SourceChanged(f"{node.path}.{key} is {printed!r}, not an ISO 8601 instant") from error
    if value.utcoffset() is None:
        raise SourceChanged(f"{node.path}.{key} is {printed!r}, without its offset")
    return value


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
