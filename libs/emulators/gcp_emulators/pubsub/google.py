"""Google's own Pub/Sub emulator as a child process: where it is installed, how to start it, how to end it.

It is a Java program that comes with the Cloud SDK (`gcloud components install pubsub-emulator`, or the package
google-cloud-cli-pubsub-emulator). Starting its jar directly, rather than through gcloud, saves a second and a
process that would survive its parent.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gcp_emulators.testing import free_port

JAR_VARIABLE = "PUBSUB_EMULATOR_JAR"
"""Names the emulator's jar when it is not where the Cloud SDK puts it."""

_SDK_ROOTS = (
    Path("/usr/lib/google-cloud-sdk"),
    Path("/usr/share/google-cloud-sdk"),
    Path("/opt/google-cloud-sdk"),
)


class EmulatorUnavailableError(RuntimeError):
    """Google's emulator cannot run here; the text says what is missing."""


class EmulatorStartError(RuntimeError):
    """Google's emulator was found but did not become ready; the text ends with its last output."""


@dataclass(frozen=True)
class Installation:
    """What is needed to run the emulator."""

    java: Path
    jar: Path


def find_installation() -> Installation:
    """Return the emulator's jar and a Java to run it: `PUBSUB_EMULATOR_JAR`, else beside gcloud, else the usual SDK
    places.

    Raises EmulatorUnavailableError, naming the missing part.
    """
    java = shutil.which("java")
    if java is None:
        raise EmulatorUnavailableError("no java on PATH")
    named = os.environ.get(JAR_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise EmulatorUnavailableError(f"{JAR_VARIABLE}={named} is not a file")
        return Installation(Path(java), Path(named))
    jars = [jar for root in _sdk_roots() for jar in root.glob("platform/pubsub-emulator/lib/*-all.jar")]
    if not jars:
        raise EmulatorUnavailableError("the Cloud SDK's pubsub-emulator component is not installed")
    return Installation(Path(java), max(jars, key=_version))


class GoogleEmulator:
    """A running emulator, in a process group of its own so that ending it leaves no Java behind."""

    def __init__(self, process: subprocess.Popen[bytes], host: str, port: int) -> None:
        self._process = process
        self.host = host
        self.port = port

    @property
    def address(self) -> str:
        """The value for `PUBSUB_EMULATOR_HOST`."""
        return f"{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """The Java process, which also leads its process group."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.poll()

    def stop(self, grace_seconds: float = 3.0) -> None:
        """End the whole process group: SIGTERM, then SIGKILL after the grace. Stopping twice is harmless."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def start(
    *, host: str = "127.0.0.1", port: int = 0, log: Path | None = None, timeout_seconds: float = 30.0
) -> GoogleEmulator:
    """Start the emulator and return when it answers; port 0 takes a free one, `log` receives its output.

    Raises EmulatorUnavailableError when it is not installed and EmulatorStartError when it does not become ready.
    """
    installation = find_installation()
    port = port or free_port()
    command = [str(installation.java), "-jar", str(installation.jar), f"--host={host}", f"--port={port}"]
    with log.open("wb") if log else Path(os.devnull).open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - both paths were found above, not given by a request
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    emulator = GoogleEmulator(process, host, port)
    try:
        _wait_until_ready(emulator, timeout_seconds)
    except BaseException as error:
        emulator.stop()
        if isinstance(error, EmulatorStartError) and log:
            raise EmulatorStartError(f"{error}: {log.read_text(errors='replace')[-2000:]}") from None
        raise
    return emulator


@contextmanager
def running(
    *, host: str = "127.0.0.1", port: int = 0, log: Path | None = None, timeout_seconds: float = 30.0
) -> Iterator[GoogleEmulator]:
    """`start`, and `stop` on leaving the block."""
    emulator = start(host=host, port=port, log=log, timeout_seconds=timeout_seconds)
    try:
        yield emulator
    finally:
        emulator.stop()


def _sdk_roots() -> Iterator[Path]:
    gcloud = shutil.which("gcloud")
    if gcloud:
        yield Path(gcloud).resolve().parent.parent
    yield from _SDK_ROOTS
    yield Path.home() / "google-cloud-sdk"


def _version(jar: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", jar.name))


def _wait_until_ready(emulator: GoogleEmulator, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        status = emulator.poll()
        if status is not None:
            raise EmulatorStartError(f"the emulator exited with status {status}")
        try:
            with urllib.request.urlopen(f"http://{emulator.address}/", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise EmulatorStartError(f"the emulator did not answer within {timeout_seconds:g} s")
