"""Contradictions within a box score: a final one with missing parts, and totals that do not add up."""

from collections.abc import Iterator
from dataclasses import dataclass

from scrapers.game_laws import Standing, contradiction, lacks_content
from scrapers.nbacom.box_score import BoxScore, Side
from scrapers.nbacom.durations import seconds, team_minutes
from tipoff_scraper_runner.parsing.json_document import Node
from tipoff_scraper_runner.parsing.odd_items import read_items

SHOTS = ("fieldGoals", "twoPointers", "threePointers", "freeThrows")
# Statistics that cannot be negative; only plus-minus can.
_COUNTED = ("points", "assists", "steals", "blocks", *(f"{shots}Made" for shots in SHOTS))


def contradictions(box: BoxScore) -> list[str]:
    """List the contradictions of the game's state, and the gaps of a final box score."""
    home, away = box.sides
    standing = Standing(
        matchup=f"{away.team.tricode}@{home.team.tricode}",
        status=box.status,
        period=box.periods,
        away_score=away.node.count("score"),
        home_score=home.node.count("score"),
    )
    found = [contradiction(standing)]
    # A running game does not have all its minutes yet.
    if box.status == "final":
        found += [_lack(side, team_minutes(box.periods)) for side in box.sides]
    return [sentence for sentence in found if sentence]


def _lack(side: Side, minutes: int) -> str:
    players = read_items("players", side.node.children("players"), player_totals)
    played = sum(line.minutes for line in players.kept)
    points = sum(line.points for line in players.kept)
    # An unreadable player is set aside; his minutes may be the missing ones, so report no gap.
    if players.set_aside and played:
        return ""
    return lacks_content(side.team.tricode, played, minutes, points, side.node.count("score"))


@dataclass(frozen=True)
class PlayerTotals:
    """A player's part of the team's totals."""

    minutes: float
    points: int


def player_totals(player: Node) -> PlayerTotals:
    """Read a player's share of the team's totals, and check that every rule can be evaluated for the player.

    Raises SourceChanged for a line of another shape: every scraper sets such a player aside.
    """
    line = player.child("statistics")
    player.text("name")
    for counted in (*_COUNTED, *(f"{shots}Attempted" for shots in SHOTS)):
        line.integer(counted)
    return PlayerTotals(seconds(line.text("minutes")) / 60, line.integer("points"))


def broken_laws(box: BoxScore) -> list[str]:
    """List the totals in a final box score that do not add up; empty when all do.

    The players' minutes add up to five times the length of the game. The players' points add up to the team's score,
    unless points were given to the team itself, and so do the periods' points. No count is negative, and no player
    makes more shots than he takes.
    """
    return [law for side in box.sides for law in _broken_by(side, team_minutes(box.periods))]


def _broken_by(side: Side, minutes: int) -> list[str]:
    name, score = side.team.tricode, side.node.count("score")
    players = read_items("players", side.node.children("players"), player_totals)
    played = sum(line.minutes for line in players.kept)
    points = sum(line.points for line in players.kept)
    by_period = sum(period.count("score") for period in side.node.children("periods"))
    broken = []
    # Rounded: seconds are missing in every second box score, and are never corrected.
    if round(played) != minutes:
        broken.append(f"{name}: the players have {played:.1f} minutes, not {minutes}")
    # Only reported: points may be given to the team itself.
    if points != score:
        broken.append(f"{name}: the players have {points} points, the team {score}")
    if by_period != score:
        broken.append(f"{name}: the periods have {by_period} points, the team {score}")
    return [*broken, *(law for player in players.sources for law in _broken_by_player(name, player))]


def _broken_by_player(team: str, player: Node) -> Iterator[str]:
    line = player.child("statistics")
    for counted in _COUNTED:
        # Reported and not corrected: it is unknown which of the numbers is wrong.
        if line.integer(counted) < 0:
            yield f"{team}: {player.text('name')} has {line.integer(counted)} {counted}"
    for shots in SHOTS:
        if line.integer(f"{shots}Made") > line.integer(f"{shots}Attempted"):
            yield f"{team}: {player.text('name')} makes more {shots} than he takes"
