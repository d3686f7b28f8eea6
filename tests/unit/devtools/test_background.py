"""What `tipoff down` says of a stack that is gone."""

from pathlib import Path

import pytest
from rich.console import Console

from tipoff_dev.stack import background
from tipoff_dev.stack.background import stop_background


def test_a_stack_that_ended_by_itself_is_told_of_with_the_process_that_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "stack.log"
    log.write_text("what  where\nlogger ended with exit code -9:\nits last line\n(log: logger.log)\n")
    monkeypatch.setattr(background, "_LOG", log)
    monkeypatch.setattr(background, "_LOCK", tmp_path / "stack.lock")
    stop_background(Console())
    assert capsys.readouterr().out == (
        f"no stack is running\nthe last one ended by itself: logger ended with exit code -9 (see {log})\n"
    )
