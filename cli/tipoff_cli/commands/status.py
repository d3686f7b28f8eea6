"""`tipoff status`: the verdict on a day, its missing runs, and the next checks."""

import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from datetime import time as clock_time
from http import HTTPStatus
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.text import Text

from tipoff_cli.checkout import SCRAPERS, WORKFLOWS, lock_time
from tipoff_cli.connection import Connection, NotConnected, find_connection, stale_zone
from tipoff_cli.console import WRONG_USAGE, AsJson, AsOf, console, refuse, say_json, say_rows
from tipoff_cli.edits import unread
from tipoff_cli.service_client import SECONDS, NotAnswered, ask, read_answer
from tipoff_cli.staleness import describe_age
from tipoff_cli.times import clock, day, zone_name
from tipoff_common.clock import business_date, local_instant
from tipoff_common.ports import Unavailable
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import suggest_names
from tipoff_planning.expectations import DayExpectations, Expectation, read_expectations
from tipoff_planning.verdict import Color, DayVerdict, Fault, WorkflowVerdict, judge_day

CANNOT_TELL = 3
_LOCAL_SECONDS = 5.0
"""Limit for an answer of the local controller, which need not start first; the dataset answers in its place."""
_MARKS = {Color.GREEN: ("✔", "bold green"), Color.YELLOW: ("!", "bold yellow"), Color.RED: ("✘", "bold red")}
_STYLES = {
    "ON_TIME": "green",
    "SKIPPED_OK": "green",
    "LATE": "yellow",
    "PENDING": "cyan",
    "PAUSED": "magenta",
    "MISSING": "bold red",
    "TOO_EARLY": "bright_black",
    "CANCELLED": "bright_black",
}


