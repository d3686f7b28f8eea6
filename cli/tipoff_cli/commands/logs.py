"""`tipoff logs`: what services and scrapers logged about one run."""

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
"""Folder of the local stack's logs, a file a process."""
_IDS = ("request_id", "execution_id", "occurrence_id", "decision_id", "event_id", "cleanup_id", "alert_id")
"""Fields by which a line belongs to a run."""
_SHORTEST_PREFIX = 8
"""Fewer characters than this begin too many ids to be meant for one."""
_KNOWN = frozenset({"severity", "time", "message", "logger", "service", "version", "exception"})
"""Fields that a printed line has a place for; all others stand behind it."""
_HEADING = "Traceback (most recent call last)"
_FRAME = re.compile(r'\s+File "([^"]+)", line \d+')
_LIBRARY = re.compile(r"/(site-packages|dist-packages)/|/lib/python3|<frozen|/tipoff_\w+/")
"""Paths of code that is not the scraper's."""
_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
_READ_SECONDS = 60.0
_MOST = 1000
"""Lines that are read from Cloud Logging: more than a run has, and few enough to wait for."""

LogLine = Mapping[str, Any]


def logs(
    identifier: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="of a request or execution, an occurrence, a decision; or how one of them begins",
        ),
    ],
    days: Annotated[int, typer.Option(min=1, max=30, help="how far back Cloud Logging is searched")] = 7,
    full: Annotated[
        bool, typer.Option("--full", help="whole tracebacks, with the frames of Tipoff and of libraries")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show what the services and the scraper itself logged about one run, tracebacks included.

    A traceback is cut to the scraper's own frames and the last error. Lines are read from the files of the stack that
    runs here, or ran here last; else from Cloud Logging by gcloud, for which the environment names TIPOFF_PROJECT.
    Secrets were taken out when the lines were written. `tipoff trace ID` has the ids.
    Exit code 1 when there is no such line, or the logs cannot be read.
    """
    if len(identifier) < _SHORTEST_PREFIX:
        refuse(f"write at least {_SHORTEST_PREFIX} characters of the id", WRONG_USAGE)
    where, lines = _found(identifier, days)
    found = sorted(lines, key=lambda line: str(line.get("time", "")))
    if not found:
        refuse(
            f"no line of {identifier} in {where}; logged are runs, by the ids that `tipoff trace` shows, and the"
            " local stack's since its last start"
        )
    if json:
        say_json([dict(line) for line in found])
        return
    for line in found:
        _show(line, full=full)
    say_source(where)


def belongs(line: LogLine, identifier: str) -> bool:
    """Tell whether a line is about the id, or about one that begins so."""
    return any(str(line.get(name, "")).startswith(identifier) for name in _IDS)


def read_files(folder: Path) -> Iterator[LogLine]:
    """Read the lines of the local stack's processes; what is no JSON object is passed over."""
    for file in sorted(folder.glob("*.log")):
        for text in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if text.startswith("{"):
                try:
                    yield json_format.loads(text)
                except ValueError:
                    continue  # cut off when its process was killed


def _found(identifier: str, days: int) -> tuple[str, list[LogLine]]:
    """Return where was looked, and the lines of the id."""
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
    """Write Cloud Logging's filter for the lines of an id, or of ids that begin so."""
    # A quote would end the text; no id has one.
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
        # Cloud Logging takes time and severity out of the object, and knows the service by its own label.
        yield {
            "time": entry.get("timestamp", ""),
            "severity": entry.get("severity", "INFO"),
            "service": labels.get("service_name", ""),
            **payload,
        }


def own_frames(exception: str) -> list[str]:
    """Return the lines of a traceback that are the scraper's: its frames, and the last error. All of them where no
    frame is its own."""
    kept, error = list[str](), list[str]()
    frame_is_own = in_error = False
    for line in exception.rstrip().splitlines():
        if line.startswith(_HEADING):
            frame_is_own = in_error = False
            error = []
        elif not in_error and (found := _FRAME.match(line)):
            frame_is_own = _LIBRARY.search(found[1]) is None
        elif in_error or not line.startswith(" "):
            # From the first line without an indent to the next heading: a message may have indented lines of its own.
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
        # Cloud Logging's own fields, such as the trace's, are for its console.
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
