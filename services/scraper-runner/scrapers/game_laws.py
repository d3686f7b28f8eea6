"""Laws that hold for a game in every source; they decide whether a game counts as complete."""

from dataclasses import dataclass

REGULATION_PERIODS = 4
# Share of a team's minutes and points that its players' lines must hold. A line is corrected by seconds for
# days, and a few points may be the team's own; a document that is still being filled lacks far more.
MIN_SHARE = 0.95


@dataclass(frozen=True)
class Standing:
    """State of a game by one source."""

    matchup: str
    """"AWAY@HOME"."""
    status: str
    """ "scheduled", "live" or "final"; other words are not judged."""
    period: int
    away_score: int
    home_score: int


def contradiction(game: Standing) -> str:
    """Say what cannot be true of the game; blank when all can.

    Sources have announced a final score of 0:0 before they filled it in, and have left a game at "scheduled" while its
    period and score went on. Basketball knows no tie.
    """
    score = f"{game.away_score}:{game.home_score}"
    # Known of the league's scoreboard: the status stays at 1 during play, and period, clock and score say
    # otherwise.
    if game.status == "scheduled" and (game.period > 0 or game.away_score or game.home_score):
        return f"{game.matchup} is scheduled, and stands {score} in period {game.period}"
    if game.status != "final":
        return ""
    if not game.away_score or not game.home_score or game.away_score == game.home_score:
        return f"{game.matchup} is final at {score}"
    # Some sources set the status before the period when they take a game over from another system.
    if game.period < REGULATION_PERIODS:
        return f"{game.matchup} is final in period {game.period}"
    return ""


def lacks_content(team: str, minutes: float, expected: float, points: int, score: int) -> str:
    """Say what a final box score of a team lacks; blank when its players' lines hold what the team has."""
    # Minutes first: a document without lines lacks both, and the minutes say so whatever the score.
    if minutes < MIN_SHARE * expected:
        return f"{team}: the players have {minutes:.1f} of {expected:g} minutes"
    if points < MIN_SHARE * score:
        return f"{team}: the players have {points} of {score} points"
    # Last, as a share of nothing is nothing: with a score of zero the test above holds for every document.
    if not score:
        return f"{team}: no points in a final game"
    return ""
