"""Tests of `tipoff alerts` and `tipoff sick` against the monitor's own routes."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.cli.commands.harness import Run
from tests.unit.monitor.bench import book_of, rules_file, wrong
from tipoff_cli import connection, service_client
from tipoff_common.auth import Authentication
from tipoff_common.authenticated_routes import CallLimit, authenticated_router
from tipoff_common.catalog import Catalog, load_catalog
from tipoff_common.events import AlertChanged, AlertLevel, AlertState
from tipoff_common.ports import Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_common.topics import load_topics
from tipoff_common.wall_clock import wall_now
from tipoff_common.web import create_app
from tipoff_dev.fakes.sources.testing import in_process_client
from tipoff_monitor.app import routes
from tipoff_monitor.bootstrap import Wiring
from tipoff_monitor.changes import Watch
from tipoff_monitor.console.access import Access
from tipoff_monitor.console.controller import Controller
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.snapshots import Snapshots
from tipoff_monitor.console.sources import Sources
from tipoff_monitor.deps import Deps
from tipoff_monitor.machine import watch
from tipoff_monitor.memory import MonitorState
from tipoff_monitor.notices import Notice
from tipoff_monitor.settings import MonitorSettings
from tipoff_planning.loading import load_workflows
from tipoff_planning.workflows import Configuration

REPOSITORY = Path(__file__).parents[3]
WORKFLOWS = REPOSITORY / "config/workflows.yaml"
KEY, URL = "development-key", "http://monitor.test"
RULES = rules_file(
    broken={"escalate": {"after": "1h"}, "severity": "CRITICAL"}, other={"description": "Something else."}
)


@dataclass
class Channel:
    """A channel that records the notices sent to it."""

    heard: list[Notice] = field(default_factory=list)
    takes: bool = True

    def send(self, notice: Notice) -> bool:
        self.heard.append(notice)
        return self.takes


@cache
def _configuration() -> tuple[Configuration, Catalog]:
    catalog = load_catalog(REPOSITORY / "services/scraper-runner/scrapers")
    return load_workflows(WORKFLOWS, catalog), catalog


class Monitor:
    """An in-memory monitor that serves the requests of httpx."""

    def __init__(self) -> None:
        self.bus, self.objects = RecordingBus(), MemoryObjects()
        self.team, self.oncall = Channel(), Channel()
        settings = MonitorSettings(
            environment="local", project="p", data_bucket="d", state_bucket="s", development_key=KEY
        )
        self.deps = deps = Deps(
            environment="local",
            book=book_of(RULES),
            version="1",
            config_hash="h",
            levels={},
            sources={},
            names=lambda _: {},
            state=MonitorState(self.objects),
            warehouse=MemoryWarehouse(),
            publisher=Publisher("monitor", self.bus),
            senders={"team": self.team, "oncall": self.oncall},
        )
        authentication = Authentication(settings)
        configuration, catalog = _configuration()
        controller = Controller(settings, httpx.MockTransport(_no_controller))

        def console(now: Callable[[], datetime]) -> ConsoleDeps:
            return ConsoleDeps(
                monitor=deps,
                access=Access(settings, authentication),
                sources=Sources(deps.warehouse, deps.state, "local", configuration, None, controller.recall),
                snapshots=Snapshots(now),
                configuration=configuration,
                catalog=catalog,
                controller=controller,
                topics=load_topics(REPOSITORY / "infra/topics.yaml"),
                publish_messages=lambda _: None,
                bucket_of=lambda _: self.objects,
                calls_per_minute=600,
                now=now,
            )

        made = create_app(service="monitor", description="", environment="local", config_hash="h", checks={})
        router = authenticated_router(authentication, CallLimit(100))
        self.client = in_process_client(routes(Wiring(made, _no_push, router, deps, console)))  # type: ignore[arg-type]

    def watched(self, *subjects: str) -> None:
        """Run a watch that finds `broken` for each subject now."""
        now = wall_now()
        conditions = tuple(wrong(subject=it, since=now, severity=AlertLevel.CRITICAL) for it in subjects)
        self.deps.state.update(
            lambda memory: watch(memory, Watch(RULES, "local", now, now, conditions)).model_copy(
                update={"outbox": ()}
            )
        )

    def state_of(self, key: str) -> AlertState:
        memory, _ = self.deps.state.read_or_set_aside()
        return memory.incidents[key].state


def _no_push() -> None:
    raise AssertionError("nothing is pushed here")


def _no_controller(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"nothing is asked of the controller here: {request.url}")


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Monitor]:
    monkeypatch.setenv("TIPOFF_MONITOR_URL", URL)
    monkeypatch.setenv("TIPOFF_DEVELOPMENT_KEY", KEY)
    found = Monitor()
    found.client.base_url = httpx.URL(URL)
    monkeypatch.setattr(service_client, "client", lambda: found.client)
    with found.client:
        yield found


class TestAlerts:
    def test_open_incident_is_listed_and_shown_by_id_prefix_subject_or_rule(
        self, run: Run, monitor: Monitor
    ) -> None:
        monitor.watched("one")
        (item,) = json.loads(run("alerts", "list", "--json").stdout)["incidents"]
        for name in (item["id"], item["id"][:8], "broken/one", "broken"):
            assert "one is wrong." in run("alerts", "show", name).stdout
        assert json.loads(run("alerts", "show", "broken/one", "--json").stdout)["state"] == "firing"

    def test_rule_name_matching_several_incidents_is_refused_with_list(
        self, run: Run, monitor: Monitor
    ) -> None:
        monitor.watched("one", "two")
        output = run("alerts", "ack", "broken", code=1).stderr
        assert "'broken' matches several incidents; use one of" in output
        assert "(broken/one)" in output
        assert "(broken/two)" in output

    def test_ack_of_workflow_acknowledges_alert_of_its_scraper(self, run: Run, monitor: Monitor) -> None:
        """A runbook used `ack workflow-failing/morning_operations`, but the subject includes the scraper."""
        monitor.watched("morning/scores", "mornings/scores")
        assert "broken/morning/scores acknowledged by" in run("alerts", "ack", "broken/morning").stdout
        assert monitor.state_of("broken/mornings/scores") is AlertState.FIRING

    def test_silence_of_workflow_covers_its_scrapers(self, run: Run, monitor: Monitor) -> None:
        monitor.watched("morning/scores", "mornings/scores")
        output = run("alerts", "silence", "broken/morning", "--why", "known").stdout
        assert "covers no open alert" not in output
        monitor.watched("morning/scores", "morning/injuries", "mornings/scores")
        assert monitor.state_of("broken/morning/scores") is AlertState.SILENCED
        assert monitor.state_of("broken/morning/injuries") is AlertState.SILENCED
        assert monitor.state_of("broken/mornings/scores") is AlertState.FIRING

    def test_silence_without_matching_alert_is_reported(self, run: Run, monitor: Monitor) -> None:
        """A mistyped subject was accepted silently, and the alert kept firing."""
        output = run("alerts", "silence", "broken/evning", "--why", "known").stdout
        assert "! broken/evning covers no open alert; open alerts of this rule: none" in output
        monitor.watched("evening/scores")
        output = run("alerts", "silence", "broken/evning", "--why", "known").stdout
        assert "open alerts of this rule: broken/evening/scores" in output
        # Operators silence a whole rule before planned work, when none of its alerts stands.
        assert "covers no open alert" not in run("alerts", "silence", "other", "--why", "known").stdout

    def test_each_incident_is_listed_in_two_lines(self, run: Run, monitor: Monitor) -> None:
        monitor.watched("one")
        first, second, _ = run("alerts", "list").stdout.splitlines()
        assert "CRITICAL  broken/one  firing since " in first
        assert second.strip() == "one is wrong."

    def test_show_prints_query_runbook_and_ack_command(self, run: Run, monitor: Monitor) -> None:
        monitor.watched("one")
        shown = run("alerts", "show", "broken/one").stdout
        for line in (
            "tipoff query x --param about=one",
            "docs/runbooks/dead-letters.md",
            "no; tipoff alerts ack",
        ):
            assert line in shown

    def test_all_clear_is_shown_only_after_recent_watch(self, run: Run, monitor: Monitor) -> None:
        monitor.deps.state.update(lambda memory: memory.model_copy(update={"watched_at": None}))
        output = run("alerts", "list").stdout
        assert "? no alerts evaluated yet" in output
        # A user who has just started the stack needs the time of the next watch.
        assert re.search(
            r"never watched yet; the next watch is due at \d{4}-\d\d-\d\d \d\d:\d[05] New York", output
        )
        monitor.watched()
        assert "✔ no open alerts" in run("alerts", "list").stdout
        monitor.deps.state.update(
            lambda memory: memory.model_copy(update={"watched_at": wall_now() - timedelta(hours=3)})
        )
        shown = run("alerts", "list").stdout
        assert "? the monitor has not run since" in shown
        assert "✔" not in shown

    def test_acknowledgement_is_published_once_without_notification(self, run: Run, monitor: Monitor) -> None:
        monitor.watched("one")
        assert "broken/one acknowledged by" in run("alerts", "ack", "broken/one").stdout
        run("alerts", "ack", "broken/one")
        assert monitor.state_of("broken/one") is AlertState.ACKNOWLEDGED
        (event,) = monitor.bus.of(AlertChanged)
        assert (event.state, event.notify) == (AlertState.ACKNOWLEDGED, False)

    def test_silence_covers_one_subject_until_removed(self, run: Run, monitor: Monitor) -> None:
        monitor.watched("one", "two")
        run("alerts", "silence", "broken/one", "--why", "known since monday", "--for", "2h")
        monitor.watched("one", "two")
        assert monitor.state_of("broken/one") is AlertState.SILENCED
        assert monitor.state_of("broken/two") is AlertState.FIRING
        assert "known since monday" in run("alerts", "list").stdout
        run("alerts", "unsilence", "broken")
        monitor.watched("one", "two")
        assert monitor.state_of("broken/one") is AlertState.FIRING

    def test_test_notice_is_sent_only_with_send_option(self, run: Run, monitor: Monitor) -> None:
        shown = run("alerts", "test", "broken").stdout
        assert "This is a test. The rule's description: It is wrong." in shown
        assert "team: would be notified" in shown
        assert monitor.team.heard == []
        run("alerts", "test", "broken", "--dry-run")
        assert monitor.team.heard == []
        assert (
            "give --send or --dry-run, not both"
            in run("alerts", "test", "broken", "--dry-run", "--send", code=2).stderr
        )
        assert "team: notified" in run("alerts", "test", "broken", "--send").stdout
        assert len(monitor.team.heard) == 1
        assert monitor.oncall.heard == [], "on call is told when nobody answers"
        assert "oncall: notified" in run("alerts", "test", "broken", "--send", "--escalated").stdout

    def test_channel_refusing_test_notice_exits_1(self, run: Run, monitor: Monitor) -> None:
        monitor.team.takes = False
        assert "team: refused the message" in run("alerts", "test", "broken", "--send", code=1).stdout

    def test_routes_list_channels_of_each_rule(self, run: Run, monitor: Monitor) -> None:
        rows = {item["rule"]: item for item in json.loads(run("alerts", "routes", "--json").stdout)}
        assert (rows["broken"]["channels"], rows["broken"]["escalated"]) == (["team"], ["oncall"])
        assert {"not-watching", "cannot-judge", "channel-failing"} < rows.keys()
        assert "broken" in run("alerts", "routes", "--dry-run").stdout
        assert monitor.team.heard == []

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("show", "nothing"), "404: no incident 'nothing'; open incidents: none"),
            (("ack", "nothing"), "404: no incident 'nothing'"),
            (("silence", "nothing", "--why", "w"), "404: no rule 'nothing'"),
            (("silence", "broken", "--why", "w", "--until", "2025-01-15 09:00"), "422: until 2025-01-15"),
            (("unsilence", "nothing"), "404: no silence 'nothing'; existing silences: none"),
            (("test", "nothing"), "404: no rule 'nothing'"),
        ],
    )
    def test_monitor_refusal_is_reported(
        self, run: Run, monitor: Monitor, arguments: tuple[str, ...], message: str
    ) -> None:
        assert message in run("alerts", *arguments, code=1).stderr
        assert monitor.bus.published == []

    def test_silence_refuses_both_for_and_until(self, run: Run) -> None:
        both = ("--why", "w", "--for", "2h", "--until", "2100-01-01")
        assert "give --until or --for, not both" in run("alerts", "silence", "broken", *both, code=2).stderr

    def test_resolved_incident_cannot_be_acknowledged(self, run: Run, monitor: Monitor) -> None:
        monitor.watched("one")
        memory, _ = monitor.deps.state.read_or_set_aside()
        over = memory.incidents["broken/one"].model_copy(update={"state": AlertState.RESOLVED})
        monitor.deps.state.update(lambda it: it.model_copy(update={"incidents": {over.key: over}}))
        assert "409: broken/one is resolved" in run("alerts", "ack", "broken/one", code=1).stderr
        assert "alerts ack" not in run("alerts", "show", "broken/one").stdout

    def test_unauthenticated_request_is_refused_without_details(self, monitor: Monitor) -> None:
        monitor.watched("one")
        for method, path in (
            ("GET", "/incidents"),
            ("POST", "/acknowledgements/broken/one"),
            ("GET", "/routes"),
        ):
            answer = monitor.client.request(method, path)
            assert answer.status_code == 401
            assert "one" not in answer.text

    def test_unreachable_monitor_is_reported(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TIPOFF_MONITOR_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("TIPOFF_DEVELOPMENT_KEY", KEY)
        assert "cannot connect to the monitor" in run("alerts", "list", code=1).stderr


SICK = {
    "scraper_name": "oddsa_events",
    "cause": "the allowance is spent",
    "last_success": datetime(2025, 1, 14, 17, tzinfo=UTC),
    "silent_intervals": 3.5,
    "failures": 4,
    "telling_runs": 5,
    "drift": True,
    "last_error": "quota: 402",
}
WELL = {**SICK, "scraper_name": "nbac_schedule", "cause": "well", "failures": 0, "drift": False}


class TestSick:
    @pytest.fixture
    def rows(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        """Return the rows of the dataset's answer; a test may change them."""
        rows = [SICK, WELL]
        monkeypatch.setattr(
            connection.Connection, "warehouse", lambda _: MemoryWarehouse(answer=lambda *_: list(rows))
        )
        monkeypatch.setattr(
            "tipoff_cli.commands.sick.find_connection",
            lambda: connection.Connection({}, "the test"),
        )
        return rows

    def test_sick_scrapers_are_listed_with_cause(self, run: Run, rows: list[dict[str, Any]]) -> None:
        shown = run("sick", code=1).stdout
        assert "oddsa_events" in shown
        assert "the allowance is spent" in shown
        assert "3.5 of its intervals" in shown
        assert "4 of 5" in shown
        assert "nbac_schedule" not in shown
        assert "nbac_schedule" in run("sick", "--all", code=1).stdout
        (item,) = json.loads(run("sick", "--json", code=1).stdout)
        assert item["last_success"] == "2025-01-14T17:00:00+00:00"
        rows[:] = [WELL]
        assert "✔ 1 scraper, nothing wrong" in run("sick").stdout

    def test_fleet_without_recent_runs_exits_1(self, run: Run, rows: list[dict[str, Any]]) -> None:
        rows.clear()
        assert "no scraper ran within 30 days" in run("sick", code=1).stdout

    @pytest.mark.usefixtures("rows")
    def test_unavailable_dataset_exits_3(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def down(*_: Any) -> Any:
            raise Unavailable("the warehouse is down")

        monkeypatch.setattr(connection.Connection, "warehouse", lambda _: MemoryWarehouse(answer=down))
        assert "the warehouse is down" in run("sick", code=3).stderr
