"""One game of the fake source's day, and the documents about it."""

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from tests.support.scenario import SCENARIO

from tipoff_dev.fakes.sources.game_story import has_overtime

DAY = date(2025, 1, 15)
GAME = next(game for game in SCENARIO.games[DAY] if game.home == "PHI")
BEFORE, LIVE, OVER = (
    datetime.fromisoformat(f"2025-01-15T{clock}-05:00") for clock in ("18:59:00", "20:00:00", "23:30:00")
)
OVERTIME_DAY, OVERTIME_GAME = next(
    (day, game) for day, game in SCENARIO.all_games() if game.tip and game.home and has_overtime(game)
)

Edit = Callable[[Any], None]


def edited(payload: bytes | None, edit: Edit) -> bytes:
    """Return the document after `edit` has changed it."""
    document = json.loads(payload or b"")
    edit(document)
    return json.dumps(document).encode()
