"""What the controller remembers, as write-once objects below `controller/` in the state bucket.

    controller/ticks/<tick>.json          what was decided at one tick
    controller/manual/<occurrence>.json   what was decided for one manual run
    controller/runs/<day asked>/<occurrence>/
        <game date>                       a manual run that was asked for
        settled                           nothing more will come of it
    controller/days/<game date>/schedule/
        lock.json                         the locked schedule
        <instant>-<version>.json          each change after it, the latest last
    controller/days/<game date>/occurrences/<occurrence, "-" without one>/
        plan.json                         the frozen plan
        requests/<request>.json           a request that went out
        executions/<request>/<scraper>/<subject>/<status>/<kind>/<source>/<instant>.json
                                          and below the instant, of what tells its completeness, /<that>.json
        skips/<step>                      a step that is never asked for

Names carry the essentials, so that one list call reads an occurrence, and one a day. First creation wins: what was
decided once is published again, never decided again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TypeVar
from urllib.parse import quote, unquote

from tipoff_common.clock import business_date
from tipoff_common.events import ScheduleLocked, ScrapeExecuted, ScrapeRequested, Source
from tipoff_common.outcomes import Failed, FailureKind, Status
from tipoff_common.ports import Objects
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.history import Completeness, ExecutionFact, Known, Outputs, completeness_of, subject_of
from tipoff_planning.plans import Plan

V = TypeVar("V")
_NONE = "-"
_SETTLED = "settled"
_LIST = "\n"
_INSTANT = "%Y%m%dT%H%M%SZ"
_PLANS_KEPT = 1_000


@dataclass
class Remembered:
    """What the names of some objects say; `..._paths` lead to the objects themselves."""

    executions: dict[str, ExecutionFact] = field(default_factory=dict)
    requested: dict[str, datetime] = field(default_factory=dict)
    request_paths: dict[str, str] = field(default_factory=dict)
    execution_paths: dict[str, str] = field(default_factory=dict)
    plan_paths: dict[str, str] = field(default_factory=dict)
    skips: set[tuple[str, str]] = field(default_factory=set)
    schedule_paths: dict[date, list[str]] = field(default_factory=dict)


class Ledger:
    """The controller's prefix of the state bucket. Every method raises Unavailable."""

    def __init__(self, state: Objects, subject_parameters: Iterable[str]) -> None:
        self._state, self._subject_parameters = state, tuple(subject_parameters)
        self._read_plan = lru_cache(maxsize=_PLANS_KEPT)(self._plan_at)

    def manual_run(self, occurrence: str) -> DecisionBatch | None:
        """What was decided for the manual run of that occurrence, None when it is none."""
        return self.decided(f"manual/{occurrence}")

    def remember_manual_run(self, drafted: DecisionBatch) -> DecisionBatch:
        """Writes a manual run down, and returns the one that counts: the first under its occurrence."""
        return self.remember_decided(f"manual/{drafted.decisions[0].occurrence_id}", drafted)

    def decided(self, key: str) -> DecisionBatch | None:
        """What was decided under `key`, "ticks/<tick>" or "manual/<occurrence>"; None when nothing was."""
        body = self._state.get(f"controller/{key}.json")
        return DecisionBatch.model_validate_json(body) if body is not None else None

    def remember_decided(self, key: str, decided: DecisionBatch) -> DecisionBatch:
        """Writes the decisions down, and returns those that count: the first that were written."""
        if self._state.create(f"controller/{key}.json", decided.model_dump_json().encode()):
            return decided
        return self.decided(key) or decided

    def remember_plans(self, plans: Iterable[Plan]) -> None:
        for plan in plans:
            name = _plan(plan.game_date, plan.occurrence_id)
            self._state.create(name, plan.model_dump_json().encode())

    def plan(self, game_date: date, occurrence: str) -> Plan | None:
        try:
            return self._read_plan(_plan(game_date, occurrence))
        except KeyError:
            return None

    def remember_requests(self, requests: Iterable[ScrapeRequested]) -> None:
        for request in requests:
            name = (
                f"{_occurrence(request.game_date, request.occurrence_id)}/requests/{request.request_id}.json"
            )
            self._state.create(name, request.model_dump_json().encode())

    def remember_skip(self, game_date: date, occurrence: str, step: str) -> None:
        self._state.create(f"{_occurrence(game_date, occurrence)}/skips/{step}", b"")

    def remember_execution(self, event: ScrapeExecuted) -> None:
        outcome = event.outcome
        essentials = (
            event.scraper_name,
            subject_of(event.parameters, self._subject_parameters),
            outcome.status.value,
            outcome.kind.value if isinstance(outcome, Failed) else _NONE,
            event.source.value,
            event.triggered_at.astimezone(UTC).strftime(_INSTANT),
            *_completeness_name(completeness_of(event)),
        )
        name = "/".join(quote(part, safe="") for part in essentials)
        self._state.create(f"{_executions(event)}/{name}.json", event.model_dump_json().encode())

    def open_run(self, plan: Plan) -> None:
        """Remembers that something is to come of a manual run."""
        self._state.create(f"{_run(plan)}/{plan.game_date.isoformat()}", b"")

    def close_run(self, plan: Plan) -> None:
        """Remembers that nothing more will come of a manual run."""
        self._state.create(f"{_run(plan)}/{_SETTLED}", b"")

    def game_dates_of_open_runs(self, asked: Iterable[date]) -> set[date]:
        """What the manual runs are about that were asked for on these days and are not settled; one list call a day."""
        dates: dict[str, str] = {}
        settled: set[str] = set()
        for day in asked:
            for info in self._state.list(f"{_runs(day)}/"):
                occurrence, name = info.name.removeprefix(f"{_runs(day)}/").split("/")
                if name == _SETTLED:
                    settled.add(occurrence)
                else:
                    dates[occurrence] = name
        return {date.fromisoformat(text) for occurrence, text in dates.items() if occurrence not in settled}

    def has_execution(self, request: ScrapeRequested) -> bool:
        return any(True for _ in self._state.list(f"{_executions(request)}/"))

    def days(self, days: Iterable[date]) -> Remembered:
        """What is remembered of `days`; one list call each."""
        found = Remembered()
        for day in days:
            self._collect(f"{_day(day)}/", day, found)
        return found

    def occurrence(self, game_date: date, occurrence: str) -> Remembered:
        """What is remembered of one occurrence; one list call."""
        found = Remembered()
        self._collect(f"{_occurrence(game_date, occurrence)}/", game_date, found)
        return found

    def plans(self, remembered: Remembered) -> Mapping[str, Plan]:
        """The plans of those days by occurrence id, each read when it is asked for."""
        return _Lazy(remembered.plan_paths, self._read_plan)

    def outputs(self, remembered: Remembered) -> Outputs:
        """What the executions gave to fan out over, each read when it is asked for."""
        return _Lazy(remembered.execution_paths, self._read_outputs)

    def known(self, remembered: Remembered) -> Known:
        return Known(remembered.executions, remembered.requested, self.outputs(remembered))

    def request(self, path: str) -> ScrapeRequested | None:
        """The request at one of `request_paths`."""
        body = self._state.get(path)
        return ScrapeRequested.model_validate_json(body) if body is not None else None

    def schedules(self, paths: Iterable[str]) -> list[ScheduleLocked]:
        """A locked schedule and its changes, oldest first."""
        lock_first = sorted(paths, key=lambda path: not path.endswith("/lock.json"))
        bodies = (self._state.get(path) for path in lock_first)
        events = [ScheduleLocked.model_validate_json(body) for body in bodies if body is not None]
        return sorted(events, key=lambda event: event.locked_at)

    def remember_lock(self, event: ScheduleLocked) -> ScheduleLocked:
        """The schedule that counts: the first that was locked for its day."""
        path = f"{_day(event.date)}/schedule/lock.json"
        if self._state.create(path, event.model_dump_json().encode()):
            return event
        return next(iter(self.schedules([path])), event)

    def remember_change(self, event: ScheduleLocked) -> None:
        instant = event.locked_at.astimezone(UTC).strftime(_INSTANT)
        path = f"{_day(event.date)}/schedule/{instant}-{event.schedule_version}.json"
        self._state.create(path, event.model_dump_json().encode())

    def _collect(self, prefix: str, day: date, found: Remembered) -> None:
        of_the_day = f"{_day(day)}/"
        for info in self._state.list(prefix):
            match info.name.removeprefix(of_the_day).removesuffix(".json").split("/"):
                case ["schedule", _]:
                    found.schedule_paths.setdefault(day, []).append(info.name)
                case ["occurrences", occurrence, "plan"]:
                    found.plan_paths[occurrence] = info.name
                case ["occurrences", _, "requests", request]:
                    found.requested[request] = info.updated
                    found.request_paths[request] = info.name
                case ["occurrences", _, "executions", request, *essentials]:
                    found.executions[request] = _fact(request, day, essentials)
                    found.execution_paths[request] = info.name
                case ["occurrences", occurrence, "skips", step]:
                    found.skips.add((occurrence, step))

    def _plan_at(self, path: str) -> Plan:
        return Plan.model_validate_json(self._body(path))

    def _read_outputs(self, path: str) -> Mapping[str, tuple[str, ...]]:
        return ScrapeExecuted.model_validate_json(self._body(path)).fan_out_keys

    def _body(self, path: str) -> bytes:
        """Raises KeyError when there is no such object."""
        body = self._state.get(path)
        if body is None:
            raise KeyError(path)
        return body


