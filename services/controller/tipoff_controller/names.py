"""The names of the objects that the controller keeps below `controller/` in its state bucket.

    controller/ticks/<tick>.json                               what was decided at one tick
    controller/manual/<occurrence>.json                        what was decided for one manual run
    controller/occurrences/<game date>/<occurrence>/<number>.json   the log of one occurrence
    controller/open/<game date>/<occurrence>                   empty: something may still come of that occurrence
    controller/discovery/<day>/<workflow>.json                 when a search that learns looks on that day
    controller/settled.json                                    what settled occurrences came to
    controller/pauses.json                                     what is paused, and was lately
    controller/days/<day>/schedule/lock.json                   the locked schedule
    controller/days/<day>/schedule/<instant>-<version>.json    each change after it, the latest last

All but `settled.json` and `pauses.json` are written once; `open` ones are deleted when nothing more will come.
"""

import re
from datetime import UTC, date, datetime

SETTLED = "controller/settled.json"
PAUSES = "controller/pauses.json"
OPEN = "controller/open/"
_INSTANT = "%Y%m%dT%H%M%SZ"
_ENTRY = re.compile(r"/(\d{6})\.json$")


def tick(instant: datetime) -> str:
    return f"controller/ticks/{instant:%Y-%m-%dT%H%MZ}.json"


def manual_run(occurrence: str) -> str:
    return f"controller/manual/{occurrence}.json"


def log(game_date: date, occurrence: str) -> str:
    """The prefix of an occurrence's log."""
    return f"controller/occurrences/{game_date.isoformat()}/{occurrence}/"


def entry(game_date: date, occurrence: str, number: int) -> str:
    # Six digits, so that a listing by name is one by number: an occurrence has at most as many entries as executions.
    return f"{log(game_date, occurrence)}{number:06}.json"


def number_of(name: str) -> int | None:
    """The number of an entry; None when the name is none of an entry."""
    match = _ENTRY.search(name)
    return int(match[1]) if match else None


def open_marker(game_date: date, occurrence: str) -> str:
    return f"{OPEN}{game_date.isoformat()}/{occurrence}"


def opened(name: str) -> tuple[date, str]:
    """The game date and the occurrence of an open marker."""
    day, occurrence = name.removeprefix(OPEN).split("/")
    return date.fromisoformat(day), occurrence


def discovery_plan(workflow: str, day: date) -> str:
    return f"controller/discovery/{day.isoformat()}/{workflow}.json"


def schedules(day: date) -> str:
    """The prefix of a day's locked schedule and its changes."""
    return f"controller/days/{day.isoformat()}/schedule/"


def lock(day: date) -> str:
    return f"{schedules(day)}lock.json"


def change(day: date, at: datetime, version: str) -> str:
    return f"{schedules(day)}{at.astimezone(UTC).strftime(_INSTANT)}-{version}.json"
