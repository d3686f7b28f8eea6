"""Every route of every service, called with whatever its description allows and with what it does not.

No answer is a 5xx beside 503 with its remedy, every status is in the description, and every body is as described. Calls
follow each other by what one answers and another takes.
"""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.pushes import AUTHORIZED, KEY
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
from tipoff_scraper_runner.pacing import Pacer
from tipoff_scraper_runner.settings import RunnerSettings

SERVICES: dict[str, tuple[Any, Any, dict[str, str]]] = {
    "controller": (controller_app, ControllerSettings, {}),
    "scraper-runner": (runner_app, RunnerSettings, {"scrapers": "services/scraper-runner/scrapers"}),
    "cleanup": (cleanup_app, CleanupSettings, {}),
    "logger": (logger_app, LoggerSettings, {}),
    "monitor": (monitor_app, MonitorSettings, {}),
}
CHECKS = (status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = 12
"""Calls of each route; a route has few fields, and the generator begins with the strange ones."""


def silent_source(*_: object) -> OpenHttp:
    """A source that has nothing: no test reaches for the network."""
    transport = httpx.MockTransport(lambda _request: httpx.Response(404))
    return lambda spec, now, _replaying: HttpxHttp(
        spec, now, Pacer(sleep=lambda _: None), transport=transport
    )


def build(service: str) -> Iterator[FastAPI]:
    """The real application on a cloud in memory."""
    create, model, more = SERVICES[service]
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


@pytest.fixture(params=list(SERVICES))
def app(request: pytest.FixtureRequest) -> Iterator[FastAPI]:
    yield from build(request.param)


@pytest.fixture
def api(app: FastAPI) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", app)


# The routes for programs; the console's pages are for browsers, and its own tests walk them.
schema = schemathesis.pytest.from_fixture("api").exclude(tag="console")


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_described(case: schemathesis.Case) -> None:
    answer = case.call(headers=AUTHORIZED)
    assert answer.status_code < 500, answer.text
    case.validate_response(answer, checks=CHECKS)


@pytest.mark.parametrize("service", ["controller", "monitor"])
def test_calls_that_follow_each_other_are_answered_as_described(service: str) -> None:
    """What one route answers is given to the next: runs and their progress, pauses and silences and their ends."""
    for app in build(service):
        described = schemathesis.openapi.from_asgi("/openapi.json", app).exclude(tag="console")

        class Calls(described.as_state_machine()):  # type: ignore[misc]
            def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:  # noqa: ARG002
                return {"headers": AUTHORIZED}

            def validate_response(
                self, response: Any, case: schemathesis.Case, additional_checks: Any = (), **_: Any
            ) -> None:
                assert response.status_code < 500, response.text
                case.validate_response(response, checks=(*CHECKS, *additional_checks))

        Calls.run(
            settings=settings(
                max_examples=6, stateful_step_count=6, deadline=None, suppress_health_check=list(HealthCheck)
            )
        )
