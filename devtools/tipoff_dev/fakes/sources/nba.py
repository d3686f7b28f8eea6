"""Documents of the league's hosts beside the schedule and the injury reports."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache

from tipoff_dev.fakes.sources.box_score_json import write_box_score
from tipoff_dev.fakes.sources.document import FORBIDDEN, JSON, PDF, Document
from tipoff_dev.fakes.sources.gamebook_pdf import write_gamebook
from tipoff_dev.fakes.sources.officials_json import write_officials
from tipoff_dev.fakes.sources.play_by_play_json import write_play_by_play
from tipoff_dev.fakes.sources.players_json import write_player_index, write_player_movement
from tipoff_dev.fakes.sources.scenario import Scenario, at
from tipoff_dev.fakes.sources.schedule_json import FINAL, GAME_LENGTH, game_status
from tipoff_dev.fakes.sources.scoreboard_json import scoreboard_day, write_scoreboard

ARCHIVED_GAMEBOOK = "statsdmz.nba.com/pdfs/20240410/20240410_MEMCLE.pdf"
"""A report of a past season, which is always published."""

GAMEBOOK_DELAY = timedelta(minutes=20)
"""Time from the end of a game to the publication of its scorer's report."""

_LIVE_DATA = "cdn.nba.com/static/json/liveData"
_TODAY = f"{_LIVE_DATA}/scoreboard/todaysScoreboard_00.json"
_BOX_SCORE = re.compile(rf"{_LIVE_DATA}/boxscore/boxscore_(\d{{10}})\.json")
_PLAY_BY_PLAY = re.compile(rf"{_LIVE_DATA}/playbyplay/playbyplay_(\d{{10}})\.json")
_GAMEBOOK = re.compile(r"statsdmz\.nba\.com/pdfs/(\d{8})/\1_([A-Z]{3})([A-Z]{3})\.pdf")


@lru_cache(maxsize=64)
def _movement(today: date) -> bytes:
    return write_player_movement(today)


def nba_document(scenario: Scenario, path: str, query: Mapping[str, str], now: datetime) -> Document | None:
    """Return the answer to `path`, "HOST/PATH", at `now` (aware): FORBIDDEN before the document's publication, None
    when there is no such document."""
    if path == _TODAY:
        return Document(JSON, write_scoreboard(scenario, scoreboard_day(now), now))
    if path == "stats.nba.com/stats/scoreboardv3":
        return Document(JSON, write_scoreboard(scenario, date.fromisoformat(query["GameDate"]), now))
    if path == "stats.nba.com/stats/playerindex":
        return Document(JSON, write_player_index(query["Season"]))
    if path == "stats.nba.com/js/data/playermovement/NBA_Player_Movement.json":
        return Document(JSON, _movement(scoreboard_day(now)))
    if path == "official.nba.com/wp-json/api/v1/get-game-officials":
        return Document(JSON, write_officials(scenario, date.fromisoformat(query["date"]), now))
    if path == ARCHIVED_GAMEBOOK:
        return Document(PDF, b"%PDF-1.4\n%%EOF\n")
    for pattern, write in ((_BOX_SCORE, write_box_score), (_PLAY_BY_PLAY, write_play_by_play)):
        if match := pattern.fullmatch(path):
            found = next((game for game in scenario.all_games() if game[1].id == match[1]), None)
            body = write(scenario, *found, now) if found else None
            return Document(JSON, body) if body else FORBIDDEN if found else None
    match = _GAMEBOOK.fullmatch(path)
    return _gamebook(scenario, now, *match.groups()) if match else None


def _gamebook(scenario: Scenario, now: datetime, day: str, away: str, home: str) -> Document:
    game_date = date.fromisoformat(f"{day[:4]}-{day[4:6]}-{day[6:]}")
    for game in scenario.games.get(game_date, ()):
        if (game.away, game.home) != (away, home) or game_status(game, game_date, now) != FINAL:
            continue
        if now >= at(game_date, game.tip or "00:00") + GAME_LENGTH + GAMEBOOK_DELAY:
            return Document(PDF, write_gamebook(scenario, game_date, game))
    return FORBIDDEN
