"""`tipoff dead-letters`: rejected messages, and their replay."""

import json as json_text
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from tipoff_cli.connection import Connection, NotConnected, find_connection
from tipoff_cli.console import (
    RECENT,
    WRONG_USAGE,
    AsJson,
    console,
    errors,
    jsonable,
    refuse,
    say_fields,
    say_json,
    say_rows,
)
from tipoff_cli.times import clock, instant, zone_name
from tipoff_common.ports import Unavailable
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import pluralize
from tipoff_dataset.dead_letters import (
    EVER,
    DeadLetter,
    PayloadMissing,
    Replay,
    messages,
    payload,
    plan_replays,
    read_dead_letters,
    unknown_ids,
)

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tipoff_common.topics import TopicMap


dead_letters = typer.Typer(no_args_is_help=True, help="List rejected messages and replay them.")


def _known_reason(value: str | None) -> str | None:
    if value is None:
        return None  # the usual case, which need not import the events
    from tipoff_common.events import RejectReason

    if value not in RejectReason.__members__.values():
        raise typer.BadParameter(f"'{value}' is not a valid reason; use one of {', '.join(RejectReason)}")
    return value


ReasonOption = Annotated[
    str | None,
    typer.Option(
        metavar="R",
        callback=_known_reason,
        help="undecodable, oversized, unknown_type, invalid_payload, not_storable or delivery_attempts",
        show_default=False,
    ),
]
SinceOption = Annotated[
    datetime | None,
    typer.Option(parser=instant, metavar="TIME", help="rejected since then; seven days when left out"),
]


@dead_letters.command("list")
def list_letters(reason: ReasonOption = None, since: SinceOption = None, json: AsJson = False) -> None:
    """List the dead letters, latest first."""
    connection, letters = _find(since or wall_now() - RECENT, reason)
    if json:
        say_json(jsonable(letters))
        return
    if letters:
        _show_letters(letters)
    summary = f"{len(letters)} dead letters; instants in {zone_name()} time; from {connection.where}"
    console.print(summary, style="bright_black")


@dead_letters.command()
def show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="as `list` prints it")],
    json: AsJson = False,
) -> None:
    """Show one dead letter: its fault, its attributes and its payload."""
    connection, (letter, *_) = _find(EVER, None, [identifier])
    try:
        body, missing = payload(letter, connection.bucket).decode("utf-8", "backslashreplace"), None
    except (PayloadMissing, Unavailable, NotConnected) as error:
        body, missing = letter.payload_head or "", str(error)
    if json:
        # `payload` contains the head, and is only the head when the object is missing.
        shown = {name: value for name, value in jsonable(letter).items() if name != "payload_head"}
        say_json({**shown, "payload": body, "payload_incomplete": missing})
        return
    fields = []
    for name, value in asdict(letter).items():
        if name in ("attributes", "payload_head"):
            continue
        seen = clock(value, "%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value
        fields.append((Text(name, "bold"), "-" if seen is None else str(seen)))
    say_fields(fields)
    say_fields([(Text(f"  {name}", "cyan"), value) for name, value in letter.attributes.items()])
    if missing:
        errors.print(Text(f"only the beginning of the payload: {missing}", "yellow"))
    console.print(Text(_pretty(body)))


@dead_letters.command()
def replay(
    identifiers: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="as `list` prints them", show_default=False)
    ] = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the plan and publish nothing")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="publish without asking")] = False,
    json: AsJson = False,
) -> None:
    """Publish dead letters to their topics again, unchanged.

    IDs name the letters, or --reason and --since select them. The command shows the plan first. A message keeps its
    ids, so that a repeated replay does nothing twice. Exit code 1 when a letter was not published, 2 for wrong usage.
    """
    if not identifiers and reason is None and since is None:
        refuse("name dead letters, or select them with --reason or --since", WRONG_USAGE)
    # A prompt on stdout would spoil the JSON.
    if json and not (yes or dry_run):
        refuse("--json cannot ask for confirmation: add --yes, or --dry-run to see the plan", WRONG_USAGE)
    # Named letters are found however old they are; a selection without --since is bounded like `list`.
    start = since or (EVER if identifiers else wall_now() - RECENT)
    connection, letters = _find(start, reason, identifiers or [])
    topics = connection.topics()
    plan = plan_replays(letters, topics, connection.bucket)
    accepted = [item for item in plan if item.topic is not None]
    refused = [item for item in plan if item.refused is not None]
    if not json:
        _show_plan(plan)
    if accepted and not dry_run:
        doomed = sum(item.dies_again is not None for item in accepted)
        warning = f" ({doomed} will be refused again by services of this version)" if doomed else ""
        if not yes and not typer.confirm(f"publish {pluralize(len(accepted), 'message')}{warning}?"):
            refuse("nothing was published")
        _publish(accepted, connection, topics)
    if json:
        say_json({"published": bool(accepted) and not dry_run, "messages": [_as_json(item) for item in plan]})
    elif dry_run:
        console.print("dry run: nothing was published")
    else:
        console.print(f"published {len(accepted)}, refused {len(refused)}")
    raise typer.Exit(1 if refused and not dry_run else 0)


def _find(
    since: datetime, reason: str | None, ids: Sequence[str] = ()
) -> tuple[Connection, list[DeadLetter]]:
    """Find the dead letters by their ids. Ends the command when the dataset lacks one of them."""
    connection = find_connection()
    letters = read_dead_letters(connection.warehouse(), connection.environment, since, reason, ids)
    if unknown := unknown_ids(ids, letters):
        refuse(
            f"no selected dead letter has the id {', '.join(unknown)}; `tipoff dead-letters list` lists a week"
        )
    return connection, letters


def _publish(accepted: Sequence[Replay], connection: Connection, topics: "TopicMap") -> None:
    try:
        connection.bus(topics).publish_messages(messages(accepted, connection.bucket))
    except (NotConnected, PayloadMissing, Unavailable) as error:
        refuse(f"{error}\nsome messages may be published; repeat the replay, which keeps their ids")


def _show_letters(letters: Sequence[DeadLetter]) -> None:
    say_rows(
        ("rejected", "id", "reason", "event type", "subscription", "detail"),
        [(*_columns(letter), letter.subscription or "-", letter.detail or "") for letter in letters],
    )


def _columns(letter: DeadLetter) -> tuple[str, ...]:
    rejected = clock(letter.rejected_at, "%Y-%m-%d %H:%M")
    return rejected, letter.event_id, letter.reason, letter.event_type or "-"


def _show_plan(plan: Sequence[Replay]) -> None:
    if not plan:
        console.print("no dead letters are selected")
        return
    say_rows(
        ("rejected", "id", "reason", "event type", "is published to"),
        [(*_columns(item.letter), _verdict(item)) for item in plan],
    )


def _verdict(item: Replay) -> Text:
    if item.refused:
        return Text(f"refused: {item.refused}", "yellow")
    if item.copy_of:
        return Text(f"the same message as {item.copy_of}", "bright_black")
    if item.dies_again:
        return Text.assemble(
            (item.topic or "", "green"), (f", but will be refused again: {item.dies_again}", "yellow")
        )
    return Text(item.topic or "", "green")


def _as_json(item: Replay) -> "JsonValue":
    letter = item.letter
    return {
        "event_id": letter.event_id,
        "event_type": letter.event_type,
        "ce_id": letter.attributes.get("ce-id"),
        "topic": item.topic,
        "copy_of": item.copy_of,
        "refused": item.refused,
        "dies_again": item.dies_again,
    }


def _pretty(body: str) -> str:
    try:
        return json_text.dumps(json_text.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
