"""Cleanup's wiring."""

from dataclasses import dataclass

from fastapi import FastAPI

from tipoff_cleanup.dataset import FileDataset
from tipoff_cleanup.deps import Deps
from tipoff_cleanup.handlers import ACCEPTED
from tipoff_cleanup.memory import CleanupMemory
from tipoff_cleanup.settings import CleanupSettings
from tipoff_common.catalog import load_catalog, scrapers_folder
from tipoff_common.cloud import Cloud
from tipoff_common.push import PushEndpoint


@dataclass(frozen=True)
class Wiring:
    """The application, its routers and the dependencies of its handlers, as `app` registers them."""

    app: FastAPI
    endpoint: PushEndpoint
    deps: Deps


def bootstrap(settings: CleanupSettings) -> Wiring:
    """Connect cleanup to the cloud and the fleet that its settings name."""
    catalog = load_catalog(scrapers_folder(settings.scrapers))
    # Part of the configuration's hash: these files determine the folders that a runner may write to.
    described = sorted(scrapers_folder(settings.scrapers).glob("*/*/scraper.yaml"))
    cloud = Cloud("cleanup", settings, config_files=tuple(described))
    return Wiring(
        app=cloud.app(
            "Heals: compares landed files with their receipts.", needs=("warehouse", "data", "state")
        ),
        endpoint=cloud.push_endpoint(ACCEPTED),
        deps=Deps(
            environment=settings.environment,
            lookback=settings.lookback,
            rule=settings.rule,
            pubsub_enabled=settings.pubsub_enabled,
            catalog=catalog,
            memory=CleanupMemory(cloud.state),
            dataset=FileDataset(cloud.warehouse, settings.environment),
            data=cloud.data,
            publisher=cloud.publisher,
        ),
    )
