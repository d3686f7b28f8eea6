"""What somebody sees who opens the console."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support.console import KEY, World, an_incident, console_app, served


@pytest.fixture
def world() -> World:
    world = World()
    world.remember(an_incident())
    return world


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    """A signed-in browser that fails on anything the console writes to its log."""
    with served(console_app(world)) as url:
        context = browser.new_context(base_url=url)
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/")
        page.get_by_label("Development key").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        yield page
        context.close()
        assert complaints == []


def test_today_says_in_one_line_how_the_day_is_and_draws_every_expected_run(page: Page, world: World) -> None:
    expect(page.locator("[data-waiting]")).to_have_count(0, timeout=10_000)
    expect(page.locator(".verdict h1")).to_contain_text("odds_snapshots fails since 09:00")
    drawn = page.locator("rect.bar[data-occurrence]").evaluate_all(
        "bars => bars.map(bar => [bar.dataset.occurrence, bar.dataset.status])"
    )
    assert sorted(drawn) == sorted([row["occurrence_id"], row["status"]] for row in world.day)
    expect(page.locator(".trow", has_text="injury_discovery")).to_contain_text(
        "is not published before 15:15"
    )
