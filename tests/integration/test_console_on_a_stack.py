"""The console in a browser, on a stack with the tour's week: its pages show the dataset, its actions take effect."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from stack_harness import PATIENCE_SECONDS, until
from tests.support.browser import CROSSWISE, FLAGS, faults_of, find_chromium
from tests.support.samples import executed

from tipoff_common.clock import business_date
from tipoff_common.events import Tick, TickFired
from tipoff_dev.stack.stack import Stack
from tipoff_dev.tour.history import EventHistory
from tipoff_dev.tour.loading import append_events
from tipoff_monitor.incidents import Memory
from tipoff_monitor.memory import MonitorState

PATIENCE_MS = 1e3 * PATIENCE_SECONDS
VERDICT = """
SELECT occurrence_id, status FROM nba_orchestration.expected_vs_actual(CURRENT_TIMESTAMP(), @day)
"""
DRAWN = """bars => bars.map(bar => ({occurrence_id: bar.dataset.occurrence, status: bar.dataset.status}))"""
Tour = tuple[Stack, EventHistory]


class Console:
    """A signed-in browser. complaints: its messages about scripts, styles and responses."""

    def __init__(self, page: Page, stack: Stack) -> None:
        self.page, self.stack = page, stack
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"{page.url}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def open(self, path: str) -> None:
        """Open a page and wait until it has its data."""
        self.page.goto(path)
        expect(self.page.locator("[data-waiting]")).to_have_count(0, timeout=PATIENCE_MS)

    def press(self, button: str, says: str) -> None:
        """Press a button and wait for its confirmation."""
        self.page.get_by_role("button", name=button).click()
        expect(self.page.locator("main")).to_contain_text(says)

    def json(self, path: str) -> Any:
        answer = self.page.request.get(path)
        assert answer.ok, answer.text()
        return answer.json()

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return self.stack.warehouse.query(sql, parameters)


@pytest.fixture(scope="module")
def console(tour: Tour) -> Iterator[Console]:
    stack, _ = tour
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        context = browser.new_context(base_url=stack.layout.url("monitor"), bypass_csp=True)
        context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        console = Console(context.new_page(), stack)
        console.page.goto("/")
        console.page.get_by_label("Development key").fill(stack.layout.development_key)
        console.page.get_by_role("button", name="Sign in").click()
        yield console
        browser.close()


def test_every_page_loads_without_console_or_accessibility_faults(console: Console, tour: Tour) -> None:
    day = business_date(tour[1].until) - timedelta(days=1)
    console.open("/files")
    file = console.json("/files.json")["landed"][0]
    console.page.request.put(
        "/simulation",
        data={"configurations": {"workflows.yaml": a_season()}},
        headers={"Authorization": f"Bearer {console.stack.layout.development_key}"},
    )
    found: dict[str, object] = {}
    for path in (
        "/",
        f"/?date={day}",
        "/workflows/injury_discovery",
        "/workflows/post_game",
        "/scrapers",
        "/scrapers/bdl_injuries",
        f"/run?id={file['execution_id']}",
        "/alerts",
        f"/files?name={file['gcs_path']}",
        "/dead-letters",
        "/configuration",
        "/simulation",
        "/actions/trigger?workflow=injury_discovery",
    ):
        console.open(path)
        # The banner lists unreadable data; on a whole stack there is none.
        assert console.page.locator(".banner.bad").all_inner_texts() == [], path
        # tests/browser covers all four variants of each page. The rows differ here, and overflow first where the page
        # is narrow, so every rule is checked there.
        found |= faults_of(console.page, CROSSWISE, all_rules_in=CROSSWISE[1:])
    assert found == {}, json.dumps(found, indent=1)
    assert console.complaints == []


def a_season() -> Mapping[str, object]:
    """Return a season as `tipoff simulate --json` prints it."""
    numbers = {"occurrences": 9, "attempts": 9, "no_data": 1, "failed": 0, "found": 8, "empty": 0}
    return {
        "first": "2026-01-01",
        "last": "2026-01-09",
        "games": 40,
        "world": "usual",
        "seed": 1,
        "config_hash": "0123456789ab",
        "workflows": {"rosters": {**numbers, "statuses": {"ON_TIME": 9}, "missed": [], "delay": None}},
        "sources": {"espn": {"requests": 9, "most_in_an_hour": 1}},
    }


def test_timeline_matches_expected_vs_actual_row_by_row(console: Console, tour: Tour) -> None:
    today = business_date(tour[1].until)
    for day in (today - timedelta(days=3), today - timedelta(days=1)):
        console.open(f"/?date={day}")
        drawn = console.page.locator("rect.bar[data-occurrence]").evaluate_all(DRAWN)
        rows = console.rows(VERDICT, day=day)
        assert len(rows) > 50

        def by_id(items: list[dict[str, Any]]) -> dict[str, str]:
            return {item["occurrence_id"]: item["status"] for item in items}

        assert by_id(drawn) == by_id(rows) and len(drawn) == len(rows)
        console.page.locator("#all-rows summary").click()
        assert console.page.locator("#all-rows tbody tr").count() == len(rows)


def test_trigger_on_page_becomes_execution_row(console: Console) -> None:
    console.open("/workflows/rosters")
    console.page.get_by_role("link", name="Trigger…").click()
    console.press("Trigger", "Triggered rosters")
    link = console.page.get_by_role("link", name="rosters: ")
    (occurrence,) = parse_qs(urlsplit(link.get_attribute("href") or "").query)["id"]
    until(
        lambda: console.rows(
            "SELECT status FROM nba_orchestration.scraper_execution_log WHERE occurrence_id = @occurrence",
            occurrence=occurrence,
        ),
        "a row of the execution that was asked for",
    )
    link.click()
    # The chain of the run is one click away.
    expect(console.page.locator("#chain")).to_contain_text("execution", timeout=PATIENCE_MS)


def test_paused_workflow_shows_operator_and_reason_and_can_be_resumed(console: Console) -> None:
    console.open("/actions/pause?workflow=rosters")
    console.page.get_by_label("Why").fill("the source is down for repairs")
    console.press("Pause", "Paused rosters")
    until(
        lambda: console.rows(
            "SELECT name FROM nba_orchestration.pause_events WHERE name = @name", name="rosters"
        ),
        "the pause in the dataset",
    )
    console.open("/workflows/rosters")
    banner = console.page.get_by_text("the source is down for repairs (developer@localhost)").first
    expect(banner).to_be_visible(timeout=PATIENCE_MS)
    console.open("/")
    row = console.page.locator(".trow", has_text="rosters")
    if row.count():  # no row on a day that expects no run of it
        expect(row).to_contain_text("paused until")
    console.open("/workflows/rosters")
    console.page.get_by_role("link", name="Resume…").click()
    console.press("Resume", "The controller decides about it again.")


def test_alert_fires_is_acknowledged_and_resolves_on_page(console: Console) -> None:
    def spend(remaining: int, *, warning: bool) -> None:
        now = datetime.now(UTC)
        quota = {"used": 500 - remaining, "remaining": remaining, "warning": warning}
        append_events(
            console.stack.warehouse,
            [
                executed(
                    execution_id=f"quota-{remaining}",
                    request_id=f"quota-{remaining}",
                    scraper_name="espn_roster",
                    workflow="rosters",
                    environment="local",
                    triggered_at=now - timedelta(seconds=2),
                    completed_at=now - timedelta(seconds=1),
                    data_summary={"record_count": 1, "quota": quota},
                )
            ],
        )

    def watch() -> None:
        # Watches are five minutes apart and an incident resolves after ten: shift the state instead of waiting.
        MonitorState(console.stack.state).update(eleven_minutes_later)
        console.stack.publisher.publish([TickFired(tick=Tick.WATCH, cadence_minutes=5, event_time=None)])
        console.stack.wait_until_quiet(PATIENCE_SECONDS)

    def shows(part: str) -> Any:
        console.page.goto("/alerts")
        return console.page.locator(f"{part} li, {part} tr", has_text="espn_roster")

    spend(40, warning=True)
    watch()
    until(lambda: shows("#open").count(), "the alert on the page")
    expect(shows("#open")).to_contain_text("firing")
    shows("#open").get_by_role("link", name="Acknowledge…").click()
    console.press("Acknowledge", "acknowledged by developer@localhost")
    expect(shows("#open")).to_contain_text("acknowledged by developer@localhost")

    spend(480, warning=False)
    watch()  # the condition has gone
    watch()  # and has stayed gone
    until(lambda: shows("#others").count(), "the alert among the resolved")
    expect(shows("#others")).to_contain_text("resolved")
    assert shows("#open").count() == 0


def eleven_minutes_later(memory: Memory) -> Memory:
    """Return the state as if its last watch, and the end of each condition, were eleven minutes earlier."""
    incidents = {
        key: item.model_copy(update={"gone_at": item.gone_at - timedelta(minutes=11)})
        if item.gone_at
        else item
        for key, item in memory.incidents.items()
    }
    return memory.model_copy(update={"incidents": incidents, "tick": None})
