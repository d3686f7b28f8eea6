"""The map of services, `infra/services.yaml`.

Terraform, `make`, the local stack, `tipoff deploy` and the tests read it, and every list of services derives from it:
adding a service is adding an entry (docs/how-to/add-a-service.md).
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tipoff_common.topics import TopicMap
from tipoff_common.yaml_source import ConfigurationNode, YamlSource

ComputedSetting = Literal[
    "TIPOFF_ARCHIVE_BUCKET",
    "TIPOFF_CONSOLE_URL",
    "TIPOFF_CONTROLLER_URL",
    "TIPOFF_IAP_AUDIENCE",
    "TIPOFF_INVOKERS",
    "TIPOFF_MAX_INSTANCES",
    "TIPOFF_SCHEDULER_SERVICE_ACCOUNT",
    "TIPOFF_VIEWERS",
]
# tipoff-NAME-push2 names an identity, and those have at most 30 characters.
ServiceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,16}$")]


class ServiceEntry(ConfigurationNode):
    """Resources, rights and subscriptions of one service, on Google Cloud and on a developer's machine."""

    description: str = Field(min_length=1, description="the service's task, one line")
    ingress: Literal["all", "internal"] = Field(
        description="all: people call it, with an identity that IAM admits; internal: only Pub/Sub of this project"
    )
    local_port: int = Field(
        ge=1024, le=65535, description="where `make up` and docker-compose.yaml publish it"
    )
    timeout_seconds: int = Field(
        ge=10, le=600, description="time limit of a request; Pub/Sub waits at most 600 s"
    )
    cpu: str = Field(default="1", description="CPUs of an instance")
    memory: str = Field(default="512Mi", pattern=r"^\d+(Mi|Gi)$", description="memory of an instance")
    concurrency: int = Field(ge=1, le=1000, description="requests that one instance handles at a time")
    max_instances: int = Field(ge=1, le=1000, description="most instances at a time")
    publishes: tuple[str, ...] = Field(default=(), description="topics that it publishes to")
    data: Literal["read", "create"] | None = Field(
        default=None,
        description="rights on the objects of the data bucket; create: read and create, replace or delete none",
    )
    archive: Literal["read", "create"] | None = Field(
        default=None,
        description="rights on the objects of the archive bucket; create: read and create, replace or delete none",
    )
    dataset: Literal["read", "append"] | None = Field(
        default=None, description="read: query; append: insert rows into the tables, and query"
    )
    secrets: tuple[str, ...] = Field(
        default=(),
        description="environment variables whose values are Secret Manager secrets of the same name",
    )
    optional_secrets: tuple[str, ...] = Field(
        default=(), description="like secrets, but only in environments that list them in enabled_secrets"
    )
    settings: Mapping[str, str] = Field(default={}, description="environment variables with fixed values")
    computed: tuple[ComputedSetting, ...] = Field(
        default=(), description="environment variables whose values Terraform works out"
    )
    push_generation: int | None = Field(
        default=None, ge=2, description="2 or more after a push token leaked: another account pushes then"
    )


class ServiceMap(ConfigurationNode):
    """All services by name."""

    services: Mapping[ServiceName, ServiceEntry] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        ports = [it.local_port for it in self.services.values()]
        if twice := sorted({port for port in ports if ports.count(port) > 1}):
            raise ValueError(f"local_port: {twice[0]} is given to two services; give each its own")
        return self


def load_services(path: Path) -> Mapping[str, ServiceEntry]:
    """Read the map. Raises ConfigurationError naming file, line and remedy."""
    return YamlSource.read(path).validate(ServiceMap).services


def package_of(service: str) -> str:
    """Name the Python package of a service: scraper-runner is tipoff_scraper_runner."""
    return f"tipoff_{service.replace('-', '_')}"


def map_faults(services: Mapping[str, ServiceEntry], topics: TopicMap, ticks: Iterable[str]) -> Iterator[str]:
    """Find entries of the three maps in `infra/` that do not fit each other; each fault names its remedy."""
    subscribed = set[str]()
    for topic, name, subscription in topics.subscriptions():
        subscribed.add(subscription.service)
        entry = services.get(subscription.service)
        if entry is None:
            yield (
                f"infra/topics.yaml: {topic}.{name}: infra/services.yaml has no service"
                f" '{subscription.service}'; add it there, or correct the name"
            )
        elif subscription.ack_deadline_seconds < entry.timeout_seconds:
            # Pub/Sub would push a message again while the service still handles it.
            yield (
                f"infra/topics.yaml: {topic}.{name}: ack_deadline_seconds {subscription.ack_deadline_seconds} is below"
                f" timeout_seconds {entry.timeout_seconds} of {subscription.service} in infra/services.yaml;"
                " raise the deadline or lower the timeout"
            )
    for service, entry in services.items():
        if service not in subscribed:
            yield (
                f"infra/services.yaml: {service} has no subscription in infra/topics.yaml and would receive"
                " no messages; add a subscription"
            )
        if unknown := sorted(set(entry.publishes) - topics.topics.keys()):
            yield (
                f"infra/services.yaml: {service}.publishes: infra/topics.yaml has no topic {', '.join(unknown)};"
                " add it there, or correct the name"
            )
    tick_topic = topics.topics[topics.topic_of("tipoff.tick.fired.v1")]
    for tick in ticks:
        # A subscription without a filter receives every tick; the full filter language is held by `make check-infra`.
        if not any(not it.filter or f'"{tick}"' in it.filter for it in tick_topic.subscriptions.values()):
            yield (
                f"infra/ticks.yaml: no subscription receives the tick {tick}; add it to a filter in"
                " infra/topics.yaml, or drop the tick"
            )
