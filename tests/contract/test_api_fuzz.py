"""Every route of every service, called with requests inside and outside its description.

No response is a 5xx except 503 with its remedy, every status is in the description, and every body is as described.
Calls follow each other where one returns a value that another takes.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.applications import APPLICATIONS, application
from tests.support.examples import examples
from tests.support.pushes import AUTHORIZED

CHECKS = (status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = 12
"""Calls of each route; a route has few fields, and the generator begins with unusual values."""


@pytest.fixture(params=list(APPLICATIONS))
def app(request: pytest.FixtureRequest) -> Iterator[FastAPI]:
    with application(request.param) as built:
        yield built


@pytest.fixture
def api(app: FastAPI) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", app)


# Only the routes for programs; the console's pages are for browsers and have tests of their own.
schema = schemathesis.pytest.from_fixture("api").exclude(tag="console")


@schema.parametrize()
@settings(max_examples=examples(EXAMPLES), deadline=None, suppress_health_check=list(HealthCheck))
def test_every_response_matches_openapi_description(case: schemathesis.Case) -> None:
    answer = case.call(headers=AUTHORIZED)
    assert answer.status_code < 500, answer.text
    case.validate_response(answer, checks=CHECKS)


@pytest.mark.parametrize("service", ["controller", "monitor"])
def test_chained_calls_match_openapi_description(service: str) -> None:
    """The response of a route is the input of the next: runs and their progress, pauses and silences and their ends."""
    with application(service) as app:
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
                max_examples=examples(6),
                stateful_step_count=6,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )
        )
