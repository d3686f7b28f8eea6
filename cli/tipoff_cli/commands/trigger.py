"""`tipoff trigger`: run a workflow now."""

from datetime import date
from typing import Annotated
from urllib.parse import quote
from uuid import uuid4

import typer
from rich.text import Text

from tipoff_cli import edits
from tipoff_cli.checkout import WORKFLOWS, workflow_zone
from tipoff_cli.connection import Connection, find_connection
from tipoff_cli.console import WRONG_USAGE, AsJson, console, refuse, say_json, say_rows
from tipoff_cli.run_progress import follow, line, look_at
from tipoff_cli.service_client import NOT_FOUND, NotAnswered, ask, read_answer
from tipoff_cli.times import day
from tipoff_common.clock import business_date, zone_name
from tipoff_common.wall_clock import wall_now
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.manual_runs import RunProgress, UnitProgress
from tipoff_planning.progress import State

_MARKS = {"✔": "bold green", "–": "cyan", "✘": "bold red", "!": "bold yellow"}


def _sendable(value: str | None) -> str | None:
    """Return a key that fits into an HTTP header. Raises BadParameter."""
    if value is not None and not (value.isascii() and value.isprintable()):
        raise typer.BadParameter(
            f"{value!r} has characters that a header cannot carry; write letters, digits and signs such as -"
        )
    return value


def trigger(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="name of the workflow")],
    game_date: Annotated[
        date | None,
        typer.Option(
            "--date",
            "--game-date",
            parser=day,
            metavar="DATE",
            help="the date the data is about, not in the future; today in the workflow's zone when left out",
        ),
    ] = None,
    scraper: Annotated[
        list[str] | None,
        typer.Option(metavar="S", help="only this scraper of the workflow; may be repeated"),
    ] = None,
    game_id: Annotated[
        str | None, typer.Option(metavar="G", help="the game, for a workflow that runs for each game")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the requests and send none")] = False,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            metavar="K",
            callback=_sendable,
            help="requests with the same key are one run",
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="follow the run to its end; exit code 1 when a scraper of it fails")
    ] = False,
    json: AsJson = False,
) -> None:
    """Run a workflow for a game date now, whatever was found before.

    Sends the request to the controller of the running stack, or to the one that TIPOFF_CONTROLLER_URL names, with an
    identity token of gcloud's service account, or of the one that TIPOFF_IMPERSONATE names. Exit code 1 when the
    controller refuses or does not answer, and with --wait when a scraper fails or the run shows no change for 15
    minutes.
    """
    if wait and dry_run:
        refuse("--wait follows a run, and --dry-run starts none; leave one out", WRONG_USAGE)
    if wait and idempotency_key is None:
        idempotency_key = uuid4().hex  # --wait reads the run's progress by this key
    # Take today in the workflow's own zone, if this folder's workflows.yaml names one.
    zone = workflow_zone(WORKFLOWS, workflow)
    today = business_date(wall_now(), zone)
    about = game_date or today
    # A run that finds nothing for a future date would look like the scraper's newest result.
    if about > today:
        raise typer.BadParameter(f"--date {about} is in the future; today in {zone_name(zone)} is {today}")
    body: dict[str, object] = {"game_date": about.isoformat(), "scrapers": list(scraper or ())}
    if game_id is not None:
        body["game_id"] = game_id
    try:
        connection = find_connection()
        answer = ask(
            connection,
            "POST",
            f"/workflows/{quote(workflow, safe='')}/runs",
            query={"dry_run": str(dry_run).lower()},
            headers={"Idempotency-Key": idempotency_key} if idempotency_key else {},
            json=body,
        )
    except NotAnswered as error:
        refuse(f"{error}{edits.unread_workflow(workflow) if error.status == NOT_FOUND else ''}")
    decided = read_answer(DecisionBatch, answer, connection)
    if json and not wait:
        say_json(decided.model_dump(mode="json", include={"decisions", "requests"}))
        return
    if json and wait:
        say_json(_followed(connection, workflow, str(idempotency_key), quiet=True).model_dump(mode="json"))
        return
    for decision in decided.decisions:
        console.print(f"[bold]{decision.action.value}[/] {decision.reason}")
    say_rows(
        ("scraper", "parameters", "request"),
        [
            (
                request.scraper,
                " ".join(f"{name}={value}" for name, value in request.parameters.items()),
                request.request_id,
            )
            for request in decided.requests
        ],
    )
    if stale := edits.unread():
        console.print(stale, style="yellow")
    if dry_run:
        console.print("dry run: nothing was requested")
        return
    if wait:
        _followed(connection, workflow, str(idempotency_key), quiet=False)
        return
    console.print("requested; to follow it:")
    for decision in decided.decisions:
        console.print(f"tipoff trace {decision.occurrence_id}")


def _followed(connection: Connection, workflow: str, key: str, *, quiet: bool) -> RunProgress:
    """Follow the run to its end, print its units, and end the command with code 1 when a unit failed."""

    def report(unit: UnitProgress) -> None:
        mark, text = line(unit)
        if not quiet:
            console.print(Text.assemble((mark, _MARKS[mark]), f" {text}"))

    progress = follow(look_at(connection, workflow, key), report)
    failed = any(unit.state is State.GIVEN_UP for unit in progress.units)
    if quiet:
        if failed:
            say_json(progress.model_dump(mode="json"))
            raise typer.Exit(1)
        return progress
    for step, reason in progress.skipped.items():
        console.print(Text.assemble(("–", _MARKS["–"]), f" step {step} is not requested: {reason}"))
    console.print(f"tipoff trace {progress.occurrence_id}")
    if failed:
        console.print(f"tipoff logs {progress.occurrence_id}")
        raise typer.Exit(1)
    return progress
