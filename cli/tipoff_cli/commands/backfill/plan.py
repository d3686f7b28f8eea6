"""The plan of a backfill: pure functions from the configuration, the games and the past executions to manual runs with
deterministic keys."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from tipoff_cli.errors import CommandFailed
from tipoff_common.catalog import GAME_DATE
from tipoff_common.events import Priority, Source
from tipoff_common.words import unknown_name
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.context import EvaluationContext
from tipoff_planning.history import ExecutionFact, History
from tipoff_planning.manual_runs import ManualRun, RunProgress, manual_occurrence
from tipoff_planning.occurrences import games_of
from tipoff_planning.outstanding import find_unfound
from tipoff_planning.plans import OutputOf, PlannedStep, freeze, units
from tipoff_planning.workflows import Configuration, ForEachOutput, Step, Workflow, takes_game

NO_GAMES, FOUND = "no games", "found before"
NOT_COVERED = "not covered by the calendar"

_NOW_ONLY = "fetches only the source's present data, so past dates cannot be backfilled"
_ANY_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)
"""Placeholder for the instant of the request, on which neither the size nor the subjects of a run depend."""

Steps = Mapping[str, tuple[str, ...] | None]


class UnusableTarget(CommandFailed):
    """A target that cannot be backfilled; the message says why and what to use instead."""


@dataclass(frozen=True)
class BackfillTarget:
    """The request for each date: a workflow, or some steps of it."""

    workflow: str
    steps: tuple[str, ...]
    scraper: str | None = None
    """The scraper whose steps they are; None for a whole workflow."""

    @property
    def name(self) -> str:
        """The name of the scraper, else of the workflow."""
        return self.scraper or self.workflow


def find_target(name: str, configuration: Configuration) -> BackfillTarget:
    """Return the workflow of that name, else the scraper's steps and their sources in the workflow with the fewest.

    Raises:
        UnusableTarget
    """
    if name in configuration.workflows:
        return _whole_workflow(name, configuration)
    if name in configuration.catalog and not configuration.catalog[name].has_past:
        raise UnusableTarget(f"{name} {_NOW_ONLY}")
    if name not in configuration.catalog:
        known = [*configuration.workflows, *configuration.catalog]
        raise UnusableTarget(unknown_name("workflow or scraper", name, known))
    found = [
        BackfillTarget(workflow, _with_sources(steps, configuration.workflows[workflow]), name)
        for workflow, steps in _steps_using(name, configuration)
    ]
    if found:
        return min(found, key=lambda target: len(target.steps))
    required = (key for key, spec in configuration.catalog[name].parameters.items() if spec.required)
    needs = [key for key in required if key != GAME_DATE]
    why = f", which would set its {', '.join(needs)}" if needs else ""
    raise UnusableTarget(
        f"no workflow requests {name}{why}; add it to a workflow, or use `tipoff scrape {name}`"
    )


def _whole_workflow(name: str, configuration: Configuration) -> BackfillTarget:
    """Choose the workflow's steps, without those whose source has no past."""
    plan = configuration.workflows[name].plan
    steps = tuple(key for key, step in plan.items() if configuration.catalog[step.scraper].has_past)
    if not steps:
        scrapers = ", ".join(dict.fromkeys(step.scraper for step in plan.values()))
        raise UnusableTarget(f"{name} {_NOW_ONLY}; see scraper.yaml of {scrapers}")
    return BackfillTarget(name, steps)


def _steps_using(scraper: str, configuration: Configuration) -> Iterator[tuple[str, list[str]]]:
    for workflow, described in configuration.workflows.items():
        if steps := [name for name, step in described.plan.items() if step.scraper == scraper]:
            yield workflow, steps


def _with_sources(steps: Iterable[str], workflow: Workflow) -> tuple[str, ...]:
    """Return the steps, and the steps whose output they fan out over, in the file's order."""
    kept: set[str] = set()
    pending = list(steps)
    while pending:
        name = pending.pop()
        kept.add(name)
        if isinstance(source := workflow.plan[name].for_each, ForEachOutput):
            pending.append(source.step)
    return tuple(name for name in workflow.plan if name in kept)


