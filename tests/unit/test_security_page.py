"""Tests of the page on security: it names every route of every service, and its tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.applications import APPLICATIONS, application

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/explanation/security.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("service", APPLICATIONS)
def test_every_route_stands_in_the_table(service: str) -> None:
    with application(service) as app:
        described = app.openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, operations in described.items() for method in operations}
    assert routes >= {"POST /events", "GET /healthz"}
    named = PAGE.replace(":path}", "}")
    assert [route for route in sorted(routes) if f"`{_as_named(route)}`" not in named] == []


def _as_named(route: str) -> str:
    """Return the page's name of a route: one for all console actions, and one for a page with its JSON twin."""
    action = re.sub(r"/actions/[\w-]+", "/actions/{name}", route)
    page = action.removesuffix(".json")
    return action if "/schemas/" in action else "GET /" if page == "GET /today" else page


def test_every_named_test_exists() -> None:
    named = set(re.findall(r"`(tests/[^`]+)`", PAGE))
    assert named
    assert [path for path in sorted(named) if not (REPOSITORY / path).exists()] == []
