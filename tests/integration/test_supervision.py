"""The owner of a stack's processes: however it exits, no process outlives it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from stack_harness import PATIENCE_SECONDS, until

from gcp_emulators.pubsub.google import EmulatorUnavailableError, find_installation
from gcp_emulators.testing import free_port
from tipoff_cli.checkout import REPOSITORY
from tipoff_dev.stack.layout import FIXED_PORTS, SERVICES, Layout, free_ports
from tipoff_dev.stack.processes import ForkServer, Processes, Program, StackError
from tipoff_dev.stack.stack import running_stack

TIPOFF = [sys.executable, "-m", "tipoff_cli"]
LOCK, ENVIRONMENT = REPOSITORY / ".tipoff/stack.lock", REPOSITORY / ".tipoff/stack.env"
COMMAND_SECONDS = 300.0
"""Timeout of a command that starts a stack, below the test's own."""
PROCESSES = len(SERVICES) + 5
"""The services, the four parts of the embedded cloud, and the fake of Phase 2."""


def _table() -> list[tuple[int, int, str]]:
    """Return the id, the parent's id and the state of every process."""
    lines = subprocess.check_output(["ps", "-eo", "pid=,ppid=,stat="], text=True).splitlines()
    return [(int(pid), int(parent), state) for pid, parent, state in (line.split() for line in lines)]


def _children(pids: set[int]) -> set[int]:
    """Return the children of processes. A service starts children of its own to parse risky documents."""
    return {child for child, parent, _ in _table() if parent in pids}


def _stack_of(owner: int) -> set[int]:
    """Return the processes of a stack, which its owner's fork server starts."""
    return _children(_children({owner}))


def _below(pid: int) -> set[int]:
    """Return all descendants of a process."""
    children: dict[int, list[int]] = {}
    for child, parent, _ in _table():
        children.setdefault(parent, []).append(child)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        new = set(children.get(waiting.pop(), ())) - found
        found |= new
        waiting.extend(new)
    return found


def _alive(pids: set[int]) -> set[int]:
    """Return the processes that still run; a zombie does not."""
    return {pid for pid, _, state in _table() if pid in pids and not state.startswith("Z")}


@contextmanager
def _demo(output: Path) -> Iterator[subprocess.Popen[bytes]]:
    with output.open("wb") as written:
        process = subprocess.Popen([*TIPOFF, "demo"], stdout=written, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _all_started(process: subprocess.Popen[bytes]) -> set[int]:
    def started() -> set[int]:
        assert process.poll() is None
        below = _below(process.pid)
        return below if len(below) > PROCESSES else set()  # the fork server too

    found: set[int] = until(started, "all processes to be started")
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_an_interrupted_demo(tmp_path: Path, number: signal.Signals) -> None:
    """`tipoff down` sends SIGTERM; its own test is below."""
    with _demo(tmp_path / "output") as process:
        below = _all_started(process)
        process.send_signal(number)
        code = process.wait(PATIENCE_SECONDS)
        until(lambda: not _alive(below), f"{below} to end")
    assert code == (-signal.SIGKILL if number is signal.SIGKILL else 130)


def test_google_emulator_ends_with_its_owner(tmp_path: Path) -> None:
    """It is Java, reads no pipe and takes the place of its launcher, so that no process outlives the owner."""
    _require_google()
    server = ForkServer()
    processes = Processes(tmp_path, server)
    port = free_port()
    program = Program("gcp_emulators.pubsub.google", ("--port", str(port)), {}, REPOSITORY)
    child = processes.start("pubsub", program).process
    until(lambda: _listens(port), "the emulator to listen")
    assert _below(child.pid) == set()
    server.close()  # as the system closes it when its owner is killed
    child.wait(PATIENCE_SECONDS)
    assert not _listens(port)


def test_concurrent_up_starts_a_single_ready_stack() -> None:
    """A concurrent or later start finds the same stack, down stops it, and the files of a killed owner are ignored."""
    if taken := Layout.on_fixed_ports().taken_ports():
        pytest.skip(f"the fixed ports are taken: {', '.join(taken)}")
    environment = dict(os.environ)
    with suppress(EmulatorUnavailableError):
        find_installation()
        environment["TIPOFF_PUBSUB"] = "google"
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    LOCK.write_text("1")
    ENVIRONMENT.write_text("TIPOFF_PROJECT=of-a-stack-that-was-killed\n")
    try:
        with ThreadPoolExecutor(2) as pool:
            result = list(pool.map(lambda command: _tipoff(command, environment), ["up", "up"]))
        assert sorted("running in the background" in it for it in result) == [False, True], result
        assert sorted("the stack is running" in it for it in result) == [False, True], result
        for service in SERVICES:
            assert requests.get(
                f"http://127.0.0.1:{FIXED_PORTS[service]}/readyz", timeout=PATIENCE_SECONDS
            ).ok
        owner = int(LOCK.read_text())
        started = _stack_of(owner)
        assert len(started) >= PROCESSES
        assert "is running" in _tipoff("up", environment)
        assert int(LOCK.read_text()) == owner
        assert _stack_of(owner) == started
        below = _below(owner)
    finally:
        first = _tipoff("down", environment)
    assert "stopped" in first
    assert not _alive({owner, *below})
    assert not ENVIRONMENT.exists()
    assert "no stack is running" in _tipoff("down", environment)


def _require_google() -> None:
    try:
        find_installation()
    except EmulatorUnavailableError as error:
        pytest.skip(f"Google's emulator is absent: {error}")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _tipoff(command: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [*TIPOFF, command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_taken_port_is_named_before_any_process_starts(tmp_path: Path) -> None:
    """A foreign server on a fixed port must not be taken for ours."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        layout = replace(Layout.on_free_ports(event_time=True), ports={**free_ports(), "storage": port})
        with pytest.raises(StackError, match=f"storage \\({port}\\)"), running_stack(layout, tmp_path):
            pass
    assert list((tmp_path / "logs").iterdir()) == []
