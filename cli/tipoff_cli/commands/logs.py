"""`tipoff logs`: logs of services and scrapers about one run."""

import json as json_format
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from tipoff_cli.connection import PROJECT, STACK_ENVIRONMENT, NotConnected, find_connection
from tipoff_cli.console import WRONG_USAGE, AsJson, console, refuse, say_json, say_source
from tipoff_cli.times import clock
from tipoff_common.words import pluralize

_FOLDER = STACK_ENVIRONMENT.parent / "logs"
"""Folder of the local stack's logs, with a file for each process."""
_IDS = ("request_id", "execution_id", "occurrence_id", "decision_id", "event_id", "cleanup_id", "alert_id")
"""Fields that assign a line to a run."""
_SHORTEST_PREFIX = 8
"""Least characters of a prefix: shorter prefixes match too many ids."""
_KNOWN = frozenset({"severity", "time", "message", "logger", "service", "version", "exception"})
"""Fields with their own place in a printed line; other fields follow as name=value."""
_HEADING = "Traceback (most recent call last)"
_FRAME = re.compile(r'\s+File "([^"]+)", line \d+')
_LIBRARY = re.compile(r"/(site-packages|dist-packages)/|/lib/python3|<frozen|/tipoff_\w+/")
"""Paths of code that does not belong to the scraper."""
_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
_READ_SECONDS = 60.0
_MOST = 1000
"""The most lines to read from Cloud Logging: more than one run writes, and few enough to read quickly."""

LogLine = Mapping[str, Any]


