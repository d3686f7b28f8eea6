"""Processes of the embedded cloud, started for a module and ended with it."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

START_SECONDS = 30.0
STOP_SECONDS = 2.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True


@contextlib.contextmanager
def running(
    module: str, port: int, *arguments: str, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The launcher as a process that answers on its port; ended with SIGTERM."""
    command = [sys.executable, "-m", module, "--port", str(port), *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}
    )
    try:
        wait_until(
            lambda: process.poll() is not None or answers(port), START_SECONDS, f"{module} does not answer"
        )
        assert process.poll() is None, process.stdout.read().decode() if process.stdout else ""
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            if process.stdout:
                process.stdout.close()


@pytest.fixture(scope="session")
def launcher() -> Callable[..., contextlib.AbstractContextManager[subprocess.Popen[bytes]]]:
    return running


@pytest.fixture(scope="session")
def unused_port() -> Callable[[], int]:
    return free_port
