"""A schedule of games from a file: a landed document, or a source's own payload, read by its scraper's parser."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tipoff_common.yaml_source import ConfigurationError
from tipoff_planning.calendar import Calendar, Game, ScheduleFile

PayloadParser = Callable[[bytes], Iterable[Mapping[str, Any]]]
"""Parses the records of a source's own payload. Raises ValueError, whose message names the fault."""


def read_games(path: Path, parse_payload: PayloadParser | None = None) -> tuple[Game, ...]:
    """Read the games of a landed document (with "records"), or of another payload by `parse_payload`.

    Raises:
        ConfigurationError: the file cannot be read, or is not a schedule.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            [f"{path}: cannot be read: {error.strerror}; name an existing file"]
        ) from error
    try:
        if _is_landed(body):
            return ScheduleFile.model_validate_json(body).records
        if parse_payload is None:
            raise ValueError("no records, and no installed scraper reads a payload")
        return ScheduleFile.model_validate({"records": list(parse_payload(body))}).records
    except (ValueError, ValidationError) as error:
        remedy = "name a landed schedule, or a payload of the scraper that the configuration's calendar names"
        raise ConfigurationError([f"{path}: not a schedule: {error}; {remedy}"]) from error


def read_calendar_file(
    path: Path, fetched_at: datetime, parse_payload: PayloadParser | None = None
) -> Calendar:
    """Read a calendar from a file as fetched at `fetched_at`. Raises ConfigurationError."""
    return Calendar(read_games(path, parse_payload), fetched_at)


def _is_landed(body: bytes) -> bool:
    try:
        document = json.loads(body)
    except ValueError:
        return False  # a payload need not be JSON; its parser reports the fault
    return isinstance(document, dict) and "records" in document
