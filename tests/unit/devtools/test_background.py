"""Tests of `tipoff up` and `tipoff down` in the background: start, log, options, and the report on a stopped stack."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest
import requests
import typer
from rich.console import Console

from tipoff_cli import connection
from tipoff_cli.checkout import FLEET
from tipoff_dev.demo import show
from tipoff_dev.stack import background, session, stack
from tipoff_dev.stack.background import run_in_foreground, start_in_background, stop_background
from tipoff_dev.stack.layout import Layout
from tipoff_dev.stack.processes import StackError
from tipoff_dev.stack.up_options import UpOptions

LOST = f"{connection.UNHANDLED}: 3 of logger-events"
CRASHED = f"{LOST}\nlogger ended with exit code -9:\nits last line\n(log: logger.log)\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a temporary folder for the stack's files."""
    monkeypatch.setattr(background, "FOLDER", tmp_path)
    for name, file in {
        "_LOCK": "stack.lock",
        "_LOG": "stack.log",
        "_STARTING": "stack.starting",
        "_STARTING_LOG": "stack.starting.log",
        "_LAST_LOG": "stack.last.log",
        "_DATA": "data",
        "STACK_ENVIRONMENT": "stack.env",
    }.items():
        monkeypatch.setattr(background, name, tmp_path / file)
    monkeypatch.setattr(connection, "STACK_ENVIRONMENT", tmp_path / "stack.env")
    return tmp_path


def test_stop_reports_unexpected_end_of_last_stack_with_its_process(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = folder / "stack.log"
    log.write_text(f"what  where\n{CRASHED}")
    stop_background(Console())
    assert capsys.readouterr().out == (
        f"no stack is running in {FLEET.folder}\n"
        f"the last stack ended unexpectedly: logger ended with exit code -9 (see {log}); {LOST}\n"
    )


def test_stop_outside_every_fleet_names_the_fleet_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    stop_background(Console())
    assert capsys.readouterr().out == (
        f"no stack is running in {FLEET.folder}\n"
        f"no tipoff.toml in {folder} or above it: the fleet used is Tipoff's own, in {FLEET.folder}\n"
    )


@pytest.fixture
def start_owner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that replaces the next owner process by a script."""
    real, started = subprocess.Popen, list[subprocess.Popen[bytes]]()

    def run_instead(script: str) -> None:
        def popen(_command: list[str], **options: Any) -> subprocess.Popen[bytes]:
            owner = real([sys.executable, "-c", script], **{**options, "cwd": background.FOLDER})
            started.append(owner)
            return owner

        monkeypatch.setattr(background.subprocess, "Popen", popen)

    yield run_instead
    for owner in started:
        owner.wait()


def test_the_next_start_names_the_crash_and_keeps_its_log(
    folder: Path, start_owner: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "stack.log").write_text(CRASHED)
    rotate = "import pathlib; [pathlib.Path(a).rename(b) for a, b in"
    rotate += " (('stack.log', 'stack.last.log'), ('stack.starting.log', 'stack.log'))]"
    start_owner(f"print('addresses'); {rotate}; pathlib.Path('stack.env').touch()")
    start_in_background(Console(), UpOptions())
    output = capsys.readouterr().out
    last = folder / "stack.last.log"
    assert (
        f"the last stack ended unexpectedly: logger ended with exit code -9 (see {last}); {LOST}\n" in output
    )
    assert last.read_text() == CRASHED


def test_a_start_that_fails_keeps_the_log_of_the_last_stack(
    folder: Path, start_owner: Callable[[str], None]
) -> None:
    (folder / "stack.log").write_text(CRASHED)
    start_owner("raise SystemExit('taken on 127.0.0.1: logger (8084)')")
    with pytest.raises(StackError, match=r"did not start:\ntaken on 127\.0\.0\.1"):
        start_in_background(Console(), UpOptions())
    assert LOST in connection.end_of_last_stack()


def test_failed_start_without_output_names_the_free_disk_space(
    folder: Path, monkeypatch: pytest.MonkeyPatch, start_owner: Callable[[str], None]
) -> None:
    """On a full disk the message ended after "the stack did not start:"."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Mock(free=1_000_000))
    start_owner("raise SystemExit(7)")
    with pytest.raises(
        StackError, match=f"exit code 7 without any output; the disk of {folder} has 0 MiB free"
    ):
        start_in_background(Console(), UpOptions())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"stack.starting.log": "new"}, {"stack.log": "new"}),
        (
            {"stack.last.log": "older", "stack.log": "old", "stack.starting.log": "new"},
            {"stack.last.log": "old", "stack.log": "new"},
        ),
        ({"stack.last.log": "older", "stack.log": "old"}, {"stack.last.log": "old"}),
        ({"stack.last.log": "older", "stack.starting.log": "new"}, {"stack.log": "new"}),
    ],
    ids=["first in the foreground", "first", "later", "later in the foreground", "after the foreground"],
)
def test_ready_stack_keeps_the_log_of_the_previous_stack(
    folder: Path, before: dict[str, str], after: dict[str, str]
) -> None:
    for name, text in before.items():
        (folder / name).write_text(text)
    background._begin_log()
    assert {file.name: file.read_text() for file in folder.iterdir()} == after


