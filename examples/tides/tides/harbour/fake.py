"""A fake of api.harbour.example, found by its place: `tipoff up` uses it, `tipoff up --live` the source."""

import json
from collections.abc import Mapping
from datetime import datetime

HOSTS = ("api.harbour.example",)


def answer(path: str, query: Mapping[str, str], now: datetime) -> tuple[int, str, bytes] | None:
    """Return status, content type and body of the answer; None for a document that the fake lacks."""
    if path != "/high-waters.json":
        return None
    items = [{"id": 1, "name": "first", "metres": 1.5}, {"id": 2, "name": "second", "metres": 2}]
    document = {"date": query.get("date", f"{now:%Y-%m-%d}"), "high_waters": items}
    return 200, "application/json", json.dumps(document).encode()
