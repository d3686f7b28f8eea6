"""`nbac_schedule`: fetches the season's schedule and reads its games."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from pydantic import JsonValue

from scrapers.nbacom.nbac_schedule.document import league_date, league_schedule
from scrapers.nbacom.nbac_schedule.fetching import current_schedule
from scrapers.nbacom.nbac_schedule.games import GAME_TYPES, GameRecord, read_game
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, ScrapeParameters


class Parameters(ScrapeParameters):
    """`game_date` is the day the schedule is fetched for; it selects nothing."""


def fetch(parameters: Parameters, http: Http) -> Payload:  # noqa: ARG001  # the signature is the contract's
    """The schedule as it stands.

    Raises:
        Blocked, SourceChanged, Undecodable: see `fetching`.
    """
    return current_schedule(http)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """One record a game, by date and id, whatever the order in the payload. A game that stands twice on one date is
    one record; on two dates (called off there, played here) it is two.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: a key is missing or not as expected.
    """
    schedule = league_schedule(payload)
    season_year = schedule.text("seasonYear")
    games: dict[tuple[date, str], GameRecord] = {}
    for day in schedule.children("gameDates"):
        game_date = league_date(day)
        for node in day.children("games"):
            game = read_game(node, season_year, game_date)
            known = games.setdefault((game_date, game.game_id), game)
            if known != game:
                raise SourceChanged(
                    f"{node.path}: game {game.game_id} stands twice on {game_date} and differs"
                )
    records = [game for _, game in sorted(games.items())]
    return Parsed(records=records, summary=_summary(records, season_year, parameters.game_date))


def _summary(games: Sequence[GameRecord], season_year: str, game_date: date) -> dict[str, JsonValue]:
    """games_on_game_date counts what is to be played: a postponed game is not."""
    by_type = Counter(game.game_type for game in games)
    letters = Counter(game.postponed_status for game in games)
    return {
        "season_year": season_year,
        "games_by_type": {kind: by_type[kind] for kind in GAME_TYPES.values() if by_type[kind]},
        "games_on_game_date": sum(game.game_date == game_date and not game.postponed for game in games),
        "postponed": sum(game.postponed for game in games),
        "postponed_statuses": dict(sorted(letters.items())),
        "first_date": games[0].game_date.isoformat() if games else None,
        "last_date": games[-1].game_date.isoformat() if games else None,
    }
