"""The shape of the payload. cdn.nba.com's `scheduleLeagueV2` and stats.nba.com's `scheduleleaguev2int` share it."""

from datetime import date, datetime

from scrapers.json_document import Node, json_object
from tipoff_scraper_runner.errors import SourceChanged


def league_schedule(payload: bytes) -> Node:
    """The document's `leagueSchedule`.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: JSON without it.
    """
    return json_object(payload, "the schedule").child("leagueSchedule")


def league_date(day: Node) -> date:
    """The league's date for the games under `day`, an element of `gameDates`."""
    printed = day.text("gameDate")
    try:
        return datetime.strptime(printed, "%m/%d/%Y %H:%M:%S").date()  # noqa: DTZ007  # a date, not an instant
    except ValueError as error:
        raise SourceChanged(f"{day.path}.gameDate is {printed!r}, not 'MM/DD/YYYY 00:00:00'") from error
