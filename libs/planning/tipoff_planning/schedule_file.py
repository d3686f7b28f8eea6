"""A schedule of games from a file: one that a scraper landed, or the source's own payload."""

import json
from datetime import date, datetime
from pathlib import Path

from pydantic import ValidationError

from scrapers.nbacom.nbac_schedule.scraper import Parameters, parse
from tipoff_common.yaml_source import ConfigurationError
from tipoff_planning.calendar import Calendar, Game, ScheduleFile
from tipoff_scraper_runner.errors import ScrapeFailure

_ANY_DAY = Parameters(game_date=date(2000, 1, 1))  # it selects nothing


def read_games(path: Path) -> tuple[Game, ...]:
    """The games of a landed document ("records"), or of a payload of cdn.nba.com or stats.nba.com ("leagueSchedule"),
    which the nbac_schedule scraper reads.

    Raises:
        ConfigurationError: the file cannot be read or is neither.
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
        records = parse(body, _ANY_DAY).records
        return ScheduleFile.model_validate({"records": [record.model_dump() for record in records]}).records
    except (ScrapeFailure, ValidationError) as error:
        what = "name a landed schedule or a scheduleLeagueV2 payload"
        raise ConfigurationError([f"{path}: is no schedule: {error}; {what}"]) from error


def read_calendar_file(path: Path, fetched_at: datetime) -> Calendar:
    """Raises ConfigurationError."""
    return Calendar(read_games(path), fetched_at)


def _is_landed(body: bytes) -> bool:
    try:
        document = json.loads(body)
    except ValueError:
        return False  # the scraper says what is wrong with it
    return isinstance(document, dict) and "records" in document
