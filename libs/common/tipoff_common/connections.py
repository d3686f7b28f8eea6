"""Connections to the cloud, made from a service's settings.

Each client is created at its first use, as importing one is slow and few services need all.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from tipoff_common.ports import Bus, Objects, Warehouse
from tipoff_common.publisher import Publisher
from tipoff_common.settings import ServiceSettings
from tipoff_common.topics import TopicMap, load_topics

if TYPE_CHECKING:
    from tipoff_common.adapters.pubsub import PubSubBus
    from tipoff_common.adapters.storage import StorageClient


class Connections:
    """Connections of `service`; the ports document the errors that they raise."""

    def __init__(self, service: str, settings: ServiceSettings) -> None:
        self._service, self._settings = service, settings
        self.topics: TopicMap = load_topics(settings.topics_file)

    @property
    def bus(self) -> Bus:
        """The bus, connected at its first use."""
        return self._pubsub

    def publish_messages(self, messages: Iterable[tuple[str, bytes, Mapping[str, str]]]) -> None:
        """Publish each (topic, data, attributes) unchanged, such as dead letters. Raises Unavailable."""
        self._pubsub.publish_messages(messages)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse, connected at its first use."""
        from tipoff_common.adapters.bigquery import BigQueryWarehouse

        settings = self._settings
        return BigQueryWarehouse(settings.project, settings.bigquery_emulator_host, settings.dataset)

    @cached_property
    def state(self) -> Objects:
        """The bucket for the services' state."""
        return self.objects(self._settings.state_bucket)

    @cached_property
    def data(self) -> Objects:
        """The bucket for fetched data."""
        return self.objects(self._settings.data_bucket)

    @cached_property
    def publisher(self) -> Publisher:
        """The publisher of the service's events."""
        return Publisher(self._service, self.bus)

    def objects(self, bucket: str) -> Objects:
        """Return a bucket by its name."""
        from tipoff_common.adapters.storage import GcsObjects

        return GcsObjects(self._storage, bucket)

    # One client per process: each client opens and keeps a channel and a pool of connections.
    @cached_property
    def _pubsub(self) -> "PubSubBus":
        from tipoff_common.adapters.pubsub import PubSubBus

        return PubSubBus(self._settings.project, self.topics)

    @cached_property
    def _storage(self) -> "StorageClient":
        from tipoff_common.adapters.storage import storage_client

        settings = self._settings
        # Twice: a handler may make two calls at a time.
        connections = 2 * settings.concurrency
        return storage_client(settings.project, settings.storage_emulator_host, connections)
