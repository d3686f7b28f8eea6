"""stats.nba.com: how it wants to be asked, and its tables of headers and rows.

To clients it dislikes, cloud addresses among them, it does not answer at all, which ends as a timeout.
"""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from scrapers.json_document import Node, json_object
from scrapers.json_payload import json_payload
from scrapers.nbacom.answers import refuse
from tipoff_scraper_runner.errors import SourceChanged
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
    """The JSON document at `path`, which always exists.

    Raises:
        Blocked: the host refuses this client, by status or by a page for people.
        SourceChanged: the document is gone from its place.
    """
    url = f"{BASE_URL}{path}"
    response = http.get(url, query=query, headers=HEADERS, expected=frozenset({403, 404}))
    if response.status in (403, 404):
        refuse(response, f"{response.url}, which always exists,")
    return json_payload(response)


def result_set(payload: bytes, name: str) -> Sequence[Node]:
    """The rows of the result set `name`, each by its headers, wherever a column stands.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: no such result set, or a row that does not fit its headers.
    """
    sets = list(json_object(payload, "the answer").children("resultSets"))
    found = next((one for one in sets if one.text("name") == name), None)
    if found is None:
        names = ", ".join(one.text("name") for one in sets)
        raise SourceChanged(f"document.resultSets has no {name!r}; it has {names or 'none'}")
    headers = _list(found, "headers")
    return [_row(found, headers, number, row) for number, row in enumerate(_list(found, "rowSet"))]


def _row(found: Node, headers: Sequence[JsonValue], number: int, row: JsonValue) -> Node:
    path = f"{found.path}.rowSet[{number}]"
    if not isinstance(row, list):
        raise SourceChanged(f"{path} is {row!r:.80}, not a list")
    if len(row) != len(headers):
        raise SourceChanged(f"{path} has {len(row)} values under {len(headers)} headers")
    return Node(path, {str(header): value for header, value in zip(headers, row, strict=True)})


def _list(node: Node, key: str) -> Sequence[JsonValue]:
    value = node.fields.get(key)
    if not isinstance(value, list):
        raise SourceChanged(f"{node.path}.{key} is {value!r:.80}, not a list")
    return value
