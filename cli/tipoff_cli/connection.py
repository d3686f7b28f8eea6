"""Addresses of the services and the dataset, from the environment, else from the local stack."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tipoff_cli.checkout import FLEET, TOPICS, WORKFLOWS, read_timezone
from tipoff_cli.errors import CommandFailed
from tipoff_common import fleet_root
from tipoff_common.ports import Objects, Warehouse

if TYPE_CHECKING:
    from tipoff_common.adapters.pubsub import PubSubBus
    from tipoff_common.adapters.storage import StorageClient
    from tipoff_common.topics import TopicMap

STACK_ENVIRONMENT = FLEET.folder / fleet_root.STACK_ENVIRONMENT
STACK_LOG = "stack.log"
"""File beside STACK_ENVIRONMENT with the output of the stack in the background."""
STACK_LOCK = "stack.lock"
"""File beside STACK_ENVIRONMENT with the process id and the options of the stack's owner, which holds its lock."""
UNHANDLED = "not handled before the stop, and lost with Pub/Sub's memory"
"""Text with which a stack that stops logs the messages left over."""
CONTROLLER_URL, DEVELOPMENT_KEY, PROJECT = "TIPOFF_CONTROLLER_URL", "TIPOFF_DEVELOPMENT_KEY", "TIPOFF_PROJECT"
MONITOR_URL = "TIPOFF_MONITOR_URL"
IMPERSONATED = "TIPOFF_IMPERSONATE"
_EMULATORS = ("BIGQUERY_EMULATOR_HOST", "STORAGE_EMULATOR_HOST")
_DATA_FRAMES = (
    "pyarrow",
    "google.cloud.bigquery_storage",
    "google.cloud.bigquery_storage_v1",
    "pandas",
    "tqdm",
)
# Emulators run on this machine: no connection within this time means that the emulator is down.
_ANSWER_SECONDS = 2.0
_TOKEN_SECONDS = 30.0
_START = "start a stack with `tipoff up`, or set {} for one that runs elsewhere"


class NotConnected(CommandFailed):
    """No stack or deployment is reachable; the message says what to do."""


