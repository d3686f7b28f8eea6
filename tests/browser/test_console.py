"""The console's pages in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page, StorageState, expect
from tests.support.browser import faults_of
from tests.support.console import HOSTILE, KEY, World, an_incident, console_app, served

PAGES = (
    "/",
    "/?date=2026-01-14",
    "/?date=2099-01-01",
    "/workflows/injury_discovery",
    "/scrapers",
    "/scrapers/nbac_injury_report",
    "/run?id=nothing-like-it",
    "/alerts",
    "/files",
    f"/files?name={quote('gs://data/a/file.json')}",
    "/dead-letters",
    "/configuration",
    "/simulation",
    "/actions/trigger?workflow=injury_discovery",
    "/actions/silence?rule=broken",
    "/workflows/nope",
)


@pytest.fixture(scope="module")
def world() -> World:
    world = World()
    world.remember(an_incident(), an_incident(rule="cannot-judge", subject=HOSTILE, summary=HOSTILE))
    return world


@pytest.fixture(scope="module")
def url(world: World) -> Iterator[str]:
    with served(console_app(world)) as url:
        # Read every standing statement once, so that no page is still waiting.
        for page in ("/today.json", "/workflows/injury_discovery.json"):
            httpx.get(
                f"{url}{page}", headers={"Authorization": f"Bearer {KEY}"}, timeout=90
            ).raise_for_status()
        yield url


def sign_in(browser: Browser, url: str, *, look_only: bool = False) -> Page:
    page = browser.new_context(base_url=url).new_page()
    page.goto("/")
    page.get_by_label("Development key").fill(KEY)
    if look_only:
        page.get_by_label("Read-only").check()
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    return page


@pytest.fixture(scope="module")
def session(browser: Browser, url: str) -> StorageState:
    """The cookies of a signed-in browser."""
    page = sign_in(browser, url)
    session = page.context.storage_state()
    page.context.close()
    return session


@pytest.fixture
def page(browser: Browser, url: str, session: StorageState) -> Iterator[Page]:
    page = browser.new_context(base_url=url, storage_state=session).new_page()
    yield page
    page.context.close()


def test_today_shows_verdict_line_and_draws_every_expected_run(page: Page, world: World) -> None:
    page.goto("/")
    expect(page.locator(".verdict h1")).to_contain_text("betting_lines did not run at 10:00")
    drawn = page.locator("rect.bar[data-occurrence]").evaluate_all(
        "bars => bars.map(bar => [bar.dataset.occurrence, bar.dataset.status])"
    )
    assert sorted(drawn) == sorted([row["occurrence_id"], row["status"]] for row in world.day)
    # The row itself shows why a due run did not start, without a click.
    expect(page.locator(".trow", has_text="injury_discovery")).to_contain_text(
        "is not published before 15:15"
    )
    expect(page.locator("#upcoming li").first).to_contain_text("15:15")


def test_pages_log_no_errors_and_have_no_accessibility_faults(
    browser: Browser, url: str, session: StorageState
) -> None:
    page = browser.new_context(base_url=url, storage_state=session, bypass_csp=True).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    found: dict[str, object] = {}
    for path in PAGES:
        page.goto(path)
        found |= faults_of(page)
    assert found == {}, json.dumps(found, indent=1)
    # The missing page answers 404, which Chromium writes to its log.
    assert [text for text in complaints if "404" not in text] == []
    page.context.close()


def test_untrusted_text_is_escaped_and_not_executed(page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    for path in (
        "/",
        "/workflows/injury_discovery",
        "/scrapers/nbac_injury_report",
        "/alerts",
        "/dead-letters",
    ):
        page.goto(path)
        assert page.locator("main script, main b").count() == 0
        shown = page.inner_text("main")
        assert "<script>alert(1)</script>" in shown, path
        assert "\\u202e" in shown, path
        assert not set("\u202e\u202c\x1b\x07") & set(shown), path
        assert "{{ 7*7 }}" in shown, path
    assert complaints == []


def test_refresh_in_place_keeps_expanded_rows_and_layout(page: Page, world: World) -> None:
    page.clock.install()
    page.goto("/")
    page.locator("#all-rows summary").click()
    page.locator("#row-3 a").first.focus()
    before = page.locator("#row-3").bounding_box()
    incident = an_incident(summary="Something else is wrong now.")
    world.remember(incident)
    world.now = world.now.replace(minute=world.now.minute + 1)
    page.clock.run_for(31_000)
    expect(page.locator(".verdict .alerts")).to_contain_text("Something else is wrong now")
    assert page.locator("#all-rows").get_attribute("open") is not None
    assert page.locator("#row-3").bounding_box() == before


def test_read_only_user_is_refused_actions_with_remedy(browser: Browser, url: str) -> None:
    page = sign_in(browser, url, look_only=True)
    page.goto("/workflows/injury_discovery")
    assert page.get_by_role("link", name="Trigger…").count() == 0
    answer = page.goto("/actions/trigger?workflow=injury_discovery")
    assert answer is not None and answer.status == 403
    expect(page.locator("main")).to_contain_text("TIPOFF_INVOKERS")
    page.context.close()


def test_alert_is_acknowledged_only_after_confirmation(page: Page, world: World) -> None:
    world.remember(an_incident())
    world.now = world.now.replace(minute=world.now.minute + 1)
    page.goto("/alerts")
    page.get_by_role("link", name="Acknowledge…").first.click()
    assert b'"state":"acknowledged"' not in world.objects.bodies["monitor/memory.json"]
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("main")).to_contain_text("acknowledged by developer@localhost")
    page.goto("/alerts")
    expect(page.locator("#open")).to_contain_text("acknowledged by developer@localhost")


def test_skip_link_and_details_work_by_keyboard(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#all-rows summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#all-rows table")).to_be_visible()


def test_too_small_click_targets_are_reported(page: Page) -> None:
    """axe does not check this rule by default."""
    tiny = '<button style="width:8px;height:8px;padding:0;border:0" aria-label="{}"></button>'
    page.goto("/")
    page.evaluate(
        f"document.querySelector('main').innerHTML = '<h1>Two</h1>{tiny.format('a')}{tiny.format('b')}'"
    )
    assert {key.rpartition(" ")[2] for key in faults_of(page)} >= {"target-size"}
