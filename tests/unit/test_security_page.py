"""The page on security names every route of every service, and tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/explanation/security.md").read_text(encoding="utf-8")
CODE = [*REPOSITORY.glob("services/*/tipoff_*/app.py"), REPOSITORY / "libs/common/tipoff_common/web.py"]
ROUTE = re.compile(r"@\w+\.(get|post|put|patch|delete)\(\s*\"([^\"]+)\"")


def test_every_route_stands_in_the_table() -> None:
    routes = {
        f"{method.upper()} {path}"
        for code in CODE
        for method, path in ROUTE.findall(code.read_text(encoding="utf-8"))
    }
    assert routes >= {"POST /events", "GET /healthz", "POST /workflows/{name}/runs"}
    assert [route for route in sorted(routes) if f"`{route}`" not in PAGE] == []


def test_every_test_that_it_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[^`]+)`", PAGE))
    assert named
    assert [path for path in sorted(named) if not (REPOSITORY / path).exists()] == []
