"""Results of each expectation: the status of an occurrence, and whether and when its data was found."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from tipoff_common.events import ExpectedRun, ScheduleState
from tipoff_common.outcomes import Status
from tipoff_planning.decisions import LATE_AFTER_MINUTES
from tipoff_planning.occurrences import Occurrence
from tipoff_planning.outstanding import find_outstanding, subjects_of
from tipoff_planning.reasons import Reason
from tipoff_planning.schedules import Discovery, PerGame, Until
from tipoff_planning.workflows import Configuration
from tipoff_simulator.engine import Log, OccurrenceDecisions
from tipoff_simulator.memory import Done
from tipoff_simulator.sources import ALWAYS


class FinalStatus(StrEnum):
    """The statuses of `expected_vs_actual` that remain when the season is over."""

    ON_TIME = "ON_TIME"
    LATE = "LATE"
    MISSING = "MISSING"
    SKIPPED_OK = "SKIPPED_OK"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"


_ACCEPTABLE_SKIPS = frozenset({Reason.ALREADY_FOUND, Reason.NO_GAMES, Reason.SUPERSEDED})


def run_status(run: ExpectedRun, decided: OccurrenceDecisions | None) -> FinalStatus:
    """Return a run's status after its deadline, by the rule of
    schemas/bigquery/nba_orchestration/fn_expected_vs_actual.sql."""
    if run.state is ScheduleState.CANCELLED:
        return FinalStatus.CANCELLED
    return _status(run.expected_run_time, decided)


def _status(expected: datetime, decided: OccurrenceDecisions | None) -> FinalStatus:
    if decided is not None and decided.first_run is not None:
        in_time = decided.first_run <= expected + timedelta(minutes=LATE_AFTER_MINUTES)
        return FinalStatus.ON_TIME if in_time else FinalStatus.LATE
    if decided is not None and decided.last_skip is not None:
        at, code = decided.last_skip
        # A SKIP before the slot began is not about the slot.
        if at >= expected:
            if code in _ACCEPTABLE_SKIPS:
                return FinalStatus.SKIPPED_OK
            if code is Reason.PAUSED:
                return FinalStatus.PAUSED
    return FinalStatus.MISSING


def standing_runs(log: Log) -> list[ExpectedRun]:
    """Return each expected occurrence once, from the last version of its day's schedule."""
    runs: dict[str, ExpectedRun] = {}
    for events in log.schedules.values():
        for event in events:
            runs.update((run.occurrence_id, run) for run in event.runs)
    return list(runs.values())


class End(StrEnum):
    """Outcome of a target."""

    FOUND = "found"
    EMPTY = "empty"  # there was no data: the game was not played, or a snapshot preceded the publication
    MISSED = "missed"


@dataclass(frozen=True)
class Target:
    """Data that a workflow should get: of one game date and subject for a search, of one occurrence for other kinds."""

    workflow: str
    game_date: date
    subject: str
    end: End
    delay: timedelta | None = None
    """From the publication to the end of the execution that completed it; None for data that is always available."""
    reason: str = ""
    """The reason for a miss."""


@dataclass(frozen=True)
class _Part:
    """One scraper and subject of a target."""

    scraper: str
    subject: str
    published: datetime | None
    done: tuple[Done, ...]
    """Executions for it, oldest first."""
    complete: bool = False
    """Whether only a complete success counts."""

    @property
    def got_at(self) -> datetime | None:
        successes = [item for item in self.done if item.fact.status is Status.SUCCESS]
        return next((item.completed_at for item in successes if not (self.complete and _lacks(item))), None)


def _lacks(done: Done) -> bool:
    completeness = done.fact.completeness
    return completeness is not None and bool(completeness.missing)


def targets(configuration: Configuration, log: Log) -> Iterator[Target]:
    """Yield the targets of the occurrences that were not cancelled."""
    runs = [run for run in standing_runs(log) if run.state is not ScheduleState.CANCELLED]
    searches: dict[tuple[str, date, str], list[Occurrence]] = defaultdict(list)
    judge = _Judge(configuration, log)
    for run in sorted(runs, key=lambda run: run.expected_run_time):
        occurrence = log.occurrences[run.occurrence_id]
        if isinstance(configuration.workflows[run.workflow_name].schedule, Discovery | PerGame):
            searches[run.workflow_name, run.game_date, run.subject].append(occurrence)
        else:
            yield judge.of_snapshot(occurrence)
    for attempts in searches.values():
        yield judge.of_search(attempts)


