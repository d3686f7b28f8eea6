"""Tests of a session of `tipoff up`: options and detected changes."""

import json
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tipoff_cli import edits
from tipoff_cli.checkout import TICKS, WORKFLOWS
from tipoff_cli.connection import PROJECT
from tipoff_cli.edits import Seen, changed_since, look
from tipoff_cli.main import app
from tipoff_common.catalog import load_catalog
from tipoff_common.clock import ZONE_VARIABLE, fleet_zone
from tipoff_common.events import ScheduleLocked, Tick, TickFired
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, RecordingBus
from tipoff_common.ticks import fired_for, load_ticks
from tipoff_controller.ledger import Ledger
from tipoff_dev.stack import session
from tipoff_dev.stack import watch as watch_module
from tipoff_dev.stack.layout import Layout
from tipoff_dev.stack.processes import Child, Processes, StackError
from tipoff_dev.stack.scheduler import due_ticks
from tipoff_dev.stack.session import begin_day, prepare_ticks_file
from tipoff_dev.stack.up_options import UpOptions
from tipoff_dev.stack.watch import READ_BY, FolderWatch

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (UpOptions(), []),
        (UpOptions(live=None), ["--live"]),
        (UpOptions(live=("cdn.nba.com",), every=1), ["--live", "cdn.nba.com", "--every", "1"]),
        (UpOptions(watch=True, fresh=True), ["--watch", "--fresh"]),
        (UpOptions(tour=True), ["--tour"]),
    ],
)
def test_background_owner_receives_the_same_options(options: UpOptions, arguments: list[str]) -> None:
    assert options.arguments() == arguments


@pytest.mark.parametrize(
    ("host", "message"),
    [("cdn.nba.co", "did you mean cdn.nba.com"), ("nosuch.example", "no host of the fleet's sources")],
)
def test_live_host_of_no_source_is_refused(host: str, message: str) -> None:
    """The host's fake would keep answering without a message to the user."""
    refused = CliRunner().invoke(app, ["up", "--live", host])
    assert refused.exit_code == 1
    assert message in refused.stderr


def test_evaluations_every_minute_leave_other_ticks_unchanged(tmp_path: Path) -> None:
    usual, file = load_ticks(TICKS), prepare_ticks_file(UpOptions(every=1), tmp_path)
    changed = load_ticks(file)
    assert {name for name in usual if usual[name] != changed[name]} == {Tick.EVALUATE}
    minutes = [NOON + timedelta(minutes=number) for number in range(60)]
    fired = [tick for minute in minutes for tick in due_ticks(minute, changed) if tick.tick is Tick.EVALUATE]
    assert len(fired) == 60
    assert {tick.cadence_minutes for tick in fired} == {1}
    layout = Layout.on_fixed_ports(ticks_file=file)
    # The monitor expects the day's schedule by the time of its tick.
    for service in ("controller", "monitor"):
        assert layout.service_environment(service)["TIPOFF_TICKS_FILE"] == str(file)
    assert prepare_ticks_file(UpOptions(), tmp_path) == TICKS


def test_invalid_interval_is_refused_with_its_option(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"--every 7: .*does not divide an hour"):
        prepare_ticks_file(UpOptions(every=7), tmp_path)


def test_added_and_removed_files_are_detected_once(tmp_path: Path) -> None:
    fleet, workflows = tmp_path / "fleet", tmp_path / "workflows.yaml"
    fleet.mkdir()
    workflows.write_text("a")
    scraper, other = fleet / "scraper.py", fleet / "notes.txt"
    scraper.write_text("one")
    before = look(workflows, fleet)
    other.write_text("nobody reads it")
    assert changed_since(before, look(workflows, fleet)) == []
    scraper.unlink()
    (fleet / "fake.py").write_text("new")
    assert changed_since(before, look(workflows, fleet)) == [str(fleet / "fake.py"), str(scraper)]
    watch = FolderWatch(before)
    assert watch.changes() != []
    assert watch.changes() == []


