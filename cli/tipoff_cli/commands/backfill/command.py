"""`tipoff backfill`: past dates of a workflow or a scraper, at a rate that spares the live fleet."""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue, TypeAdapter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tipoff_cli.calendars import ScheduleOption, load_calendar
from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_cli.commands.backfill.controller_runs import ControllerRuns
from tipoff_cli.commands.backfill.plan import (
    NO_GAMES,
    NOT_COVERED,
    Backfill,
    BackfillRun,
    BackfillTarget,
    dates_between,
    find_target,
    needs_games,
    plan_backfill,
)
from tipoff_cli.commands.backfill.results import DayResult, day_results
from tipoff_cli.commands.backfill.submission import Asking, NotNow, NotThis, RunOutcome
from tipoff_cli.connection import Connection, NotConnected, find_connection
from tipoff_cli.console import (
    AsJson,
    ScrapersFolder,
    WorkflowsOption,
    console,
    errors,
    load_configuration,
    refuse,
    say_json,
    say_rows,
)
from tipoff_cli.service_client import NotAnswered
from tipoff_cli.staleness import stale_dataset
from tipoff_cli.times import clock, day, zone_name
from tipoff_common.clock import business_date
from tipoff_common.events import PauseTarget
from tipoff_common.ports import Unavailable
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import pluralize
from tipoff_planning.calendar import Calendar
from tipoff_planning.execution_log import read_executions
from tipoff_planning.history import ExecutionFact
from tipoff_planning.progress import State
from tipoff_planning.workflows import Configuration

_USUAL_RATE, _USUAL_NAME = 20, "backfill"
_MOST_DATES = 400
_LISTED = 31
_MOST_NOTES = 5
_RATE = re.compile(r"(\d{1,4})(?:/min)?")
_LONGEST_NAME = 63
_NAME = re.compile(rf"[a-z0-9][a-z0-9_.-]{{0,{_LONGEST_NAME - 1}}}")
_RETRY = re.compile(r"(.+)-retry-([1-9][0-9]{0,5})")
_SOMETHING_MISSING, _INTERRUPTED = 3, 130
_RESULT = TypeAdapter(DayResult)


def rate(value: str) -> int:
    """Parse 20/min or 20. Raises BadParameter."""
    found = _RATE.fullmatch(value)
    if found is None or not 1 <= int(found[1]) <= 600:
        raise typer.BadParameter(
            f"--rate: '{value}' is not a valid rate; write 20/min, from 1/min to 600/min"
        )
    return int(found[1])


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise typer.BadParameter(
            f"'{value}' is not a valid name; use at most {_LONGEST_NAME} of a-z 0-9 . _ -"
        )
    return value


@dataclass(frozen=True)
class _Arguments:
    """The command's own arguments, from which it prints commands to continue."""

    target: str
    first: date
    last: date
    only_missing: bool
    per_minute: int
    name: str
    schedule: Path | None
    workflows: Path
    scrapers: Path

    def command(self) -> str:
        words = ["tipoff", "backfill", self.target, "--from", str(self.first), "--to", str(self.last)]
        words += ["--only-missing"] if self.only_missing else []
        words += ["--rate", f"{self.per_minute}/min"] if self.per_minute != _USUAL_RATE else []
        words += ["--name", self.name] if self.name != _USUAL_NAME else []
        words += ["--schedule", str(self.schedule)] if self.schedule else []
        words += ["--workflows", str(self.workflows)] if self.workflows != WORKFLOWS else []
        words += ["--scrapers", str(self.scrapers)] if self.scrapers != SCRAPERS else []
        words += ["--yes"] if (self.last - self.first).days >= _MOST_DATES else []
        return shlex.join(words)

    def again(self) -> str:
        """Return the command that requests the missing units, under the next name."""
        return replace(self, only_missing=True, name=next_name(self.name)).command()


def next_name(name: str) -> str:
    """Return the name for the next try: backfill, backfill-retry-1, backfill-retry-2."""
    # Increment our own suffix only: season-2024 must not become season-2025, which may be another backfill.
    found = _RETRY.fullmatch(name)
    stem, number = (found[1], int(found[2]) + 1) if found else (name, 1)
    suffix = f"-retry-{number}"
    return stem[: _LONGEST_NAME - len(suffix)] + suffix


