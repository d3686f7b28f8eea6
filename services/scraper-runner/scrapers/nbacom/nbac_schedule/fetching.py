"""Fetch of the schedule. It always exists, so a missing document is never "not published yet"."""

from datetime import date

from scrapers.nbacom.answers import always_there
from scrapers.nbacom.nbac_schedule.currency import staleness
from scrapers.nbacom.nbac_schedule.document import read_schedule
from tipoff_scraper_runner.errors import Blocked, ScrapeFailure, SourceChanged
from tipoff_scraper_runner.parser import json_values
from tipoff_scraper_runner.scraper import Http, Payload

URL = "https://cdn.nba.com/static/json/staticData/scheduleLeagueV2.json"
# The same content. The host has refused the first address to some clients, or served them a frozen document, while this
# one stayed current (https://github.com/swar/nba_api/issues/665).
SECOND_URL = "https://cdn.nba.com/static/json/staticData/scheduleLeagueV2_1.json"
# The largest known schedule has 0.8 million. Only the parser's bounded process reads a larger one.
_MAX_VALUES = 1_200_000
# Without this header the host responds with 403.
HEADERS = {"Referer": "https://www.nba.com/"}


def current_schedule(day: date, http: Http) -> Payload:
    """Fetch the schedule of `day`; from the second address if the first is refused or outdated.

    When both are outdated, the first one is returned, and the parser reports its fault. A timeout is not tried at the
    second address, as both have the same host; the runner retries it.

    Raises:
        Blocked: the host refuses this client, by status or by a page for people.
        SourceChanged: the schedule is not at its address.
    """
    try:
        first = always_there(http, URL, headers=HEADERS)
    # Refused or moved. When the host is down, the second address is down too, and the runner retries anyway.
    except (Blocked, SourceChanged) as refusal:
        http.note("first_address", str(refusal))
        try:
            return always_there(http, SECOND_URL, headers=HEADERS)
        except ScrapeFailure as error:
            # Report the first address's failure: the documentation and all trouble reports name this address.
            raise refusal from error
    fault = _fault(first, day)
    if not fault:
        return first
    http.note("first_address", fault)
    try:
        second = always_there(http, SECOND_URL, headers=HEADERS)
    except ScrapeFailure:
        return first
    # When both are outdated, keep the first, so that the address in the summary does not alternate.
    return first if _fault(second, day) else second


def _fault(payload: Payload, day: date) -> str:
    """Describe the payload's fault on the day; blank without one, or when the payload is too large to be read here."""
    if json_values(payload.body) > _MAX_VALUES:
        return ""
    try:
        return staleness(read_schedule(payload.body), day)
    except ScrapeFailure as error:
        return str(error)
