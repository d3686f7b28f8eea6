"""Asks for the schedule. It always exists, so there is no "not yet" to tell apart."""

from datetime import date

from scrapers.nbacom.answers import always_there
from scrapers.nbacom.nbac_schedule.currency import staleness
from scrapers.nbacom.nbac_schedule.document import read_schedule
from tipoff_scraper_runner.errors import Blocked, ScrapeFailure, SourceChanged
from tipoff_scraper_runner.parser import json_values
from tipoff_scraper_runner.scraper import Http, Payload

URL = "https://cdn.nba.com/static/json/staticData/scheduleLeagueV2.json"
# The same content. The host has refused the first to some clients, or served them one that no longer
# changed, while this one went on (https://github.com/swar/nba_api/issues/665).
SECOND_URL = "https://cdn.nba.com/static/json/staticData/scheduleLeagueV2_1.json"
# The largest schedule known has 0.8 million. More are read by the parser alone, in its bounded process.
_MAX_VALUES = 1_200_000
# Without it the host answers 403.
HEADERS = {"Referer": "https://www.nba.com/"}


def current_schedule(day: date, http: Http) -> Payload:
    """Fetch the schedule as it stands on `day`; from the second address if the first is refused or not of that day.

    A schedule of the first address that is not of the day is better than none: it is kept, and the parser says what
    is wrong with it. A host that does not answer is asked again by the runner, and has no other address.

    Raises:
        Blocked: the host refuses this client, by status or by a page for people.
        SourceChanged: the schedule is gone from its place.
    """
    try:
        first = always_there(http, URL, headers=HEADERS)
    # Refused or moved. A host that is down has the second address down too, and the runner asks again
    # anyway.
    except (Blocked, SourceChanged) as refusal:
        http.note("first_address", str(refusal))
        try:
            return always_there(http, SECOND_URL, headers=HEADERS)
        except ScrapeFailure as error:
            # The first address is the one in the documentation and in every report of trouble.
            raise refusal from error
    fault = _fault(first, day)
    if not fault:
        return first
    http.note("first_address", fault)
    try:
        second = always_there(http, SECOND_URL, headers=HEADERS)
    except ScrapeFailure:
        return first
    # Of two that are not of the day the first is kept, so that the address in the summary does not
    # alternate.
    return first if _fault(second, day) else second


def _fault(payload: Payload, day: date) -> str:
    """Say why the payload is no schedule of the day; blank when it is one, or too large to be looked into here."""
    if json_values(payload.body) > _MAX_VALUES:
        return ""
    try:
        return staleness(read_schedule(payload.body), day)
    except ScrapeFailure as error:
        return str(error)
