"""`nbac_scoreboard`: fetches the games of a day and parses their states."""

from collections import Counter
from datetime import date, datetime, timedelta

from pydantic import Field

from scrapers.completeness import results
from scrapers.game_laws import Standing, contradiction
from scrapers.nbacom.answers import always_there
from scrapers.nbacom.cdn import HEADERS
from scrapers.nbacom.cdn import PROBE_URL as TODAYS_SCOREBOARD
from scrapers.nbacom.durations import seconds
from scrapers.nbacom.game_status import GameStatus, game_status
from scrapers.nbacom.sides import decided_team, is_guest, team_id
from scrapers.nbacom.stats import LEAGUE_ID, stats_document
from tipoff_common.clock import EASTERN, business_date
from tipoff_scraper_runner.errors import ScrapeFailure, SourceChanged
from tipoff_scraper_runner.parser import is_harmless
from tipoff_scraper_runner.parsing.drift import drift_summary, find_drift, names
from tipoff_scraper_runner.parsing.json_document import Node, json_object
from tipoff_scraper_runner.parsing.odd_items import keep_first, place_of, read_items
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

_GAME = names("gameId gameCode gameStatus gameStatusText period gameClock gameTimeUTC homeTeam awayTeam")
_GAME_UNREAD = names("gameEt regulationPeriods seriesGameNumber seriesText ifNecessary gameLeaders")
# Only one of the two hosts has these keys.
_GAME_OF_ONE_HOST = names(
    "gameLabel gameSubLabel seriesConference poRoundDesc gameSubtype isNeutral teamLeaders broadcasters pbOdds"
)
_TEAM = names("teamId teamTricode score periods wins losses")
_TEAM_UNREAD = names("teamName teamCity seed inBonus timeoutsRemaining")
_TEAM_OF_ONE_HOST = frozenset({"teamSlug"})
# The league's placeholder for an undecided time.
_UNTIMED = "0001-01-01"
_SIDES = ("homeTeam", "awayTeam")

# Status texts of games that are called off; their status stays at 1.
_OFF = frozenset({"PPD", "POSTPONED"})


class Parameters(ScrapeParameters):
    """`game_date` is the league's date of the games."""


