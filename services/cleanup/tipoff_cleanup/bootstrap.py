"""Cleanup's wiring."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import FastAPI

from tipoff_cleanup.handlers import ACCEPTED, Deps
from tipoff_cleanup.memory import Memory
from tipoff_cleanup.settings import CleanupSettings
from tipoff_common.cloud import Cloud
from tipoff_common.push import PushEndpoint


@dataclass(frozen=True)
class Wiring:
    app: FastAPI
    endpoint: PushEndpoint
    deps: Deps


def bootstrap(settings: CleanupSettings) -> Wiring:
    cloud = Cloud("cleanup", settings)
    return Wiring(
        app=cloud.app("Heals: compares what landed with what was processed.", needs=("warehouse", "state")),
        endpoint=cloud.push_endpoint(ACCEPTED),
        deps=Deps(
            environment=settings.environment,
            lookback=timedelta(hours=settings.lookback_hours),
            lost_after=timedelta(hours=settings.lost_after_hours),
            max_republishes=settings.max_republishes,
            pubsub_enabled=settings.pubsub_enabled,
            memory=Memory(cloud.state),
            warehouse=cloud.warehouse,
            publisher=cloud.publisher,
        ),
    )
