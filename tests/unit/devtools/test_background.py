"""What `tipoff up` begins with, and what `tipoff down` says of a stack that is gone."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tipoff_cli import connection
from tipoff_dev.demo import show
from tipoff_dev.stack import background, session, stack
from tipoff_dev.stack.background import run_in_foreground, stop_background
from tipoff_dev.stack.processes import StackError
from tipoff_dev.stack.up_options import UpOptions


def test_a_stack_that_ended_by_itself_is_told_of_with_the_process_that_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "stack.log"
    log.write_text("what  where\nlogger ended with exit code -9:\nits last line\n(log: logger.log)\n")
    monkeypatch.setattr(connection, "STACK_ENVIRONMENT", tmp_path / "stack.env")
    monkeypatch.setattr(background, "_LOCK", tmp_path / "stack.lock")
    stop_background(Console())
    assert capsys.readouterr().out == (
        f"no stack is running\nthe last one ended by itself: logger ended with exit code -9 (see {log})\n"
    )


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (UpOptions(), "stopped; its history is kept, and tipoff up --fresh empties it\n"),
        (
            UpOptions(tour=True),
            "stopped; the next tour makes its week anew; the history of tipoff up is as it was before\n",
        ),
    ],
    ids=["usual", "tour"],
)
def test_whoever_stops_a_stack_is_told_what_is_kept(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: UpOptions,
    kept: str,
) -> None:
    """`tipoff up --fresh` would empty the real history, and not that of a tour."""
    for name, file in {"_LOCK": "stack.lock", "_LOG": "stack.log", "STACK_ENVIRONMENT": "stack.env"}.items():
        monkeypatch.setattr(background, name, tmp_path / file)
    monkeypatch.setattr(background, "FOLDER", tmp_path)
    (tmp_path / "stack.log").touch()
    with ExitStack() as held:
        held.enter_context(background._owned(options))
        monkeypatch.setattr(os, "kill", lambda process, _: held.close() if process == os.getpid() else None)
        stop_background(Console(width=200))
    assert capsys.readouterr().out == kept


def test_a_first_start_that_fails_begins_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack that was started after it reported all that the day had expected before as missed."""
    monkeypatch.setattr(background, "FOLDER", tmp_path)
    for name, file in {
        "_LOCK": "stack.lock",
        "_DATA": "data",
        "STACK_ENVIRONMENT": "stack.env",
    }.items():
        monkeypatch.setattr(background, name, tmp_path / file)
    monitor_starts, begun = False, list[str]()

    @contextmanager
    def running_stack(
        _layout: object, _folder: Path, options: stack.StackOptions, **_more: object
    ) -> Iterator[None]:
        assert options.data is not None
        (options.data / "bigquery").mkdir(parents=True, exist_ok=True)
        if not monitor_starts:
            raise StackError("monitor ended with exit code 1")
        yield

    def nothing(*_: Any) -> None:
        """Take the place of what a stack does while it runs."""

    monkeypatch.setattr(stack, "running_stack", running_stack)
    monkeypatch.setattr(session, "begin_day", lambda *_: begun.append("day"))
    for module, name in (
        (session, "fetch_calendar"),
        (session, "serve"),
        (session, "drain"),
        (show, "show_addresses"),
        (background, "write_environment"),
    ):
        monkeypatch.setattr(module, name, nothing)

    with pytest.raises(StackError, match="monitor ended"):
        run_in_foreground(Console(), UpOptions())
    assert begun == []
    monitor_starts = True
    run_in_foreground(Console(), UpOptions())
    assert begun == ["day"]
    run_in_foreground(Console(), UpOptions())
    assert begun == ["day"], "what is kept goes on"
    run_in_foreground(Console(), UpOptions(fresh=True))
    assert begun == ["day", "day"]
