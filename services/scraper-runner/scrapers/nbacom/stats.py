"""Requests to stats.nba.com, and its tables of headers and rows.

The host sends no response to unwanted clients, such as cloud addresses; their requests time out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from scrapers.nbacom.answers import always_there
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.json_document import Node, json_object
from tipoff_scraper_runner.scraper import Http, Payload

BASE_URL = "https://stats.nba.com"
HEADERS = {
    "Accept": "application/json, text/plain, */*",
    "Accept-Language": "en-US,en;q=0.9",
    "Origin": "https://www.nba.com",
    "Referer": "https://www.nba.com/",
}
LEAGUE_ID = "00"


def stats_document(path: str, query: Mapping[str, str], http: Http) -> Payload:
    """Fetch the JSON document at `path`, which always exists. Raises as `always_there` does."""
    # Keep the site's own order of the query: with another order some endpoints stall or respond with an empty 500.
    return always_there(http, f"{BASE_URL}{path}", query=query, headers=HEADERS)


@dataclass(frozen=True)
class ResultSet:
    """One table of a response: its headers and its rows, which are lists of values."""

    headers: Sequence[JsonValue]
    rows: Sequence[Node]

    def by_header(self, row: Node) -> Node:
        """Return the row's values by header, independent of the columns' order. Raises SourceChanged for another
        shape."""
        if not isinstance(row.value, list):
            raise SourceChanged(f"{row.path} is {row.value!r:.80}, not a list")
        if len(row.value) != len(self.headers):
            raise SourceChanged(f"{row.path} has {len(row.value)} values under {len(self.headers)} headers")
        return Node(
            row.path, {str(header): value for header, value in zip(self.headers, row.value, strict=True)}
        )


def result_set(payload: bytes, name: str) -> ResultSet:
    """Read the result set `name`.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: no such result set.
    """
    sets = json_object(payload, "the response").children("resultSets")
    # By name: the host has changed the order of the sets, and retired endpoints return none.
    found = next((one for one in sets if one.text("name") == name), None)
    if found is None:
        names = ", ".join(one.text("name") for one in sets)
        raise SourceChanged(f"document.resultSets has no {name!r}; it has {names or 'none'}")
    headers = found.children("headers")
    return ResultSet([header.value for header in headers], found.children("rowSet"))
