"""The documentation's screenshots of the console: UPDATE_SCREENSHOTS=1 takes them again."""

from __future__ import annotations

import os
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser
from tests.support.console import HOSTILE, KEY, REPOSITORY, World, an_incident, console_app, looks, served

IMAGES = REPOSITORY / "docs/images"
LARGEST = 150_000
ERROR = "503 Service Unavailable from api.the-odds-api.com"


def plain(value: Any) -> Any:
    """Return the same rows with an ordinary error."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return ERROR if value == HOSTILE else value


def in_few_colors(png: bytes) -> bytes:
    """Return the same picture at a third of the size: a page has few colors."""
    found = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(160).save(found, "PNG", optimize=True)
    return found.getvalue()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_documentation_screenshots_exist_and_are_small(browser: Browser, scheme: str) -> None:
    world = World(other=[looks(30)])
    world.day, world.fleet, world.recent = plain(world.day), plain(world.fleet), plain(world.recent)
    world.remember(an_incident())
    with served(console_app(world)) as url:
        headers = {"Authorization": f"Bearer {KEY}"}
        for twin in ("/today.json", "/workflows/injury_discovery.json"):
            httpx.get(f"{url}{twin}", headers=headers, timeout=30).raise_for_status()
        context = browser.new_context(
            base_url=url,
            color_scheme=scheme,
            viewport={"width": 1200, "height": 800},  # type: ignore[arg-type]
        )
        page = context.new_page()
        page.set_extra_http_headers(headers)
        for name, path in (("today", "/"), ("workflow", "/workflows/injury_discovery")):
            page.goto(path)
            taken = in_few_colors(page.screenshot(full_page=True))
            kept = IMAGES / f"console-{name}-{scheme}.png"
            if os.environ.get("UPDATE_SCREENSHOTS"):
                IMAGES.mkdir(exist_ok=True)
                kept.write_bytes(taken)
            # Fonts differ between machines, so check the page itself, and of the stored screenshot only its size.
            assert page.locator(".verdict.red, .page-heading").count() == 1
            assert kept.is_file(), "take it: UPDATE_SCREENSHOTS=1 pytest tests/browser/test_screenshots.py"
            assert max(len(taken), kept.stat().st_size) < LARGEST
        context.close()