class _Lazy(Mapping[str, V]):
    """A mapping whose values are read when they are asked for."""

    def __init__(self, paths: Mapping[str, str], read: Callable[[str], V]) -> None:
        self._paths, self._read = paths, read

    def __getitem__(self, key: str) -> V:
        return self._read(self._paths[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _runs(asked: date) -> str:
    return f"controller/runs/{asked.isoformat()}"


def _run(plan: Plan) -> str:
    return f"{_runs(business_date(plan.decided_at))}/{plan.occurrence_id}"


def _day(day: date) -> str:
    return f"controller/days/{day.isoformat()}"


def occurrence_in(path: str) -> str:
    """The occurrence whose `request_paths` or `execution_paths` one is in."""
    return path.split("/")[4]


def _occurrence(game_date: date, occurrence: str | None) -> str:
    return f"{_day(game_date)}/occurrences/{occurrence or _NONE}"


def _plan(game_date: date, occurrence: str) -> str:
    return f"{_occurrence(game_date, occurrence)}/plan.json"


def _executions(of: ScrapeRequested | ScrapeExecuted) -> str:
    return f"{_occurrence(of.game_date, of.occurrence_id)}/executions/{of.request_id}"


def _completeness_name(told: Completeness | None) -> list[str]:
    if told is None:
        return []
    return [_LIST.join((_NONE if told.expected is None else str(told.expected), *told.missing))]


def _completeness(name: str) -> Completeness:
    expected, *missing = name.split(_LIST)
    return Completeness(None if expected == _NONE else int(expected), tuple(missing))


def _fact(request_id: str, game_date: date, essentials: list[str]) -> ExecutionFact:
    scraper, subject, status, kind, source, instant, *told = (unquote(part) for part in essentials)
    return ExecutionFact(
        request_id=request_id,
        scraper=scraper,
        game_date=game_date,
        subject=subject,
        status=Status(status),
        kind=None if kind == _NONE else FailureKind(kind),
        source=Source(source),
        triggered_at=datetime.fromisoformat(instant),
        completeness=_completeness(told[0]) if told else None,
    )
