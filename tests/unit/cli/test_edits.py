"""Tests of edits to the files that the running stack has read."""

import os
from pathlib import Path

import pytest

from tipoff_cli import edits
from tipoff_cli.checkout import ALERTS
from tipoff_cli.edits import Seen, changed_since, look, note_read, unread


@pytest.mark.parametrize(
    ("then", "is_edit"),
    [("b: 1\n", True), ("a: 1\n", False), (None, True)],
    ids=["edited", "touched, or edited and restored", "removed"],
)
@pytest.mark.parametrize("name", ["workflows.yaml", "alerts.yaml", "scrapers/source/scraper.yaml"])
def test_edit_is_detected_by_content_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, then: str | None, is_edit: bool
) -> None:
    """A file that was touched, or edited and restored, was listed as not read by the stack."""
    environment, edited = tmp_path / "stack.env", tmp_path / name

    def read_now() -> Seen:
        return look(tmp_path / "workflows.yaml", tmp_path / "scrapers", tmp_path / "alerts.yaml")

    edited.parent.mkdir(parents=True, exist_ok=True)
    edited.write_text("a: 1\n")
    environment.touch()
    monkeypatch.setattr(edits, "STACK_ENVIRONMENT", environment)
    monkeypatch.setattr(edits, "look", read_now)
    read = read_now()
    note_read(environment, read)
    if then is None:
        edited.unlink()
    else:
        edited.write_text(then)
        os.utime(edited, ns=(1, 1))
    result = unread()
    assert (result is not None and str(edited) in result) is is_edit
    assert changed_since(read, read_now()) == ([str(edited)] if is_edit else [])


def test_the_alert_rules_of_the_fleet_are_among_the_files_that_a_stack_reads() -> None:
    assert ALERTS in look()
