"""Tests of edits to the files that the running stack has read."""

import os
from pathlib import Path

import pytest

from tipoff_cli import edits
from tipoff_cli.edits import changed_since, look, note_read, unread


@pytest.mark.parametrize(
    ("then", "is_edit"),
    [("b: 1\n", True), ("a: 1\n", False), (None, True)],
    ids=["edited", "touched, or edited and restored", "removed"],
)
def test_an_edit_is_another_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str | None, is_edit: bool
) -> None:
    """A file that was touched, or edited and restored, was listed as not read by the stack."""
    workflows, scrapers, environment = (
        tmp_path / "workflows.yaml",
        tmp_path / "scrapers",
        tmp_path / "stack.env",
    )
    workflows.write_text("a: 1\n")
    environment.touch()
    monkeypatch.setattr(edits, "STACK_ENVIRONMENT", environment)
    monkeypatch.setattr(edits, "look", lambda: look(workflows, scrapers))
    read = look(workflows, scrapers)
    note_read(environment, read)
    if then is None:
        workflows.unlink()
    else:
        workflows.write_text(then)
        os.utime(workflows, ns=(1, 1))
    told = unread()
    assert (told is not None and str(workflows) in told) is is_edit
    assert changed_since(read, look(workflows, scrapers)) == ([str(workflows)] if is_edit else [])