def logs(
    identifier: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="id of a request, execution, occurrence or decision, or its beginning",
        ),
    ],
    days: Annotated[int, typer.Option(min=1, max=30, help="how far back Cloud Logging is searched")] = 7,
    full: Annotated[
        bool, typer.Option("--full", help="whole tracebacks, with the frames of Tipoff and of libraries")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show the logs of the services and of the scraper itself about one run, tracebacks included.

    A traceback is cut to the scraper's own frames and the last error. Lines are read from the files of the stack that
    runs here, or ran here last; else from Cloud Logging by gcloud, for which the environment names TIPOFF_PROJECT.
    The services removed secrets when they wrote the lines. `tipoff trace ID` has the ids.
    Exit code 1 when there is no such line, or the logs cannot be read.
    """
    if len(identifier) < _SHORTEST_PREFIX:
        refuse(f"write at least {_SHORTEST_PREFIX} characters of the id", WRONG_USAGE)
    where, lines = _found(identifier, days)
    found = sorted(lines, key=lambda line: str(line.get("time", "")))
    if not found:
        refuse(
            f"no log line of {identifier} in {where}; use an id of a run, as `tipoff trace` shows it; the"
            " local stack's logs begin with its last start"
        )
    if json:
        say_json([dict(line) for line in found])
        return
    for line in found:
        _show(line, full=full)
    say_source(where)


def belongs(line: LogLine, identifier: str) -> bool:
    """Return whether a line has the id, or an id with this prefix."""
    return any(str(line.get(name, "")).startswith(identifier) for name in _IDS)


def read_files(folder: Path) -> Iterator[LogLine]:
    """Yield the log lines of the local stack's processes that are JSON objects."""
    for file in sorted(folder.glob("*.log")):
        for text in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if text.startswith("{"):
                try:
                    yield json_format.loads(text)
                except ValueError:
                    continue  # cut off when its process was killed


def _found(identifier: str, days: int) -> tuple[str, list[LogLine]]:
    """Return the place that was searched, and the lines of the id."""
    try:
        connection = find_connection()
    except NotConnected as error:
        if not _FOLDER.is_dir():
            refuse(str(error))
        local = True
    else:
        local = connection.environment == "local"
    if local:
        return str(_FOLDER), [line for line in read_files(_FOLDER) if belongs(line, identifier)]
    project = connection.values.get(PROJECT)
    if not project:
        refuse(f"{connection.where} names no project whose logs to read; set {PROJECT}")
    return f"Cloud Logging of {project}", [
        line for line in _read_cloud(project, identifier, days) if belongs(line, identifier)
    ]


def cloud_filter(identifier: str) -> str:
    """Return Cloud Logging's filter for the lines of an id, or of ids with this prefix."""
    # Escape quotes, which would end the text.
    quoted = json_format.dumps(identifier)
    fields = " OR ".join(f"jsonPayload.{name}:{quoted}" for name in _IDS)
    return f'resource.type="cloud_run_revision" AND ({fields})'


def _read_cloud(project: str, identifier: str, days: int) -> Iterator[LogLine]:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        refuse("gcloud is not installed, so Cloud Logging cannot be read; install the Google Cloud CLI")
    command = [
        gcloud,
        "logging",
        "read",
        cloud_filter(identifier),
        f"--project={project}",
        f"--freshness={days}d",
        f"--limit={_MOST}",
        "--format=json",
    ]
    try:
        done = subprocess.run(  # noqa: S603  # the command that was found
            command, capture_output=True, text=True, timeout=_READ_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        refuse(f"Cloud Logging did not answer within {_READ_SECONDS:.0f} s; try fewer --days")
    if done.returncode:
        refuse(f"gcloud cannot read the logs of {project}: {done.stderr.strip()}")
    for entry in json_format.loads(done.stdout or "[]"):
        payload = entry.get("jsonPayload") or {}
        labels = (entry.get("resource") or {}).get("labels") or {}
        # Cloud Logging moves time and severity out of the object, and has the service in a label.
        yield {
            "time": entry.get("timestamp", ""),
            "severity": entry.get("severity", "INFO"),
            "service": labels.get("service_name", ""),
            **payload,
        }


def own_frames(exception: str) -> list[str]:
    """Return the scraper's own frames of a traceback and the last error; the whole traceback when the scraper has no
    frame in it."""
    kept, error = list[str](), list[str]()
    frame_is_own = in_error = False
    for line in exception.rstrip().splitlines():
        if line.startswith(_HEADING):
            frame_is_own = in_error = False
            error = []
        elif not in_error and (found := _FRAME.match(line)):
            frame_is_own = _LIBRARY.search(found[1]) is None
        elif in_error or not line.startswith(" "):
            # The error extends from the first unindented line to the next heading: a message may have indented lines.
            frame_is_own, in_error = False, True
            error.append(line)
        if frame_is_own:
            kept.append(line)
    return [*kept, *(line for line in error if line)] if kept else exception.rstrip().splitlines()


def _show(line: LogLine, *, full: bool) -> None:
    severity = str(line.get("severity", "INFO"))
    others = {
        name: value
        for name, value in line.items()
        # Fields with "/" are Cloud Logging's own, such as the trace's, for its console.
        if name not in _KNOWN and name not in _IDS and "/" not in name and value is not None
    }
    console.print(
        Text.assemble(
            (f"{_clock(str(line.get('time', '')))} ", "bright_black"),
            (f"{severity:<8}", _STYLES.get(severity, "")),
            (f"{line.get('service', '')} ", "cyan"),
            str(line.get("message", "")),
            (
                " " + " ".join(f"{name}={value}" for name, value in others.items()) if others else "",
                "bright_black",
            ),
        )
    )
    if exception := line.get("exception"):
        whole = str(exception).rstrip().splitlines()
        shown = whole if full else own_frames(str(exception))
        for text in shown:
            console.print(Text(f"    {text}", "red"))
        if len(shown) < len(whole):
            left = pluralize(len(whole) - len(shown), "line")
            console.print(Text(f"    {left} of Tipoff and libraries left out: --full", "bright_black"))


def _clock(text: str) -> str:
    from datetime import datetime

    try:
        return clock(datetime.fromisoformat(text), "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text