class ScoreboardRecord(Record):
    """The state of one game."""

    game_id: str
    game_date: date = Field(
        description="the league's date, also for a game that tips off after midnight in New York"
    )
    tipoff: datetime | None = Field(description="aware UTC; null while the time is to be decided")
    status: GameStatus
    status_text: str = Field(description='as printed: "Final", "7:00 pm ET", "PPD"')
    period: int = Field(description="0 before the tip, from 5 on overtime")
    clock_seconds: float | None = Field(description="left in the period; null when no clock runs")
    home_team: str | None = Field(description="tricode; null while undecided")
    home_team_id: int = Field(description="the source's; 0 while undecided")
    home_score: int
    home_periods: tuple[int, ...] = Field(description="points by period")
    away_team: str | None = Field(description="as home_team")
    away_team_id: int = Field(description="as home_team_id")
    away_score: int
    away_periods: tuple[int, ...] = Field(description="as home_periods")
    game_label: str | None
    game_sub_label: str | None

    @property
    def decided(self) -> bool:
        """Whether both teams are known."""
        return bool(self.away_team and self.home_team)

    @property
    def matchup(self) -> str:
        """ "AWAY@HOME"; the id while a team is undecided."""
        return f"{self.away_team}@{self.home_team}" if self.decided else self.game_id

    @property
    def off(self) -> bool:
        """Whether the game is called off, by its text; its status does not show it."""
        return self.status_text.upper() in _OFF


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch the day's scoreboard.

    The CDN serves the current scoreboard; any other day comes from stats.nba.com.

    Raises:
        Blocked, SourceChanged, Undecodable: see `cdn` and `stats`.
    """
    day = parameters.game_date
    # Yesterday too: the CDN has the last evening's games until noon.
    today = business_date(http.now, EASTERN)
    if today - timedelta(days=1) <= day <= today:
        current = always_there(http, TODAYS_SCOREBOARD, headers=HEADERS)
        # The file is named for today but may still be yesterday's: its own date counts.
        if _may_be_of(day, current.body):
            return current
    query = {"GameDate": day.isoformat(), "LeagueID": LEAGUE_ID}
    return stats_document("/stats/scoreboardv3", query, http)


def _may_be_of(day: date, payload: bytes) -> bool:
    """Return whether the scoreboard is of the day; true for an unreadable one, whose fault the parser reports."""
    # Only the parser's bounded process decodes a payload that may take much memory.
    if not is_harmless(payload):
        return True
    try:
        return _day(_scoreboard(payload)) == day
    except ScrapeFailure:
        return True


def parse(payload: bytes, _parameters: Parameters) -> Parsed:
    """Read one record per game, ordered by id; the summary lists games of teams from outside the league.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, or most games are odd.
    """
    scoreboard = _scoreboard(payload)
    day = _day(scoreboard)
    listed = scoreboard.children("games")
    # Separated first, since the rule of odd items would refuse an All-Star day as a whole.
    exhibitions = [node for node in listed if _is_exhibition(node)]
    games = read_items(
        "games", [node for node in listed if node not in exhibitions], lambda game: _record(game, day)
    )
    kept, differing = keep_first(games.kept, lambda record: record.game_id, "game")
    records = sorted(kept, key=lambda record: record.game_id)
    teams = [game.child(side) for game in games.sources for side in _SIDES]
    # Keyed by the names that `completeness` uses for missing games.
    contradictions = {record.matchup: law for record in records if (law := _contradiction(record))}
    return Parsed(
        records=records,
        summary={
            "games_by_status": dict(sorted(Counter(record.status for record in records).items())),
            "completeness": results(
                (record.matchup for record in records if not record.off),
                (record.matchup for record in records if record.status == "final"),
                map(place_of, games.unread),
                contradictions,
            ),
            "exhibitions": [
                f"{_printed(node, 'awayTeam')}@{_printed(node, 'homeTeam')}" for node in exhibitions
            ],
            "drift": drift_summary(
                find_drift(
                    "game", games.sources, required=_GAME, optional=_GAME_UNREAD, rare=_GAME_OF_ONE_HOST
                ),
                find_drift("team", teams, required=_TEAM, optional=_TEAM_UNREAD, rare=_TEAM_OF_ONE_HOST),
            ),
        },
        empty_reason="" if records else f"the scoreboard of {day} lists no games of the league",
        about=day,
        set_aside=(*games.set_aside, *differing),
        contradictions=[*contradictions.values()],
        # With exhibitions and odd games: the count shows whether the source has the day's games at all.
        games_listed=len(listed),
        slate={
            record.matchup: None if record.off else record.tipoff
            for record in records
            if record.decided and (record.off or record.tipoff)
        },
    )


def _contradiction(record: ScoreboardRecord) -> str:
    if record.off:
        return ""
    standing = Standing(record.matchup, record.status, record.period, record.away_score, record.home_score)
    return contradiction(standing)


def _is_exhibition(game: Node) -> bool:
    """Return whether both teams are from outside the league; false for an unreadable game, which is set aside later."""
    try:
        return all(is_guest(game.child(side)) for side in _SIDES)
    except SourceChanged:
        return False


def _printed(game: Node, side: str) -> str:
    return game.child(side).optional_text("teamTricode") or "?"


def _scoreboard(payload: bytes) -> Node:
    return json_object(payload, "the scoreboard").child("scoreboard")


def _day(scoreboard: Node) -> date:
    return scoreboard.day("gameDate", "%Y-%m-%d", "YYYY-MM-DD")


def _record(game: Node, day: date) -> ScoreboardRecord:
    game.require(_GAME)
    home, away = game.child("homeTeam"), game.child("awayTeam")
    home.require(_TEAM)
    away.require(_TEAM)
    home_team, away_team = decided_team(home), decided_team(away)
    clock = game.text("gameClock").strip()
    # The year 1 means an undecided time, as in the schedule.
    untimed = (game.optional_text("gameTimeUTC") or _UNTIMED).startswith(_UNTIMED)
    return ScoreboardRecord(
        game_id=game.nonblank("gameId"),
        game_date=day,
        tipoff=None if untimed else game.instant("gameTimeUTC"),
        status=game_status(game),
        status_text=game.text("gameStatusText").strip(),
        period=game.integer("period"),
        # A blank clock does not run: before the tip-off and at the end.
        clock_seconds=seconds(clock) if clock else None,
        home_team=home_team.tricode if home_team else None,
        home_team_id=team_id(home, home_team),
        home_score=home.count("score"),
        home_periods=_periods(home),
        away_team=away_team.tricode if away_team else None,
        away_team_id=team_id(away, away_team),
        away_score=away.count("score"),
        away_periods=_periods(away),
        game_label=game.optional_text("gameLabel"),
        game_sub_label=game.optional_text("gameSubLabel"),
    )


def _periods(team: Node) -> tuple[int, ...]:
    return tuple(period.count("score") for period in team.children("periods"))
