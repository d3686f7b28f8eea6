"""Emulators for tests: each a process of its own, on free ports, ended with the block.

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
"""Patience, not an expectation: the warehouse takes two seconds, and several times that on a busy machine."""
STOP_SECONDS = 20.0

_VARIABLES: Mapping[ServerName, tuple[str, str]] = {
    "pubsub": ("PUBSUB_EMULATOR_HOST", ""),
    "pubsub.google": ("PUBSUB_EMULATOR_HOST", ""),
    "bigquery": ("BIGQUERY_EMULATOR_HOST", "http://"),
    "storage": ("STORAGE_EMULATOR_HOST", "http://"),
}
"""The variable by which Google's client finds the emulator, and what stands before the address in it."""

_PORTS = range(10_000, 32_000)
"""Below those of outgoing connections (from 32,768 on Linux, from 49,152 on others). A port that the system chooses is
one of theirs, and a connection can have it by the time that the server listens."""
_next_place = itertools.count(secrets.randbelow(len(_PORTS)))
"""Processes that look for ports at the same moment begin at different ones."""

_SECOND_PORTS: Mapping[ServerName, str] = {"pubsub": "--admin-port", "bigquery": "--grpc-port"}
"""Option of the port that an emulator has beside its first."""


class DidNotStartError(RuntimeError):
    """The emulator ended or did not answer; the text ends with its output."""


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
        """The environment variable by which Google's client finds the emulator, and its value."""
        variable, scheme = _VARIABLES[self.name]
        return variable, f"{scheme}{self.address}"

    def output(self) -> bytes:
        """Return what it has printed so far."""
        self._output.seek(0)
        return self._output.read()

    def kill(self) -> None:
        """End it as a power cut would: with SIGKILL."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running(
    name: ServerName, *arguments: str, port: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Emulator]:
    """Start an emulator, yield it when it answers, and end it with SIGTERM.

    arguments: options beside the ports, as `python -m gcp_emulators.NAME --help` lists them.
    port: its first port; a free one by default.
    env: variables beside this process's.

    Raises:
        DidNotStartError: it ended at once, such as for a port that is taken, or never answered.
        subprocess.TimeoutExpired: it did not end within STOP_SECONDS; it is killed then.
    """
    if port is not None and listens(port):  # else its owner would be taken for the emulator
        raise DidNotStartError(f"port {port} of {HOST} is taken; name another, or none for a free one")
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
    """Return a port that nothing listens on, and another one with each call.

    Raises RuntimeError where all are taken.
    """
    for _ in _PORTS:
        port = _PORTS[next(_next_place) % len(_PORTS)]
        if is_free(port):
            return port
    raise RuntimeError(
        f"every port from {_PORTS[0]} to {_PORTS[-1]} of {HOST} is taken; stop what listens there"
    )


def is_free(port: int, host: str = HOST) -> bool:
    """Tell whether a server could listen at a port; one that was just left is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> bool:
    """Tell whether the port takes a connection before the process ends or time runs out."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if listens(port):
            return True
        time.sleep(0.02)
    return False


def listens(port: int) -> bool:
    """Tell whether something takes connections at a port of this machine."""
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
