"""Faults of a document for `data_summary`: the full count and a few examples.

`set_aside` and `contradictions` are absent when there are none, so that an alert checks only for their presence.
"""

from collections.abc import Sequence

from pydantic import JsonValue

from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import ScrapeRequested, Source
from tipoff_common.executions import OFF
from tipoff_scraper_runner.scraper import Parsed

EXAMPLES = 5
EXAMPLE_CHARACTERS = 200
"""Bounds of the examples: a source may have thousands of odd items, and an execution row must stay small."""


def findings(parsed: Parsed, request: ScrapeRequested, spec: ScraperSpec) -> dict[str, JsonValue]:
    """Return the entries of `data_summary` for odd items, contradictions and the day's games."""
    found: dict[str, JsonValue] = {}
    contradictions = [*parsed.contradictions, *_against_the_calendar(parsed, request, spec)]
    if parsed.set_aside:
        found["set_aside"] = _counted(parsed.set_aside)
    if contradictions:
        found["contradictions"] = _counted(contradictions)
    if parsed.games_listed is not None:
        found["games_listed"] = parsed.games_listed
    # A slate of another day, such as yesterday's page that is still up, would contradict the requested day's calendar.
    if parsed.slate is not None and parsed.about in (None, request.game_date):
        found["slate"] = {
            matchup: tipoff.isoformat() if tipoff else OFF for matchup, tipoff in parsed.slate.items()
        }
    return found


def _against_the_calendar(parsed: Parsed, request: ScrapeRequested, spec: ScraperSpec) -> list[str]:
    """Report an empty document on a day with games: the controller requests a scraper that needs games only on such
    days."""
    asked_for_games = spec.needs_games and request.source is Source.CONTROLLER
    if parsed.games_listed == 0 and asked_for_games:
        day = request.game_date
        return [f"the document lists no games on {day}, but the calendar has games on that day"]
    return []


def _counted(sentences: Sequence[str]) -> JsonValue:
    shown: list[JsonValue] = [
        sentence if len(sentence) <= EXAMPLE_CHARACTERS else f"{sentence[:EXAMPLE_CHARACTERS]}..."
        for sentence in sentences[:EXAMPLES]
    ]
    return {"count": len(sentences), "examples": shown}
