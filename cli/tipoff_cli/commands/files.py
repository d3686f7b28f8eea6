"""`tipoff files`: landed files, their receipts from Phase 2, and the reasons for missing receipts."""

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from tipoff_cli.connection import Connection, find_connection
from tipoff_cli.console import (
    RECENT,
    WRONG_USAGE,
    AsJson,
    AsOf,
    console,
    jsonable,
    refuse,
    say_fields,
    say_json,
    say_rows,
    say_source,
)
from tipoff_cli.times import clock, instant
from tipoff_common.files import object_name
from tipoff_common.ports import PermanentRefusal
from tipoff_common.visible import visible
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import nearest, pluralize
from tipoff_dataset.dead_letters import DeadLetter, read_dead_letters
from tipoff_dataset.file_verdict import FileState, FileVerdict, judge
from tipoff_dataset.landed_files import (
    EVERY,
    Files,
    FileSelector,
    LandedFile,
    LogWindow,
    NoFileNamed,
    NotAnnounceable,
    announcement,
)

_MINUTE = "%Y-%m-%d %H:%M:%S"
_STYLES = {
    FileState.PROCESSED: "green",
    FileState.WAITING: "cyan",
    FileState.REPUBLISHED: "yellow",
    FileState.LOST: "yellow",
    FileState.GIVEN_UP: "bold red",
    FileState.GONE: "bold red",
    FileState.CHANGED: "bold red",
    FileState.FOREIGN: "bold red",
}

files = typer.Typer(no_args_is_help=True, help="List landed files, and explain why one has no receipt.")

Since = Annotated[
    datetime | None,
    typer.Option(parser=instant, metavar="TIME", help="written since then; a week when left out"),
]


@files.command()
def show(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="its gs:// path, or the first digits of its content hash")
    ],
    since: Since = None,
    as_of: AsOf = None,
    json: AsJson = False,
) -> None:
    """Explain one file: when it landed and by which execution, its receipts, its republishes, and the next step.

    Exit code 1 when the dataset has no such file, or cannot be queried.
    """
    window = _window(since, as_of)
    connection, known, landed = _find_one(file, window)
    verdict = judge(landed, known.latest_cleanup(), window.as_of)
    letters = read_dead_letters(
        connection.warehouse(), connection.environment, window.since, path=landed.gcs_path
    )
    if json:
        say_json({**_as_json(landed, verdict), "dead_letters": jsonable(letters)})
        return
    console.print(Text(landed.gcs_path, "bold"))
    story = sorted(_story(landed, letters), key=lambda event: event[0])
    say_fields([(clock(at, _MINUTE), what, text) for at, what, text in story])
    console.print(Text.assemble((f"{verdict.state.value}: ", _STYLES[verdict.state]), verdict.why))
    console.print(Text.assemble(("next: ", "bold"), verdict.next))
    say_source(connection.where)


@files.command()
def cat(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="gs:// path of a landed file or of a kept raw payload")
    ],
) -> None:
    """Print a landed file or a raw payload; pipe it into a file to keep it as it is.

    Exit code 1 when there is no such object or the bucket cannot be read.
    """
    bucket, _, name = path.removeprefix("gs://").partition("/")
    if not path.startswith("gs://") or not name:
        refuse(
            f"'{path}' is not a gs:// path; write gs://BUCKET/NAME as `tipoff files list` prints it",
            WRONG_USAGE,
        )
    try:
        body = find_connection().bucket(bucket).get(name)
    except PermanentRefusal as error:
        refuse(f"'{path}' cannot be a file: {error}", WRONG_USAGE)
    if body is None:
        refuse(f"{path} is not in the bucket; see its history with `tipoff files show`")
    if sys.stdout.isatty():
        # A payload may be a PDF or contain control characters, which must not reach a terminal.
        typer.echo(visible(body.decode("utf-8", "backslashreplace")))
    else:
        sys.stdout.buffer.write(body)


@files.command()
def announce(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="its gs:// path, or the first digits of its content hash")
    ],
    since: Since = None,
    yes: Annotated[bool, typer.Option("--yes", help="publish without asking")] = False,
) -> None:
    """Republish a file to Phase 2, also one that cleanup has republished or given up.

    Exit code 1 when it cannot be republished, or nothing was published.
    """
    from tipoff_common.identity import content_hash
    from tipoff_common.publisher import Publisher

    connection, _, landed = _find_one(file, _window(since, None))
    try:
        event = announcement(landed, wall_now())
    except NotAnnounceable as error:
        refuse(str(error))
    data = connection.data()
    name_in_bucket = object_name(event.gcs_path, data.bucket)
    if name_in_bucket is None:
        refuse(
            f"{event.gcs_path} is not a path that a runner writes to in gs://{data.bucket}; check TIPOFF_PROJECT, or"
            f" look at its finding with `tipoff files show {file}`"
        )
    content = data.get(name_in_bucket)
    # The announcement states the hash of the log, which would be wrong for a changed object.
    if content is None or content_hash(content) != event.content_sha256:
        fault = (
            "not in the bucket" if content is None else "in the bucket with other content than was written"
        )
        refuse(f"{event.gcs_path} is {fault}; restore it, or write it again with `tipoff reparse`")
    if not yes and not typer.confirm(f"republish {event.gcs_path}?"):
        refuse("nothing was published")
    Publisher("cli", connection.bus(connection.topics())).publish([event])
    console.print(f"republished, event {event.id}; to follow it: `tipoff files show`")


