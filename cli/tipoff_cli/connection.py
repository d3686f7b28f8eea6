"""Addresses of the controller and the dataset: those that the environment names, else those of the local stack."""

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
"""File beside STACK_ENVIRONMENT: what the stack in the background printed."""
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
# An emulator is on this machine; one that takes longer is not there.
_ANSWER_SECONDS = 2.0
_TOKEN_SECONDS = 30.0
_START = "start a stack with `tipoff up`, or set {} for one that runs elsewhere"


class NotConnected(CommandFailed):
    """There is nothing to talk to; the message says what to do."""


@dataclass(frozen=True)
class Connection:
    """Variables of one place; values of two places are never mixed, so that no key goes astray."""

    values: Mapping[str, str]
    where: str

    @property
    def environment(self) -> str:
        """The environment whose rows are meant."""
        return self.values.get("TIPOFF_ENVIRONMENT", "prod")

    @property
    def controller_url(self) -> str:
        """Raises NotConnected."""
        return self._value(CONTROLLER_URL, "controller").rstrip("/")

    @property
    def monitor_url(self) -> str:
        """Raises NotConnected."""
        return self._value(MONITOR_URL, "monitor").rstrip("/")

    def token(self, service_url: str | None = None) -> str:
        """Return what authenticates us to a service, by default the controller: the development key, else an
        identity token for its URL. The token is of gcloud's account if that is a service account, else of the one
        to impersonate: a person's own token names gcloud as its audience, not the service.

        Raises:
            NotConnected
        """
        # First: where there is a key the services take nothing else.
        if key := self.values.get(DEVELOPMENT_KEY):
            # It travels in a header, which takes nothing else.
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
            done = subprocess.run(  # noqa: S603  # the command that was found
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
            raise NotConnected(f"gcloud gave no identity token: {error}; try `gcloud auth login`") from error
        if done.returncode:
            raise NotConnected(
                f"gcloud gave no identity token: {done.stderr.strip()}; try `gcloud auth login`, and name a service"
                f" account among the invokers in {IMPERSONATED}"
            )
        return done.stdout.strip()

    def _impersonating(self) -> tuple[str, ...]:
        account = self.values.get(IMPERSONATED)
        return (f"--impersonate-service-account={account}", "--include-email") if account else ()

    def warehouse(self) -> Warehouse:
        """Connect to the warehouse. Raises NotConnected."""
        with _credentials():
            # Around the import alone: only then does the client look for them.
            with without_data_frames():
                from tipoff_common.adapters.bigquery import BigQueryWarehouse

            return BigQueryWarehouse(
                self._project(),
                self._emulator("BIGQUERY_EMULATOR_HOST"),
                self.values.get("TIPOFF_DATASET") or FLEET.dataset,
            )

    def data(self) -> Objects:
        """Return the bucket for what is fetched. Raises NotConnected."""
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

    # One for all buckets: replaying dead letters opens one for each letter, and each client keeps connections open.
    @cached_property
    def _storage(self) -> "StorageClient":
        from tipoff_common.adapters.storage import storage_client

        with _credentials():
            return storage_client(self._project(), self._emulator("STORAGE_EMULATOR_HOST"))

    def _project(self) -> str:
        return self._value(PROJECT, "project")

    def _value(self, variable: str, what: str) -> str:
        if value := self.values.get(variable):
            return value
        raise NotConnected(f"{self.where} names no {what}; {_START.format(variable)}")

    def _emulator(self, name: str) -> str | None:
        """Return the emulator's address, which Google's clients look for in the environment; None on Google's
        cloud."""
        address = self.values.get(name)
        if address is None:
            return None
        require_answer(address, f"{name} of {self.where}")
        # Google's clients read it there and take no argument for it.
        os.environ[name] = address
        return address


def names_deployment() -> bool:
    """Tell whether the environment names what is asked, in place of a stack that runs here."""
    # Any of them: half an environment is completed by its owner, not by a stack that happens to run here.
    return any(name in os.environ for name in (CONTROLLER_URL, MONITOR_URL, PROJECT))


def find_connection() -> Connection:
    """Find the connection that the environment names, else the stack that runs in this repository.

    Raises:
        NotConnected
    """
    if names_deployment():
        return Connection(os.environ, "the environment")
    if STACK_ENVIRONMENT.exists():
        from dotenv import dotenv_values

        values = {
            name: value for name, value in dotenv_values(STACK_ENVIRONMENT).items() if value is not None
        }
        return Connection(values, str(STACK_ENVIRONMENT))
    ended = end_of_last_stack()
    raise NotConnected(
        f"no stack runs here{f': {ended}' if ended else ''}; {_START.format(f'{CONTROLLER_URL} and {PROJECT}')}"
    )


def end_of_last_stack() -> str:
    """Say which process of the last stack ended and took the others with it; empty when the stack was stopped."""
    file = STACK_ENVIRONMENT.with_name(STACK_LOG)
    log = file.read_text(errors="replace") if file.exists() else ""
    # At the beginning of a line: a log also quotes the end of a process that its stack survived.
    found = re.findall(r"^[\w-]+ ended with exit code -?\d+(?=:$)", log, flags=re.MULTILINE)
    return f"the last one ended by itself: {found[-1]} (see {file})" if found else ""


@contextmanager
def without_data_frames() -> Iterator[None]:
    """Hide what BigQuery's client imports for data frames where it is installed: commands read rows.

    An operator's installation has none of them; in a developer's they are half of what a query takes.
    """
    hidden = [name for name in _DATA_FRAMES if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None makes an import fail
    try:
        yield
    finally:
        # Taken out again: a later import, such as a plotting command's, must find the real ones.
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
        host.encode("idna")  # as the connection would, whose error says less
    except ValueError as error:
        raise NotConnected(
            f"'{address}', named by {where}, is not an address: {error}; write one such as localhost:9050"
        ) from error
    try:
        socket.create_connection((host, port), _ANSWER_SECONDS).close()
    except OSError as error:
        raise NotConnected(
            f"nothing answers at {address}, named by {where}: no stack is running; `tipoff up` starts one"
        ) from error


def stale_zone() -> str | None:
    """Say that the stack that runs here, and is asked, was started with another zone than workflows.yaml has now; None
    otherwise."""
    from dotenv import dotenv_values

    if names_deployment():
        return None
    started = dotenv_values(STACK_ENVIRONMENT).get("TIPOFF_TIMEZONE") if STACK_ENVIRONMENT.exists() else None
    written = read_timezone(WORKFLOWS)
    if started is None or started == written:
        return None
    return (
        f"the stack's days are those of {started}, and {WORKFLOWS.name} says {written}: tipoff down, then tipoff up,"
        " which brings the dataset up to date too (deployed: tipoff tables deploy, and TIPOFF_TIMEZONE by Terraform)"
    )
