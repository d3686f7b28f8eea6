"""Asks for all pages of a list. One page is kept as it came; several, each as it came, within one JSON list."""

import json
from codecs import BOM_UTF8

from scrapers.json_payload import json_payload
from scrapers.payloads import first_bytes
from tipoff_scraper_runner.errors import Blocked, SourceChanged
from tipoff_scraper_runner.parser import is_harmless
from tipoff_scraper_runner.scraper import Http, Payload

URL = "https://api.balldontlie.io/v1/player_injuries"
API_KEY = "BALLDONTLIE_API_KEY"
PER_PAGE = 100
# A league of 600 players fills six; more is a cursor that leads in a circle.
MAX_PAGES = 10


def all_pages(http: Http) -> Payload:
    """Fetch every page. A page that cannot be read is the last one: the parser says what is wrong with it.

    Raises:
        Blocked: the key is refused, its plan lacks injuries, or a page for people comes.
        SourceChanged: the list is gone from its place, or does not end.
    """
    pages: list[bytes] = []
    # The first page's address is the payload's: the others differ by their cursor only.
    first, cursor = None, ""
    for _ in range(MAX_PAGES):
        page = _page(http, cursor)
        first = first or page
        # Within a list a byte-order mark would be no mark but a character that JSON does not know.
        pages.append(page.body.removeprefix(BOM_UTF8))
        cursor = _next_cursor(page.body)
        if not cursor:
            break
    else:
        raise SourceChanged(f"{URL} has more than {MAX_PAGES} pages of {PER_PAGE}")
    if first is None or len(pages) == 1:
        return page
    return Payload(body=b"[" + b",".join(pages) + b"]", url=first.url, suffix="json")


def _page(http: Http, cursor: str) -> Payload:
    query = {"per_page": str(PER_PAGE), **({"cursor": cursor} if cursor else {})}
    response = http.get(
        URL,
        query=query,
        headers={"Authorization": http.secret(API_KEY)},
        expected=frozenset({400, 401, 403, 404}),
    )
    # The list exists in summer too, so none of these means "not published yet".
    if response.status >= 400:
        said = f"{response.url} answers {response.status} with {first_bytes(response.body)}"
        # 401 is a wrong key, 403 a plan without injuries; both need a person.
        if response.status in (401, 403):
            raise Blocked(f"{said}: the key is refused, or its plan lacks injuries")
        raise SourceChanged(f"{said}, and the list always exists")
    return json_payload(response)


def _next_cursor(body: bytes) -> str:
    # What may take much memory is read in the parser's bounded process alone.
    if not is_harmless(body):
        return ""
    try:
        # Read loosely: what is wrong with a page is the parser's to say, once the payload is kept.
        cursor = json.loads(body)["meta"].get("next_cursor")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return ""
    return str(cursor) if isinstance(cursor, int | str) else ""
