"""One service's connections to the cloud, from its settings: what every bootstrap starts with.

Each client is made when it is first asked for: a service that needs no warehouse does not pay for importing one.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path

from fastapi import APIRouter, FastAPI

from tipoff_common.auth import Authentication
from tipoff_common.authenticated_routes import CallLimit, authenticated_router
from tipoff_common.events import Event
from tipoff_common.identity import short_hash
from tipoff_common.ports import Bus, Objects, Warehouse
from tipoff_common.publisher import Publisher
from tipoff_common.push import PushEndpoint
from tipoff_common.settings import ServiceSettings
from tipoff_common.topics import TopicMap, load_topics
from tipoff_common.web import create_app


class Cloud:
    """Connections of `service`; see the ports for what they raise."""

    def __init__(self, service: str, settings: ServiceSettings, config_files: tuple[Path, ...] = ()) -> None:
        self._service, self._settings = service, settings
        self.topics: TopicMap = load_topics(settings.topics_file)
        self.config_hash = configuration_hash(settings.topics_file, *config_files)
        self.authentication = Authentication(settings)

    @cached_property
    def bus(self) -> Bus:
        """The bus, connected at its first use."""
        from tipoff_common.adapters.pubsub import PubSubBus

        return PubSubBus(self._settings.project, self.topics)

    def publish_messages(self, messages: Iterable[tuple[str, bytes, Mapping[str, str]]]) -> None:
        """Publish (topic, data, attributes) as they are, such as what died before. Raises Unavailable."""
        from tipoff_common.adapters.pubsub import PubSubBus

        PubSubBus(self._settings.project, self.topics).publish_messages(messages)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse, connected at its first use."""
        from tipoff_common.adapters.bigquery import BigQueryWarehouse

        settings = self._settings
        return BigQueryWarehouse(settings.project, settings.bigquery_emulator_host, settings.dataset)

    @cached_property
    def state(self) -> Objects:
        """The bucket for what services remember."""
        return self.objects(self._settings.state_bucket)

    @cached_property
    def data(self) -> Objects:
        """The bucket for what is fetched."""
        return self.objects(self._settings.data_bucket)

    @cached_property
    def publisher(self) -> Publisher:
        """The publisher of the service's events."""
        return Publisher(self._service, self.bus)

    def app(
        self,
        description: str,
        needs: tuple[str, ...],
        config_hash: str | None = None,
        buckets: Mapping[str, Objects] = {},
    ) -> FastAPI:
        """Return the service's application; /readyz checks the bus, the named connections, and `buckets` of the
        service's own by the name that each is to be told under."""
        checks: Mapping[str, Callable[[], None]] = {
            **{name: getattr(self, name).check for name in ("bus", *needs)},
            **{name: bucket.check for name, bucket in buckets.items()},
        }
        return create_app(
            service=self._service,
            description=description,
            environment=self._settings.environment,
            config_hash=config_hash or self.config_hash,
            checks=checks,
            threads=self._settings.concurrency,
        )

    def push_endpoint(self, accepted: frozenset[type[Event]]) -> PushEndpoint:
        """Build what verifies, decodes and refuses pushes of these events."""
        return PushEndpoint(
            service=self._service,
            environment=self._settings.environment,
            event_time=self._settings.event_time,
            accepted=accepted,
            authentication=self.authentication,
            topics=self.topics,
            publisher=self.publisher,
            state=self.state,
        )

    def authenticated_router(self) -> APIRouter:
        """Build the router of the routes that people and Cloud Scheduler call."""
        return authenticated_router(self.authentication, CallLimit(self._settings.calls_per_minute))

    def objects(self, bucket: str) -> Objects:
        """Return a bucket by its name."""
        from tipoff_common.adapters.storage import GcsObjects, storage_client

        settings = self._settings
        # Twice: a handler may have a second call under way while it makes one.
        connections = 2 * settings.concurrency
        return GcsObjects(
            storage_client(settings.project, settings.storage_emulator_host, connections), bucket
        )


def configuration_hash(*files: Path) -> str:
    """Hash the files' contents, in the given order: tells which configuration is live."""
    return short_hash(b"\0".join(path.read_bytes() for path in files))
