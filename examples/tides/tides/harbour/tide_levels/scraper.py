"""`tide_levels`: fetches the high waters of a day and reads them."""

from tipoff_scraper_runner.errors import Blocked, NotPublished
from tipoff_scraper_runner.parsing.drift import drift_summary, find_drift, names
from tipoff_scraper_runner.parsing.json_document import Node, json_object
from tipoff_scraper_runner.parsing.json_payload import json_payload
from tipoff_scraper_runner.parsing.odd_items import keep_first, read_items
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

URL = "https://api.harbour.example/high-waters.json"

_HIGH_WATER = names("id name metres")


class Parameters(ScrapeParameters):
    """`game_date` picks the day."""


class HighWaterRecord(Record):
    """One high water."""

    tide_id: int
    """The source's id."""
    name: str
    metres: float


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch the day's document, unchanged.

    Raises:
        NotPublished: the source has no document for the day yet.
        Blocked: the source refuses this client, by status or by an HTML page.
    """
    query = {"date": parameters.game_date.isoformat()}
    response = http.get(URL, query=query, expected=frozenset({401, 403, 404}))
    if response.status in (401, 403):
        raise Blocked(f"{response.url} answers {response.status}: the host refuses this client")
    if response.status == 404:
        raise NotPublished(f"{response.url} answers 404; not published yet")
    return json_payload(response)


def parse(payload: bytes, _parameters: Parameters) -> Parsed:
    """Read one record for each high water, sorted by id. Set odd items aside and keep the others.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, or most high waters are odd.
    """
    document = json_object(payload, "the list of high waters")
    items = read_items("high_waters", document.children("high_waters"), _record)
    records, differing = keep_first(items.kept, lambda record: record.tide_id, "high water")
    return Parsed(
        records=sorted(records, key=lambda record: record.tide_id),
        summary={"drift": drift_summary(find_drift("high_water", items.sources, required=_HIGH_WATER))},
        empty_reason="" if records else "the list is there and has no high waters",
        about=document.day("date", "%Y-%m-%d", "2025-01-15"),
        set_aside=(*items.set_aside, *differing),
    )


def _record(item: Node) -> HighWaterRecord:
    item.require(_HIGH_WATER)
    return HighWaterRecord(tide_id=item.integer("id"), name=item.text("name"), metres=item.decimal("metres"))
