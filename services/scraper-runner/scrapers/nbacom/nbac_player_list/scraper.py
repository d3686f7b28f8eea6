"""`nbac_player_list`: fetches the index of a season's players and reads it."""

from collections import Counter

from scrapers.completeness import completeness
from scrapers.drift import drift_summary, find_drift
from scrapers.json_document import json_object
from scrapers.nbacom.season import season_of
from scrapers.nbacom.stats import LEAGUE_ID, result_set, stats_document
from scrapers.source_records import Blank, UpperRecord, keys_of, read_record
from scrapers.teams import TEAMS
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, ScrapeParameters

_UNREAD = frozenset({"IS_DEFUNCT", "STATS_TIMEFRAME"})


class Parameters(ScrapeParameters):
    """`game_date` selects its season."""


class PlayerRecord(UpperRecord):
    """One player, as of the fetch. A player without a team has no team fields and roster_status null. height: feet and
    inches, "6-8"; weight: pounds; from_year, to_year: first years of the first and last season. pts, reb, ast: a game,
    null for who has not played."""

    person_id: int
    player_last_name: str
    player_first_name: str
    player_slug: str
    team_id: int
    team_slug: Blank
    team_city: Blank
    team_name: Blank
    team_abbreviation: Blank
    jersey_number: Blank
    position: Blank
    height: Blank
    weight: Blank
    college: Blank
    country: Blank
    draft_year: int | None
    draft_round: int | None
    draft_number: int | None
    roster_status: float | None
    from_year: str | None
    to_year: str | None
    pts: float | None
    reb: float | None
    ast: float | None


def fetch(parameters: Parameters, http: Http) -> Payload:
    """The index of the season.

    Raises:
        Blocked, SourceChanged: see `stats`.
    """
    query = {
        "Historical": "0",
        "LeagueID": LEAGUE_ID,
        "Season": season_of(parameters.game_date),
        "SeasonType": "Regular Season",
        "TeamID": "0",
    }
    return stats_document("/stats/playerindex", query, http)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """One record a player, by id.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, another season, or a player who stands twice.
    """
    season = json_object(payload, "the player index").child("parameters").text("Season")
    if season != season_of(parameters.game_date):
        raise SourceChanged(
            f"asked for season {season_of(parameters.game_date)}, the document is about {season}"
        )
    rows = result_set(payload, "PlayerIndex")
    drift = find_drift("player", rows, required=keys_of(PlayerRecord), optional=_UNREAD)
    players = sorted((read_record(PlayerRecord, row) for row in rows), key=lambda player: player.person_id)
    ids = Counter(player.person_id for player in players)
    if twice := [person for person, count in ids.items() if count > 1]:
        raise SourceChanged(f"players {twice[:5]} stand twice in the index")
    teams = {player.team_abbreviation for player in players if player.team_abbreviation}
    return Parsed(
        records=players,
        summary={
            "season": season,
            "teams": len(teams),
            "completeness": completeness((one.tricode for one in TEAMS), teams),
            "players_without_team": sum(player.team_abbreviation is None for player in players),
            "drift": drift_summary(drift),
        },
    )
