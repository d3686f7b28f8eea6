"""Answers in the form of The Odds API, with made-up odds."""

from collections.abc import Sequence
from typing import Any

EVENT_ID = "0123456789abcdef0123456789abcdef"
QUOTA = {"x-requests-remaining": "400", "x-requests-used": "100", "x-requests-last": "4"}
UPDATED = "2025-01-15T16:55:00Z"


def event(
    number: int = 0,
    home: str = "Philadelphia 76ers",
    away: str = "New York Knicks",
    commence: str = "2025-01-16T00:10:00Z",
    **more: Any,
) -> dict[str, Any]:
    """Return an event on 2025-01-15 in New York; number 0 has EVENT_ID."""
    return {
        "id": f"{number:032x}" if number else EVENT_ID,
        "sport_key": "basketball_nba",
        "sport_title": "NBA",
        "commence_time": commence,
        "home_team": home,
        "away_team": away,
        **more,
    }


def outcome(
    name: str, price: float, point: float | None = None, description: str | None = None
) -> dict[str, Any]:
    optional = {"point": point, "description": description}
    return {
        "name": name,
        "price": price,
        **{key: value for key, value in optional.items() if value is not None},
    }


def market(key: str, outcomes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"key": key, "last_update": UPDATED, "outcomes": list(outcomes)}


def bookmaker(key: str, *markets: dict[str, Any]) -> dict[str, Any]:
    return {"key": key, "title": key.title(), "markets": list(markets)}


def over_under(player: str, point: float, over: float = 1.9, under: float = 1.9) -> list[dict[str, Any]]:
    return [outcome("Over", over, point, player), outcome("Under", under, point, player)]


def game_lines(home: str = "Philadelphia 76ers", away: str = "New York Knicks") -> list[dict[str, Any]]:
    """Return one bookmaker with all three markets."""
    return [
        bookmaker(
            "samplebook",
            market("h2h", [outcome(away, 1.7), outcome(home, 2.2)]),
            market("spreads", [outcome(away, 1.91, -2.5), outcome(home, 1.91, 2.5)]),
            market("totals", [outcome("Over", 1.95, 219.5), outcome("Under", 1.87, 219.5)]),
        )
    ]


def history(data: Any) -> dict[str, Any]:
    """Return `data` in the wrapper of a historical answer."""
    return {
        "timestamp": "2025-01-15T16:55:39Z",
        "previous_timestamp": "2025-01-15T16:50:39Z",
        "next_timestamp": "2025-01-15T17:00:39Z",
        "data": data,
    }


def error(code: str, message: str = "A message") -> dict[str, str]:
    return {"message": message, "error_code": code, "details_url": "https://the-odds-api.example/errors"}
