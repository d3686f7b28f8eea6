"""Tests of games from a file: a landed file, or a payload for an injected parser."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.controller import DAY, at, document, game
from tipoff_common.yaml_source import ConfigurationError
from tipoff_planning.schedule_file import read_calendar_file, read_games


def refuse(_body: bytes) -> Iterable[Mapping[str, Any]]:
    raise ValueError("it has no key 'leagueSchedule'")


def write(folder: Path, text: str) -> Path:
    file = folder / "schedule.json"
    file.write_text(text)
    return file


def test_a_landed_document_is_not_given_to_the_parser(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least 1 item"):
        read_games(write(tmp_path, json.dumps({"records": []})), refuse)


def test_payload_without_parser_is_refused_with_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no installed scraper reads a payload"):
        read_games(write(tmp_path, "{}"))


def test_parser_error_is_reported_with_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "{}")
    with pytest.raises(ConfigurationError, match=f"{file}: not a schedule: it has no key 'leagueSchedule'"):
        read_games(file, refuse)


def test_invalid_game_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a schedule"):
        read_games(write(tmp_path, "x"), lambda _body: [{"game_id": "1"}])


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="name an existing file"):
        read_games(tmp_path / "nowhere.json")


GAME = game(1, at("19:00"))


def test_a_landed_schedule_is_read_as_its_games(tmp_path: Path) -> None:
    file = tmp_path / "landed.json"
    file.write_bytes(document([GAME]))
    assert read_games(file) == (GAME,)
    calendar = read_calendar_file(file, at("05:00"))
    assert (calendar.all_on(DAY), calendar.fetched_at) == ((GAME,), at("05:00"))


@pytest.mark.parametrize("payload", ["x", "[]", "{}", '["records"]'])
def test_any_other_payload_is_read_by_the_parser(payload: str, tmp_path: Path) -> None:
    games = read_games(write(tmp_path, payload), lambda _body: [GAME.model_dump(mode="json")])
    assert games == (GAME,)
