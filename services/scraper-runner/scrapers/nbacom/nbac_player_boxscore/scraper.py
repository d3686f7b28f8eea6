"""`nbac_player_boxscore`: fetches a game's box score and reads its players' lines."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from scrapers.nbacom.box_score import BoxRecord, BoxScore, GameParameters, Side, fetch_box_score, stated_game
from scrapers.nbacom.box_score_laws import player_totals
from scrapers.nbacom.durations import seconds
from scrapers.nbacom.final_box_score import BoxReading, Summary, parse_final
from tipoff_scraper_runner.parsing.drift import drift_summary, find_drift, names
from tipoff_scraper_runner.parsing.json_document import Node
from tipoff_scraper_runner.parsing.odd_items import keep_first, read_items
from tipoff_scraper_runner.parsing.source_records import Blank, CamelRecord, Flag, keys_of, read_record
from tipoff_scraper_runner.scraper import Parsed

# Known and not read; a key beside these is reported as drift.
_PLAYER_UNREAD = names("order oncourt nameI firstName familyName statistics")
# Present for some players only: starters have a position, inactive players a reason.
_PLAYER_RARE = names("position notPlayingReason notPlayingDescription")
_LINE_UNREAD = names("minutes minutesCalculated minus plus")


Parameters = GameParameters
fetch = fetch_box_score


class StatisticsLine(CamelRecord):
    """A player's statistics; zeros for a player who did not play. Percentages are shares of 1."""

    points: int
    field_goals_made: int
    field_goals_attempted: int
    field_goals_percentage: float
    two_pointers_made: int
    two_pointers_attempted: int
    two_pointers_percentage: float
    three_pointers_made: int
    three_pointers_attempted: int
    three_pointers_percentage: float
    free_throws_made: int
    free_throws_attempted: int
    free_throws_percentage: float
    rebounds_offensive: int
    rebounds_defensive: int
    rebounds_total: int
    assists: int
    steals: int
    blocks: int
    blocks_received: int
    turnovers: int
    fouls_personal: int
    fouls_offensive: int
    fouls_drawn: int
    fouls_technical: int
    points_fast_break: int
    points_in_the_paint: int
    points_second_chance: int
    plus_minus_points: int


class Appearance(CamelRecord):
    """A player's identity, and whether he played."""

    person_id: int
    name: str
    jersey_num: Blank
    status: Literal["ACTIVE", "INACTIVE"]
    starter: Flag
    played: Flag
    position: Blank = Field(default=None, description="of starters only")
    not_playing_reason: Blank = Field(
        default=None, description='"INACTIVE_INJURY"; null for a player who played'
    )
    not_playing_description: Blank = Field(
        default=None, description="as stated; null for a player who played"
    )


_PLAYER = keys_of(Appearance) - _PLAYER_RARE


class PlayerBoxRecord(Appearance, StatisticsLine, BoxRecord):
    """One player of one game, inactive ones included."""


def stated(payload: bytes) -> dict[str, str]:
    """Return the parameters that the document states. Raises as `stated_game` does."""
    return stated_game(payload, "the box score")


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per player once the game is over, home team first, in the source's order. Raises as `parse_final`
    does."""
    return parse_final(payload, parameters, _read)


def _read(box: BoxScore) -> BoxReading:
    listed = [(side, player) for side in box.sides for player in side.node.children("players")]
    found = read_items("players", listed, lambda item: _record(item[1], box, item[0]))
    records, differing = keep_first(found.kept, lambda record: record.person_id, "player")
    players = [player for _, player in found.sources]
    drift = find_drift("player", players, required=_PLAYER, optional=_PLAYER_UNREAD, rare=_PLAYER_RARE)
    lines = [player.child("statistics") for player in players]
    line_drift = find_drift("statistics", lines, required=keys_of(StatisticsLine), optional=_LINE_UNREAD)
    return BoxReading(
        records=records,
        summary={**_summary(records), "drift": drift_summary(*box.drift, drift, line_drift)},
        set_aside=(*found.set_aside, *differing),
    )


def _record(player: Node, box: BoxScore, side: Side) -> PlayerBoxRecord:
    player.require(_PLAYER)
    line = player.child("statistics")
    line.require(keys_of(StatisticsLine))
    # As strict as the rules: pydantic would accept a number in a text, which the rules do not check.
    player_totals(player)
    # One record of two objects; the player's own keys override the statistics'.
    merged = Node(player.path, {**line.fields, **player.fields})
    return read_record(
        PlayerBoxRecord, merged, **box.names(side), seconds_played=seconds(line.text("minutes"))
    )


def _summary(records: Sequence[PlayerBoxRecord]) -> Summary:
    minutes: dict[str, float] = {}
    for record in records:
        minutes[record.team] = minutes.get(record.team, 0) + record.seconds_played / 60
    return {
        "team_minutes": {team: round(played, 2) for team, played in minutes.items()},
        "players_played": sum(record.played for record in records),
        "players_inactive": sum(record.status == "INACTIVE" for record in records),
    }
