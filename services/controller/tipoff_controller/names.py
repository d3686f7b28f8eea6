"""The names of the objects that the controller keeps below `controller/` in its state bucket.

    controller/ticks/<tick>.json                               the decisions of one tick
    controller/manual/<occurrence>.json                        the decision of one manual run
    controller/occurrences/<game date>/<occurrence>/<number>.json   the log of one occurrence
    controller/open/<game date>/<occurrence>                   empty marker: the occurrence is not settled yet
    controller/discovery/<day>/<workflow>.json                 the checks of a search that learns, for one day
    controller/settled.json                                    the results of settled occurrences
    controller/pauses.json                                     current and recent pauses
    controller/days/<day>/schedule/lock.json                   the locked schedule
    controller/days/<day>/schedule/<instant>-<version>.json    each change after it, the latest last

All but `settled.json` and `pauses.json` are written once; `open` markers are deleted once their occurrence is settled.
"""

import re
from datetime import UTC, date, datetime

SETTLED = "controller/settled.json"
PAUSES = "controller/pauses.json"
OPEN = "controller/open/"
MANUAL = "controller/manual/"
_INSTANT = "%Y%m%dT%H%M%SZ"
_ENTRY = re.compile(r"controller/occurrences/[^/]+/[^/]+/(\d{6})\.json", re.ASCII)
_MARKER = re.compile(rf"{OPEN}(\d{{4}}-\d{{2}}-\d{{2}})/([^/]+)", re.ASCII)


def tick(instant: datetime) -> str:
    """Name the object of a tick's decisions."""
    # Minutes suffice: no two ticks of one kind are closer, and a discovery tick at
    # an evaluation's instant makes no decisions.
    return f"controller/ticks/{instant:%Y-%m-%dT%H%MZ}.json"


def manual_run(occurrence: str) -> str:
    """Name the object of a manual run's decision."""
    return f"{MANUAL}{occurrence}.json"


def log(game_date: date, occurrence: str) -> str:
    """Return the prefix of an occurrence's log."""
    return f"controller/occurrences/{game_date.isoformat()}/{occurrence}/"


def entry(game_date: date, occurrence: str, number: int) -> str:
    """Name one entry of an occurrence's log."""
    # Six digits, so that a listing by name is sorted by number; no occurrence comes near a million entries.
    return f"{log(game_date, occurrence)}{number:06}.json"


def number_of(name: str) -> int | None:
    """Return the number of an entry; None when the object is no entry."""
    match = _ENTRY.fullmatch(name)
    return int(match[1]) if match else None


def open_marker(game_date: date, occurrence: str) -> str:
    """Name the marker of an open occurrence, which evaluations load."""
    # Apart from the logs, so that one listing finds all open occurrences without listing the settled ones.
    return f"{OPEN}{game_date.isoformat()}/{occurrence}"


def opened(name: str) -> tuple[date, str] | None:
    """Return the game date and the occurrence of an open marker; None when the object is no marker."""
    # People create objects too: Google's console makes `controller/open/` for "create folder".
    match = _MARKER.fullmatch(name)
    try:
        return (date.fromisoformat(match[1]), match[2]) if match else None
    except ValueError:
        return None


def discovery_plan(workflow: str, day: date) -> str:
    """Name the plan of a search that learns for one day."""
    return f"controller/discovery/{day.isoformat()}/{workflow}.json"


def schedules(day: date) -> str:
    """Return the prefix of a day's locked schedule and its changes."""
    return f"controller/days/{day.isoformat()}/schedule/"


def lock(day: date) -> str:
    """Name the locked schedule of a day."""
    return f"{schedules(day)}lock.json"


def change(day: date, at: datetime, version: str) -> str:
    """Name a change of a day's locked schedule."""
    # The instant first, so that a listing by name is sorted by time.
    return f"{schedules(day)}{at.astimezone(UTC).strftime(_INSTANT)}-{version}.json"
