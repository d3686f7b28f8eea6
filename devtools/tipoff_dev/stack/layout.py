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
    """Return a different free port for each name."""
    return {name: free_port() for name in names}


def storage_rights() -> Mapping[str, Mapping[str, str]]:
    """Return the rights of each service, and of Phase 2, by bucket, as infra/terraform grants them.

    One local bucket replaces Google Cloud's buckets for data and archive, and one the state buckets of all services.
    """
    # The fake of Phase 2 handles pushes like a service, and stores the payloads of rejected messages like a service.
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
    """The workflows of the controller."""
    ticks_file: Path = TICKS
    """The ticks of the scheduler."""
    alerts_file: Path = ALERTS
    """The rules of the monitor."""
    live: Collection[str] | None = ()
    """Hosts that get requests although they have a fake; None for all."""

    own_rights: bool = False
    """Whether each service has its own port of the object store (`storage:SERVICE` in `ports`), with only the rights
    that infra/services.yaml grants it, as on Google Cloud."""

    @classmethod
    def on_free_ports(
        cls, *, event_time: bool, workflows_file: Path = DEMO_WORKFLOWS, own_rights: bool = False
    ) -> "Layout":
        """Return the layout of a replay, which can run beside other stacks, by default with the demo's workflows."""
        storage_ports = tuple(f"storage:{name}" for name in storage_rights()) if own_rights else ()
        ports = free_ports((*CLOUD, *SERVICES, *storage_ports))
        return cls(ports, event_time, secrets.token_urlsafe(16), workflows_file, own_rights=own_rights)

    @classmethod
    def on_fixed_ports(cls, live: Collection[str] | None = (), ticks_file: Path = TICKS) -> "Layout":
        """Return the layout of `tipoff up`, in wall-clock time."""
        return cls(FIXED_PORTS, False, "development-key", ticks_file=ticks_file, live=live)

    def faked_hosts(self) -> tuple[str, ...]:
        """Return the hosts whose requests go to the fake sources. Raises UnusableFake."""
        if self.live is None:
            return ()
        return tuple(host for host in fake_hosts(SCRAPERS) if host not in self.live)

    def taken_ports(self) -> list[str]:
        """Return the ports on which a process listens already, as "name (port)"."""
        return [f"{name} ({port})" for name, port in self.ports.items() if not is_free(port)]

    def address(self, name: str) -> str:
        """Return host and port."""
        return f"{HOST}:{self.ports[name]}"

    def url(self, name: str) -> str:
        """Return the URL of a process."""
        return f"http://{self.address(name)}"

    def push_endpoint(self, service: str) -> str:
        """Return a service's push URL, which contains the development key, because emulators send no OIDC token."""
        return f"{self.url(service)}/events?token={self.development_key}"

    def emulators(self) -> dict[str, str]:
        """Return the variables by which Google's clients find an emulator."""
        return {
            "PUBSUB_EMULATOR_HOST": self.address("pubsub"),
            "BIGQUERY_EMULATOR_HOST": self.url("bigquery"),
            "STORAGE_EMULATOR_HOST": self.url("storage"),
        }

    def shared_environment(self) -> dict[str, str]:
        """Return the variables of every service and command."""
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
        """Return the variables of one service."""
        return {
            **self.shared_environment(),
            "TIPOFF_HOST": HOST,
            "PORT": str(self.ports[service]),
            **self._concurrency(service),
            **self._own_storage(service),
            # The developer's own collector of traces.
            **{name: os.environ[name] for name in (ENDPOINT,) if name in os.environ},
            **self._own_settings().get(service, {}),
        }

    def _concurrency(self, service: str) -> dict[str, str]:
        """Return the concurrency of a deployment; the fake of Phase 2, which is not in the map, keeps its default."""
        deployed = SERVICE_MAP.get(service)
        return {"TIPOFF_CONCURRENCY": str(deployed.concurrency)} if deployed else {}

    def _own_storage(self, service: str) -> dict[str, str]:
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
                "TIPOFF_TICKS_FILE": str(self.ticks_file),
                "TIPOFF_WORKFLOWS_FILE": str(self.workflows_file),
                # The alert channels in the developer's environment; without any, the monitor only logs.
                **{name: os.environ[name] for name in SERVICE_MAP["monitor"].secrets if name in os.environ},
            },
            "scraper-runner": {**scrapers, "TIPOFF_FAKE_SOURCES": json.dumps(fakes)},
        }
