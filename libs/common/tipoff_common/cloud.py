"""A service's connections to the cloud and its application, built from its settings; every bootstrap uses it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from fastapi import APIRouter, FastAPI

from tipoff_common.auth import Authentication
from tipoff_common.authenticated_routes import CallLimit, authenticated_router
from tipoff_common.connections import Connections
from tipoff_common.events import Event
from tipoff_common.identity import short_hash
from tipoff_common.ports import Objects
from tipoff_common.push import PushEndpoint
from tipoff_common.settings import ServiceSettings
from tipoff_common.web import create_app


class Cloud(Connections):
    """The connections of `service`, its application and its endpoints."""

    def __init__(self, service: str, settings: ServiceSettings, config_files: tuple[Path, ...] = ()) -> None:
        super().__init__(service, settings)
        self.config_files = (settings.topics_file, *config_files)
        self.config_hash = configuration_hash(*self.config_files)
        self.authentication = Authentication(settings)

    def app(
        self,
        description: str,
        needs: tuple[str, ...],
        config: tuple[Path, str] | None = None,
        buckets: Mapping[str, Objects] = {},
    ) -> FastAPI:
        """Return the service's application; /readyz checks the bus, the connections in `needs`, and the service's own
        `buckets`, reported by their keys.

        config: the service's configuration file and the hash of its content, shown in place of the topic map and
        `config_files`.
        """
        shown, config_hash = ((config[0],), config[1]) if config else (self.config_files, self.config_hash)
        checks: Mapping[str, Callable[[], None]] = {
            **{name: getattr(self, name).check for name in ("bus", *needs)},
            **{name: bucket.check for name, bucket in buckets.items()},
        }
        return create_app(
            service=self._service,
            description=description,
            environment=self._settings.environment,
            config_hash=config_hash,
            config_files=shown,
            checks=checks,
            threads=self._settings.concurrency,
        )

    def push_endpoint(self, accepted: frozenset[type[Event]]) -> PushEndpoint:
        """Build the endpoint that verifies, decodes and refuses pushes of these events."""
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


def configuration_hash(*files: Path) -> str:
    """Hash the files' contents, in the given order, to identify the live configuration."""
    return short_hash(b"\0".join(path.read_bytes() for path in files))