def needs_games(target: BackfillTarget, configuration: Configuration) -> bool:
    """Return whether a date without games leaves nothing to fetch."""
    workflow = configuration.workflows[target.workflow]
    steps = (workflow.plan[name] for name in target.steps)
    return takes_game(workflow) or any(
        step.for_each in ("game", "team") or configuration.catalog[step.scraper].needs_games for step in steps
    )


@dataclass(frozen=True)
class BackfillRun:
    """One manual run."""

    key: str
    """The idempotency key, from the name, target, date and game; independent of the requested steps."""
    workflow: str
    body: ManualRun
    steps: tuple[PlannedStep, ...]
    """The steps that the controller will freeze for the run."""

    @cached_property
    def requests(self) -> int:
        """The minimum number of requests of the run: without those that a parent's output adds."""
        known = [(step, step.fan_out) for step in self.steps if not isinstance(step.fan_out, OutputOf)]
        return sum(len(list(units(step, values))) for step, values in known)

    @cached_property
    def fans_out_over(self) -> tuple[str, ...]:
        """The parameters that may add a request for each value that a parent's output has."""
        return tuple({step.fan_out.key: None for step in self.steps if isinstance(step.fan_out, OutputOf)})

    def missing_from(self, known: RunProgress) -> int:
        """Count the requests of this run that a settled run under the same key neither made nor skipped."""
        return sum(
            _missing_units(step, [unit.parameters for unit in known.units if unit.step == step.name])
            for step in self.steps
            if step.name not in known.skipped
        )

    @property
    def game_date(self) -> date:
        """The date that the run's data is about."""
        return self.body.game_date


def _missing_units(step: PlannedStep, made: Sequence[Mapping[str, str]]) -> int:
    key = step.fan_out_parameter
    if key is None or isinstance(step.fan_out, OutputOf):
        # The plan does not contain a parent's output, so one request stands for all of its values.
        return 0 if made else 1
    # Compare subjects only: parameters that depend on the instant of the request differ from run to run.
    return len(set(step.fan_out) - {parameters.get(key) for parameters in made})


@dataclass(frozen=True)
class Day:
    """The requests for one date."""

    date: date
    games: int | None
    """The number of games on the date; None when games do not matter, or the calendar does not cover the date."""
    runs: tuple[BackfillRun, ...] = ()
    without: str | None = None
    """Why the date has no run; None when it has runs."""


@dataclass(frozen=True)
class Backfill:
    """The whole plan."""

    name: str
    target: BackfillTarget
    days: tuple[Day, ...]

    @cached_property
    def runs(self) -> tuple[BackfillRun, ...]:
        """The runs of all days."""
        return tuple(run for day in self.days for run in day.runs)

    @property
    def requests(self) -> int:
        """The number of requests of the runs."""
        return sum(run.requests for run in self.runs)

    @property
    def fans_out_over(self) -> tuple[str, ...]:
        """The parameters that runs fan out over."""
        return tuple(dict.fromkeys(key for run in self.runs for key in run.fans_out_over))

    def duration(self, per_minute: float) -> timedelta:
        """Return the shortest time in which all runs can be requested."""
        return timedelta(minutes=max(0, self.requests - 1) / per_minute)


def plan_backfill(
    name: str,
    target: BackfillTarget,
    dates: Sequence[date],
    configuration: Configuration,
    calendar: Calendar | None,
    *,
    own_games: bool = False,
    found: Iterable[ExecutionFact] | None = None,
) -> Backfill:
    """Return the runs of each date.

    calendar: None when no games are needed. own_games: the controller does not have them, so each run carries its own.
    found: the past executions, to request only units without a success; None to request everything.
    """
    past = _Past(found, configuration) if found is not None else None
    return Backfill(
        name,
        target,
        tuple(_day(name, target, day, configuration, calendar, own_games, past) for day in dates),
    )


