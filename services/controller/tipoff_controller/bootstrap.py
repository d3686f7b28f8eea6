"""The controller's wiring."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, FastAPI

from tipoff_common.catalog import load_catalog, scrapers_folder
from tipoff_common.cloud import Cloud
from tipoff_common.events import Tick
from tipoff_common.push import PushEndpoint
from tipoff_common.ticks import cadence_of, load_ticks, lock_time
from tipoff_common.yaml_source import ConfigurationError
from tipoff_controller.deps import Deps
from tipoff_controller.discovery_store import DiscoveryStore
from tipoff_controller.handlers import ACCEPTED
from tipoff_controller.ledger import Ledger
from tipoff_controller.occurrence_store import OccurrenceStore
from tipoff_controller.pause_store import PauseStore
from tipoff_controller.settings import ControllerSettings
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.loading import load_workflows


@dataclass(frozen=True)
class Wiring:
    """The application, its routers and the dependencies of its handlers, as `app` registers them."""

    app: FastAPI
    endpoint: PushEndpoint
    manual: APIRouter
    deps: Deps


def bootstrap(settings: ControllerSettings) -> Wiring:
    """Connect the controller to the cloud and the configuration that its settings name."""
    catalog = load_catalog(scrapers_folder(settings.scrapers))
    ticks = load_ticks(settings.ticks_file)
    # The ticks file is the only source of cadences, so loading refuses windows that no tick can hit.
    # With two sources, ticks once ran from 6 to 23 h while windows opened at 1 and 4 AM.
    evaluated_every = timedelta(minutes=ticks[Tick.EVALUATE].cadence_minutes)
    configuration = load_workflows(
        settings.workflows_file, catalog, evaluated_every, cadence_of(ticks, Tick.DISCOVER)
    )
    if configuration.file.timezone != settings.timezone:
        difference = f"timezone is {configuration.file.timezone}, but TIPOFF_TIMEZONE is {settings.timezone}"
        raise ConfigurationError([f"{settings.workflows_file}: {difference}; make them equal"])
    cloud = Cloud("controller", settings)
    return Wiring(
        app=cloud.app(
            "Decides what to fetch when.",
            # The data bucket holds the calendar that decisions need, so the service is not ready without it.
            needs=("warehouse", "data", "state"),
            config=(settings.workflows_file, configuration.hash),
        ),
        endpoint=cloud.push_endpoint(ACCEPTED),
        manual=cloud.authenticated_router(),
        deps=Deps(
            environment=settings.environment,
            configuration=configuration,
            calendar=LandedCalendar(cloud.data, configuration.calendar_folder),
            ledger=Ledger(cloud.state),
            occurrences=OccurrenceStore(cloud.state, configuration.subject_parameters),
            discovery=DiscoveryStore(cloud.state),
            pauses=PauseStore(cloud.state),
            warehouse=cloud.warehouse,
            publisher=cloud.publisher,
            evaluated_every=evaluated_every,
            locks_at=lock_time(ticks),
        ),
    )
