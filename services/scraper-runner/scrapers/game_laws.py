"""Rules that hold for a game in every source; they decide whether a game counts as complete."""

from dataclasses import dataclass

REGULATION_PERIODS = 4
# Minimum share of a team's minutes and points in its players' lines. Lines are corrected by seconds for days, and a few
# points may belong to the team itself; an incomplete document lacks far more.
MIN_SHARE = 0.95


@dataclass(frozen=True)
class Standing:
    """The state of a game according to one source."""

    matchup: str
    """"AWAY@HOME"."""
    status: str
    """ "scheduled", "live" or "final"; other words are not checked."""
    period: int
    away_score: int
    home_score: int


def contradiction(game: Standing) -> str:
    """Describe the contradiction in the game's state; blank without one.

    Sources have published a final score of 0:0 before the real one, and have left a game at "scheduled" while its
    period and score advanced. Basketball has no ties.
    """
    score = f"{game.away_score}:{game.home_score}"
    # Seen on the league's scoreboard: the status stays at 1 during play, while period, clock and score advance.
    if game.status == "scheduled" and (game.period > 0 or game.away_score or game.home_score):
        return f"{game.matchup} is scheduled, but has the score {score} in period {game.period}"
    if game.status != "final":
        return ""
    if not game.away_score or not game.home_score or game.away_score == game.home_score:
        return f"{game.matchup} is final at {score}"
    # Some sources set the status before the period when they import a game from another system.
    if game.period < REGULATION_PERIODS:
        return f"{game.matchup} is final in period {game.period}"
    return ""


def lacks_content(team: str, minutes: float, expected: float, points: int, score: int) -> str:
    """Describe the first gap in a team's final box score; blank when its players' lines account for the team's
    totals."""
    # Minutes first: a document without lines lacks both, and the minutes show it for any score.
    if minutes < MIN_SHARE * expected:
        return f"{team}: the players have {minutes:.1f} of {expected:g} minutes"
    if points < MIN_SHARE * score:
        return f"{team}: the players have {points} of {score} points"
    # Last: with a score of zero every document passes the test above.
    if not score:
        return f"{team}: no points in a final game"
    return ""
