"""`oddsa_events`: fetches the events on offer and picks those of a game day."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from pydantic import AwareDatetime, JsonValue

from scrapers.drift import drift_summary
from scrapers.exhibitions import part_exhibitions
from scrapers.oddsapi.api import ask
from scrapers.oddsapi.matchups import Matchup, day_of, event_drift, matchup, snapshot, teams_of
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, ScrapeParameters


class Parameters(ScrapeParameters):
    """`game_date` picks the events; the API lists weeks ahead. `as_of`: see scraper.yaml."""

    as_of: AwareDatetime | None = None


def fetch(parameters: Parameters, http: Http) -> Payload:
    """All events on offer; this call costs no credits.

    Raises:
        QuotaSpent, Blocked, SourceChanged: see `api`.
    """
    return ask(http, "events", {}, parameters.as_of)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """One record an event of the game date, by start and id; exhibitions are told in the summary and asked no further.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, an unknown team, or an id that stands twice for two things.
    """
    found = snapshot(payload, "the list of events")
    drift = event_drift(found.events)
    days = [day_of(event) for event in found.events]
    todays = [event for event, day in zip(found.events, days, strict=True) if day == parameters.game_date]
    parted = part_exhibitions(todays, teams_of)
    events = _once([matchup(event) for event in parted.league])
    return Parsed(
        records=events,
        summary={
            "events_listed": len(found.events),
            "events_by_date": {day.isoformat(): count for day, count in sorted(Counter(days).items())},
            "matchups_twice": _twice(events),
            "exhibitions": [*parted.exhibitions],
            "as_of": found.as_of.isoformat() if found.as_of else None,
            "drift": drift_summary(drift),
        },
        empty_reason="" if events else _empty_reason(days, parameters.game_date, parted.exhibitions),
        fan_out={"event_id": tuple(event.event_id for event in events)},
    )


def _once(events: Sequence[Matchup]) -> list[Matchup]:
    known: dict[str, Matchup] = {}
    for event in events:
        if known.setdefault(event.event_id, event) != event:
            raise SourceChanged(f"event {event.event_id} stands twice and differs")
    return sorted(known.values(), key=lambda event: (event.commence_time, event.event_id))


def _twice(events: Sequence[Matchup]) -> list[JsonValue]:
    """Games that two events claim to be."""
    counts = Counter(f"{event.away_team}@{event.home_team}" for event in events)
    return [name for name, count in sorted(counts.items()) if count > 1]


def _empty_reason(days: Sequence[date], game_date: date, exhibitions: Sequence[JsonValue]) -> str:
    if exhibitions:
        return f"no team of the league plays another on {game_date}; there are {', '.join(map(str, exhibitions))}"
    if not days:
        return "no event is on offer"
    return f"{len(days)} events are on offer, from {min(days)} to {max(days)}, and none is of {game_date}"
