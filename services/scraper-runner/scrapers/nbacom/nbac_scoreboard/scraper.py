"""`nbac_scoreboard`: fetches the games of a day and reads how they stand."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from pydantic import JsonValue

from scrapers.completeness import completeness
from scrapers.drift import drift_summary, find_drift, names
from scrapers.json_document import Node, json_object
from scrapers.nbacom.cdn import PROBE_URL as TODAYS_SCOREBOARD
from scrapers.nbacom.cdn import always_there
from scrapers.nbacom.durations import seconds
from scrapers.nbacom.game_status import GameStatus, game_status
from scrapers.nbacom.stats import LEAGUE_ID, stats_document
from tipoff_common.clock import business_date
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

_GAME = names("gameId gameCode gameStatus gameStatusText period gameClock gameTimeUTC homeTeam awayTeam")
_GAME_UNREAD = names("gameEt regulationPeriods seriesGameNumber seriesText ifNecessary gameLeaders")
_GAME_OF_ONE_HOST = names(
    "gameLabel gameSubLabel seriesConference poRoundDesc gameSubtype isNeutral teamLeaders broadcasters pbOdds"
)
_TEAM = names("teamId teamTricode score periods wins losses")
_TEAM_UNREAD = names("teamName teamCity seed inBonus timeoutsRemaining")
_TEAM_OF_ONE_HOST = frozenset({"teamSlug"})


_OFF = frozenset({"PPD", "POSTPONED"})
"""Status texts of games that are not played, whatever their status says."""


class Parameters(ScrapeParameters):
    """`game_date` is the league's date of the games."""


class ScoreboardRecord(Record):
    """One game as it stands. game_date: the league's, also for a game that tips after midnight in New York. tipoff:
    aware UTC. status_text: as printed ("Final", "7:00 pm ET", "PPD"). period: 0 before the tip, from 5 on overtime.
    clock_seconds: left in the period, null when no clock runs. *_periods: points by period."""

    game_id: str
    game_date: date
    tipoff: datetime
    status: GameStatus
    status_text: str
    period: int
    clock_seconds: float | None
    home_team: str
    home_team_id: int
    home_score: int
    home_periods: tuple[int, ...]
    away_team: str
    away_team_id: int
    away_score: int
    away_periods: tuple[int, ...]
    game_label: str | None
    game_sub_label: str | None


def fetch(parameters: Parameters, http: Http) -> Payload:
    """The day's scoreboard: today's from the CDN, any other, or what the CDN does not show yet, from stats.nba.com.

    Raises:
        Blocked, SourceChanged, Undecodable: see `cdn` and `stats`.
    """
    day = parameters.game_date
    today = business_date(http.now)
    if today - timedelta(days=1) <= day <= today:
        current = always_there(TODAYS_SCOREBOARD, http)
        if _day(_scoreboard(current.body)) == day:
            return current
    query = {"GameDate": day.isoformat(), "LeagueID": LEAGUE_ID}
    return stats_document("/stats/scoreboardv3", query, http)


def parse(payload: bytes, _parameters: Parameters) -> Parsed:
    """One record a game, by id.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, or a game that stands twice.
    """
    scoreboard = _scoreboard(payload)
    day = _day(scoreboard)
    games = list(scoreboard.children("games"))
    teams = [game.child(side) for game in games for side in ("homeTeam", "awayTeam")]
    drift = drift_summary(
        find_drift("game", games, required=_GAME, optional=_GAME_UNREAD, rare=_GAME_OF_ONE_HOST),
        find_drift("team", teams, required=_TEAM, optional=_TEAM_UNREAD, rare=_TEAM_OF_ONE_HOST),
    )
    records = sorted((_record(game, day) for game in games), key=lambda record: record.game_id)
    if len({record.game_id for record in records}) < len(records):
        raise SourceChanged(f"{scoreboard.path}.games: a game stands twice")
    return Parsed(
        records=records,
        summary={
            "games_by_status": dict(sorted(Counter(record.status for record in records).items())),
            "completeness": _results(records),
            "drift": drift,
        },
        empty_reason="" if records else f"the scoreboard of {day} lists no games",
        about=day,
    )


def _results(records: Sequence[ScoreboardRecord]) -> dict[str, JsonValue]:
    """Which games have their result; a game that is off is to have none."""
    played = [record for record in records if record.status_text.upper() not in _OFF]
    over = [record for record in played if record.status == "final"]
    return completeness(map(_matchup, played), map(_matchup, over))


def _matchup(record: ScoreboardRecord) -> str:
    return f"{record.away_team}@{record.home_team}"


def _scoreboard(payload: bytes) -> Node:
    return json_object(payload, "the scoreboard").child("scoreboard")


def _day(scoreboard: Node) -> date:
    printed = scoreboard.text("gameDate")
    try:
        return date.fromisoformat(printed)
    except ValueError as error:
        raise SourceChanged(f"{scoreboard.path}.gameDate is {printed!r}, not YYYY-MM-DD") from error


def _record(game: Node, day: date) -> ScoreboardRecord:
    home, away = game.child("homeTeam"), game.child("awayTeam")
    clock = game.text("gameClock").strip()
    return ScoreboardRecord(
        game_id=game.name("gameId"),
        game_date=day,
        tipoff=game.instant("gameTimeUTC"),
        status=game_status(game),
        status_text=game.text("gameStatusText").strip(),
        period=game.number("period"),
        clock_seconds=seconds(clock) if clock else None,
        home_team=home.name("teamTricode"),
        home_team_id=home.number("teamId"),
        home_score=home.count("score"),
        home_periods=_periods(home),
        away_team=away.name("teamTricode"),
        away_team_id=away.number("teamId"),
        away_score=away.count("score"),
        away_periods=_periods(away),
        game_label=game.optional_text("gameLabel"),
        game_sub_label=game.optional_text("gameSubLabel"),
    )


def _periods(team: Node) -> tuple[int, ...]:
    return tuple(period.count("score") for period in team.children("periods"))
