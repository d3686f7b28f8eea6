"""official.nba.com's table of each game's officials."""

import zlib
from datetime import date, datetime

from pydantic import JsonValue

from tipoff_dev.fakes.sources.document import compact
from tipoff_dev.fakes.sources.scenario import Scenario, ScenarioGame, at

PUBLISHED_AT = "09:10"
"""By the league's rule at 09:00 on the game's day, New York time."""

_NAMES = (
    *("Arne Holt", "Bea Quill", "Cy Tanner", "Dora Finch"),
    *("Emil Voss", "Fay Rowan", "Gus Teller", "Hana Pike"),
)
_REPLAY = ("Ida Storm", "Jon Weld")
_COLUMNS = (
    "game_id game_date season game_code home_team_id home_team home_team_abbr away_team_id away_team away_team_abbr"
    " official1 official1_code official1_JNum official2 official2_code official2_JNum official3 official3_code"
    " official3_JNum official4 official4_code official4_JNum"
)

Rows = list[JsonValue]


def write_officials(scenario: Scenario, day: date, now: datetime) -> bytes:
    """Return the assignments of `day` at `now` (aware): no rows before their publication or on a day without games."""
    games = scenario.games.get(day, ()) if now >= at(day, PUBLISHED_AT) else ()
    rows: Rows = [_row(scenario, day, game) for game in games if game.tip and not game.is_off(now)]
    replay: Rows = [
        {"game_date": f"{day:%m/%d/%Y}", "official_code": 90 + seat, "replaycenter_official": name}
        for seat, name in enumerate(_REPLAY)
    ]
    empty: Rows = []
    document: dict[str, JsonValue] = {
        "nba": _league(rows, replay),
        "gl": _league(empty, empty),
        "wnba": _league(empty, empty),
    }
    return compact(document)


def _league(rows: Rows, replay: Rows) -> JsonValue:
    columns: Rows = [{"Name": name, "DataType": "String"} for name in _COLUMNS.split()]
    return {"Table": {"rows": rows, "columns": columns}, "Table1": {"rows": replay, "columns": []}}


def _row(scenario: Scenario, day: date, game: ScenarioGame) -> JsonValue:
    home, away = scenario.team(game.home), scenario.team(game.away)
    first = zlib.crc32(game.id.encode()) % len(_NAMES)
    row: dict[str, JsonValue] = {
        "game_id": game.id,
        "game_date": f"{day:%m/%d/%Y}",
        "season": f"2{scenario.season_year[:4]}",
        "game_code": f"{day:%Y%m%d}/{game.away}{game.home}",
        "home_team_id": home.id,
        "home_team": home.city,
        "home_team_abbr": home.tricode,
        "away_team_id": away.id,
        "away_team": away.city,
        "away_team_abbr": away.tricode,
    }
    for seat in (1, 2, 3):
        number = (first + seat) % len(_NAMES)
        row |= {
            f"official{seat}": _NAMES[number],
            f"official{seat}_code": 2000 + number,
            f"official{seat}_JNum": str(10 + number),
        }
    return row | {"official4": None, "official4_code": None, "official4_JNum": None}
