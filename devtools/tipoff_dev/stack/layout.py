"""Ports and environment of each process of the stack."""

import json
import os
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from gcp_emulators.testing import free_port, is_free
from tipoff_cli.checkout import (
    ALERTS,
    FLEET,
    SCRAPERS,
    STACK_PROJECT,
    TICKS,
    TOPICS,
    WORKFLOWS,
    read_timezone,
)
from tipoff_cli.checkout import SERVICES as SERVICES_FILE
from tipoff_common.service_map import ServiceEntry, load_services, package_of
from tipoff_common.telemetry import ENDPOINT
from tipoff_dev.fakes.sources.hosts import fake_hosts

HOST = "127.0.0.1"
PROJECT = STACK_PROJECT
DATA_BUCKET = FLEET.data_bucket
STATE_BUCKET = "tipoff-state"
DEMO_WORKFLOWS = Path(__file__).parents[1] / "demo/workflows.yaml"

CLOUD = ("pubsub", "pubsub-admin", "bigquery", "bigquery-grpc", "storage", "fake-sources", "phase2")
SERVICE_MAP: Mapping[str, ServiceEntry] = load_services(SERVICES_FILE)
SERVICES: Mapping[str, str] = {name: package_of(name) for name in SERVICE_MAP}
"""Each service with its package."""
FIXED_PORTS: Mapping[str, int] = {
    **{name: entry.local_port for name, entry in SERVICE_MAP.items()},
    "pubsub": 8085,
    "pubsub-admin": 8086,
    "fake-sources": 8087,
    "phase2": 8089,
    "storage": 9023,
    "bigquery": 9050,
    "bigquery-grpc": 9060,
}


def free_ports(names: Collection[str] = (*CLOUD, *SERVICES)) -> dict[str, int]:
    """Return a free port for each name, no two the same."""
    return {name: free_port() for name in names}


def storage_rights() -> Mapping[str, Mapping[str, str]]:
    """Return what each service, and Phase 2, may do on which bucket, as infra/terraform grants it.

    Here one bucket holds what on Google Cloud are the data and the archive, and one what are the services' states.
    """
    # The fake of Phase 2 handles pushes as services do, and keeps the payloads that it rejects where they keep theirs.
    rights: dict[str, dict[str, str]] = {"phase2": {DATA_BUCKET: "read", STATE_BUCKET: "write"}}
    for name, entry in SERVICE_MAP.items():
        data = entry.data or entry.archive
        rights[name] = {STATE_BUCKET: "write", **({DATA_BUCKET: data} if data else {})}
    return rights