def backfill(
    target: Annotated[str, typer.Argument(metavar="SCRAPER|WORKFLOW", help="a workflow, or one scraper")],
    first: Annotated[date, typer.Option("--from", parser=day, metavar="DATE", help="first game date")],
    last: Annotated[date, typer.Option("--to", parser=day, metavar="DATE", help="last game date")],
    only_missing: Annotated[
        bool,
        typer.Option(
            "--only-missing",
            help="leave out requests with a success in the execution log, which keeps 90 days",
        ),
    ] = False,
    pace: Annotated[
        str, typer.Option("--rate", metavar="N/min", help="requests a minute")
    ] = f"{_USUAL_RATE}/min",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show the plan, date by date, and request nothing")
    ] = False,
    name: Annotated[
        str,
        typer.Option(
            parser=_name, metavar="N", help="name of this backfill; under one name nothing is requested twice"
        ),
    ] = _USUAL_NAME,
    schedule: ScheduleOption = None,
    workflows: WorkflowsOption = WORKFLOWS,
    scrapers: ScrapersFolder = SCRAPERS,
    yes: Annotated[bool, typer.Option("--yes", help=f"allow more than {_MOST_DATES} dates")] = False,
    json: AsJson = False,
) -> None:
    """Run a workflow or a scraper for past game dates at a limited rate, and report each date.

    Games and teams are those of each date. The plan and its size are shown first. At most 10 requests are under way,
    besides the live fleet's. After an interruption, the same command continues and requests nothing twice; another
    --name requests everything again. See docs/how-to/backfill.md.

    Exit code 0 when everything was found, 3 when something was not, 1 when the backfill is impossible, 2 for wrong
    usage, 130 when interrupted.
    """
    per_minute = rate(pace)
    dates = _dates(first, last, allowed=yes or dry_run)
    arguments = _Arguments(target, first, last, only_missing, per_minute, name, schedule, workflows, scrapers)
    configuration = load_configuration(workflows, scrapers)
    found = find_target(target, configuration)
    calendar = _calendar(schedule, found, configuration)
    plan = plan_backfill(
        name,
        found,
        dates,
        configuration,
        calendar,
        own_games=schedule is not None,
        found=_past(dates, configuration) if only_missing else None,
    )
    if not json:
        _show_plan(plan, per_minute, listed=dry_run or len(dates) <= _LISTED)
    if all(item.without in (NO_GAMES, NOT_COVERED) for item in plan.days):
        span = calendar.span if calendar else None
        known = f" (its games are from {span[0]} to {span[1]})" if span else ""
        refuse(f"the schedule has no game on these dates{known}; name their season's file with --schedule")
    if dry_run:
        if json:
            say_json(_plan_as_json(plan))
        else:
            console.print("dry run: nothing was requested")
        return
    _carry_out(plan, arguments, configuration, json)


def _dates(first: date, last: date, *, allowed: bool) -> list[date]:
    if last < first:
        raise typer.BadParameter(f"--to {last} is before --from {first}; swap them")
    today = business_date(wall_now())
    if last > today:
        raise typer.BadParameter(f"--to {last} is in the future; today in {zone_name()} is {today}")
    dates = dates_between(first, last)
    if len(dates) > _MOST_DATES and not allowed:
        raise typer.BadParameter(
            f"--from {first} to {last} are {len(dates)} dates; add --yes, or --dry-run to see the plan"
        )
    return dates


def _calendar(schedule: Path | None, target: BackfillTarget, configuration: Configuration) -> Calendar | None:
    """Return the calendar; None when the target needs no games. Ends the command when a needed calendar is missing."""
    if schedule is None and not needs_games(target, configuration):
        return None
    calendar, source = load_calendar(schedule, configuration, wall_now())
    if calendar is None:
        refuse(f"no schedule of games has landed below {source}; name a file with --schedule")
    return calendar


