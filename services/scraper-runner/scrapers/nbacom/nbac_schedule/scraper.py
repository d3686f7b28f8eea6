"""`nbac_schedule`: fetches the season's schedule and parses its games."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import JsonValue

from scrapers.editions import lost_share
from scrapers.nbacom.nbac_schedule.currency import overdue, staleness
from scrapers.nbacom.nbac_schedule.document import Schedule, read_schedule
from scrapers.nbacom.nbac_schedule.fetching import current_schedule
from scrapers.nbacom.nbac_schedule.games import EXHIBITIONS, GAME_TYPES, GameRecord
from scrapers.nbacom.season import OFF_SEASON, season_of
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, ScrapeParameters

# Maximum share of a season's games lost from one edition to the next: "if necessary" games are removed when a series
# ends, and a moved game gets another id. No season has lost more at once.
MAX_LOST = 0.1


class Parameters(ScrapeParameters):
    """`game_date` is the day the schedule is fetched for; the schedule has to be of its season or a later one."""


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch the current schedule.

    Raises:
        Blocked, SourceChanged, HttpFailure: see `fetching`.
    """
    return current_schedule(parameters.game_date, http)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per game, ordered by date and id. An outdated schedule is marked as suspect.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, or most games are odd.
    """
    schedule = read_schedule(payload)
    return Parsed(
        records=schedule.games,
        summary=_summary(schedule.games, schedule.season_year, parameters.game_date),
        set_aside=schedule.set_aside,
        contradictions=_contradictions(schedule, parameters.game_date),
        suspect=staleness(schedule, parameters.game_date),
    )


def lost(parsed: Parsed, previous: Sequence[Mapping[str, JsonValue]]) -> str:
    """Describe how many of the season's games in the previous edition are missing; blank for a usual number."""
    season = parsed.summary["season_year"]
    # Only this season's games: in August all games of last season disappear at once.
    before = [str(game.get("game_id")) for game in previous if game.get("season_year") == season]
    present = [game.game_id for game in parsed.records if isinstance(game, GameRecord)]
    return lost_share(before, present, f"games of season {season}", MAX_LOST)


def _contradictions(schedule: Schedule, day: date) -> list[str]:
    found = overdue(schedule, day)
    # A past day may be requested manually; the schedule is always the current one.
    if schedule.season_year > season_of(day) and day.month not in OFF_SEASON:
        found.insert(
            0,
            f"requested {day} of season {season_of(day)}, but the schedule is of season {schedule.season_year}",
        )
    return found


def _summary(games: Sequence[GameRecord], season_year: str, game_date: date) -> dict[str, JsonValue]:
    """Summarize the games; `games_on_game_date` excludes postponed ones."""
    by_type = Counter(game.game_type for game in games)
    # Shows a first edition that has another letter on every game.
    letters = Counter(game.postponed_status for game in games)
    undecided = sum(
        not (game.home_team and game.away_team) and game.game_type not in EXHIBITIONS for game in games
    )
    return {
        "season_year": season_year,
        "games_by_type": {kind: by_type[kind] for kind in GAME_TYPES.values() if by_type[kind]},
        "games_on_game_date": sum(game.game_date == game_date and not game.postponed for game in games),
        "undecided": undecided,
        "postponed": sum(game.postponed for game in games),
        "postponed_statuses": dict(sorted(letters.items())),
        "first_date": games[0].game_date.isoformat() if games else None,
        "last_date": games[-1].game_date.isoformat() if games else None,
    }
