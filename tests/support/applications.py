"""The real application of each service on a cloud in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import httpx
from fastapi import FastAPI

from tests.support.pushes import KEY
from tipoff_cleanup.app import create_app as cleanup_app
from tipoff_cleanup.settings import CleanupSettings
from tipoff_common.cloud import Cloud
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_controller.app import create_app as controller_app
from tipoff_controller.settings import ControllerSettings
from tipoff_logger.app import create_app as logger_app
from tipoff_logger.settings import LoggerSettings
from tipoff_monitor.app import create_app as monitor_app
from tipoff_monitor.settings import MonitorSettings
from tipoff_scraper_runner.app import create_app as runner_app
from tipoff_scraper_runner.execution import OpenHttp
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.settings import RunnerSettings

APPLICATIONS: dict[str, tuple[Any, Any, dict[str, str]]] = {
    "controller": (controller_app, ControllerSettings, {}),
    "scraper-runner": (runner_app, RunnerSettings, {"scrapers": "services/scraper-runner/scrapers"}),
    "cleanup": (cleanup_app, CleanupSettings, {}),
    "logger": (logger_app, LoggerSettings, {}),
    "monitor": (monitor_app, MonitorSettings, {}),
}


def silent_source(*_: object) -> OpenHttp:
    """Open a source without documents: no test uses the network."""
    transport = httpx.MockTransport(lambda _request: httpx.Response(404))
    return lambda spec, now, _replaying: HttpxHttp(
        spec, now, Pacer(sleep=lambda _: None), transport=transport
    )


@contextmanager
def application(service: str) -> Iterator[FastAPI]:
    """Build a service's application for the length of a block."""
    create, model, more = APPLICATIONS[service]
    given = {
        "environment": "local",
        "project": "p",
        "data_bucket": "data",
        "state_bucket": "state",
        "development_key": KEY,
        "calls_per_minute": 6_000,
        **more,
    }
    bucket: dict[str, MemoryObjects] = {}
    with (
        patch.object(Cloud, "bus", RecordingBus()),
        patch.object(Cloud, "warehouse", MemoryWarehouse()),
        patch.object(Cloud, "objects", lambda _self, name: bucket.setdefault(name, MemoryObjects(name))),
        patch("tipoff_scraper_runner.bootstrap.connected_opener", silent_source),
    ):
        yield create(model.model_validate(given))