def _past(dates: Sequence[date], configuration: Configuration) -> list[ExecutionFact]:
    try:
        connection = find_connection()
        if warning := stale_dataset(connection, wall_now()):
            errors.print(warning, style="yellow", markup=False)
        return read_executions(
            connection.warehouse(),
            connection.environment,
            dates,
            configuration.subject_parameters,
            until=wall_now().astimezone(UTC).date(),
        )
    except (NotConnected, Unavailable) as error:
        refuse(f"cannot determine the missing requests: {error}")


def _carry_out(plan: Backfill, arguments: _Arguments, configuration: Configuration, json: bool) -> None:
    interrupted = False
    outcomes: dict[str, RunOutcome] = {}
    resume = f"requested runs continue; to continue the backfill:\n  {arguments.command()}"
    try:
        connection = find_connection()
        controller = ControllerRuns(connection)
        _check_first_run(plan, controller, configuration)
        _print_pauses(plan, controller, configuration)
        with _progress(plan, quiet=json) as report:
            asking = Asking(
                controller,
                _live_rate(connection, arguments.per_minute),
                report=lambda run, outcome: report(run, outcome, run.key in asking.asked_before),
                outcomes=outcomes,
            )
            asking.carry_out(plan.runs)
        if before := len(asking.asked_before):
            errors.print(
                f"{before} of {pluralize(len(plan.runs), 'run')} were requested before under the name {plan.name} and"
                " are not requested again; another --name requests everything again"
            )
    except KeyboardInterrupt:
        interrupted = True
    except (NotConnected, NotAnswered, NotNow, NotThis) as error:
        refuse(f"{error}\n{resume}" if outcomes else str(error))
    results = day_results(plan, outcomes)
    if json:
        say_json(_results_as_json(plan, results, interrupted))
    else:
        _show_results(results)
    if interrupted:
        ended = sum(outcome.ended for outcome in outcomes.values())
        refuse(f"interrupted: {ended} of {len(plan.runs)} runs have ended; {resume}", _INTERRUPTED)
    if not all(item.complete for item in results):
        errors.print(f"to request the missing data again:\n  {arguments.again()}")
        raise typer.Exit(_SOMETHING_MISSING)


def _live_rate(connection: Connection, per_minute: int) -> int | None:
    """Return the rate that spares the live fleet; None in event time, which has no wall-clock minutes and no live
    fleet."""
    return None if connection.in_event_time else per_minute


def _check_first_run(plan: Backfill, controller: ControllerRuns, configuration: Configuration) -> None:
    """Submit the first run as a dry run, to find faults of all runs before any is requested. Raises as a request
    does."""
    if not plan.runs:
        return
    (decision,) = controller.rehearse(plan.runs[0]).decisions
    if decision.config_hash != configuration.hash:
        note = (
            f"the controller's configuration is {decision.config_hash}, this plan's is {configuration.hash}"
        )
        errors.print(f"{note}; the requests may differ", style="yellow")


def _print_pauses(plan: Backfill, controller: ControllerRuns, configuration: Configuration) -> None:
    """Print the pauses of the target, which do not stop manual runs. Raises as a request does."""
    if not plan.runs:
        return
    target = plan.target
    steps = configuration.workflows[target.workflow].plan
    targets = {(PauseTarget.SCRAPER, steps[name].scraper) for name in target.steps}
    targets.add((PauseTarget.WORKFLOW, target.workflow))
    for pause in controller.pauses():
        if (pause.target, pause.name) in targets:
            errors.print(
                f"{pause.name} is paused until {clock(pause.until, '%Y-%m-%d %H:%M')} {zone_name()} time"
                f" ({pause.why}); a pause does not stop a backfill",
                style="yellow",
                markup=False,
            )


