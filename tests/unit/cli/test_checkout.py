"""Tests of the fleet's files as commands read them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tipoff_cli.checkout import find_fleet, read_timezone
from tipoff_cli.errors import CommandFailed


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("timezone: Asia/Tokyo\n", "Asia/Tokyo"),
        ('timezone: "Europe/Rome"  # of the source\n', "Europe/Rome"),
        ('"timezone": Asia/Tokyo\n', "Asia/Tokyo"),
        ("{timezone: Asia/Tokyo, workflows: {}}\n", "Asia/Tokyo"),
        ("workflows:\n  w:\n    timezone: Asia/Tokyo\n", "America/New_York"),
        ("workflows: {}\n", "America/New_York"),
        ("timezone: [unfinished\n", "America/New_York"),
    ],
)
def test_fleet_zone_is_read_from_each_yaml_form(tmp_path: Path, text: str, zone: str) -> None:
    (tmp_path / "workflows.yaml").write_text(text)
    assert read_timezone(tmp_path / "workflows.yaml") == zone


def test_a_fleet_without_a_file_has_the_default_zone(tmp_path: Path) -> None:
    assert read_timezone(tmp_path / "workflows.yaml") == "America/New_York"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('datset = "x"', "unknown key 'datset'; did you mean 'dataset'?"),
        ("zone = 1", "its keys are name, dataset"),
    ],
)
def test_unknown_key_of_tipoff_toml_is_refused(tmp_path: Path, line: str, message: str) -> None:
    """A mistyped `dataset` key selected the default dataset."""
    (tmp_path / "tipoff.toml").write_text(f'name = "rivers"\n{line}\n')
    with pytest.raises(CommandFailed, match=re.escape(message)):
        find_fleet(tmp_path)
