"""stats.nba.com's index of players and its list of transactions."""

from collections.abc import Mapping
from datetime import date, timedelta

from pydantic import JsonValue

from tipoff_dev.fakes.sources.document import compact
from tipoff_dev.fakes.sources.game_story import Player, roster
from tipoff_dev.fakes.sources.teams import TEAMS, FakeTeam

_FIRST_TRANSACTION = date(2015, 7, 1)
_TRANSACTIONS = 1500
_UNATTACHED = 4

Row = dict[str, JsonValue]


def write_player_index(season: str) -> bytes:
    """Return the index of "2024-25": every team's players and a few without a team."""
    players = [(team, player) for team in TEAMS.values() for player in roster(team)]
    rows = [_player(team, player) for team, player in players]
    rows += [_free_agent(player) for _, player in players[:_UNATTACHED]]
    document: Row = {
        "resource": "playerindex",
        "parameters": {"LeagueID": "00", "Season": season, "Historical": 0, "TeamID": 0},
        "resultSets": [
            {
                "name": "PlayerIndex",
                "headers": list(rows[0]),
                "rowSet": [list(row.values()) for row in rows],
            }
        ],
    }
    return compact(document)


def write_player_movement(today: date) -> bytes:
    """Return the transactions since 2015 up to `today`, newest first."""
    span = (today - _FIRST_TRANSACTION).days
    teams = list(TEAMS.values())
    rows: list[JsonValue] = [
        _transaction(number, today - timedelta(days=span * number // _TRANSACTIONS), teams)
        for number in range(_TRANSACTIONS)
    ]
    document: Row = {"NBA_Player_Movement": {"rows": rows, "columns": []}}
    return compact(document)


def _player(team: FakeTeam, player: Player) -> Row:
    return {
        "PERSON_ID": player.id,
        "PLAYER_LAST_NAME": player.last,
        "PLAYER_FIRST_NAME": player.first,
        "PLAYER_SLUG": f"{player.first}-{player.last}".lower(),
        "TEAM_ID": team.id,
        "TEAM_SLUG": team.name.lower(),
        "IS_DEFUNCT": 0,
        "TEAM_CITY": team.city,
        "TEAM_NAME": team.name,
        "TEAM_ABBREVIATION": team.tricode,
        "JERSEY_NUMBER": player.jersey,
        "POSITION": "F",
        "HEIGHT": "6-8",
        "WEIGHT": "220",
        "COLLEGE": "Elsewhere State",
        "COUNTRY": "USA",
        "DRAFT_YEAR": 2020,
        "DRAFT_ROUND": 1,
        "DRAFT_NUMBER": 20,
        "ROSTER_STATUS": 1.0,
        "FROM_YEAR": "2020",
        "TO_YEAR": "2024",
        "PTS": 7.4,
        "REB": 5.5,
        "AST": 1.2,
        "STATS_TIMEFRAME": "Season",
    }


def _free_agent(player: Player) -> Row:
    blank = (
        "TEAM_SLUG TEAM_CITY TEAM_NAME TEAM_ABBREVIATION JERSEY_NUMBER ROSTER_STATUS WEIGHT"
        " DRAFT_YEAR DRAFT_ROUND DRAFT_NUMBER PTS REB AST"
    )
    nothing: Mapping[str, JsonValue] = dict.fromkeys(blank.split())
    return {**_player(TEAMS["ATL"], player), **nothing, "PERSON_ID": player.id + 500_000, "TEAM_ID": 0}


def _transaction(number: int, day: date, teams: list[FakeTeam]) -> JsonValue:
    team, other = teams[number % 30], teams[(number + 7) % 30]
    player = roster(team)[number % 13]
    kind = ("Signing", "Waive", "Trade")[number % 3]
    pick = kind == "Trade" and number % 4 == 0
    return {
        "Transaction_Type": kind,
        "TRANSACTION_DATE": f"{day}T00:00:00",
        "TRANSACTION_DESCRIPTION": f"{team.full_name}: {kind.lower()} of {'a pick' if pick else player.name}.",
        "TEAM_ID": float(team.id),
        "TEAM_SLUG": team.name.lower(),
        "PLAYER_ID": 0.0 if pick else float(player.id),
        "PLAYER_SLUG": "" if pick else f"{player.first}-{player.last}".lower(),
        "Additional_Sort": float(other.id) if kind == "Trade" else 0.0,
        "GroupSort": f"{kind} {1_000_000 + number}",
    }
