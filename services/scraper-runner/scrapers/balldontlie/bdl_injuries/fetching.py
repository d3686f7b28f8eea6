"""Fetch of all pages of a list. A single page is kept unchanged; several are kept, each unchanged, within one JSON
list."""

import json
from codecs import BOM_UTF8

from tipoff_scraper_runner.errors import Blocked, SourceChanged
from tipoff_scraper_runner.parser import is_harmless
from tipoff_scraper_runner.parsing.json_payload import json_payload
from tipoff_scraper_runner.parsing.payloads import first_bytes
from tipoff_scraper_runner.scraper import Http, Payload

URL = "https://api.balldontlie.io/v1/player_injuries"
API_KEY = "BALLDONTLIE_API_KEY"
PER_PAGE = 100
# A league of 600 players fills six; more pages mean that the cursors form a loop.
MAX_PAGES = 10


def all_pages(http: Http) -> Payload:
    """Fetch every page. An unreadable page is the last one; the parser reports its fault.

    Raises:
        Blocked: the key is refused, its plan lacks injuries, or the response is a page for people.
        SourceChanged: the list is not at its address, or does not end.
    """
    pages: list[bytes] = []
    # The payload has the first page's address: the others differ by their cursor only.
    first, cursor = None, ""
    for _ in range(MAX_PAGES):
        page = _page(http, cursor)
        first = first or page
        # Within a list a byte-order mark is invalid JSON.
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
        evidence = f"{response.url} answers {response.status} with {first_bytes(response.body)}"
        # 401 is a wrong key, 403 a plan without injuries; an operator has to fix both.
        if response.status in (401, 403):
            raise Blocked(f"{evidence}: the key is refused, or its plan lacks injuries")
        raise SourceChanged(f"{evidence}, and the list always exists")
    return json_payload(response)


def _next_cursor(body: bytes) -> str:
    # Only the parser's bounded process decodes a page that may take much memory.
    if not is_harmless(body):
        return ""
    try:
        # Ignore every fault here: the parser reports it, after the payload is kept.
        cursor = json.loads(body)["meta"].get("next_cursor")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return ""
    return str(cursor) if isinstance(cursor, int | str) else ""
