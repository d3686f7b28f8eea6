"""The numbers of a simulated season."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from statistics import median

from pydantic import BaseModel, Field

from tipoff_common.clock import fleet_zone
from tipoff_common.events import Action
from tipoff_common.outcomes import Status
from tipoff_planning.workflows import Configuration
from tipoff_simulator.engine import Log, Season
from tipoff_simulator.outcomes import End, FinalStatus, Target, run_status, standing_runs, targets


class Delay(BaseModel):
    """Minutes from publication to success."""

    median: float
    p95: float


class Missed(BaseModel):
    """A missed target and the reason."""

    game_date: date
    subject: str
    reason: str


class MissingRun(BaseModel):
    """An expected run that never took place, though its window is over."""

    expected_run_time: datetime
    subject: str


class WorkflowNumbers(BaseModel):
    """One workflow's season."""

    occurrences: int = Field(description="the expected runs")
    statuses: dict[FinalStatus, int] = Field(description="the number of expected runs by status")
    decisions: dict[Action, int]
    attempts: int = Field(description="executions")
    no_data: int = Field(description="executions that found nothing, hence were wasted")
    failed: int
    found: int = Field(description="targets that the workflow got")
    empty: int = Field(
        description="targets without data: a game called off, or a snapshot before the publication"
    )
    missed: list[Missed] = Field(description="targets that the workflow did not get")
    missing_runs: list[MissingRun]
    """Runs that `statuses` counts as MISSING, in the order of time."""
    delay: Delay | None = Field(description="null when the data is always available")


class SourceNumbers(BaseModel):
    """Requests to one source, and the most in one clock hour."""

    requests: int
    most_in_an_hour: int
    busiest_hour: datetime | None


class SeasonReport(BaseModel):
    """A season under one configuration."""

    first: date
    last: date
    games: int
    world: str
    seed: int
    config_hash: str
    ticks: int
    workflows: dict[str, WorkflowNumbers]
    sources: dict[str, SourceNumbers]

    @property
    def missing(self) -> int:
        """The number of expected runs that ended as MISSING."""
        return sum(numbers.statuses.get(FinalStatus.MISSING, 0) for numbers in self.workflows.values())

    @property
    def missed(self) -> int:
        """The number of missed targets."""
        return sum(len(numbers.missed) for numbers in self.workflows.values())


def report(season: Season, log: Log) -> SeasonReport:
    """Summarise a season's log."""
    configuration = season.configuration
    types = configuration.file.calendar.game_types
    played = [game for game in season.games if season.first <= game.game_date <= season.last]
    return SeasonReport(
        first=season.first,
        last=season.last,
        games=sum(game.game_type in types for game in played),
        world=season.world.name,
        seed=season.seed,
        config_hash=configuration.hash,
        ticks=log.ticks,
        workflows=_workflows(configuration, log),
        sources=_sources(configuration, log),
    )


def _workflows(configuration: Configuration, log: Log) -> dict[str, WorkflowNumbers]:
    statuses: dict[str, Counter[FinalStatus]] = defaultdict(Counter)
    missing: dict[str, list[MissingRun]] = defaultdict(list)
    for run in standing_runs(log):
        status = run_status(run, log.decided.get(run.occurrence_id))
        statuses[run.workflow_name][status] += 1
        if status is FinalStatus.MISSING:
            missing[run.workflow_name].append(
                MissingRun(expected_run_time=run.expected_run_time, subject=run.subject)
            )
    results: dict[str, Counter[Status]] = defaultdict(Counter)
    for done in log.memory.done:
        results[done.workflow][done.fact.status] += 1
    ends: dict[str, list[Target]] = defaultdict(list)
    for target in targets(configuration, log):
        ends[target.workflow].append(target)
    return {
        name: WorkflowNumbers(
            occurrences=statuses[name].total(),
            statuses={status: statuses[name][status] for status in FinalStatus if statuses[name][status]},
            decisions={action: log.actions[name, action] for action in Action if log.actions[name, action]},
            attempts=results[name].total(),
            no_data=results[name][Status.NO_DATA],
            failed=results[name][Status.FAILED],
            found=sum(target.end is End.FOUND for target in ends[name]),
            empty=sum(target.end is End.EMPTY for target in ends[name]),
            missed=[
                Missed(game_date=target.game_date, subject=target.subject, reason=target.reason)
                for target in ends[name]
                if target.end is End.MISSED
            ],
            missing_runs=sorted(missing[name], key=lambda run: run.expected_run_time),
            delay=_delay(ends[name]),
        )
        for name in configuration.workflows
    }


def _delay(found: Iterable[Target]) -> Delay | None:
    """Return the delays' median and 95th percentile, with the first target of each game date and subject."""
    first: dict[tuple[date, str], timedelta] = {}
    for target in found:
        if target.delay is not None:
            first.setdefault((target.game_date, target.subject), target.delay)
    minutes = sorted(delay.total_seconds() / 60 for delay in first.values())
    if not minutes:
        return None
    return Delay(median=round(median(minutes), 1), p95=round(minutes[(len(minutes) * 95 - 1) // 100], 1))


def _sources(configuration: Configuration, log: Log) -> dict[str, SourceNumbers]:
    hours: dict[str, Counter[datetime]] = defaultdict(Counter)
    for done in log.memory.done:
        source = configuration.catalog[done.fact.scraper].source
        hours[source][done.fact.triggered_at.replace(minute=0, second=0, microsecond=0)] += 1
    return {
        source: SourceNumbers(
            requests=counts.total(),
            most_in_an_hour=max(counts.values()),
            busiest_hour=min(hour for hour in counts if counts[hour] == max(counts.values())).astimezone(
                fleet_zone()
            ),
        )
        for source, counts in sorted(hours.items())
    }
