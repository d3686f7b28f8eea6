"""`tipoff up` and `tipoff down`: the stack as one background process that owns all the others.

The owner holds `.tipoff/stack.lock` while it runs, so that a recycled process id is never taken for the owner.
`.tipoff/stack.env` contains the stack's addresses for commands in the same folder. A start in the background holds
`.tipoff/stack.starting` until the stack is ready, so that a second start waits and finds the stack running.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich.console import Console

from tipoff_cli.checkout import FLEET, outside_note
from tipoff_cli.connection import (
    STACK_ENVIRONMENT,
    STACK_LOCK,
    STACK_LOG,
    end_of_last_stack,
    is_held,
    killed_owner,
    lost_messages,
    without_data_frames,
)
from tipoff_cli.edits import Seen, note_read, unread
from tipoff_common.clock import fleet_zone
from tipoff_common.wall_clock import wall_now
from tipoff_dev.fakes.phase2.behaviour import Behaviour
from tipoff_dev.stack.fork_server import GRACE_SECONDS
from tipoff_dev.stack.layout import FIXED_PORTS, Layout
from tipoff_dev.stack.listeners import listeners
from tipoff_dev.stack.processes import READY_SECONDS, StackError
from tipoff_dev.stack.up_options import UpOptions

# Functions that run a stack import its modules themselves, so that `tipoff down` and the start of the owner do not wait
# for Google's clients.
if TYPE_CHECKING:
    from rich.status import Status

    from tipoff_dev.stack.stack import Stack

FOLDER = STACK_ENVIRONMENT.parent
_LOCK, _LOG = FOLDER / STACK_LOCK, FOLDER / STACK_LOG
_STARTING = FOLDER / "stack.starting"
_STARTING_LOG = FOLDER / "stack.starting.log"
"""Output of a stack until it is ready, so that a start that fails leaves the log of the last stack."""
_LAST_LOG = FOLDER / "stack.last.log"
"""Log of the stack before."""
_DATA = FOLDER / "data"
"""Folder with the content of the warehouse and the bucket, from one stack to the next."""
_BEGUN = "begun"
"""File in that folder: its first day has been begun."""
_TOUR_DATA = FOLDER / "tour"
"""The folder of `tipoff up --tour`, emptied each time: invented data never mixes with a developer's history."""
_TOUR_SECONDS = 300.0
"""Limit for inventing the week, which takes half a minute on an idle machine and several times that on a busy one."""
_STOP_SECONDS = 30.0
"""Limit for the owner to stop its stack, after which it is killed: the messages under way and the processes have their
own limits, which add up to two thirds of this."""
_END_SECONDS = 2 * GRACE_SECONDS
"""Limit for the processes of a killed owner, which its fork server ends."""


@dataclass(frozen=True)
class _Owner:
    """The process that owns the running stack."""

    process: int
    options: str
    """Options of `tipoff up` with which it was started, as `.tipoff/stack.lock` has them after the process id."""


def run_in_foreground(console: Console, options: UpOptions) -> None:
    """Run the stack until it is interrupted; its history stays for the next stack."""
    from tipoff_cli.console import refuse

    with without_data_frames():
        from tipoff_dev.demo.show import show_addresses
        from tipoff_dev.stack.session import begin_day, drain, fetch_calendar, prepare_ticks_file, serve
        from tipoff_dev.stack.stack import StackOptions, running_stack
        from tipoff_dev.stack.watch import FolderWatch

    with _owned(options), console.status("starting") as status:
        layout = Layout.on_fixed_ports(options.live, prepare_ticks_file(options, FOLDER))
        google = _google_wanted()
        data = _TOUR_DATA if options.tour else _DATA
        if options.fresh or options.tour:
            shutil.rmtree(data, ignore_errors=True)
        # Before any process reads the files: a file saved during the start counts as an edit.
        watch = FolderWatch()
        with running_stack(
            layout,
            FOLDER,
            StackOptions(google_pubsub=google, phase2=_phase2_wanted(), data=data),
            progress=status.update,
        ) as stack:
            # Before the stack is reported as ready, so that users find a day and no empty tables.
            if options.tour:
                _make_up_a_week(stack, status, console)
            # The mark and not the folder counts: a failed start leaves the folder without a day.
            elif not (data / _BEGUN).exists():
                fetch_calendar(stack, console)
                begin_day(stack, wall_now())
                (data / _BEGUN).touch()
            status.stop()
            show_addresses(console, stack)
            _begin_log()
            taken = partial(write_environment, layout, watching=options.watch)
            taken(watch.seen)
            try:
                serve(stack, options, console, watch, taken)
            except StackError as error:
                # Before the stop, which takes seconds: meanwhile commands read the reason in the log.
                refuse(str(error))
            finally:
                # Another SIGTERM, of `tipoff down`, would interrupt the stop and leave processes running.
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                STACK_ENVIRONMENT.unlink(missing_ok=True)
                if not google:
                    drain(stack, console)