class _Judge:
    def __init__(self, configuration: Configuration, log: Log) -> None:
        self._configuration, self._log = configuration, log
        self._history = log.memory.history
        self._by_part: dict[tuple[str, date, str], list[Done]] = defaultdict(list)
        self._by_occurrence: dict[str, list[Done]] = defaultdict(list)
        for done in log.memory.done:
            fact = done.fact
            self._by_part[fact.scraper, fact.game_date, fact.subject].append(done)
            self._by_occurrence[done.occurrence_id].append(done)

    def of_search(self, attempts: list[Occurrence]) -> Target:
        """Return the target of one search. attempts: its occurrences, in order."""
        last = attempts[-1]
        workflow = self._configuration.workflows[last.workflow]
        complete = getattr(workflow.schedule, "until", None) is Until.COMPLETE
        parts = [
            self._part(step.scraper, last.game_date, subject, complete)
            for step in workflow.plan.values()
            for _, subject in subjects_of(step, last, self._configuration)
        ]
        outstanding = find_outstanding(last, self._configuration, self._history)
        if outstanding.found:
            return self._found(last, parts)
        lost = [part for part in parts if part.got_at is None and part.published is not None]
        never = [part for part in parts if part.got_at is None and part.published is None]
        if not lost and all(self._called_off(last, part) for part in never):
            return Target(last.workflow, last.game_date, last.subject, End.EMPTY)
        return self._missed(last, attempts, lost or never)

    def of_snapshot(self, occurrence: Occurrence) -> Target:
        done = self._by_occurrence.get(occurrence.id, [])
        by_part: dict[tuple[str, str, str], list[Done]] = defaultdict(list)
        for item in done:
            by_part[item.step, item.fact.scraper, item.fact.subject].append(item)
        parts = [
            _Part(scraper, subject, self._published(scraper, occurrence.game_date, subject), tuple(items))
            for (_, scraper, subject), items in by_part.items()
        ]
        lost = [part for part in parts if part.got_at is None]
        if parts and not lost:
            return self._found(occurrence, parts)
        only_early = all(part.done[-1].fact.status is Status.NO_DATA for part in lost)
        once_a_day = self._configuration.workflows[occurrence.workflow].schedule.kind == "daily"
        if lost and only_early and not once_a_day:
            return Target(occurrence.workflow, occurrence.game_date, occurrence.subject, End.EMPTY)
        return self._missed(occurrence, [occurrence], lost)

    def _found(self, occurrence: Occurrence, parts: list[_Part]) -> Target:
        got = [part.got_at for part in parts if part.got_at is not None]
        out = [part.published for part in parts if part.published not in (None, ALWAYS)]
        published = max((instant for instant in out if instant is not None), default=None)
        delay = max(got) - published if published is not None and got else None
        return Target(occurrence.workflow, occurrence.game_date, occurrence.subject, End.FOUND, delay)

    def _missed(self, occurrence: Occurrence, attempts: list[Occurrence], lost: list[_Part]) -> Target:
        reason = "; ".join(
            dict.fromkeys(self._miss_reason(part, attempts) for part in lost)
        ) or self._not_run(attempts)
        return Target(
            occurrence.workflow, occurrence.game_date, occurrence.subject, End.MISSED, reason=reason
        )

    def _miss_reason(self, part: _Part, attempts: list[Occurrence]) -> str:
        """Return the reason why a part was missed, with the same text for the same cause."""
        if part.published is None:
            return f"{part.scraper} was never published"
        after = [item for item in part.done if item.fact.triggered_at >= part.published]
        failed = [item.fact.kind for item in after if item.fact.kind is not None]
        if failed:
            return f"{part.scraper} failed: {failed[-1]}"
        if any(_lacks(item) for item in after):
            return f"{part.scraper} stayed incomplete"
        if not part.done:
            return self._not_run(attempts, part)
        if any(self._is_missing(item) for item in attempts if item.deadline > part.published):
            return f"no tick came after {part.scraper} was published"
        return f"{part.scraper} was published after the last attempt"

    def _not_run(self, attempts: list[Occurrence], part: _Part | None = None) -> str:
        skipped = [why for item in attempts for why in self._log.skipped.get(item.id, {}).values()]
        if skipped:
            return f"{part.scraper} was not requested: {skipped[-1]}" if part else skipped[-1]
        if all(self._is_missing(item) for item in attempts):
            return "no tick came in time"
        return "nothing was requested"

    def _is_missing(self, occurrence: Occurrence) -> bool:
        decided = self._log.decided.get(occurrence.id)
        return _status(occurrence.expected, decided) is FinalStatus.MISSING

    def _called_off(self, occurrence: Occurrence, part: _Part) -> bool:
        """Return whether no game of a part is played on that day, so that it is never published."""
        return not self._log.upstream.games_of(occurrence.game_date, part.subject)

    def _part(self, scraper: str, game_date: date, subject: str, complete: bool) -> _Part:
        done = tuple(self._by_part.get((scraper, game_date, subject), ()))
        return _Part(scraper, subject, self._published(scraper, game_date, subject), done, complete)

    def _published(self, scraper: str, game_date: date, subject: str) -> datetime | None:
        return self._log.upstream.published_at(scraper, game_date, subject)
