"""Emulators for tests: each in a separate process, on free ports, stopped at the end of the block.

from gcp_emulators.testing import running

with running("pubsub") as emulator:
    monkeypatch.setenv(*emulator.variable)      # PUBSUB_EMULATOR_HOST, 127.0.0.1:PORT
    ...                                         # Google's clients find it there
"""

import itertools
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Literal

ServerName = Literal["pubsub", "pubsub.google", "bigquery", "storage"]

HOST = "127.0.0.1"
START_SECONDS = 60.0
"""A generous limit: the warehouse takes two seconds, and several times that on a busy machine."""
STOP_SECONDS = 20.0

_VARIABLES: Mapping[ServerName, tuple[str, str]] = {
    "pubsub": ("PUBSUB_EMULATOR_HOST", ""),
    "pubsub.google": ("PUBSUB_EMULATOR_HOST", ""),
    "bigquery": ("BIGQUERY_EMULATOR_HOST", "http://"),
    "storage": ("STORAGE_EMULATOR_HOST", "http://"),
}
"""The environment variable from which Google's client reads the emulator's address, and the address's prefix in it."""

_PORTS = range(10_000, 32_000)
"""Below the ports of outgoing connections (from 32,768 on Linux, from 49,152 on others). A port that the system chooses
is one of those, and a connection can take it before the server listens."""
_next_place = itertools.count(secrets.randbelow(len(_PORTS)))
"""A random start, so that processes that search at the same moment begin at different ports."""

_SECOND_PORTS: Mapping[ServerName, str] = {"pubsub": "--admin-port", "bigquery": "--grpc-port"}
"""Option for an emulator's second port."""


class DidNotStartError(RuntimeError):
    """The emulator ended or did not listen in time; the text ends with its output."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    name: ServerName
    port: int
    second_port: int | None
    """Pub/Sub's admin port (/backlog, /healthz), BigQuery's Storage API."""
    process: subprocess.Popen[bytes]
    _output: IO[bytes]

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """The address with its scheme."""
        return f"http://{self.address}"

    @property
    def variable(self) -> tuple[str, str]:
        """The environment variable from which Google's client reads the emulator's address, and its value."""
        variable, scheme = _VARIABLES[self.name]
        return variable, f"{scheme}{self.address}"

    def output(self) -> bytes:
        """Return the emulator's output so far."""
        self._output.seek(0)
        return self._output.read()

    def kill(self) -> None:
        """End the emulator without cleanup: with SIGKILL."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running(
    name: ServerName, *arguments: str, port: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Emulator]:
    """Start an emulator, yield it when it accepts connections, and end it with SIGTERM.

    arguments: options beside the ports, as `python -m gcp_emulators.NAME --help` lists them.
    port: its first port; a free one by default.
    env: variables beside this process's.

    Raises:
        DidNotStartError: it ended at once, for example because a port is taken, or never listened.
        subprocess.TimeoutExpired: it did not end within STOP_SECONDS, and was killed.
    """
    if port is not None and listens(port):  # otherwise its owner would be taken for the emulator
        raise DidNotStartError(f"port {port} of {HOST} is taken; give another port, or none for a free one")
    first, second = port or free_port(), free_port() if name in _SECOND_PORTS else None
    options = [] if second is None else [_SECOND_PORTS[name], str(second)]
    command = [sys.executable, "-m", f"gcp_emulators.{name}", "--port", str(first), *options, *arguments]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}
        )
        emulator = Emulator(name, first, second, process, output)
        try:
            if not _wait_until_listening(process, first):
                raise DidNotStartError(
                    f"{' '.join(command[1:])}: {emulator.output().decode(errors='replace')}"
                )
            yield emulator
        finally:
            _end(process)


def free_port() -> int:
    """Return a free port, a different one with each call.

    Raises RuntimeError when all are taken.
    """
    for _ in _PORTS:
        port = _PORTS[next(_next_place) % len(_PORTS)]
        if is_free(port):
            return port
    raise RuntimeError(
        f"every port from {_PORTS[0]} to {_PORTS[-1]} of {HOST} is taken; stop the programs that use them"
    )


def is_free(port: int, host: str = HOST) -> bool:
    """Return whether a server could listen at a port; a port in TIME_WAIT counts as free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the port accepts a connection; return false when the process ends or time runs out first."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if listens(port):
            return True
        time.sleep(0.02)
    return False


def listens(port: int) -> bool:
    """Return whether a process accepts connections at a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