def _begin_log() -> None:
    """Make the output of the start this stack's log, and keep the log of the stack before."""
    _LAST_LOG.unlink(missing_ok=True)
    # A stack in the foreground has no log, and the one before is not its own.
    for now, then in ((_LOG, _LAST_LOG), (_STARTING_LOG, _LOG)):
        if now.exists():
            now.replace(then)


def _make_up_a_week(stack: "Stack", status: "Status", console: Console) -> None:
    """Fill the empty stack before its first tick, and print a summary of the week."""
    from tipoff_dev.tour.loading import load_week

    history = load_week(stack, wall_now(), status.update)
    console.print(
        f"a week up to {history.until.astimezone(fleet_zone()):%Y-%m-%d %H:%M %Z} is in the dataset, generated and with"
        f" faults: {len(history.events)} events, {len(history.files)} files",
        highlight=False,
        soft_wrap=True,
    )


def start_in_background(console: Console, options: UpOptions) -> None:
    """Start the owner and return when the stack is ready; leave a running stack unchanged."""
    FOLDER.mkdir(exist_ok=True)
    with _STARTING.open("a") as starting, console.status("starting"):
        fcntl.flock(starting, fcntl.LOCK_EX)
        if (owner := _owner()) is not None:
            wanted = " ".join(options.arguments())
            # --fresh and --tour also change a stack that was started with them: they begin anew.
            if options.fresh or options.tour or wanted not in ("", owner.options):
                raise StackError(
                    f"a stack is running already, and these options do not affect it; `tipoff down` stops it,"
                    f" then run: tipoff up {wanted}"
                )
            console.print("the stack is running; `tipoff down` stops it")
            if stale := unread():
                console.print(stale, highlight=False, soft_wrap=True)
            return
        if killed := killed_owner():
            _wait_for_free_ports()
        _start_owner(options.arguments(), 2 * READY_SECONDS + (_TOUR_SECONDS if options.tour else 0))
    console.print(_LOG.read_text(errors="replace").strip(), highlight=False, markup=False)
    if ended := killed or end_of_last_stack(_LAST_LOG.name):
        console.print(ended, highlight=False, soft_wrap=True)
    console.print(f"running in the background; logs in {FOLDER / 'logs'}, `tipoff down` stops it")
    # Printed last, where it is easy to find; terminals make a link of it.
    layout = Layout.on_fixed_ports()
    console.print(
        f"console: {layout.url('monitor')}/ (key: {layout.development_key})", highlight=False, soft_wrap=True
    )


def _start_owner(options: list[str], seconds: float) -> None:
    """Start `tipoff up --foreground` with `options`, and return when the stack is ready.

    Raises StackError when the owner ends or the stack is not ready within `seconds`.
    """
    STACK_ENVIRONMENT.unlink(
        missing_ok=True
    )  # a killed owner leaves the file, which marks the stack as ready
    with _STARTING_LOG.open("wb") as log:
        owner = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "tipoff_cli", "up", "--foreground", *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=FLEET.folder,
        )
    try:
        _wait_until_ready(owner, seconds)
    except BaseException:  # Ctrl-C too: an unfinished start must not go on in the background
        owner.terminate()
        owner.wait()
        _STARTING_LOG.unlink(missing_ok=True)
        raise


def stop_background(console: Console) -> None:
    """Stop the owner, and return when all its processes have ended. Kill an owner that does not stop in time.

    Raises StackError when processes of a killed owner still run.
    """
    owner = _owner()
    if owner is None:
        console.print(f"no stack is running in {FLEET.folder}", highlight=False, soft_wrap=True)
        for told in filter(None, (end_of_last_stack(), outside_note(FLEET))):
            console.print(told, highlight=False, soft_wrap=True)
        return
    # A suspended owner (Ctrl-Z in the foreground) takes the first signal when the second one continues it.
    _signal(owner.process, signal.SIGTERM, signal.SIGCONT)
    # The lock is not enough: the owner ends its fork server after it has left the lock.
    if not _within(_STOP_SECONDS, lambda: not _runs(owner.process)):
        _kill(owner.process, console)
    if told := end_of_last_stack() or lost_messages():
        console.print(told, highlight=False, soft_wrap=True)
    kept = (
        "the next tour generates a new week; the history of tipoff up is unchanged"
        if "--tour" in owner.options.split()
        else "its history is kept; tipoff up --fresh empties it"
    )
    console.print(f"stopped; {kept}", highlight=False)