def test_stop_names_messages_lost_before_the_stop(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stack that exits on its own may have written the line before `tipoff down` reads the log."""
    (folder / "stack.log").write_text(f"{LOST}\n")
    with ExitStack() as held:
        held.enter_context(background._owned(UpOptions()))
        monkeypatch.setattr(background, "_signal", lambda *_: held.close())
        monkeypatch.setattr(background, "_runs", lambda _: False)
        stop_background(Console(width=200))
    assert capsys.readouterr().out.startswith(f"{LOST}\nstopped; ")


OWNER = """
import fcntl, os, signal, sys, time
lock = open("stack.lock", "a+")
fcntl.flock(lock, fcntl.LOCK_EX)
lock.write(str(os.getpid()))
lock.flush()
open("stack.env", "w").close()

def stop(*_):
    os.unlink("stack.env")
    lock.close()
    time.sleep(0.5)  # ends its fork server
    sys.exit()

signal.signal(signal.SIGTERM, stop if sys.argv[1] == "stops" else signal.SIG_IGN)
print("owns", flush=True)
while True:
    time.sleep(60)
"""


@contextmanager
def an_owner(folder: Path, on_sigterm: str) -> Iterator[subprocess.Popen[str]]:
    """Run an owner without a stack: on SIGTERM it "stops", and takes half a second to end, or it "hangs"."""
    command = [sys.executable, "-c", OWNER, on_sigterm]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as owner:
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "owns\n"
            yield owner
        finally:
            owner.kill()


def is_zombie(process: int) -> bool:
    return subprocess.check_output(["ps", "-o", "stat=", "-p", str(process)], text=True).startswith("Z")


@pytest.fixture
def free_fixed_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide a stack that runs on this machine."""
    layout = Mock(taken_ports=list)
    monkeypatch.setattr(background, "Layout", Mock(on_fixed_ports=lambda: layout))


@pytest.mark.parametrize("suspended", [False, True])
def test_stop_returns_after_the_owner_ended_even_if_suspended(folder: Path, suspended: bool) -> None:
    """It returned when the owner had left the lock, and waited in vain for an owner that Ctrl-Z had suspended."""
    with an_owner(folder, "stops") as owner:
        if suspended:
            owner.send_signal(signal.SIGSTOP)
        stop_background(Console())
        assert is_zombie(owner.pid)
    assert owner.returncode == 0


@pytest.mark.usefixtures("free_fixed_ports")
def test_an_owner_that_does_not_stop_is_killed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(background, "_STOP_SECONDS", 0.5)
    with an_owner(folder, "hangs") as owner:
        stop_background(Console())
        assert is_zombie(owner.pid)
    output = capsys.readouterr().out
    assert output.startswith(
        f"process {owner.pid}, the stack's owner, did not stop within 0.5 s and was killed: messages under way are lost"
    )
    assert connection.killed_owner() == "", "the operator has been told"


def test_processes_that_outlive_a_killed_owner_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_STOP_SECONDS", 0.1)
    monkeypatch.setattr(background, "_wait_for_free_ports", lambda: False)
    monkeypatch.setattr(background, "listeners", lambda _: ["process 7 (python) in /tides"])
    with (
        an_owner(folder, "hangs"),
        pytest.raises(StackError, match=r"taken by process 7 \(python\) in /tides; end each with kill -9"),
    ):
        stop_background(Console())


@pytest.mark.usefixtures("free_fixed_ports")
def test_killed_owner_is_reported_by_every_command(
    folder: Path, start_owner: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A killed owner left no reason: `tipoff down` stated that no stack ran, and `tipoff status` that none answered."""
    with an_owner(folder, "stops") as owner:
        assert connection.killed_owner() == ""
        owner.kill()
    message = (
        f"the last stack ended without a reason in its log: its owner, process {owner.pid}, was killed, or the machine"
        " restarted; its history is kept, and messages under way are lost"
    )
    with pytest.raises(
        connection.NotConnected, match=re.escape(f"no stack runs here: {message}; start a stack")
    ):
        connection.find_connection()
    stop_background(Console())
    assert capsys.readouterr().out == f"no stack is running in {FLEET.folder}\n{message}\n"
    start_owner("import pathlib; [pathlib.Path(name).touch() for name in ('stack.log', 'stack.env')]")
    start_in_background(Console(), UpOptions())
    assert message in capsys.readouterr().out


@pytest.mark.parametrize(
    ("backlog", "message"),
    [
        ({"p/subscriptions/logger-events": 3, "p/subscriptions/other": 0}, f"{LOST}\n"),
        ({"p/subscriptions/other": 0}, ""),
        (None, f"{connection.UNHANDLED}: an unknown number, as Pub/Sub does not answer\n"),
    ],
    ids=["some", "none", "crash of Pub/Sub"],
)
def test_crash_report_names_lost_messages(
    capsys: pytest.CaptureFixture[str], backlog: dict[str, int] | None, message: str
) -> None:
    class Crashed:
        def wait_until_quiet(self, _seconds: float) -> None:
            raise StackError("logger ended with exit code -9")

        def backlog(self) -> dict[str, int]:
            if backlog is None:
                raise requests.ConnectionError
            return backlog

    session.drain(cast("stack.Stack", Crashed()), Console())
    assert capsys.readouterr().out == message


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (UpOptions(), "stopped; its history is kept; tipoff up --fresh empties it\n"),
        (
            UpOptions(tour=True),
            "stopped; the next tour generates a new week; the history of tipoff up is unchanged\n",
        ),
    ],
    ids=["usual", "tour"],
)
def test_stop_reports_kept_history(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: UpOptions,
    kept: str,
) -> None:
    """`tipoff up --fresh` would delete the real history, not a tour's."""
    (folder / "stack.log").touch()
    with ExitStack() as held:
        held.enter_context(background._owned(options))
        monkeypatch.setattr(
            background, "_signal", lambda process, *_: held.close() if process == os.getpid() else None
        )
        monkeypatch.setattr(background, "_runs", lambda _: False)
        stop_background(Console(width=200))
    assert capsys.readouterr().out == kept


LIVE, WATCH = UpOptions(live=("stats.nba.com",), every=5), UpOptions(watch=True)


@pytest.mark.parametrize(
    ("running", "asked", "refused"),
    [
        (UpOptions(), UpOptions(), None),
        (WATCH, UpOptions(), None),
        (WATCH, WATCH, None),
        (LIVE, LIVE, None),
        (UpOptions(), WATCH, "--watch"),
        (WATCH, UpOptions(every=5), "--every 5"),
        (UpOptions(), LIVE, "--live stats.nba.com --every 5"),
        (UpOptions(), UpOptions(live=None), "--live"),
        (UpOptions(), UpOptions(fresh=True), "--fresh"),
        (UpOptions(fresh=True), UpOptions(fresh=True), "--fresh"),
        (UpOptions(tour=True), UpOptions(tour=True), "--tour"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_options_that_a_running_stack_cannot_take_are_refused(
    running: UpOptions, asked: UpOptions, refused: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such options were dropped: `tipoff up --fresh` reported a running stack, with its old history."""
    with background._owned(running):
        if refused is None:
            start_in_background(Console(), asked)
            assert "the stack is running" in capsys.readouterr().out
            return
        with pytest.raises(StackError) as error:
            start_in_background(Console(), asked)
        assert str(error.value).endswith(f"stops it, then run: tipoff up {refused}")


def replace_stack(
    monkeypatch: pytest.MonkeyPatch, running_stack: Callable[..., AbstractContextManager[None]], **others: Any
) -> None:
    """Replace the functions of a stack by ones that do nothing, or by those in `others`."""

    def nothing(*_: Any, **_more: Any) -> None:
        """Replace a function of a running stack."""

    monkeypatch.setattr(stack, "running_stack", running_stack)
    for module, name in (
        (session, "begin_day"),
        (session, "fetch_calendar"),
        (session, "serve"),
        (session, "drain"),
        (show, "show_addresses"),
        (background, "write_environment"),
    ):
        monkeypatch.setattr(module, name, others.get(name, nothing))


def test_crashed_stack_reports_at_once_and_its_stop_ignores_sigterm(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The signal of `tipoff down` interrupted the stop: it printed "stopped" while processes still held ports."""
    events = list[str]()
    (folder / "data").mkdir()

    @contextmanager
    def running_stack(*_: Any, **_more: Any) -> Iterator[None]:
        try:
            yield
        finally:
            events.append(capsys.readouterr().err)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)
            events.append("stopped")

    def serve(*_: Any) -> None:
        raise StackError("scraper-runner ended with exit code -9:\nits last line")

    replace_stack(monkeypatch, running_stack, serve=serve)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(typer.Exit):
            run_in_foreground(Console(), UpOptions())
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert events == ["scraper-runner ended with exit code -9:\nits last line\n", "stopped"]
    assert not (folder / "stack.env").exists()


@pytest.mark.usefixtures("folder")
def test_a_first_start_that_fails_begins_no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next stack reported every run that was due before its own start as missed."""
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

    replace_stack(monkeypatch, running_stack, begin_day=lambda *_: begun.append("day"))
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


@pytest.mark.parametrize("watch", [True, False])
def test_stack_records_whether_it_reads_edits(
    folder: Path, monkeypatch: pytest.MonkeyPatch, watch: bool
) -> None:
    """Commands advised to restart a stack that was about to read the edit."""
    (folder / "data").mkdir()
    recorded = list[bool]()

    def write_environment(*_: Any, watching: bool) -> None:
        recorded.append(watching)

    def serve(*given: Any) -> None:
        given[-1]({})

    replace_stack(
        monkeypatch, lambda *_, **_more: nullcontext(), serve=serve, write_environment=write_environment
    )
    run_in_foreground(Console(), UpOptions(watch=watch))
    assert recorded == [watch, watch], "at the start, and after a reload"


def test_start_prints_the_console_with_its_key(
    start_owner: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(background, "Layout", Layout)
    start_owner("import pathlib; [pathlib.Path(name).touch() for name in ('stack.log', 'stack.env')]")
    start_in_background(Console(), UpOptions())
    assert capsys.readouterr().out.endswith("\nconsole: http://127.0.0.1:8088/ (key: development-key)\n")
