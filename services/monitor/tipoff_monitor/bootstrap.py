"""The monitor's wiring."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, FastAPI

from tipoff_common import RELEASE
from tipoff_common.catalog import load_catalog, scrapers_folder
from tipoff_common.cloud import Cloud
from tipoff_common.ports import Unavailable
from tipoff_common.push import PushEndpoint
from tipoff_common.ticks import load_ticks, lock_time
from tipoff_dataset.files import QUERIES
from tipoff_monitor.channels import open_channels
from tipoff_monitor.console.access import Access
from tipoff_monitor.console.controller import Controller
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.snapshots import Snapshots
from tipoff_monitor.console.sources import Sources
from tipoff_monitor.deps import Deps
from tipoff_monitor.handlers import ACCEPTED
from tipoff_monitor.loading import load_rules
from tipoff_monitor.memory import MonitorState
from tipoff_monitor.settings import MonitorSettings
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.loading import load_workflows

_PAGES_A_MINUTE = 600
"""Limit per person: three times the requests of a hundred tabs that refresh twice a minute; the rest is for clicks."""


@dataclass(frozen=True)
class Wiring:
    """The application, its routers and the dependencies of its handlers, as `app` registers them."""

    app: FastAPI
    """The application, to which the push endpoint's routes are added."""
    endpoint: PushEndpoint
    manual: APIRouter
    """Router of the routes that people call."""
    deps: Deps
    console: Callable[[Callable[[], datetime]], ConsoleDeps]
    """Factory of the console's dependencies, given a clock."""


def bootstrap(settings: MonitorSettings) -> Wiring:
    """Wire the service. Raises ConfigurationError."""
    catalog = load_catalog(scrapers_folder(settings.scrapers))
    configuration = load_workflows(settings.workflows_file, catalog)
    # Checks the rules against their queries: a rule whose query lacks a column would fail at its first watch, at night.
    book = load_rules(settings.alerts_file, QUERIES)
    cloud = Cloud("monitor", settings)
    source = configuration.file.calendar.scraper
    calendar = LandedCalendar(cloud.data, catalog[source].output_root) if source else None
    deps = Deps(
        environment=settings.environment,
        book=book,
        version=RELEASE,
        config_hash=configuration.hash,
        levels={name: workflow.alert_level for name, workflow in configuration.workflows.items()},
        sources=catalog.sources,
        names=_game_names(calendar),
        state=MonitorState(cloud.state),
        warehouse=cloud.warehouse,
        publisher=cloud.publisher,
        # All channels are opened here, so that an unset secret stops the deployment and not the first alert.
        senders=open_channels(book.file.channels, os.environ, local=settings.environment == "local"),
        console_url=settings.console_url,
        locks_at=lock_time(load_ticks(settings.ticks_file)),
        # Stored with its hash, so that a page can show the difference to a later configuration.
        workflows_text=settings.workflows_file.read_text(encoding="utf-8"),
    )

    # One client for actions and look-ups: it holds the connection and the identity.
    controller = Controller(settings)

    def console(now: Callable[[], datetime]) -> ConsoleDeps:
        return ConsoleDeps(
            monitor=deps,
            access=Access(settings, cloud.authentication),
            sources=Sources(
                deps.warehouse, deps.state, deps.environment, configuration, calendar, controller.recall
            ),
            snapshots=Snapshots(now),
            configuration=configuration,
            catalog=catalog,
            controller=controller,
            topics=cloud.topics,
            publish_messages=cloud.publish_messages,
            bucket_of=cloud.objects,
            calls_per_minute=_PAGES_A_MINUTE,
            now=now,
        )

    return Wiring(
        app=cloud.app(
            "Evaluates the alert rules, and notifies people of each fault once.",
            needs=("warehouse", "data", "state"),
            # The hash of the alert rules, which only the monitor has; the configuration page shows the workflows' hash.
            config=(settings.alerts_file, book.hash),
        ),
        endpoint=cloud.push_endpoint(ACCEPTED),
        manual=cloud.authenticated_router(),
        deps=deps,
        console=console,
    )


def _game_names(calendar: LandedCalendar | None) -> Callable[[datetime], Mapping[str, str]]:
    def names(now: datetime) -> Mapping[str, str]:
        try:
            found = calendar.current(now) if calendar else None
        # A message with ids now is better than a message with names that waits for the bucket.
        except Unavailable:
            return {}
        return found.game_names if found else {}

    return names
