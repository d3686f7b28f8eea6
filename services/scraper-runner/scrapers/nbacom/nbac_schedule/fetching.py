"""Asks for the schedule. It always exists, so there is no "not yet" to tell apart."""

from scrapers.payloads import first_bytes, is_html
from tipoff_scraper_runner.errors import Blocked, SourceChanged, Undecodable
from tipoff_scraper_runner.scraper import Http, Payload

URL = "https://cdn.nba.com/static/json/staticData/scheduleLeagueV2.json"
HEADERS = {"Referer": "https://www.nba.com/"}
"""Without it the host answers 403."""


def current_schedule(http: Http) -> Payload:
    """The schedule as it stands.

    Raises:
        Blocked: the host refuses this client, by status or by a page for people.
        SourceChanged: the schedule is gone from its place.
        Undecodable: the answer is neither JSON nor such a page.
    """
    response = http.get(URL, headers=HEADERS, expected=frozenset({403, 404}))
    if response.status == 403:
        raise Blocked(f"{URL} answers 403, and the schedule always exists: the host refuses this client")
    if response.status == 404:
        raise SourceChanged(f"{URL} answers 404, and the schedule always exists: it has moved")
    found = f"{response.url} answers {response.status} with {first_bytes(response.body)}"
    if is_html(response.body):
        raise Blocked(f"{found}: a page for people where JSON was asked for")
    if not response.body.lstrip().startswith(b"{"):
        raise Undecodable(f"{found}: not a JSON object")
    return Payload(body=response.body, url=response.url, suffix="json")
