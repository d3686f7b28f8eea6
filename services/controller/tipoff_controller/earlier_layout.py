"""Reads what the version before this one remembered, so that an upgrade in the middle of a game day loses nothing.

    controller/runs/<day asked>/<occurrence>/<game date>    a manual run, and `settled` when nothing more came of it
    controller/days/<game date>/occurrences/<occurrence>/
        plan.json                                           the frozen plan
        requests/<request>.json                             a request; it went out when the object was written
        executions/<request>/.../<instant>.json             an execution
        skips/<step>                                        a step that is never asked for

It can go once no bucket holds such objects, 30 days after the upgrade: the bucket's lifecycle removes them.
"""

from collections.abc import Iterable
from datetime import date, datetime

from tipoff_common.events import ScrapeExecuted
from tipoff_common.ports import ObjectInfo, Objects
from tipoff_common.stored import read_stored
from tipoff_planning.occurrence_log import Entry, LoggedExecution, Summary, log_execution
from tipoff_planning.plans import Plan

_SETTLED = "settled"


class EarlierLayout:
    """Every method raises Unavailable."""

    def __init__(self, state: Objects, subject_parameters: Iterable[str]) -> None:
        self._state, self._subject_parameters = state, tuple(subject_parameters)
        self._days: dict[date, dict[str, list[ObjectInfo]]] = {}

    def occurrences(self, day: date) -> Iterable[str]:
        """Return the occurrences about a day that were remembered."""
        return self._day(day).keys()

    def open_runs(self, asked: Iterable[date]) -> list[tuple[date, str]]:
        """Game date and occurrence of the manual runs that were asked for on these days and had not ended."""
        dates: dict[str, date] = {}
        for day in asked:
            prefix = f"controller/runs/{day.isoformat()}/"
            # A listing is sorted by name: the marker `settled` comes after the game
            # date, and so takes it away again.
            for info in self._state.list(prefix):
                occurrence, name = info.name.removeprefix(prefix).split("/")
                if name == _SETTLED:
                    dates.pop(occurrence, None)
                else:
                    dates[occurrence] = date.fromisoformat(name)
        return [(game_date, occurrence) for occurrence, game_date in dates.items()]

    def entry(self, game_date: date, occurrence: str) -> Entry | None:
        """Return all that was remembered of one occurrence, as the first entry of its log; None when nothing
        was."""
        found = self._day(game_date).get(occurrence)
        # An occurrence that this version began itself has nothing here, as nearly all.
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
                    # Without its plan the occurrence counts as undecided, and is decided anew under the same ids.
                    plan = read_stored(Plan, info.name, self._state.get(info.name))
                case ["requests", request]:
                    # That version published a request when it wrote the object, so the object's
                    # time is when it was asked for.
                    requested[request] = info.updated
                case ["executions", *_]:
                    event = read_stored(ScrapeExecuted, info.name, self._state.get(info.name))
                    if event is not None:
                        executions.append(log_execution(event, self._subject_parameters))
                case ["skips", step]:
                    skipped.append(step)
        # The entry is a function of the objects alone: two controllers that migrate at once write the same.
        at = max(info.updated for info in found)
        summary = Summary(
            plan=plan, executions=tuple(executions), requested=requested, skipped=tuple(sorted(skipped))
        )
        return Entry(at=at, summary=summary)

    def _day(self, day: date) -> dict[str, list[ObjectInfo]]:
        """Return the objects about a day by occurrence: listed once, as this version writes none there."""
        if day not in self._days:
            found: dict[str, list[ObjectInfo]] = {}
            for info in self._state.list(_folder(day)):
                found.setdefault(info.name.removeprefix(_folder(day)).split("/")[0], []).append(info)
            found.pop("-", None)  # executions of no occurrence, which the dataset knows
            self._days[day] = found
        return self._days[day]


def _folder(day: date) -> str:
    return f"controller/days/{day.isoformat()}/occurrences/"