def _day(
    name: str,
    target: BackfillTarget,
    day: date,
    configuration: Configuration,
    calendar: Calendar | None,
    own_games: bool,
    past: "_Past | None",
) -> Day:
    if calendar is None:
        games: tuple[Game, ...] = ()
    else:
        games = games_of(configuration, calendar, day)
        if not games and needs_games(target, configuration):
            # For a date outside the calendar the number of games is unknown, not 0.
            uncovered = calendar.uncovered(day) is not None
            return Day(day, None, without=NOT_COVERED) if uncovered else Day(day, 0, without=NO_GAMES)
    subjects = (
        [game.game_id for game in games] if takes_game(configuration.workflows[target.workflow]) else [None]
    )
    runs = []
    for subject in subjects:
        about = tuple(game for game in games if subject in (None, game.game_id))
        body = ManualRun(
            game_date=day,
            steps=dict.fromkeys(target.steps),
            game_id=subject,
            games=about if own_games else None,
            priority=Priority.LOW,
        )
        key = ":".join(("backfill", name, target.name, day.isoformat(), *([subject] if subject else [])))
        if past is not None:
            body = body.model_copy(update={"steps": past.missing(target, body, about)})
        if body.steps:
            runs.append(_run(key, target, body, about, configuration))
    count = len(games) if calendar is not None else None
    return Day(day, count, tuple(runs), None if runs else FOUND)


def _run(
    key: str, target: BackfillTarget, body: ManualRun, games: Sequence[Game], configuration: Configuration
) -> BackfillRun:
    """Return the run with its steps, from the plan that the controller will freeze."""
    occurrence = manual_occurrence(target.workflow, body, games, configuration, _ANY_INSTANT, key)
    only = {name: None if kept is None else frozenset(kept) for name, kept in (body.steps or {}).items()}
    # A plan holds neither a requester nor an environment.
    context = EvaluationContext(_ANY_INSTANT, _ANY_INSTANT, _ANY_INSTANT, "", Source.MANUAL, environment="")
    plan = freeze(occurrence, configuration, context, only)
    return BackfillRun(key, target.workflow, body, plan.steps)


class _Past:
    """Past executions that the log still has."""

    def __init__(self, facts: Iterable[ExecutionFact], configuration: Configuration) -> None:
        self._configuration = configuration
        self._history = History({fact.request_id: fact for fact in facts})
        self._asked: dict[tuple[str, date], set[str]] = {}
        for fact in self._history.executions.values():
            self._asked.setdefault((fact.scraper, fact.game_date), set()).add(fact.subject)

    def missing(self, target: BackfillTarget, body: ManualRun, games: Sequence[Game]) -> Steps:
        """Return the target's steps without a success, with their missing games or teams, and the steps that they fan
        out over."""
        workflow = self._configuration.workflows[target.workflow]
        occurrence = manual_occurrence(target.workflow, body, games, self._configuration, _ANY_INSTANT, "")
        absent = find_unfound(occurrence, self._configuration, self._history).steps or {}
        missing = [
            name
            for name in target.steps
            if name in absent or self._output_missing(workflow.plan[name], body.game_date)
        ]
        return {
            name: self._subjects(workflow.plan[name], absent.get(name))
            for name in _with_sources(missing, workflow)
        }

    def _output_missing(self, step: Step, game_date: date) -> bool:
        """Return whether a step that fans out over a parent's output was not requested, or lacks a success for a
        requested subject. The log does not have the parent's output itself."""
        if not isinstance(step.for_each, ForEachOutput):
            return False
        asked = self._asked.get((step.scraper, game_date), set())
        return not asked or any(
            self._history.found(step.scraper, game_date, subject) is None for subject in asked
        )

    @staticmethod
    def _subjects(step: Step, absent: frozenset[str] | None) -> tuple[str, ...] | None:
        return tuple(sorted(absent)) if absent and step.for_each in ("game", "team") else None


def dates_between(first: date, last: date) -> list[date]:
    """Return the dates from the first to the last, both included."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