def test_alert_rules_with_a_fault_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch_module.main() == 0
    rules = tmp_path / "alerts.yaml"
    rules.write_text("rules: [unfinished\n")
    monkeypatch.setattr(watch_module, "ALERTS", rules)
    assert watch_module.main() == 1
    assert str(rules) in capsys.readouterr().out


def take_up(
    stack: Any, changes: list[str], console: Console, taken: Callable[[Seen], None] = lambda _: None
) -> None:
    """Take up edits while no other edit is made."""
    session._take_up(stack, FolderWatch(), changes, console, taken)


@pytest.mark.parametrize("quiet", [True, False])
def test_edit_is_applied_after_waiting_for_running_messages(
    monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    """A fake that restarted during a scrape caused a source failure."""
    done: list[str] = []

    def wait(timeout: float) -> None:
        done.append("waited")
        if not quiet:
            raise StackError(f"waited {timeout:g} s for messages to be handled")

    stack: Any = SimpleNamespace(
        layout=Layout.on_fixed_ports(),
        processes=SimpleNamespace(set_aside=set()),
        wait_until_quiet=wait,
        reload=lambda names: done.append(names[0]),
    )
    console = Console(file=StringIO(), width=200)
    monkeypatch.setattr(session, "faults", lambda: "")
    take_up(stack, ["config/workflows.yaml"], console, taken=lambda _: done.append("told"))
    assert done == ["waited", "fake-sources", "told"]
    shown = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "edits read: config/workflows.yaml" in shown
    assert ("interrupted, and requested again" in shown) is not quiet


class Reloading:
    """A stack whose controller exits when the files have a fault at its start."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, code: int = 2) -> None:
        self.fault, self.code, self.reloads = "", code, 0
        self.files = {Path("workflows.yaml"): "1"}
        self.layout = Layout.on_fixed_ports()
        self.running: dict[str, int | None] = dict.fromkeys(READ_BY)
        self.processes = Processes(folder / "logs", Mock())
        self.processes.children = {
            name: Child(
                name, Mock(), Mock(poll=lambda name=name: self.running[name], returncode=code), folder / "log"
            )
            for name in READ_BY
        }
        self.console = Console(file=StringIO(), width=200)
        (folder / "log").write_text("a.yaml:3: no such key\n")
        environment = folder / "stack.env"
        environment.touch()
        monkeypatch.setattr(edits, "STACK_ENVIRONMENT", environment)
        monkeypatch.setattr(session, "STACK_ENVIRONMENT", environment)
        monkeypatch.setattr(session, "faults", lambda: self.fault)
        for module in (edits, watch_module):
            monkeypatch.setattr(module, "look", lambda: dict(self.files))
        self.watch = FolderWatch(dict(self.files))
        edits.note_read(environment, self.watch.seen)
        self.environment = environment

    def save(self, fault: str) -> None:
        """Save a file with a fault, or without one for an empty text."""
        self.fault = fault
        self.files[Path("workflows.yaml")] += "1"

    def wait_until_quiet(self, _seconds: float) -> None:
        """Return at once."""

    def reload(self, names: Collection[str]) -> None:
        self.reloads += 1
        for name in names:
            self.running[name] = self.code if self.fault and name == "controller" else None
            self.processes.set_aside.discard(name)
            self.processes.check()

    def take_up(self) -> str:
        """Take up the saved files; return the notice that commands show afterwards."""
        taken = partial(edits.note_read, self.environment)
        stack: Any = self
        session._take_up(stack, self.watch, self.watch.changes(), self.console, taken)
        return edits.unread() or ""


def test_fault_saved_while_an_edit_waits_is_not_applied(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The controller could not start with such a file, and the whole stack exited."""
    stack = Reloading(monkeypatch, tmp_path)
    stack.wait_until_quiet = lambda _: stack.save("no such key")  # type: ignore[method-assign]
    stack.save("")
    assert stack.take_up().endswith("no such key")
    assert stack.reloads == 0


def test_service_that_cannot_start_with_an_edit_starts_after_the_next_edit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stack = Reloading(monkeypatch, tmp_path)
    started = stack.reload

    def edited_meanwhile(names: Collection[str]) -> None:
        stack.save("no such key")
        started(names)

    stack.save("")
    monkeypatch.setattr(stack, "reload", edited_meanwhile)
    assert "refused these changes: workflows.yaml" in (message := stack.take_up())
    assert message.endswith("controller cannot start until this is fixed: no such key")
    stack.processes.check()
    message = "controller cannot start until this is fixed: no such key"
    assert stack.take_up().endswith(message), "the edit that it could not start with is looked at too"
    monkeypatch.setattr(stack, "reload", started)
    monkeypatch.setattr(stack, "wait_until_quiet", Mock(side_effect=StackError("its messages wait")))
    stack.save("")
    assert stack.take_up() == ""
    assert not stack.processes.set_aside
    assert "interrupted" not in stack.console.file.getvalue()  # type: ignore[attr-defined]


def test_service_killed_during_a_reload_ends_the_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stack = Reloading(monkeypatch, tmp_path, code=-9)
    stack.save("")
    stack.wait_until_quiet = lambda _: setattr(stack, "fault", "killed")  # type: ignore[method-assign]
    with pytest.raises(StackError, match="controller ended with exit code -9"):
        stack.take_up()


def test_fault_saved_during_a_reload_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file counted as read, so commands did not report the fault."""
    stack = Reloading(monkeypatch, tmp_path)
    stack.save("")
    monkeypatch.setattr(stack, "reload", lambda _: stack.save("invalid syntax"))
    assert "has not read these changes yet: workflows.yaml" in stack.take_up()
    assert stack.take_up().endswith("invalid syntax")


def test_new_time_zone_reaches_the_dataset_before_the_services(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The dataset's functions and views contain the zone."""
    done: list[str] = []
    workflows = tmp_path / "workflows.yaml"
    workflows.write_text("timezone: Asia/Tokyo\n")
    stack: Any = SimpleNamespace(
        layout=replace(Layout.on_fixed_ports(), workflows_file=workflows),
        wait_until_quiet=lambda _: None,
        clients=nullcontext,
        processes=SimpleNamespace(set_aside=set()),
        reload=lambda names: done.append(names[0]),
    )
    monkeypatch.setattr(session, "faults", lambda: "")
    monkeypatch.setattr(session, "create_tables", lambda: done.append(f"tables of {fleet_zone().key}"))
    monkeypatch.setenv(ZONE_VARIABLE, "America/New_York")  # undone when the test ends
    fleet_zone.cache_clear()
    try:
        take_up(stack, ["config/workflows.yaml"], Console(file=StringIO()))
    finally:
        fleet_zone.cache_clear()
    assert done == ["tables of Asia/Tokyo", "logger", "fake-sources"]


def test_edit_with_faults_is_refused_without_a_reload(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(session, "STACK_ENVIRONMENT", tmp_path / "stack.env")
    console = Console(file=StringIO(), width=200)
    monkeypatch.setattr(session, "faults", lambda: "workflows.yaml:3: no such key")
    stack = SimpleNamespace(processes=SimpleNamespace(set_aside=set()))
    take_up(stack, ["config/workflows.yaml"], console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert shown == "edits refused: config/workflows.yaml\nworkflows.yaml:3: no such key\n"


def test_changes_unread_by_the_running_stack_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = tmp_path / "stack.env"
    monkeypatch.setattr(edits, "STACK_ENVIRONMENT", environment)
    assert edits.unread() is None
    kept, edited, gone, new = (tmp_path / f"{name}.yaml" for name in ("kept", "edited", "gone", "new"))
    found = dict.fromkeys((kept, edited, gone), "1")
    monkeypatch.setattr(edits, "look", lambda: found)
    edits.note_read(environment, found)
    environment.write_text("")
    assert edits.unread() is None
    found = {kept: "1", edited: "2", new: "1"}
    message = f"the running stack has not read these changes yet: {edited}, {gone}, {new};"
    assert str(edits.unread()).startswith(message), "a file that is gone is a change too"
    assert str(edits.unread()).endswith("tipoff up --watch reads edits automatically")
    edits.note_read(environment, dict.fromkeys((kept, edited, gone), "1"), watching=True)
    watched = str(edits.unread())
    assert watched.startswith(message)
    assert watched.endswith("The stack watches the folder and reads them within about a minute")
    monkeypatch.setattr(session, "STACK_ENVIRONMENT", environment)
    monkeypatch.setattr(session, "faults", lambda: "scraper.py:3: invalid syntax")
    stack = SimpleNamespace(processes=SimpleNamespace(set_aside=set()))
    take_up(stack, ["edited"], Console(file=StringIO()))
    refused = str(edits.unread())
    assert refused.startswith(f"the running stack refused these changes: {edited}, {gone}, {new};")
    assert refused.endswith("\nscraper.py:3: invalid syntax"), (
        "its log is in the background, where nobody looks"
    )
    edits.note_read(environment, found)
    found = {kept: "1", edited: "3", new: "1"}
    assert "has not read these changes yet" in str(edits.unread()), "what was refused is mended"
    monkeypatch.setenv(PROJECT, "a-deployment")
    assert edits.unread() is None, "a deployment reads no files of this folder"


def test_the_fleet_that_ships_has_a_workflow_that_fetches_its_calendar() -> None:
    """`tipoff up` runs this workflow on a new stack, which would otherwise be empty until the next morning."""
    from tipoff_cli.checkout import SCRAPERS
    from tipoff_planning.loading import load_workflows

    assert load_workflows(WORKFLOWS, load_catalog(SCRAPERS)).refresher == "morning_operations"
    assert json.loads(Layout.on_fixed_ports().service_environment("scraper-runner")["TIPOFF_FAKE_SOURCES"])


def new_stack(bus: RecordingBus) -> Any:
    return SimpleNamespace(
        layout=Layout.on_fixed_ports(),
        data=MemoryObjects("data"),
        state=MemoryObjects("state"),
        publisher=Publisher("scheduler", bus),
    )


@pytest.mark.parametrize("seconds", [1, 4, 5, 6, 20, 60, 600])
def test_new_stack_expects_no_run_whose_deadline_its_first_evaluation_misses(
    seconds: int,
) -> None:
    """The first evaluation is for an instant after its tick: within five seconds before a deadline, past it."""
    bus, deadline = RecordingBus(), datetime(2026, 11, 29, 15, tzinfo=UTC)  # of morning_operations
    began = deadline - timedelta(seconds=seconds)
    begin_day(new_stack(bus), began)
    locked = bus.of(ScheduleLocked)
    first = TickFired(tick=Tick.EVALUATE, cadence_minutes=15, event_time=None)
    evaluated = fired_for(first, began + timedelta(seconds=1))
    assert all(run.deadline > evaluated for event in locked for run in event.runs)
    expected = {run.workflow_name for event in locked for run in event.runs}
    assert ("morning_operations" in expected) is (seconds >= 60)


def test_new_stack_expects_only_the_remaining_runs_of_its_first_day() -> None:
    """This holds without a calendar as well; workflows that need games are expected from the first calendar on."""
    bus = RecordingBus()
    begin_day(new_stack(bus), datetime(2026, 11, 29, 13, tzinfo=UTC))  # 08:00 in New York
    (locked,) = bus.of(ScheduleLocked)
    assert {run.workflow_name for run in locked.runs} == {"morning_operations", "player_movement"}
    assert min(run.deadline for run in locked.runs) > locked.locked_at
    bus = RecordingBus()
    stack = new_stack(bus)
    begin_day(stack, datetime(2026, 11, 29, 23, tzinfo=UTC))  # no run is left in the evening
    assert bus.of(ScheduleLocked) == []
    # The ledger has both days all the same: otherwise the controller would lock the whole day late, or report its end.
    for day in (28, 29):
        (known,) = Ledger(stack.state).schedules(date(2026, 11, day))
        assert known.runs == ()
