"""What commands read of a fleet's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tipoff_cli.checkout import read_timezone


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
def test_the_fleets_zone_is_read_however_yaml_writes_it(tmp_path: Path, text: str, zone: str) -> None:
    (tmp_path / "workflows.yaml").write_text(text)
    assert read_timezone(tmp_path / "workflows.yaml") == zone


def test_a_fleet_without_a_file_has_the_default_zone(tmp_path: Path) -> None:
    assert read_timezone(tmp_path / "workflows.yaml") == "America/New_York"
