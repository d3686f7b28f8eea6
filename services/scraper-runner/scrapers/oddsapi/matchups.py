"""Events: the teams and the day of a game.

An event's `commence_time` changes by minutes until the game starts. The game date and the two teams are stable; join an
event's records to games by them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import Field

from scrapers.game_days import game_date_of
from scrapers.teams import team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.drift import Drift, find_drift
from tipoff_scraper_runner.parsing.json_document import Node, elements, json_value
from tipoff_scraper_runner.scraper import Record

# Strict, as the id becomes part of a path.
EVENT_ID = r"^[0-9a-f]{32}$"

_KNOWN = frozenset({"id", "commence_time", "home_team", "away_team"})
_UNREAD = frozenset({"sport_key", "sport_title"})
# Only in responses with odds.
_ODDS_ONLY = frozenset({"bookmakers"})


@dataclass(frozen=True)
class OddsSnapshot:
    """The events of a response."""

    events: tuple[Node, ...]
    single: bool
    """Whether the response is one event, not a list."""
    as_of: datetime | None
    """The instant of a historical response; None for the present."""


class Matchup(Record):
    """Common fields of every record of an event."""

    event_id: str = Field(description="the API's id")
    commence_time: datetime = Field(description="as announced at the fetch, aware UTC")
    game_date: date = Field(description="the New York day the game belongs to")
    home_team: str = Field(description="tricode")
    away_team: str = Field(description="tricode")


def snapshot(payload: bytes, document_name: str) -> OddsSnapshot:
    """Read a list of events, one event, or either within the wrapper of a historical response.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: any other document.
    """
    document = json_value(payload, document_name)
    path, as_of = "document", None
    # Only a historical response has the wrapper; an event has no such key.
    if isinstance(document, dict) and "data" in document:
        as_of = Node(path, document).instant("timestamp")
        path, document = "document.data", document["data"]
    if isinstance(document, dict):
        return OddsSnapshot((Node(path, document),), single=True, as_of=as_of)
    return OddsSnapshot(tuple(elements(path, document)), single=False, as_of=as_of)


def matchup(event: Node) -> Matchup:
    """Read the teams and the start of an event. Raises SourceChanged, also for an unknown team."""
    event.require(_KNOWN)
    event_id, commence_time = event.text("id"), event.instant("commence_time")
    # Follow-ups take this id as a parameter, and refuse another form.
    if not re.fullmatch(EVENT_ID, event_id):
        raise SourceChanged(f"{event.path}.id is {event_id!r:.80}, not the id of an event")
    return Matchup(
        event_id=event_id,
        commence_time=commence_time,
        game_date=game_date_of(commence_time),
        home_team=team(event.text("home_team")).tricode,
        away_team=team(event.text("away_team")).tricode,
    )


def teams_of(event: Node) -> tuple[str, str]:
    """Read the away and the home team in the API's spelling."""
    return event.text("away_team"), event.text("home_team")


def day_of(event: Node) -> date:
    """Read the game date of any event, including one of All-Star teams."""
    return game_date_of(event.instant("commence_time"))


def only_event(found: OddsSnapshot) -> Node:
    """Return the one requested event. Raises SourceChanged for a list."""
    if not found.single:
        raise SourceChanged(f"the document is a list of {len(found.events)} events, not the requested event")
    return found.events[0]


def event_drift(events: Iterable[Node]) -> Drift:
    """Compare events with the known fields. Raises SourceChanged for an event without a required field."""
    return find_drift("event", events, required=_KNOWN, optional=_UNREAD, rare=_ODDS_ONLY)
