"""The seed's own step, on the running stack: a CRITICAL workflow fails, and its alert is escalated and resolved.

On-call is notified once, the alert is escalated without an acknowledgement, acknowledged by the command, and resolved.
The webhooks are real servers.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from stack_harness import Driver, at, until, write_scenario

from tipoff_common.events import ScrapeRequested, Source, Tick, TickFired
from tipoff_dev.stack.layout import Layout
from tipoff_dev.stack.stack import StackOptions, running_stack

DAY = date(2025, 1, 15)
SCHEDULE = "cdn.nba.com/static/json/staticData/scheduleLeagueV2.json"
OTHER_SCHEDULE = "cdn.nba.com/static/json/staticData/scheduleLeagueV2_1.json"


@dataclass
class Webhook:
    """A server that records the requests it receives."""

    received: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append({**json.loads(body), "identity": self.headers["Idempotency-Key"]})
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    @property
    def titles(self) -> list[str]:
        return [item["title"] for item in self.received]


RULES = {
    "version": 1,
    "watch": {"outage_after": "20h"},
    "channels": {
        "team": {"description": "chat", "url": "ALERTS_TEAM_URL"},
        "oncall": {"description": "pager", "url": "ALERTS_ONCALL_URL"},
    },
    "routes": [
        {"channels": ["team"]},
        {"severity": ["CRITICAL"], "escalated": True, "channels": ["oncall"]},
    ],
    "rules": {
        "workflow-failing": {
            "description": "A step failed.",
            "severity": "WARNING",
            "verdict": ["failing"],
            "escalate": {"after": "30m"},
            "runbook": "docs/runbooks/scraper-failing.md",
            "command": "tipoff trigger {workflow}",
        },
        "dead-letters": {
            "description": "Messages were rejected.",
            "severity": "WARNING",
            "query": "alert_dead_letters",
            "runbook": "docs/runbooks/dead-letters.md",
            "command": "tipoff dead-letters list",
        },
    },
}


@pytest.fixture
def hooks() -> Iterator[tuple[Webhook, Webhook]]:
    team, oncall = Webhook(), Webhook()
    with team.running(), oncall.running():
        yield team, oncall


@pytest.fixture
def driver(tmp_path: Path, hooks: tuple[Webhook, Webhook]) -> Iterator[Driver]:
    rules = tmp_path / "alerts.yaml"
    rules.write_text(yaml.safe_dump(RULES))
    team, oncall = hooks
    urls = {
        "ALERTS_TEAM_URL": f"json://127.0.0.1:{team.port}/team",
        "ALERTS_ONCALL_URL": f"json://127.0.0.1:{oncall.port}/oncall",
    }
    layout = replace(Layout.on_free_ports(event_time=True), alerts_file=rules)
    with (
        patch.dict("os.environ", urls),
        running_stack(
            layout,
            tmp_path,
            StackOptions(minimum_backoff=0.1, maximum_backoff=1.0, scenario=write_scenario(tmp_path)),
        ) as stack,
    ):
        yield Driver(stack, "embedded")


def watch(driver: Driver, when: datetime) -> None:
    driver.stack.publisher.publish([TickFired(tick=Tick.WATCH, cadence_minutes=5, event_time=when)])
    driver.settle()


def by_hand(when: datetime) -> ScrapeRequested:
    """Return the request of an operator who runs the scraper again."""
    return ScrapeRequested(
        request_id="by-hand",
        workflow="morning_operations",
        step="nbac_schedule",
        scraper="nbac_schedule",
        game_date=DAY,
        parameters={"game_date": DAY.isoformat()},
        attempt=1,
        source=Source.MANUAL,
        triggered_by="test",
        requested_at=when,
        event_time=when,
    )


def test_critical_failure_is_notified_escalated_acknowledged_and_resolved(
    driver: Driver, hooks: tuple[Webhook, Webhook]
) -> None:
    team, oncall = hooks
    for path in (SCHEDULE, OTHER_SCHEDULE):
        driver.fault(path, status=500)
    driver.tick(Tick.LOCK_SCHEDULE, DAY, 5)
    driver.settle()
    driver.tick(Tick.EVALUATE, DAY, 5)
    driver.settle()
    # Its retries are spread over the window, which ends at 10:00; after that no retry follows.
    for hour, minute in ((6, 15), (8, 15), (10, 15)):
        driver.tick(Tick.EVALUATE, DAY, hour, minute)
        driver.settle()

    start = at(DAY, 10, 20)
    watch(driver, start)
    until(lambda: team.received, "the first message")
    assert team.titles == ["[CRITICAL] workflow-failing morning_operations/nbac_schedule (local)"]
    assert "Do: tipoff trigger morning_operations" in team.received[0]["message"]

    for minutes in range(5, 30, 5):
        watch(driver, start + timedelta(minutes=minutes))
    assert (len(team.received), len(oncall.received)) == (1, 0)
    watch(driver, start + timedelta(minutes=30))
    until(lambda: oncall.received, "the escalation")
    escalated = "[ESCALATED, CRITICAL] workflow-failing morning_operations/nbac_schedule (local)"
    assert oncall.titles == [escalated]

    standing = json.loads(driver.tipoff("alerts", "list", "--json"))
    (incident,) = standing["incidents"]
    assert incident["state"] == "escalated"
    driver.tipoff("alerts", "ack", incident["id"][:8])
    for minutes in range(35, 60, 5):
        watch(driver, start + timedelta(minutes=minutes))
    assert json.loads(driver.tipoff("alerts", "list", "--json"))["incidents"][0]["state"] == "acknowledged"
    assert len(oncall.received) == 1

    driver.heal()
    driver.stack.publisher.publish([by_hand(start + timedelta(minutes=57))])
    driver.settle()
    with driver.down("monitor"):  # a restart loses no state
        pass
    for minutes in range(60, 85, 5):
        watch(driver, start + timedelta(minutes=minutes))
    until(lambda: len(team.received) == 3, "the end")
    assert team.titles[1:] == [escalated, escalated.replace("ESCALATED, CRITICAL", "RESOLVED")]
    until(lambda: len(oncall.received) == 2, "the end, for whoever was called")
    assert oncall.titles == team.titles[1:]
    sql = """
        SELECT DISTINCT state, changed_at FROM nba_orchestration.alert_events
        WHERE rule = 'workflow-failing' ORDER BY changed_at
    """
    states = [row["state"] for row in driver.rows(sql)]
    assert [state for state in states if state != "acknowledged"] == ["firing", "escalated", "resolved"]
    assert "acknowledged" in states
    assert len({item["identity"] for item in team.received}) == 3
