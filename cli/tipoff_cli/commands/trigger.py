"""`tipoff trigger`: a workflow by hand, now."""

from datetime import date
from typing import Annotated
from urllib.parse import quote

import typer

from tipoff_cli.connection import NotConnected, find_connection
from tipoff_cli.console import AsJson, console, day, refuse, say_json, say_rows
from tipoff_cli.controller_client import NotAnswered, ask
from tipoff_common.clock import business_date
from tipoff_common.wall_clock import wall_now
from tipoff_planning.drafts import DecisionBatch


def trigger(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="name of the workflow")],
    game_date: Annotated[
        date | None,
        typer.Option(
            "--date",
            "--game-date",
            parser=day,
            metavar="DATE",
            help="the date the data is about; today in New York when left out",
        ),
    ] = None,
    scraper: Annotated[
        list[str] | None,
        typer.Option(metavar="S", help="only this scraper of it; may be given more than once"),
    ] = None,
    game_id: Annotated[
        str | None, typer.Option(metavar="G", help="the game, for a workflow that runs for each game")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show what would be requested and request nothing")
    ] = False,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="K", help="the same key is the same run, however often it is asked for"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Run a workflow for a game date now, whatever was found before.

    The controller of the running stack is asked, or the one that TIPOFF_CONTROLLER_URL names, with an identity token
    of gcloud's service account, or of the one that TIPOFF_IMPERSONATE names. Exit code 1 when it refuses or does not
    answer.
    """
    about = game_date or business_date(wall_now())
    body: dict[str, object] = {"game_date": about.isoformat(), "scrapers": list(scraper or ())}
    if game_id is not None:
        body["game_id"] = game_id
    try:
        answer = ask(
            find_connection(),
            "POST",
            f"/workflows/{quote(workflow, safe='')}/runs",
            query={"dry_run": str(dry_run).lower()},
            headers={"Idempotency-Key": idempotency_key} if idempotency_key else {},
            json=body,
        )
    except (NotConnected, NotAnswered) as error:
        refuse(str(error))
    decided = DecisionBatch.model_validate_json(answer)
    if json:
        say_json(decided.model_dump(mode="json", include={"decisions", "requests"}))
        return
    for decision in decided.decisions:
        console.print(f"[bold]{decision.action.value}[/] {decision.reason}", highlight=False, soft_wrap=True)
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
    if dry_run:
        console.print("dry run: nothing was requested")
        return
    console.print("requested; what becomes of it:")
    for decision in decided.decisions:
        console.print(f"tipoff trace {decision.occurrence_id}", highlight=False, soft_wrap=True)
