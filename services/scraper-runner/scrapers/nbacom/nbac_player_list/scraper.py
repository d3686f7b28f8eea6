"""`nbac_player_list`: fetches and parses the index of a season's players."""

from collections.abc import Mapping, Sequence

from pydantic import Field, JsonValue

from scrapers.completeness import completeness
from scrapers.editions import lost_share
from scrapers.nbacom.season import season_of
from scrapers.nbacom.stats import LEAGUE_ID, result_set, stats_document
from scrapers.teams import TEAMS, team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.drift import drift_summary, find_drift
from tipoff_scraper_runner.parsing.json_document import Node, json_object
from tipoff_scraper_runner.parsing.odd_items import keep_first, read_items
from tipoff_scraper_runner.parsing.source_records import Blank, UpperRecord, keys_of, read_record
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, ScrapeParameters

# Constant for the players of one season; a column beside these is reported as drift.
_UNREAD = frozenset({"IS_DEFUNCT", "STATS_TIMEFRAME"})

# Maximum share of players lost from one edition to the next. Between two seasons a quarter leave the league.
MAX_LOST = 0.3


class Parameters(ScrapeParameters):
    """`game_date` selects its season."""


class PlayerRecord(UpperRecord):
    """One player, as of the fetch. A player without a team has no team fields and roster_status null."""

    person_id: int
    player_last_name: str
    player_first_name: str
    player_slug: str
    team_id: int = Field(description="the league's; 0 without a team")
    team_slug: Blank
    team_city: Blank
    team_name: Blank
    team_abbreviation: str | None = Field(description="tricode; null without a team")
    jersey_number: Blank
    position: Blank
    height: Blank = Field(description='feet and inches, "6-8"')
    weight: Blank = Field(description="pounds")
    college: Blank
    country: Blank
    draft_year: int | None
    draft_round: int | None
    draft_number: int | None
    roster_status: float | None
    from_year: str | None = Field(description="first year of the first season")
    to_year: str | None = Field(description="first year of the last season")
    pts: float | None = Field(description="a game; null for a player who has not played")
    reb: float | None = Field(description="a game; null for a player who has not played")
    ast: float | None = Field(description="a game; null for a player who has not played")


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch the index of the season.

    Raises:
        Blocked, SourceChanged: see `stats`.
    """
    query = {
        # Otherwise the list has every player in history, fifteen times as many.
        "Historical": "0",
        "LeagueID": LEAGUE_ID,
        "Season": season_of(parameters.game_date),
        "SeasonType": "Regular Season",
        "TeamID": "0",
    }
    return stats_document("/stats/playerindex", query, http)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per player, ordered by id.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, another season, or most players are odd.
    """
    season = json_object(payload, "the player index").child("parameters").text("Season")
    # The host returns the current season for an unknown one.
    if season != season_of(parameters.game_date):
        raise SourceChanged(
            f"requested season {season_of(parameters.game_date)}, but the document is about {season}"
        )
    index = result_set(payload, "PlayerIndex")
    found = read_items("players", index.rows, lambda row: _player(index.by_header(row)))
    kept, differing = keep_first(found.kept, lambda player: player.person_id, "player")
    players = sorted(kept, key=lambda player: player.person_id)
    drift = find_drift(
        "player", map(index.by_header, found.sources), required=keys_of(PlayerRecord), optional=_UNREAD
    )
    # The index has the rosters of all thirty teams, so a team without players means an incomplete document.
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
        set_aside=(*found.set_aside, *differing),
    )


def lost(parsed: Parsed, previous: Sequence[Mapping[str, JsonValue]]) -> str:
    """Describe how many players of the previous edition are missing; blank for a usual number."""
    before = [player.get("person_id") for player in previous]
    present = [player.person_id for player in parsed.records if isinstance(player, PlayerRecord)]
    return lost_share([one for one in before if isinstance(one, int)], present, "players", MAX_LOST)


def _player(row: Node) -> PlayerRecord:
    # Checked first, so that the error names a dropped column.
    row.require(keys_of(PlayerRecord))
    # Null for a player without a team at the moment, who is no odd item.
    spelled = row.optional_text("TEAM_ABBREVIATION")
    return read_record(PlayerRecord, row, TEAM_ABBREVIATION=team(spelled).tricode if spelled else None)