@dataclass(frozen=True)
class Layout:
    """The stack's addresses and identity."""

    ports: Mapping[str, int]
    event_time: bool
    development_key: str
    workflows_file: Path = WORKFLOWS
    """The file by which its controller decides."""
    ticks_file: Path = TICKS
    """The file by which its scheduler fires."""
    alerts_file: Path = ALERTS
    """The rules of its monitor."""
    live: Collection[str] | None = ()
    """Hosts asked themselves though there is a fake of them; None for all."""

    own_rights: bool = False
    """Whether each service has its own door to the object store (`storage:SERVICE` among the ports), at which it may do
    what infra/services.yaml grants it and is refused all else, as on Google Cloud."""

    @classmethod
    def on_free_ports(
        cls, *, event_time: bool, workflows_file: Path = DEMO_WORKFLOWS, own_rights: bool = False
    ) -> "Layout":
        """Return a stack beside others, for a replay: by the demo's two workflows unless others are named."""
        doors = tuple(f"storage:{name}" for name in storage_rights()) if own_rights else ()
        ports = free_ports((*CLOUD, *SERVICES, *doors))
        return cls(ports, event_time, secrets.token_urlsafe(16), workflows_file, own_rights=own_rights)

    @classmethod
    def on_fixed_ports(cls, live: Collection[str] | None = (), ticks_file: Path = TICKS) -> "Layout":
        """Return the stack of `tipoff up`, in wall-clock time."""
        return cls(FIXED_PORTS, False, "development-key", ticks_file=ticks_file, live=live)

    def faked_hosts(self) -> tuple[str, ...]:
        """Return the hosts that are asked of the fake sources. Raises UnusableFake."""
        if self.live is None:
            return ()
        return tuple(host for host in fake_hosts(SCRAPERS) if host not in self.live)

    def taken_ports(self) -> list[str]:
        """Return those that something listens on already, as "name (port)"."""
        return [f"{name} ({port})" for name, port in self.ports.items() if not is_free(port)]

    def address(self, name: str) -> str:
        """Return host and port."""
        return f"{HOST}:{self.ports[name]}"

    def url(self, name: str) -> str:
        """Return the URL of a process."""
        return f"http://{self.address(name)}"

    def push_endpoint(self, service: str) -> str:
        """Return a service's push URL, with the development key in it, as emulators send no OIDC token."""
        return f"{self.url(service)}/events?token={self.development_key}"

    def emulators(self) -> dict[str, str]:
        """Return the variables by which Google's clients find an emulator."""
        return {
            "PUBSUB_EMULATOR_HOST": self.address("pubsub"),
            "BIGQUERY_EMULATOR_HOST": self.url("bigquery"),
            "STORAGE_EMULATOR_HOST": self.url("storage"),
        }

    def shared_environment(self) -> dict[str, str]:
        """Return what every service and command is told."""
        return {
            **self.emulators(),
            "TIPOFF_ENVIRONMENT": "local",
            "TIPOFF_PROJECT": PROJECT,
            "TIPOFF_DATASET": FLEET.dataset,
            "TIPOFF_TIMEZONE": read_timezone(self.workflows_file),
            "TIPOFF_DATA_BUCKET": DATA_BUCKET,
            "TIPOFF_STATE_BUCKET": STATE_BUCKET,
            "TIPOFF_TOPICS_FILE": str(TOPICS),
            "TIPOFF_DEVELOPMENT_KEY": self.development_key,
            "TIPOFF_EVENT_TIME": str(self.event_time).lower(),
        }

    def service_environment(self, service: str) -> dict[str, str]:
        """Return what one service is told."""
        return {
            **self.shared_environment(),
            "TIPOFF_HOST": HOST,
            "PORT": str(self.ports[service]),
            **self._concurrency(service),
            **self._own_door(service),
            # A collector of the developer's, who looks at the stack's traces.
            **{name: os.environ[name] for name in (ENDPOINT,) if name in os.environ},
            **self._own_settings().get(service, {}),
        }

    def _concurrency(self, service: str) -> dict[str, str]:
        """Return what a deployment sets; the fake Phase 2 is no service of the map and keeps its default."""
        deployed = SERVICE_MAP.get(service)
        return {"TIPOFF_CONCURRENCY": str(deployed.concurrency)} if deployed else {}

    def _own_door(self, service: str) -> dict[str, str]:
        return {"STORAGE_EMULATOR_HOST": self.url(f"storage:{service}")} if self.own_rights else {}

    def runner_environment(self) -> dict[str, str]:
        """Return the settings of scrapers that are run manually beside the stack."""
        return {**self.shared_environment(), **self._own_settings()["scraper-runner"]}

    def _own_settings(self) -> dict[str, dict[str, str]]:
        scrapers = {"TIPOFF_SCRAPERS": str(SCRAPERS)}
        fakes = dict.fromkeys(self.faked_hosts(), self.url("fake-sources"))
        return {
            "controller": {
                **scrapers,
                "TIPOFF_WORKFLOWS_FILE": str(self.workflows_file),
                "TIPOFF_TICKS_FILE": str(self.ticks_file),
            },
            "cleanup": scrapers,
            "monitor": {
                **scrapers,
                "TIPOFF_ALERTS_FILE": str(self.alerts_file),
                "TIPOFF_CONTROLLER_URL": self.url("controller"),
                "TIPOFF_WORKFLOWS_FILE": str(self.workflows_file),
                # Channels that the developer names are told; without, the monitor's log is.
                **{name: os.environ[name] for name in SERVICE_MAP["monitor"].secrets if name in os.environ},
            },
            "scraper-runner": {**scrapers, "TIPOFF_FAKE_SOURCES": json.dumps(fakes)},
        }