@dataclass(frozen=True)
class Connection:
    """Variables of one stack or deployment, never mixed with those of another: a key must not reach another service."""

    values: Mapping[str, str]
    where: str

    @property
    def environment(self) -> str:
        """The environment whose rows commands read."""
        return self.values.get("TIPOFF_ENVIRONMENT", "prod")

    @property
    def in_event_time(self) -> bool:
        """Whether ticks bring their own time, so that a day other than today may be replayed."""
        return self.values.get("TIPOFF_EVENT_TIME") == "true"

    @property
    def controller_url(self) -> str:
        """The URL of the controller. Raises NotConnected."""
        return self._value(CONTROLLER_URL, "controller").rstrip("/")

    @property
    def monitor_url(self) -> str:
        """The URL of the monitor. Raises NotConnected."""
        return self._value(MONITOR_URL, "monitor").rstrip("/")

    def token(self, service_url: str | None = None) -> str:
        """Return the bearer token for a service, by default the controller: the development key, else an identity
        token for the service's URL. gcloud issues the token for the account to impersonate, else for its own account,
        which must be a service account: a person's own token names gcloud as its audience, not the service.

        Raises:
            NotConnected
        """
        # Try the key first: services with a development key accept nothing else.
        if key := self.values.get(DEVELOPMENT_KEY):
            # HTTP headers carry printable ASCII only.
            if not (key.isascii() and key.isprintable()):
                raise NotConnected(
                    f"{DEVELOPMENT_KEY} of {self.where} has characters that a header cannot carry; set it to"
                    " the services' key"
                )
            return key
        gcloud = shutil.which("gcloud")
        if gcloud is None:
            raise NotConnected(
                "gcloud is not installed, so there is no identity token; install the Google Cloud CLI"
            )
        try:
            done = subprocess.run(  # noqa: S603  # the command that `which` found
                [
                    gcloud,
                    "auth",
                    "print-identity-token",
                    f"--audiences={service_url or self.controller_url}",
                    *self._impersonating(),
                ],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TOKEN_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotConnected(
                f"gcloud issued no identity token: {error}; try `gcloud auth login`"
            ) from error
        if done.returncode:
            raise NotConnected(
                f"gcloud issued no identity token: {done.stderr.strip()}; try `gcloud auth login`, and name a service"
                f" account among the invokers in {IMPERSONATED}"
            )
        return done.stdout.strip()

    def _impersonating(self) -> tuple[str, ...]:
        account = self.values.get(IMPERSONATED)
        return (f"--impersonate-service-account={account}", "--include-email") if account else ()

    def warehouse(self) -> Warehouse:
        """Connect to the warehouse. Raises NotConnected."""
        with _credentials():
            # Hide them during the import only: the client looks for them at no other time.
            with without_data_frames():
                from tipoff_common.adapters.bigquery import BigQueryWarehouse

            return BigQueryWarehouse(
                self._project(),
                self._emulator("BIGQUERY_EMULATOR_HOST"),
                self.values.get("TIPOFF_DATASET") or FLEET.dataset,
            )

    def data(self) -> Objects:
        """Return the bucket of fetched files. Raises NotConnected."""
        return self.bucket(self._value("TIPOFF_DATA_BUCKET", "bucket"))

    def bus(self, topics: "TopicMap") -> "PubSubBus":
        """Connect to Pub/Sub. Raises NotConnected."""
        from tipoff_common.adapters.pubsub import PubSubBus

        self._emulator("PUBSUB_EMULATOR_HOST")
        with _credentials():
            return PubSubBus(self._project(), topics)

    def topics(self) -> "TopicMap":
        """Read the topic map of the place. Raises ConfigurationError."""
        from tipoff_common.topics import load_topics

        return load_topics(Path(self.values.get("TIPOFF_TOPICS_FILE", TOPICS)))

    def bucket(self, bucket: str) -> Objects:
        """Open the bucket of this name. Raises NotConnected."""
        from tipoff_common.adapters.storage import GcsObjects

        return GcsObjects(self._storage, bucket)

    # One client for all buckets: a replay opens a bucket for each dead letter, and each client keeps connections open.
    @cached_property
    def _storage(self) -> "StorageClient":
        from tipoff_common.adapters.storage import storage_client

        with _credentials():
            return storage_client(self._project(), self._emulator("STORAGE_EMULATOR_HOST"))

    def _project(self) -> str:
        return self._value(PROJECT, "project")

    def _value(self, variable: str, kind: str) -> str:
        if value := self.values.get(variable):
            return value
        raise NotConnected(f"{self.where} names no {kind}; {_START.format(variable)}")

    def _emulator(self, name: str) -> str | None:
        """Check that the emulator answers, export its address for Google's clients and return it; None on Google
        Cloud."""
        address = self.values.get(name)
        if address is None:
            return None
        require_answer(address, f"{name} of {self.where}")
        # Google's clients read the address there and take no argument for it.
        os.environ[name] = address
        return address


def names_deployment() -> bool:
    """Return whether the environment names a deployment, which commands then use in place of the local stack."""
    # One variable is enough: values of the local stack must not complete a partial environment.
    return any(name in os.environ for name in (CONTROLLER_URL, MONITOR_URL, PROJECT))


def find_connection() -> Connection:
    """Return the connection that the environment names, else the one of the local stack.

    Raises:
        NotConnected
    """
    if names_deployment():
        return Connection(os.environ, "the environment")
    if STACK_ENVIRONMENT.exists() and not killed_owner():
        from dotenv import dotenv_values

        values = {
            name: value for name, value in dotenv_values(STACK_ENVIRONMENT).items() if value is not None
        }
        return Connection(values, str(STACK_ENVIRONMENT))
    ended = end_of_last_stack()
    raise NotConnected(
        f"no stack runs here{f': {ended}' if ended else ''}; {_START.format(f'{CONTROLLER_URL} and {PROJECT}')}"
    )


def end_of_last_stack(name: str = STACK_LOG) -> str:
    """Name the process whose exit ended a stack, and the messages that were lost; empty when an operator stopped the
    stack.

    name: file name of the stack's log.
    """
    # Only the newest stack can have left its environment behind.
    if name == STACK_LOG and (killed := killed_owner()):
        return killed
    file = STACK_ENVIRONMENT.with_name(name)
    # Match at the beginning of a line only: the log also quotes exits that the stack survived.
    found = re.findall(r"^[\w-]+ ended with exit code -?\d+(?=:$)", _read_log(file), flags=re.MULTILINE)
    if not found:
        return ""
    lost = lost_messages(name)
    return f"the last stack ended unexpectedly: {found[-1]} (see {file})" + (f"; {lost}" if lost else "")


def killed_owner() -> str:
    """Say that the owner of the last stack was killed; empty when it runs, or ended by itself.

    The owner writes no reason then, but it leaves the stack's environment, which it removes when it ends by itself.
    """
    lock = STACK_ENVIRONMENT.with_name(STACK_LOCK)
    if not (STACK_ENVIRONMENT.exists() and lock.exists()) or is_held(lock):
        return ""
    owner = lock.read_text().partition(" ")[0]
    return (
        f"the last stack ended without a reason in its log: its owner, process {owner}, was killed, or the machine"
        " restarted; its history is kept, and messages under way are lost"
    )


def is_held(lock: Path) -> bool:
    """Return whether a process holds the lock of a file."""
    import fcntl  # no stack runs on Windows, which lacks the module

    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def lost_messages(name: str = STACK_LOG) -> str:
    """Return the line about messages lost when a stack stopped; empty when none were."""
    lines = _read_log(STACK_ENVIRONMENT.with_name(name)).splitlines()
    return next((line for line in reversed(lines) if line.startswith(UNHANDLED)), "")


def _read_log(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""


@contextmanager
def without_data_frames() -> Iterator[None]:
    """Hide the packages that BigQuery's client imports for data frames: commands read rows.

    An operator's installation has none of them; in a developer's, their import takes half the time of a query.
    """
    hidden = [name for name in _DATA_FRAMES if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None makes an import fail
    try:
        yield
    finally:
        # Remove the entries: a later import, such as a plotting command's, must find the real packages.
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _credentials() -> Iterator[None]:
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except GoogleAuthError as error:
        raise NotConnected(f"{error}; try `gcloud auth application-default login`") from error


def require_answer(address: str, where: str) -> None:
    """Raise NotConnected when nothing listens at an emulator's address, which `where` names."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host, port = parts.hostname or "", parts.port or 80
        host.encode("idna")  # the connection would fail with a less clear error
    except ValueError as error:
        raise NotConnected(
            f"'{address}', named by {where}, is not an address: {error}; write one such as localhost:9050"
        ) from error
    try:
        socket.create_connection((host, port), _ANSWER_SECONDS).close()
    except OSError as error:
        raise NotConnected(
            f"cannot connect to {address}, named by {where}: no stack is running; start one with `tipoff up`"
        ) from error


def stale_zone() -> str | None:
    """Return a warning when the local stack was started with another zone than workflows.yaml has now, or the file is
    missing; None otherwise, and for a deployment."""
    from dotenv import dotenv_values

    from tipoff_common.clock import fleet_zone

    if names_deployment():
        return None
    started = dotenv_values(STACK_ENVIRONMENT).get("TIPOFF_TIMEZONE") if STACK_ENVIRONMENT.exists() else None
    if started is None:
        return None
    if not WORKFLOWS.is_file():
        return (
            f"{WORKFLOWS} is missing, so days and times here are those of {fleet_zone().key}; the stack's are those of"
            f" {started}: restore the file"
        )
    written = read_timezone(WORKFLOWS)
    if started == written:
        return None
    return (
        f"the stack runs in the zone {started}, but {WORKFLOWS.name} has {written}: run tipoff down, then tipoff up,"
        " which updates the dataset too (deployed: tipoff tables deploy, and TIPOFF_TIMEZONE by Terraform)"
    )