def _kill(owner: int, console: Console) -> None:
    """Kill an owner that does not stop, and return when its processes have ended.

    Raises StackError when some of them still run.
    """
    _signal(owner, signal.SIGKILL)
    if not _wait_for_free_ports():
        running = "; ".join(listeners(FIXED_PORTS.values())) or "unknown processes"
        raise StackError(
            f"process {owner} did not stop within {_STOP_SECONDS:g} s and was killed, but the stack's ports are still"
            f" taken by {running}; end each with kill -9"
        )
    STACK_ENVIRONMENT.unlink(missing_ok=True)  # the owner could not
    console.print(
        f"process {owner}, the stack's owner, did not stop within {_STOP_SECONDS:g} s and was killed: messages under"
        f" way are lost; {_LOG} may have the cause",
        highlight=False,
        soft_wrap=True,
    )


def _signal(process: int, *numbers: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it has ended meanwhile
        for number in numbers:
            os.kill(process, number)


def _wait_for_free_ports() -> bool:
    """Wait for the processes of a killed owner to end; return whether they did."""
    return _within(_END_SECONDS, lambda: not Layout.on_fixed_ports().taken_ports())


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Poll `condition`; return whether it became true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _runs(process: int) -> bool:
    """Return whether a process runs. A zombie does not: it has ended, and its parent has not read its exit code."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with suppress(OSError):  # only Linux lists processes there
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def _wait_until_ready(owner: subprocess.Popen[bytes], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not STACK_ENVIRONMENT.exists():
        if owner.poll() is not None:
            raise StackError(f"the stack did not start:\n{_end_of_start(owner.returncode)}")
        if time.monotonic() > deadline:
            fault = f"the stack was not ready within {seconds:g} s and is stopped; this machine may be busy, try again"
            raise StackError(f"{fault} (logs of the services: {FOLDER / 'logs'})")
        time.sleep(0.1)


def _end_of_start(code: int) -> str:
    """Return the end of the output of a start that failed, or the reason why there may be none."""
    if output := _STARTING_LOG.read_text(errors="replace").strip():
        return output[-2000:]
    free = shutil.disk_usage(FOLDER).free // 2**20
    return (
        f"exit code {code} without any output; the disk of {FOLDER} has {free} MiB free, and a full disk stores no"
        " output: free some space, then start again; tipoff up --foreground shows more"
    )


def _google_wanted() -> bool:
    wanted = os.environ.get("TIPOFF_PUBSUB", "embedded")
    if wanted not in ("embedded", "google"):
        raise StackError(f"TIPOFF_PUBSUB={wanted}: write embedded or google")
    return wanted == "google"


def _phase2_wanted() -> Behaviour:
    """Return the initial behaviour of the fake of Phase 2. Raises StackError."""
    try:
        return Behaviour.model_validate_json(os.environ.get("TIPOFF_PHASE2", "{}"))
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, it['loc'])) or 'the whole'}: {it['msg']}" for it in error.errors())
        raise StackError(
            f'TIPOFF_PHASE2: {"; ".join(faults)}; write JSON such as {{"drop": 0.1, "delay": 0.2}}, of'
            f" {', '.join(Behaviour.model_fields)}"
        ) from error


def write_environment(
    layout: Layout, read: Seen, file: Path = STACK_ENVIRONMENT, *, watching: bool = False
) -> None:
    """Write the stack's addresses for commands in the same folder, atomically.

    read: the files that the stack was started with, as they were then.
    watching: whether the stack reads edits by itself.
    """
    variables = {
        **layout.runner_environment(),
        "TIPOFF_CONTROLLER_URL": layout.url("controller"),
        "TIPOFF_MONITOR_URL": layout.url("monitor"),
    }
    lines = [f"{name}={value}" for name, value in variables.items()]
    note_read(file, read, watching=watching)  # first: a command that finds the environment expects this list
    unfinished = file.with_suffix(".new")
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.replace(file)


@contextmanager
def _owned(options: UpOptions) -> Iterator[None]:
    FOLDER.mkdir(exist_ok=True)
    on_sigterm = signal.getsignal(signal.SIGTERM)
    with _LOCK.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError("a stack is running already; `tipoff down` stops it") from None
        STACK_ENVIRONMENT.unlink(missing_ok=True)
        lock.truncate(0)
        lock.write(" ".join([str(os.getpid()), *options.arguments()]))
        lock.flush()
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, on_sigterm)


def _owner() -> _Owner | None:
    """Return the running owner, or None without one."""
    if not _LOCK.exists() or not is_held(_LOCK):
        return None
    # The file is empty until the owner has written its process id.
    process, _, options = _LOCK.read_text().partition(" ")
    return _Owner(int(process), options) if process else None
