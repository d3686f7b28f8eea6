"""Documents of BALLDONTLIE: the injured players, in pages."""

import zlib
from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue

from tipoff_dev.fakes.sources.document import Document, json_document
from tipoff_dev.fakes.sources.scenario import Injury, Scenario
from tipoff_dev.fakes.sources.teams import TEAMS

_PATH = "api.balldontlie.io/v1/player_injuries"
_NUMBERS = {
    team.tricode: number for number, team in enumerate(sorted(TEAMS.values(), key=lambda one: one.city), 1)
}
"""1 to 30, in alphabetical order of the cities."""


def balldontlie_document(
    scenario: Scenario, path: str, query: Mapping[str, str], authorization: str, now: datetime
) -> Document | None:
    """Return the answer to `path`, "HOST/PATH", at `now` (aware); None when there is no such document."""
    if path != _PATH:
        return None
    if not authorization:
        return json_document({"error": "Unauthorized"}, status=401)
    hurt = sorted(
        (
            one
            for one in scenario.injuries
            if one.applies(now) and one.team in _NUMBERS and one.status != "Available"
        ),
        key=lambda one: (one.team, one.player),
    )
    begin, size = int(query.get("cursor", "0")), int(query.get("per_page", "25"))
    more: dict[str, JsonValue] = {"next_cursor": begin + size} if begin + size < len(hurt) else {}
    injuries: list[JsonValue] = [_injury(one) for one in hurt[begin : begin + size]]
    return json_document({"data": injuries, "meta": {"per_page": size, **more}})


def _injury(one: Injury) -> JsonValue:
    last, first = one.player.split(", ", 1)
    return {
        "player": {
            "id": zlib.crc32(one.player.encode()) % 1_000_000,
            "first_name": first,
            "last_name": last,
            "position": "F",
            "height": "6-8",
            "weight": "220",
            "jersey_number": "0",
            "college": "Elsewhere State",
            "country": "USA",
            "draft_year": 2020,
            "draft_round": 1,
            "draft_number": 20,
            "team_id": _NUMBERS[one.team],
        },
        "return_date": None,
        "description": one.reason,
        "status": "Out" if one.status == "Out" else "Day-To-Day",
    }
