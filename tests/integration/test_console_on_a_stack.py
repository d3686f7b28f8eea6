"""The console on a running stack, in a browser: what it draws is in the dataset, and what it does happens."""

from __future__ import annotations

from datetime import date

from playwright.sync_api import Page, expect, sync_playwright
from stack_harness import PATIENCE_SECONDS, SCHEDULE, Driver, until
from tests.support.browser import FLAGS, find_chromium

from tipoff_common.events import Tick

VERDICT = """
SELECT occurrence_id, status FROM nba_orchestration.expected_vs_actual(CURRENT_TIMESTAMP(), @day)
"""


def open_console(page: Page, driver: Driver, path: str) -> None:
    page.goto(f"{driver.stack.layout.url('monitor')}/login?next={path}")
    page.get_by_label("Development key").fill(driver.stack.layout.development_key)
    page.get_by_role("button", name="Sign in").click()


def test_the_day_is_drawn_as_the_dataset_has_it_and_a_trigger_becomes_a_row(
    embedded_stack: Driver, day: date
) -> None:
    driver = embedded_stack
    driver.tick(Tick.LOCK_SCHEDULE, day, 5)
    driver.tick(Tick.EVALUATE, day, 5, 15)
    driver.executions(day, SCHEDULE)
    rows = until(lambda: driver.rows(VERDICT, day=day), "a locked schedule")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        open_console(page, driver, f"/?date={day}")
        expect(page.locator("rect.bar[data-occurrence]").first).to_be_attached(timeout=1e3 * PATIENCE_SECONDS)
        drawn = page.locator("rect.bar[data-occurrence]").evaluate_all(
            "bars => bars.map(bar => [bar.dataset.occurrence, bar.dataset.status])"
        )
        assert sorted(drawn) == sorted([row["occurrence_id"], row["status"]] for row in rows)

        before = len(driver.executions(day, SCHEDULE))
        page.goto(
            f"{driver.stack.layout.url('monitor')}/actions/trigger?workflow=morning_operations&date={day}"
        )
        page.get_by_role("button", name="Trigger").click()
        expect(page.locator("main")).to_contain_text("Triggered morning_operations")
        driver.executions(day, SCHEDULE, count=before + 1)
        # What it came to is one click away.
        page.get_by_role("link", name="morning_operations: 1 request").click()
        expect(page.locator("#chain")).to_contain_text("nbac_schedule", timeout=1e3 * PATIENCE_SECONDS)
        assert complaints == []
        browser.close()
