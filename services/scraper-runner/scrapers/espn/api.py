"""Requests to ESPN's API. Its documents always exist, so a missing document has moved."""

from collections.abc import Mapping

from tipoff_scraper_runner.errors import Blocked, SourceChanged
from tipoff_scraper_runner.parsing.json_payload import json_payload
from tipoff_scraper_runner.parsing.payloads import first_bytes
from tipoff_scraper_runner.scraper import Http, Payload

BASE_URL = "https://site.api.espn.com/apis/site/v2/sports/basketball/nba"


def fetch_document(http: Http, path: str, query: Mapping[str, str]) -> Payload:
    """Fetch the document at `path`.

    Raises:
        Blocked: ESPN refuses this client, by status or by a page for people.
        SourceChanged: ESPN does not have the document, or refuses the query.
    """
    response = http.get(f"{BASE_URL}/{path}", query=query, expected=frozenset({400, 401, 403, 404}))
    # No ESPN document is published late: an error status is never "not published yet".
    if response.status >= 400:
        evidence = f"{response.url} answers {response.status} with {first_bytes(response.body)}"
        if response.status in (401, 403):
            raise Blocked(f"{evidence}: the host refuses this client")
        raise SourceChanged(f"{evidence}, and the document always exists")
    return json_payload(response)
