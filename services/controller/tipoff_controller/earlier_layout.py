"""Reader of the objects of version 0.1.0, so that an upgrade in the middle of a game day loses nothing.

    controller/runs/<day asked>/<occurrence>/<game date>    a manual run, and `settled` when it had ended
    controller/days/<game date>/occurrences/<occurrence>/
        plan.json                                           the frozen plan
        requests/<request>.json                             a request, published when the object was written
        executions/<request>/.../<instant>.json             an execution
        skips/<step>                                        a step that is never requested

Delete this module with the first version that need not be reached from 0.1.0. An occurrence ends within days, and the
bucket's lifecycle removes its objects after half a year.
"""

import logging
from collections.abc import Iterable
from datetime import date, datetime

from tipoff_common.events import ScrapeExecuted
from tipoff_common.ports import ObjectInfo, Objects
from tipoff_common.stored import read_stored
from tipoff_planning.occurrence_log import Entry, LoggedExecution, Summary, log_execution
from tipoff_planning.plans import Plan

log = logging.getLogger(__name__)
_SETTLED = "settled"


class EarlierLayout:
    """The occurrences and manual runs of the previous version. Every method raises Unavailable."""

    def __init__(self, state: Objects, subject_parameters: Iterable[str]) -> None:
        self._state, self._subject_parameters = state, tuple(subject_parameters)
        self._days: dict[date, dict[str, list[ObjectInfo]]] = {}

    def occurrences(self, day: date) -> Iterable[str]:
        """Return the ids of the occurrences about a day."""
        return self._day(day).keys()

    def open_runs(self, days: Iterable[date]) -> list[tuple[date, str]]:
        """Return the game date and occurrence of each manual run requested on these days that had not ended."""
        dates: dict[str, date] = {}
        for day in days:
            prefix = f"controller/runs/{day.isoformat()}/"
            # A listing is sorted by name: the marker `settled` follows the game date,
            # so the run is removed again.
            for info in self._state.list(prefix):
                match info.name.removeprefix(prefix).split("/"):
                    case [occurrence, name] if name == _SETTLED:
                        dates.pop(occurrence, None)
                    case [occurrence, name] if (game_date := _date(name)) is not None:
                        dates[occurrence] = game_date
                    case _:
                        log.warning("object is no manual run; delete it: %s", info.name)
        return [(game_date, occurrence) for occurrence, game_date in dates.items()]

    def entry(self, game_date: date, occurrence: str) -> Entry | None:
        """Return all objects of one occurrence as the first entry of its log; None when it has none."""
        found = self._day(game_date).get(occurrence)
        # Nearly all occurrences began under this version and have no objects here.
        if not found:
            return None
        plan: Plan | None = None
        requested: dict[str, datetime] = {}
        executions: list[LoggedExecution] = []
        skipped: list[str] = []
        prefix = f"{_folder(game_date)}{occurrence}/"
        for info in found:
            match info.name.removeprefix(prefix).removesuffix(".json").split("/"):
                case ["plan"]:
                    # Without a readable plan the occurrence counts as undecided, and is decided anew with the same ids.
                    plan = read_stored(Plan, info.name, self._state.get(info.name))
                case ["requests", request]:
                    # That version published a request when it wrote the object, so the object's
                    # time is the time of the request.
                    requested[request] = info.updated
                case ["executions", *_]:
                    event = read_stored(ScrapeExecuted, info.name, self._state.get(info.name))
                    if event is not None:
                        executions.append(log_execution(event, self._subject_parameters))
                case ["skips", step]:
                    skipped.append(step)
        # The entry depends on the objects alone: two controllers that migrate at once write the same entry.
        at = max(info.updated for info in found)
        summary = Summary(
            plan=plan, executions=tuple(executions), requested=requested, skipped=tuple(sorted(skipped))
        )
        return Entry(at=at, summary=summary)

    def _day(self, day: date) -> dict[str, list[ObjectInfo]]:
        """Return the objects about a day by occurrence: listed once, because this version writes none there."""
        if day not in self._days:
            found: dict[str, list[ObjectInfo]] = {}
            for info in self._state.list(_folder(day)):
                occurrence, _, part = info.name.removeprefix(_folder(day)).partition("/")
                if occurrence and part:
                    found.setdefault(occurrence, []).append(info)
            found.pop("-", None)  # executions without an occurrence, which the dataset has
            self._days[day] = found
        return self._days[day]


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _folder(day: date) -> str:
    return f"controller/days/{day.isoformat()}/occurrences/"