def status(
    on: Annotated[
        date | None,
        typer.Option(
            "--date", parser=day, metavar="DATE", help="business day; that of --as-of when left out"
        ),
    ] = None,
    as_of: AsOf = None,
    workflow: Annotated[
        str | None, typer.Option(metavar="NAME", help="this workflow only", show_default=False)
    ] = None,
    faults: Annotated[bool, typer.Option("--faults", help="print the faults only")] = False,
    slots: Annotated[
        bool,
        typer.Option(
            "--all",
            help="print the expected runs, consecutive runs of one status as a range, in place of the workflows",
        ),
    ] = False,
    watch: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", min=1, max=86_400, help="refresh at this interval until interrupted"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Show in one line whether a day is all right, then the state of each workflow.

    Exit code 0 when all is well or nothing is known of the day (green), 1 for a fault that is over or has another
    attempt to come, and for a controller that does not answer where the dataset does (yellow), 2 for a fault that needs
    an operator (red), 3 when neither the controller nor the dataset answers. Today includes the open runs of last
    night. See `tipoff files list --missing` for files without a receipt, and `tipoff alerts list` for alerts.
    """
    if watch is not None and as_of is not None:
        refuse("--watch shows the present; leave out --as-of", WRONG_USAGE)
    while True:
        at = as_of or wall_now()
        expected, source, names, unanswered = _expectations(on, at)
        verdict = judge_day(expected, names, locks_at=lock_time())
        if workflow is not None:
            expected, verdict = _only(workflow, expected, verdict)
        # The dataset has only the past: a controller that hangs decides nothing more.
        if unanswered is not None and verdict.color is Color.GREEN:
            verdict = verdict.model_copy(update={"color": Color.YELLOW, "headline": unanswered})
        if watch is not None:
            console.clear()
        if json:
            head: dict[str, JsonValue] = {
                "ok": verdict.color is Color.GREEN,
                "source": source,
                "unanswered": unanswered,
            }
            say_json(head | verdict.model_dump(mode="json") | expected.model_dump(mode="json"))
        else:
            _show(expected, verdict, source, names, unanswered, faults_only=faults, slots=slots)
        if watch is None:
            raise typer.Exit(verdict.color.rank)
        try:
            time.sleep(watch)
        except KeyboardInterrupt:
            raise typer.Exit(verdict.color.rank) from None


def _only(name: str, expected: DayExpectations, verdict: DayVerdict) -> tuple[DayExpectations, DayVerdict]:
    """Narrow both to one workflow. Ends the command when no run of this workflow was expected."""
    # The verdict covers only workflows with expected runs today, and the configuration may have more.
    own = [item for item in verdict.workflows if item.workflow == name]
    if not own:
        known = [item.workflow for item in verdict.workflows]
        refuse(
            f"no workflow '{name}' was expected on {expected.date}; {suggest_names(name, known)}", WRONG_USAGE
        )
    (item,) = own
    rows = tuple(row for row in expected.expectations if row.workflow_name == name)
    headline = item.faults[0].sentence if item.faults else f"{name}: {item.sentence}"
    narrowed = DayVerdict(color=item.color, headline=headline, workflows=(item,), faults=item.faults)
    return expected.model_copy(update={"expectations": rows}), narrowed


def _expectations(
    on: date | None, at: datetime
) -> tuple[DayExpectations, str, Mapping[str, str], str | None]:
    """Read the expectations from the controller, or from the dataset when the controller does not answer. Return them
    with their source, the names of games, and the sentence about a controller that does not answer."""
    today = business_date(at)
    # The night belongs to the day on which it began; today's status includes it until its runs are done.
    night = on is None or on == today
    try:
        connection = find_connection()
        silence = None
        try:
            found, source = _from_controller(connection, on or today, at, night), "controller"
        # Both return the same rows: the controller needs no rights on the dataset, and the dataset no controller.
        except (NotConnected, NotAnswered) as unanswered:
            found, source = _from_dataset(connection, on or today, at, night, unanswered), "dataset"
            silence = _silence(unanswered)
    except NotConnected as error:
        refuse(str(error), CANNOT_TELL)
    return found, source, _game_names(connection, found), silence


def _silence(error: Exception) -> str | None:
    """Say that the controller does not answer; None where none is named, or where it refuses the caller."""
    if not isinstance(error, NotAnswered):
        return None
    if error.status is not None and error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    # Further lines are about edits, which are printed at the end anyway.
    return str(error).partition("\n")[0]


def _from_controller(connection: Connection, on: date, at: datetime, night: bool) -> DayExpectations:
    query = {"as_of": at.isoformat(), "with_night": str(night).lower()}
    seconds = _LOCAL_SECONDS if connection.environment == "local" else SECONDS
    body = ask(connection, "GET", f"/schedule/{on.isoformat()}", query=query, seconds=seconds)
    return read_answer(DayExpectations, body, connection)


def _from_dataset(
    connection: Connection, on: date, at: datetime, night: bool, unanswered: Exception
) -> DayExpectations:
    midnight = local_instant(on, clock_time()) if night else None
    try:
        return read_expectations(connection.warehouse(), connection.environment, on, at, midnight=midnight)
    except (NotConnected, Unavailable) as error:
        refuse(f"{unanswered}\nthe dataset cannot be queried either: {error}", CANNOT_TELL)


def _game_names(connection: Connection, expected: DayExpectations) -> Mapping[str, str]:
    """Return the names of games, such as CHA@LAL, by id; empty when the calendar cannot be read, as ids suffice."""
    if not any(row.subject not in (None, "-") for row in expected.expectations):
        return {}
    # Import late: these modules would delay every start of the command line.
    from tipoff_common.catalog import load_catalog
    from tipoff_common.yaml_source import ConfigurationError
    from tipoff_planning.landed_calendar import LandedCalendar
    from tipoff_planning.loading import load_workflows

    try:
        catalog = load_catalog(SCRAPERS)
        folder = load_workflows(WORKFLOWS, catalog).calendar_folder
        calendar = LandedCalendar(connection.data(), folder).current(expected.as_of)
    except (NotConnected, Unavailable, ConfigurationError):
        return {}
    return calendar.game_names if calendar else {}


def _show(
    expected: DayExpectations,
    verdict: DayVerdict,
    source: str,
    names: Mapping[str, str],
    unanswered: str | None,
    *,
    faults_only: bool,
    slots: bool,
) -> None:
    today = expected.date == business_date(expected.as_of)
    name = "today" if today else str(expected.date)
    console.print(_headline(name, expected, verdict))
    if faults_only:
        _show_faults(verdict.faults)
    elif slots:
        _show_slots(expected.expectations, names)
    elif expected.expectations:
        _show_workflows(verdict.workflows)
    for name, until in _paused_scrapers(expected).items():
        console.print(Text(f"scraper {name} is paused until {clock(until, '%a %H:%M')}", "magenta"))
    at = f"{clock(expected.as_of, '%Y-%m-%d %H:%M')} {zone_name()} time"
    origin = f"as of {at}, {expected.environment}, by the {source}"
    console.print(origin, style="bright_black")
    if unanswered is not None and verdict.headline != unanswered:
        console.print(unanswered, style="yellow")
    if today and expected.last_decided_at and (age := describe_age(expected.last_decided_at, expected.as_of)):
        console.print(age, style="yellow")
    # The running stack may not have read the latest edits.
    for stale in filter(None, (stale_zone(), unread())):
        console.print(stale, style="yellow")


def _paused_scrapers(expected: DayExpectations) -> Mapping[str, datetime]:
    """Return the day's paused scrapers with the end of their pauses; a paused workflow has its own line."""
    return {
        step.scraper: step.scraper_paused_until
        for row in expected.expectations
        for step in row.steps
        if step.scraper_paused_until is not None
    }


def _headline(name: str, expected: DayExpectations, verdict: DayVerdict) -> Text:
    mark, style = _MARKS[verdict.color]
    if verdict.color is not Color.GREEN:
        return Text(f"{mark} {name}: {verdict.headline}", style)
    if expected.expectations:
        return Text(f"{mark} {name} is all right", style)
    if expected.idle or expected.is_unknown:
        return Text(f"· {name}: {verdict.headline}", "bold")
    return Text(f"· {name}: not planned yet; its schedule is locked at {lock_time():%H:%M}", "bold")


def _show_workflows(workflows: Sequence[WorkflowVerdict]) -> None:
    worst_first = sorted(workflows, key=lambda item: -item.color.rank)
    say_rows(
        ("", "workflow", "how", "next check"),
        [
            (
                Text(*_MARKS[item.color]),
                item.workflow,
                item.sentence,
                clock(item.next_check, "%a %H:%M") if item.next_check else "-",
            )
            for item in worst_first
        ],
    )


def _show_faults(faults: Sequence[Fault]) -> None:
    if faults:
        rows = [
            (Text(*_MARKS[it.color]), clock(it.since, "%a %H:%M"), it.sentence, it.error or "-")
            for it in faults
        ]
        say_rows(("", "since", "what", "error"), rows)


def _show_slots(rows: Sequence[Expectation], names: Mapping[str, str]) -> None:
    say_rows(
        ("expected", "workflow", "about", "status", "ran", "why"),
        [
            (
                _range([row.expected_run_time for row in alike]),
                alike[0].workflow_name,
                names.get(alike[0].subject or "-", alike[0].subject or "-"),
                Text(alike[0].status, style=_STYLES[alike[0].status]),
                _range([row.actual_run_time for row in alike if row.actual_run_time]),
                alike[-1].actual_reason or alike[-1].expected_reason,
            )
            for alike in folded(rows)
        ],
    )


def folded(rows: Sequence[Expectation]) -> Sequence[Sequence[Expectation]]:
    """Group consecutive rows of the same workflow, subject and status.

    Each group takes the place of its first row: a search of every minute becomes one line.
    """
    groups: list[list[Expectation]] = []
    last: dict[tuple[str, str | None], list[Expectation]] = {}
    for row in rows:
        about = (row.workflow_name, row.subject)
        group = last.get(about)
        if group is None or group[-1].status != row.status:
            group = last[about] = []
            groups.append(group)
        group.append(row)
    return groups


def _range(times: Sequence[datetime]) -> str:
    """Format times as 13:35, or as 13:35 to 13:46, 12 times; "-" for none."""
    if len(times) < 2:
        return clock(times[0]) if times else "-"
    return f"{clock(times[0])} to {clock(times[-1])}, {len(times)} times"
