"""The monitor's wiring."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI

from tipoff_common import __version__
from tipoff_common.catalog import load_catalog, scrapers_folder
from tipoff_common.cloud import Cloud
from tipoff_common.ports import Unavailable
from tipoff_common.push import PushEndpoint
from tipoff_dataset.files import QUERIES
from tipoff_monitor.channels import open_channels
from tipoff_monitor.deps import Deps
from tipoff_monitor.handlers import ACCEPTED
from tipoff_monitor.loading import load_rules
from tipoff_monitor.memory import MonitorState
from tipoff_monitor.settings import MonitorSettings
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.loading import load_workflows


@dataclass(frozen=True)
class Wiring:
    """app: with the push endpoint's routes to come. manual: for the routes that people call."""

    app: FastAPI
    endpoint: PushEndpoint
    manual: APIRouter
    deps: Deps


def bootstrap(settings: MonitorSettings) -> Wiring:
    """Wire the service. Raises ConfigurationError."""
    catalog = load_catalog(scrapers_folder(settings.scrapers))
    configuration = load_workflows(settings.workflows_file, catalog)
    book = load_rules(settings.alerts_file, QUERIES)
    cloud = Cloud("monitor", settings)
    source = configuration.file.calendar.scraper
    calendar = LandedCalendar(cloud.data, catalog[source].output_root) if source else None
    return Wiring(
        app=cloud.app(
            "Watches: tells people what is wrong, once.",
            needs=("warehouse", "data", "state"),
            config_hash=book.hash,
        ),
        endpoint=cloud.push_endpoint(ACCEPTED),
        manual=cloud.authenticated_router(),
        deps=Deps(
            environment=settings.environment,
            book=book,
            version=__version__,
            config_hash=configuration.hash,
            levels={name: workflow.alert_level for name, workflow in configuration.workflows.items()},
            names=_game_names(calendar),
            state=MonitorState(cloud.state),
            warehouse=cloud.warehouse,
            publisher=cloud.publisher,
            senders=open_channels(book.file.channels, os.environ, local=settings.environment == "local"),
            console_url=settings.console_url,
        ),
    )


def _game_names(calendar: LandedCalendar | None) -> Callable[[], Mapping[str, str]]:
    def names() -> Mapping[str, str]:
        try:
            found = calendar.current() if calendar else None
        except Unavailable:
            return {}  # ids do as well
        return found.game_names if found else {}

    return names