@files.command("list")
def list_files(
    missing: Annotated[bool, typer.Option("--missing", help="only those without a receipt")] = False,
    since: Since = None,
    as_of: AsOf = None,
    json: AsJson = False,
) -> None:
    """List the landed files with their states, latest first."""
    window = _window(since, as_of)
    connection, known = _open(window)
    found, cleanup = known.find(EVERY), known.latest_cleanup()
    found.sort(key=lambda file: (_landed_at(file), file.gcs_path), reverse=True)
    rows = [(file, judge(file, cleanup, window.as_of)) for file in found]
    if missing:
        rows = [(file, verdict) for file, verdict in rows if verdict.state is not FileState.PROCESSED]
    if json:
        say_json([_as_json(file, verdict) for file, verdict in rows])
        return
    if rows:
        _show(rows)
    kind = " without a receipt" if missing else ""
    console.print(f"{pluralize(len(rows), 'file')}{kind} since {clock(window.since, '%Y-%m-%d %H:%M')}")
    say_source(connection.where)


def _landed_at(file: LandedFile) -> datetime:
    """Return the time at which the file was first written, else the time of its first receipt."""
    return file.wrote[0].ended_at if file.wrote else file.receipts[0].processed_at


def _window(since: datetime | None, as_of: datetime | None) -> LogWindow:
    until = as_of or wall_now()
    if since and since > until:
        refuse("--since is later than --as-of; swap them", WRONG_USAGE)
    return LogWindow(since or until - RECENT, until)


def _open(window: LogWindow) -> tuple[Connection, Files]:
    connection = find_connection()
    return connection, Files(connection.warehouse(), connection.environment, window)


def _find_one(argument: str, window: LogWindow) -> tuple[Connection, Files, LandedFile]:
    """Return the file of that path or hash; end the command unless exactly one file matches."""
    try:
        selector = FileSelector.read(argument)
    except NoFileNamed as error:
        refuse(str(error), WRONG_USAGE)
    connection, known = _open(window)
    found = known.find(selector)
    if len(found) != 1:
        refuse(_not_one(argument, found, known, window))
    return connection, known, found[0]


def _not_one(argument: str, found: Sequence[LandedFile], known: Files, window: LogWindow) -> str:
    if found:
        paths = "".join(f"\n  {file.gcs_path}" for file in found)
        return f"'{argument}' is the beginning of {len(found)} files; write more characters:{paths}"
    since = clock(window.since, "%Y-%m-%d %H:%M")
    # Similar paths help against a typo; a mistyped hash resembles others by chance only.
    near = nearest(argument, [file.gcs_path for file in known.find(EVERY)]) if "/" in argument else []
    return (
        f"no file '{argument}' landed since {since}; look further back with --since, or see `tipoff files list`"
        + ("; similar paths:" + "".join(f"\n  {path}" for path in near) if near else "")
    )


def _story(file: LandedFile, letters: Sequence[DeadLetter]) -> Iterator[tuple[datetime, str, str]]:
    from tipoff_common.events import Source

    for number, wrote in enumerate(file.wrote):
        text = f"by execution {wrote.execution_id} of {wrote.scraper_name}"
        # The workflow names the requester of a controller's run; other runs have only their source.
        by = (
            wrote.workflow
            if wrote.source == Source.CONTROLLER
            else f"{wrote.workflow}, source {wrote.source}"
        )
        text += f" ({by}), {wrote.records} records about {wrote.game_date}"
        again = "parsed again" if wrote.is_parsed_again else "fetched again"
        yield wrote.ended_at, again if number else "landed", text
    for receipt in file.receipts:
        rows = "" if receipt.row_count is None else f", {pluralize(receipt.row_count, 'row')}"
        yield receipt.processed_at, "receipt", f"of {receipt.processor}{rows}"
    for sighting in file.sightings:
        done = "republished" if sighting.republished else "left alone"
        yield sighting.cleanup_time, "missing", f"after {sighting.age_minutes} min, {done}"
    for finding in file.findings:
        yield finding.cleanup_time, finding.kind.replace("_", " "), finding.detail
    for letter in letters:
        text = f"{letter.event_type} refused by {letter.service}: {letter.reason}: {letter.detail}"
        yield letter.rejected_at, "dead letter", f"{text}  {letter.event_id}"


def _show(rows: Sequence[tuple[LandedFile, FileVerdict]]) -> None:
    say_rows(
        ("landed", "scraper", "state", "why", "file"),
        [
            (
                clock(_landed_at(file), _MINUTE),
                file.wrote[0].scraper_name if file.wrote else "-",
                Text(verdict.state.value, _STYLES[verdict.state]),
                verdict.why,
                file.gcs_path,
            )
            for file, verdict in rows
        ],
    )


def _as_json(file: LandedFile, verdict: FileVerdict) -> dict[str, Any]:
    fields: dict[str, Any] = jsonable(file)
    return {**fields, "state": verdict.state.value, "why": verdict.why, "next": verdict.next}