@contextmanager
def _progress(plan: Backfill, *, quiet: bool) -> Iterator[Callable[[BackfillRun, RunOutcome, bool], None]]:
    """Show a bar on a terminal, elsewhere a line for each run that ends. Yield the function that reports a run, its
    outcome, and whether an earlier backfill requested it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[day]}"),
        TimeElapsedColumn(),
    )
    lines = not quiet and not errors.is_terminal
    with Progress(*columns, console=errors, transient=True, disable=quiet or lines) as bar:
        task = bar.add_task(plan.target.name, total=len(plan.runs), day="")

        def report(run: BackfillRun, outcome: RunOutcome, asked_before: bool) -> None:
            bar.update(task, advance=1, day=str(run.game_date))
            if lines:
                about = f"{run.game_date} {run.body.game_id or ''}".rstrip()
                before = " (requested before)" if asked_before else ""
                errors.print(
                    f"{bar.tasks[task].completed:.0f}/{len(plan.runs)} {about}: {_sentence(outcome)}{before}"
                )

        yield report


def _sentence(outcome: RunOutcome) -> str:
    if outcome.trouble or outcome.progress is None:
        return outcome.trouble or "not requested"
    # Use the term of the table for a request that is given up.
    states = [
        "failed" if unit.state is State.GIVEN_UP else unit.state.value for unit in outcome.progress.units
    ]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


def _show_plan(plan: Backfill, per_minute: int, *, listed: bool) -> None:
    if listed:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("date", "games", "runs", "requests", ""):
            table.add_column(column)
        for item in plan.days:
            count = sum(run.requests for run in item.runs)
            table.add_row(*_counts(item.date, item.games, len(item.runs), count), item.without or "")
        console.print(table)
    target = plan.target
    subject = f"{target.scraper} of {target.workflow}" if target.scraper else target.workflow
    more = "".join(f", and for each {key} more" for key in plan.fans_out_over)
    took = timedelta(seconds=round(plan.duration(per_minute).total_seconds()))
    console.print(
        f"[bold]{subject}[/], {plan.days[0].date} to {plan.days[-1].date}: {pluralize(len(plan.days), 'date')}, "
        f"{pluralize(len(plan.runs), 'run')}, {pluralize(plan.requests, 'request')}{more}; at {per_minute}/min in"
        f" {took} at the least"
    )
    for reason in dict.fromkeys(item.without for item in plan.days if item.without):
        count = sum(item.without == reason for item in plan.days)
        console.print(f"{pluralize(count, 'date')} left out: {reason}")


def _show_results(results: Sequence[DayResult]) -> None:
    rows = []
    for item in results:
        found = (item.success, item.no_data, item.failed, item.unanswered, item.not_asked)
        counts = _counts(item.date, item.games, *found)
        style = "" if item.complete else "yellow"
        rows.append([Text(cell, style) for cell in (*counts, _why(item.notes))])
    say_rows(("date", "games", "success", "no_data", "failed", "unanswered", "not requested", "why"), rows)


def _why(notes: Sequence[str]) -> str:
    """Join the first notes of a date; a fan-out may have one for each of thirty teams."""
    more = [f"{len(notes) - _MOST_NOTES} more, see --json"] if len(notes) > _MOST_NOTES else []
    return "; ".join([*notes[:_MOST_NOTES], *more])


def _counts(on: date, *counts: int | None) -> list[str]:
    return [str(on), *("-" if count is None else str(count) for count in counts)]


def _plan_as_json(plan: Backfill) -> JsonValue:
    return {
        **_heading(plan),
        "runs": len(plan.runs),
        "requests": plan.requests,
        "more_for_each": list(plan.fans_out_over),
        "dates": [
            {
                "date": item.date.isoformat(),
                "games": item.games,
                "requests": sum(run.requests for run in item.runs),
                "without": item.without,
                "runs": [
                    {"key": run.key, **run.body.model_dump(mode="json", include={"steps", "game_id"})}
                    for run in item.runs
                ],
            }
            for item in plan.days
        ],
    }


def _results_as_json(plan: Backfill, results: Sequence[DayResult], interrupted: bool) -> JsonValue:
    return {
        **_heading(plan),
        "interrupted": interrupted,
        "complete": all(item.complete for item in results),
        "dates": [_RESULT.dump_python(item, mode="json") for item in results],
    }


def _heading(plan: Backfill) -> dict[str, JsonValue]:
    target = plan.target
    return {
        "name": plan.name,
        "workflow": target.workflow,
        "scraper": target.scraper,
        "from": plan.days[0].date.isoformat(),
        "to": plan.days[-1].date.isoformat(),
    }
