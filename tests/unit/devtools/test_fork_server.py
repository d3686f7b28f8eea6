"""Tests of the fork server: its processes equal those that are started directly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tipoff_dev.stack.fork_server import Start
from tipoff_dev.stack.processes import ForkedProcess, ForkServer, StackError

PATIENCE_SECONDS = 60.0
NONE = ()
"""Preloaded libraries of a server whose exit is tested: none, as they take a second to import."""
TELL = """
import gc, json, os, sys
loaded = [name for name in sys.modules if name.startswith("tipoff")]
print(json.dumps({
    "name": __name__, "arguments": sys.argv[1:], "environment": dict(os.environ), "cwd": os.getcwd(),
    "session": os.getsid(0) == os.getpid(), "loaded": loaded, "process": open("/proc/self/comm").read().strip(),
    "spared": gc.get_freeze_count(), "collects": gc.isenabled(),
}))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the modules that the tests run."""
    (tmp_path / "tell.py").write_text(TELL, encoding="utf-8")
    (tmp_path / "fail.py").write_text("import sys\nsys.exit('no')\n", encoding="utf-8")
    (tmp_path / "stay.py").write_text("import time\nprint('here')\ntime.sleep(600)\n", encoding="utf-8")
    (tmp_path / "tipoff_images.py").write_text("import pandas\n", encoding="utf-8")
    (tmp_path / "other.py").write_text("import pandas, pyarrow\n", encoding="utf-8")
    return tmp_path


def start(server: ForkServer, folder: Path, module: str, *arguments: str) -> ForkedProcess:
    return server.start(request(folder, module, *arguments))


def request(folder: Path, module: str, *arguments: str) -> Start:
    return {
        "module": module,
        "arguments": list(arguments),
        "environment": {"HOME": "/", "GIVEN": "yes"},
        "cwd": str(folder),
        "log": str(folder / "log"),
    }


def wait_until_it_stays(folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (folder / "log").exists() or "here" not in (folder / "log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_module_runs_with_only_the_given_arguments_and_environment(server: ForkServer, folder: Path) -> None:
    assert start(server, folder, "tell", "--port", "1").wait(PATIENCE_SECONDS) == 0
    result = json.loads((folder / "log").read_text())
    assert result["name"] == "__main__"
    assert result["arguments"] == ["--port", "1"]
    assert result["environment"].items() >= {"HOME": "/", "GIVEN": "yes"}.items()
    assert result["environment"].keys() <= {"HOME", "GIVEN", "LC_CTYPE"}  # set by Python itself
    assert result["cwd"] == str(folder)
    assert result["session"], "a signal to the owner's group would reach it"
    assert result["process"] == "tell", "top and ps tell the processes of a stack apart"


def test_each_process_imports_repository_code_itself(server: ForkServer, folder: Path) -> None:
    assert start(server, folder, "tell").wait(PATIENCE_SECONDS) == 0
    assert json.loads((folder / "log").read_text())["loaded"] == ["tipoff_dev", "tipoff_dev.stack"]


def test_processes_collect_garbage_except_shared_library_objects(server: ForkServer, folder: Path) -> None:
    assert start(server, folder, "tell").wait(PATIENCE_SECONDS) == 0
    result = json.loads((folder / "log").read_text())
    assert result["collects"]
    assert result["spared"] > 100_000, "objects of the libraries"


def test_exit_code_is_reported_and_the_log_is_appended(server: ForkServer, folder: Path) -> None:
    assert start(server, folder, "fail").wait(PATIENCE_SECONDS) == 1
    staying = start(server, folder, "stay")
    wait_until_it_stays(folder)
    assert staying.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        staying.wait(0.01)
    staying.kill()
    assert staying.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    staying.terminate()  # the id may belong to another process by now
    assert staying.poll() == -signal.SIGKILL
    assert (folder / "log").read_text() == "no\nhere\n"


def test_only_emulators_can_import_libraries_missing_in_images(server: ForkServer, folder: Path) -> None:
    assert start(server, folder, "tipoff_images").wait(PATIENCE_SECONDS) == 1
    assert "ModuleNotFoundError: import of pandas" in (folder / "log").read_text()
    assert start(server, folder, "other").wait(PATIENCE_SECONDS) == 0


def test_closing_the_server_ends_its_processes(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    server = ForkServer(NONE)
    staying = start(server, folder, "stay")
    wait_until_it_stays(folder)
    server.close()
    assert staying.wait(PATIENCE_SECONDS) == -signal.SIGTERM
    assert capfd.readouterr().err == ""
    with pytest.raises(StackError):
        start(server, folder, "tell")


def test_process_requested_by_a_killed_owner_is_ended(folder: Path) -> None:
    """A server takes a second to start, in which its owner may exit before it reads the answer."""
    server = ForkServer(NONE)
    reading, writing = os.pipe()
    socket.send_fds(server._socket, [json.dumps(request(folder, "stay")).encode() + b"\n"], [writing])
    os.close(writing)
    os.close(reading)
    server.close()
    assert server._process.returncode == 0, "else it left what it had started behind"


def test_killed_server_is_reported_with_remedy_and_leaves_no_process(folder: Path) -> None:
    server = ForkServer(NONE)
    staying = start(server, folder, "stay")
    wait_until_it_stays(folder)
    server._process.kill()
    server._process.wait()
    assert not server.runs
    with pytest.raises(StackError, match="start the stack again"):
        start(server, folder, "tell")
    assert staying.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    deadline = time.monotonic() + PATIENCE_SECONDS
    # Another process is its parent now, so it may be a zombie for a while.
    while (state := Path(f"/proc/{staying.pid}/stat")).exists() and ") Z" not in state.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    server.close()


def test_signal_to_a_just_ended_process_is_no_error() -> None:
    """The server has reaped the process, but its line about that is still in the pipe."""
    ended = subprocess.Popen([sys.executable, "-S", "-c", ""])
    ended.wait()
    reading, writing = os.pipe()
    os.write(writing, b"%d\n" % ended.pid)
    process = ForkedProcess(reading)
    process.terminate()
    os.write(writing, b"0\n")
    os.close(writing)
    assert process.wait() == 0
