"""`tipoff pause`, `resume` and `pauses`: temporary stops of a workflow or a scraper."""

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote

import typer

from tipoff_cli.connection import find_connection
from tipoff_cli.console import WRONG_USAGE, AsJson, console, reason, refuse, say_json, say_rows
from tipoff_cli.edits import unread_workflow
from tipoff_cli.service_client import NOT_FOUND, NotAnswered, ask, read_answer
from tipoff_cli.times import cadence, clock, instant, zone_name
from tipoff_common.events import PauseTarget
from tipoff_common.wall_clock import wall_now
from tipoff_planning.pauses import Pause

PausedName = Annotated[
    str,
    typer.Argument(metavar="WORKFLOW|SCRAPER", help="name of a workflow or a scraper", show_default=False),
]


def _target(value: str) -> PauseTarget:
    if value not in PauseTarget.__members__.values():
        raise typer.BadParameter(f"unknown target '{value}'; use one of {', '.join(PauseTarget)}")
    return PauseTarget(value)


TargetOption = Annotated[
    PauseTarget | None,
    typer.Option(
        "--target",
        parser=_target,
        metavar="workflow|scraper",
        help="which of the two, for a name that a workflow and a scraper share",
        show_default=False,
    ),
]


def pause(
    name: PausedName,
    why: Annotated[
        str,
        typer.Option(
            "--why",
            parser=reason,
            metavar="TEXT",
            help="the reason, shown with the pause",
            show_default=False,
        ),
    ],
    until: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="TIME", help="end of the pause", show_default=False),
    ] = None,
    lasting: Annotated[
        timedelta | None,
        typer.Option(
            "--for",
            parser=cadence,
            metavar="DURATION",
            help="in place of --until: 30m, 8h, 2d",
            show_default=False,
        ),
    ] = None,
    target: TargetOption = None,
    json: AsJson = False,
) -> None:
    """Stop requesting a workflow or a scraper for a while, without alerts that it is missing.

    Runs under way finish; requests that the pause held back go out when it is over. A pause ends by itself: after 12
    hours when neither --until nor --for is given, after 30 days at most. Exit code 1 when the controller refuses or
    does not answer.
    """
    if until is not None and lasting is not None:
        refuse("give --until or --for, not both", WRONG_USAGE)
    end = until or (wall_now() + lasting if lasting else None)
    body: dict[str, object] = {"name": name, "why": why}
    if end is not None:
        body["until"] = end.isoformat()
    if target is not None:
        body["target"] = target.value
    connection = find_connection()
    try:
        answer = ask(connection, "POST", "/pauses", json=body)
    except NotAnswered as error:
        refuse(f"{error}{unread_workflow(name) if error.status == NOT_FOUND else ''}")
    made = read_answer(Pause, answer, connection)
    if json:
        say_json(made.model_dump(mode="json"))
    else:
        console.print(
            f"{made.target.value} {made.name} is paused until {_time(made.until)} {zone_name()} time; before that:"
            f" tipoff resume {made.name}{f' --target {target.value}' if target else ''}",
            markup=False,
        )


def resume(name: PausedName, target: TargetOption = None) -> None:
    """End the pause of a workflow or a scraper.

    Exit code 1 when it is not paused, or when both a workflow and a scraper of that name are and --target is missing.
    """
    query = {"target": target.value} if target is not None else {}
    path = f"/pauses/{quote(name, safe='')}"
    connection = find_connection()
    ended = read_answer(Pause, ask(connection, "DELETE", path, query=query), connection)
    console.print(f"{ended.target.value} {ended.name} resumes with the next evaluation", markup=False)


def pauses(json: AsJson = False) -> None:
    """List the pauses in force with their author, end and reason."""
    connection = find_connection()
    found = read_answer(tuple[Pause, ...], ask(connection, "GET", "/pauses"), connection)
    if json:
        say_json([item.model_dump(mode="json") for item in found])
    elif not found:
        console.print("nothing is paused")
    else:
        rows = [
            (item.target.value, item.name, _time(item.since), _time(item.until), item.by, item.why)
            for item in found
        ]
        say_rows(("target", "name", "since", "until", "by", "why"), rows)


def _time(at: datetime) -> str:
    return clock(at, "%Y-%m-%d %H:%M")
