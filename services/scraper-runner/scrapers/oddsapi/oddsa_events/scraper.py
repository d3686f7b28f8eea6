"""`oddsa_events`: fetches the events on offer and selects those of a game day."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from pydantic import AwareDatetime, JsonValue

from scrapers.exhibitions import part_exhibitions
from scrapers.oddsapi.api import fetch_document
from scrapers.oddsapi.matchups import Matchup, day_of, event_drift, matchup, snapshot, teams_of
from tipoff_scraper_runner.parsing.drift import drift_summary
from tipoff_scraper_runner.parsing.odd_items import keep_first, read_items
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, ScrapeParameters


class Parameters(ScrapeParameters):
    """`game_date` selects the events; the API lists weeks ahead."""

    as_of: AwareDatetime | None = None
    """See scraper.yaml."""


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch all events on offer; this call costs no credits.

    Raises:
        QuotaSpent, Blocked, SourceChanged: see `api`.
    """
    return fetch_document(http, "events", {}, parameters.as_of)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per event of the game date, ordered by start and id; exhibitions are only listed in the summary.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, or most events are odd.
    """
    found = snapshot(payload, "the list of events")
    # Read the dates of all events: the other dates explain a day without events.
    dated = read_items("events", found.events, day_of)
    todays = [event for event, day in dated.pairs if day == parameters.game_date]
    parted = part_exhibitions(todays, teams_of)
    matchups = read_items("events of the day", parted.league, matchup)
    kept, differing = keep_first(matchups.kept, lambda event: event.event_id, "event")
    events = sorted(kept, key=lambda event: (event.commence_time, event.event_id))
    return Parsed(
        records=events,
        summary={
            "events_listed": len(found.events),
            "events_by_date": {day.isoformat(): count for day, count in sorted(Counter(dated.kept).items())},
            "matchups_twice": _duplicate_matchups(events),
            "exhibitions": [*parted.exhibitions],
            "as_of": found.as_of.isoformat() if found.as_of else None,
            "drift": drift_summary(event_drift(matchups.sources)),
        },
        empty_reason="" if events else _empty_reason(dated.kept, parameters.game_date, parted.exhibitions),
        fan_out={"event_id": tuple(event.event_id for event in events)},
        set_aside=(*dated.set_aside, *matchups.set_aside, *differing),
        games_listed=len(todays),
    )


def _duplicate_matchups(events: Sequence[Matchup]) -> list[JsonValue]:
    """List the matchups that two events have."""
    # The API sometimes opens a second event for a game that was moved.
    counts = Counter(f"{event.away_team}@{event.home_team}" for event in events)
    return [name for name, count in sorted(counts.items()) if count > 1]


def _empty_reason(days: Sequence[date], game_date: date, exhibitions: Sequence[JsonValue]) -> str:
    if exhibitions:
        return f"no league game on {game_date}; only exhibitions: {', '.join(map(str, exhibitions))}"
    if not days:
        return "the source lists no events"
    return f"the source lists {len(days)} events, from {min(days)} to {max(days)}, none on {game_date}"
