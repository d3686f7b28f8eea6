"""A console without a stack: the monitor's real application on ports in memory, with a sample day of all states.

A browser can open it on a free port.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from gcp_emulators.testing import free_port
from tests.unit.monitor.bench import book_of, rules_file
from tipoff_common.auth import Authentication, TokenVerifier
from tipoff_common.authenticated_routes import CallLimit, authenticated_router
from tipoff_common.catalog import load_catalog
from tipoff_common.events import AlertLevel, AlertState
from tipoff_common.ports import Parameter, Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_common.topics import load_topics
from tipoff_common.web import create_app
from tipoff_monitor.app import routes
from tipoff_monitor.bootstrap import Wiring
from tipoff_monitor.console.access import Access
from tipoff_monitor.console.controller import Controller
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.snapshots import Snapshots
from tipoff_monitor.console.sources import Sources
from tipoff_monitor.deps import Deps
from tipoff_monitor.incidents import Memory
from tipoff_monitor.memory import MonitorState
from tipoff_monitor.settings import MonitorSettings
from tipoff_planning.alerts import Incident
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.loading import load_workflows

REPOSITORY = Path(__file__).parents[2]
WORKFLOWS = REPOSITORY / "config/workflows.yaml"
KEY = "a-key-of-tests"
BEARER = {"Authorization": f"Bearer {KEY}"}
TODAY = date(2026, 1, 15)
NOW = datetime(2026, 1, 15, 20, 10, tzinfo=UTC)
"""15:10 in New York."""
HOSTILE = "<script>alert(1)</script><b>\u202eevil\u202c\x1b[31m\x07</b> &amp; {{ 7*7 }} " + "long " * 2000
"""Markup, a right-to-left override, terminal escapes, a template's braces, and 10 kB of it."""
GAMES = {"0022500561": "BOS@MIA", "0022500562": "UTA@CHI", "0022500563": "SAC@ORL"}


def et(hour: float, day: int = 0) -> datetime:
    """Return an instant of the day in New York, in winter."""
    return datetime(2026, 1, 15, 5, tzinfo=UTC) + timedelta(days=day, hours=hour)


def expected(workflow: str, hour: float, **changes: Any) -> dict[str, Any]:
    """Return a row of expected against actual, with one step."""
    subject = changes.get("subject", "-")
    status = changes.get("status", "ON_TIME")
    ran = status in ("ON_TIME", "LATE")
    found = changes.get("found", ran)
    row: dict[str, Any] = {
        "date": TODAY,
        "workflow_name": workflow,
        "occurrence_id": f"occ-{workflow}-{subject}-{hour:g}",
        "subject": subject,
        "expected_run_time": et(hour),
        "deadline": et(hour + changes.pop("lasts", 1.0)),
        "games_today": 3,
        "priority": "MEDIUM",
        "expected_reason": f"{workflow} is expected then.",
        "actual_run_time": et(hour) if ran else None,
        "action": "RUN" if ran else None,
        "reason_code": "due" if ran else None,
        "actual_reason": "It is due." if ran else None,
        "executions": 1 if ran else 0,
        "found": found,
        "status": status,
        "next_check_time": None,
        "last_reason_code": None,
        "last_decided_at": et(15),
        "scraper": f"{workflow}_scraper",
        "units": 1 if ran else 0,
        "attempts": 1 if ran else 0,
        "units_found": 1 if found else 0,
        "units_failed": 0,
        "failing_since": None,
        "last_at": et(hour) if ran else None,
        "error_type": None,
        "error_message": None,
        "parent_unfruitful": False,
        "found_later": False,
    }
    return {**row, **changes}


def a_day() -> list[dict[str, Any]]:
    """Return rows of a day: past, now and future; found, empty, failed, late, missing, skipped, paused, cancelled."""
    rows = [
        expected("morning_operations", 5, lasts=5, priority="CRITICAL"),
        *(
            expected("injury_discovery", hour, priority="HIGH", found=False, units_found=0)
            for hour in (11, 12, 13, 14)
        ),
        expected(
            "injury_discovery",
            15,
            priority="HIGH",
            status="PENDING",
            actual_reason="Not asked again yet: the report of 15:00 is not published before 15:15.",
            next_check_time=et(15.25),
        ),
        *(expected("injury_discovery", hour, priority="HIGH", status="TOO_EARLY") for hour in (16, 17)),
        expected(
            "odds_snapshots",
            9,
            priority="HIGH",
            found=False,
            units_failed=1,
            units_found=0,
            failing_since=et(9),
            error_type="http",
            error_message="503 from api.the-odds-api.com",
            attempts=4,
        ),
        expected(
            "odds_snapshots",
            12,
            priority="HIGH",
            found=False,
            units_failed=1,
            units_found=0,
            failing_since=et(9),
            error_type="http",
            error_message=HOSTILE,
            attempts=4,
        ),
        expected("odds_snapshots", 18, priority="HIGH", status="TOO_EARLY"),
        expected("rosters", 8, lasts=4, priority="LOW", status="SKIPPED_OK", actual_reason="Found before."),
        expected("referee_discovery", 9, status="LATE", actual_run_time=et(9.75)),
        expected("betting_lines", 10, status="MISSING", lasts=2),
        expected(
            "player_movement", 6, lasts=6, priority="LOW", status="PAUSED", actual_reason="Paused by ops."
        ),
        expected("standings", 7, lasts=2, status="CANCELLED"),
    ]
    for game in GAMES:
        rows.append(expected("box_scores", 22.5, lasts=4, subject=game, status="TOO_EARLY", priority="HIGH"))
    return rows


def a_fleet() -> dict[str, list[dict[str, Any]]]:
    """Return the rows that cover weeks."""
    days = [TODAY - timedelta(days=offset) for offset in range(90)]
    return {
        "scraper_health": [
            {
                "scraper_name": "oddsa_lines",
                "cause": "http",
                "last_success": "2026-01-13T15:00:00Z",
                "silent_intervals": 4.1,
                "telling_runs": 10,
                "failures": 8,
                "drift": False,
                "last_error": HOSTILE,
            },
            {
                "scraper_name": "nbac_player_list",
                "cause": "drift",
                "last_success": "2026-01-15T11:00:00Z",
                "silent_intervals": 0.2,
                "telling_runs": 9,
                "failures": 0,
                "drift": True,
                "last_error": None,
            },
            {"scraper_name": "nbac_schedule", "cause": "well", "telling_runs": 10, "failures": 0},
        ],
        "workflow_calendar": [
            {
                "workflow_name": "injury_discovery",
                "day": day.isoformat(),
                "expected": 8,
                "ran": 7,
                "found": 0 if number % 17 == 3 else 1,
                "failed": 3 if number % 11 == 5 else 0,
                "missed": 1 if number % 23 == 7 else 0,
            }
            for number, day in enumerate(days)
        ],
        "scraper_days": [
            {
                "scraper_name": "nbac_injury_report",
                "day": day.isoformat(),
                "runs": 8,
                "successes": 6 - number % 3,
                "no_data": 1,
                "failures": number % 3,
                "median_seconds": 2.0 + number % 5,
                "records": 90.0 + 3 * (number % 7),
                "drift": number == 4,
            }
            for number, day in enumerate(days)
        ],
        "configurations": [
            {
                "config_hash": "0123456789ab",
                "controller_version": "0.4.0",
                "first_seen": "2026-01-10T10:00:00Z",
                "last_seen": "2026-01-15T20:00:00Z",
                "decisions": 4000,
            },
            {
                "config_hash": "ba9876543210",
                "controller_version": "0.3.0",
                "first_seen": "2026-01-01T10:00:00Z",
                "last_seen": "2026-01-10T09:45:00Z",
                "decisions": 9000,
            },
        ],
    }


def recent_rows() -> dict[str, list[dict[str, Any]]]:
    """Return the newest rows of each kind."""
    return {
        "latest_decisions": [
            {
                "decision_id": f"dec-{number}",
                "occurrence_id": f"occ-injury_discovery---{hour}",
                "workflow_name": "injury_discovery",
                "game_date": "2026-01-15",
                "decision_time": et(hour).isoformat(),
                "action": "SKIP" if hour == 15 else "RUN",
                "reason_code": "incomplete" if hour == 15 else "due",
                "reason": HOSTILE if hour == 12 else "The report of the hour is due.",
                "next_check_time": et(hour + 0.25).isoformat(),
                "triggered_by": "tick",
                "config_hash": "0123456789ab",
                "times": 1,
                "since": et(hour).isoformat(),
                "context": {"calendar_age_hours": 9},
            }
            for number, hour in enumerate((15, 14, 13, 12, 11))
        ],
        "latest_executions": [
            {
                "execution_id": f"exe-{number}",
                "occurrence_id": f"occ-injury_discovery---{hour}",
                "scraper_name": "nbac_injury_report",
                "workflow": "injury_discovery",
                "game_date": "2026-01-15",
                "status": status,
                "source": "CONTROLLER",
                "triggered_at": et(hour + 0.01).isoformat(),
                "attempt": 1,
                "records": 30 if status == "success" else 0,
                "duration_seconds": 2.5,
                "error_type": "http" if status == "failed" else None,
                "error_message": HOSTILE if status == "failed" else None,
                "gcs_path": "gs://data/nba-com/injury-report/2026-01-15/0123456789abcdef.json"
                if status == "success"
                else None,
                "opts": {"game_date": "2026-01-15"},
                "drift": None,
            }
            for number, (hour, status) in enumerate(
                ((14, "no_data"), (13, "failed"), (12, "no_data"), (11, "success"))
            )
        ],
        "latest_dead_letters": [
            {
                "event_id": "dead-1",
                "rejected_at": et(13).isoformat(),
                "reason": "invalid_payload",
                "detail": HOSTILE,
                "service": "scraper-runner",
                "subscription": "runner-requests",
                "event_type": "tipoff.scrape.requested.v1",
                "payload_bytes": 512,
                "delivery_attempts": None,
            }
        ],
        "missing_files": [
            {
                "scraper_name": "nbac_injury_report",
                "gcs_path": "gs://data/nba-com/injury-report/2026-01-15/fedcba9876543210.json",
                "age_minutes": 300,
                "republished": False,
                "urgency": "CRITICAL",
            }
        ],
    }


def looks(days: int) -> tuple[str, list[dict[str, Any]]]:
    """Return the checks of a search: on earlier days half-hourly until its find about 13:00, today without a find."""

    def row(number: int, hour: float, status: str) -> dict[str, Any]:
        return {
            "request_id": f"look-{number}-{hour}",
            "scraper_name": "nbac_injury_report",
            "game_date": TODAY - timedelta(days=number),
            "status": status,
            "error_type": None,
            "source": "CONTROLLER",
            "triggered_at": et(hour) - timedelta(days=number),
            "opts": "{}",
            "completeness": None,
        }

    rows = [row(0, 11 + step / 2, "no_data") for step in range(8)]
    for number in range(1, days + 1):
        # Most days soon after one, some an hour later; no two periods of days alike.
        found = (13, 13, 13.5, 13, 13.5, 14.5, 13)[number * number % 7]
        rows += [row(number, 11 + step / 2, "no_data") for step in range(int(2 * (found - 11)))]
        rows.append(row(number, found, "success"))
    return "@searched_scrapers", rows


class Games(LandedCalendar):
    """The calendar with the games of the day."""

    def __init__(self) -> None:
        tips = {name: et(19 + number / 2) for number, name in enumerate(GAMES)}
        self._known = Calendar(
            [
                Game(
                    game_id=name,
                    game_date=TODAY,
                    away_team=GAMES[name][:3],
                    home_team=GAMES[name][-3:],
                    tipoff=tips[name],
                    game_type="regular",
                    status="scheduled",
                    postponed=False,
                )
                for name in GAMES
            ],
            et(5),
        )

    def current(self, now: datetime) -> Calendar:  # noqa: ARG002  # the signature of its base
        return self._known


def an_incident(**changes: Any) -> Incident:
    values: dict[str, Any] = {
        "id": "5e11e0aa-0000-5000-8000-000000000001",
        "rule": "broken",
        "subject": "odds_snapshots",
        "state": AlertState.FIRING,
        "severity": AlertLevel.CRITICAL,
        "since": et(9),
        "seen_at": et(9),
        "fired_at": et(9.1),
        "changed_at": et(9.1),
        "summary": "oddsa_lines of odds_snapshots has been failing since 09:00 (8 attempts, http).",
        "workflow": "odds_snapshots",
    }
    return Incident(**{**values, **changes})


@dataclass
class World:
    """The data that the console reads; a test may change it while the console runs."""

    day: list[dict[str, Any]] = field(default_factory=a_day)
    fleet: dict[str, list[dict[str, Any]]] = field(default_factory=a_fleet)
    recent: dict[str, list[dict[str, Any]]] = field(default_factory=recent_rows)
    other: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    """Rows of other statements, each by a word in its text; the first match is returned."""
    now: datetime = NOW
    jobs: int = 0
    """The number of queries."""
    warehouse: MemoryWarehouse = field(default_factory=MemoryWarehouse)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    data: MemoryObjects = field(default_factory=lambda: MemoryObjects("data"))
    bus: RecordingBus = field(default_factory=RecordingBus)
    published: list[Any] = field(default_factory=list)
    """Raw messages that were published."""
    controller_requests: list[httpx.Request] = field(default_factory=list)
    """Requests to the controller, which `controller` answers; None: it is down."""
    controller: Callable[[httpx.Request], httpx.Response] | None = None

    def __post_init__(self) -> None:
        self.warehouse.answer = self._answer

    def remember(self, *incidents: Incident) -> None:
        """Store incidents in the monitor's state."""
        memory = Memory(watched_at=self.now, incidents={item.key: item for item in incidents})
        self.objects.put(
            "monitor/memory.json", memory.model_dump_json().encode(), content_type="application/json"
        )

    def ask_controller(self, request: httpx.Request) -> httpx.Response:
        """Return the controller's response."""
        self.controller_requests.append(request)
        if self.controller is None:
            raise httpx.ConnectError("nothing listens")
        return self.controller(request)

    def _answer(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        self.jobs += 1
        if "AS part" in sql:
            known = {**self.fleet, **self.recent}
            return [
                {"part": name, "content": json.dumps(row)}
                for name, rows in known.items()
                if f"'{name}' AS part" in sql
                for row in rows
            ]
        if "nba_orchestration.expected_vs_actual(" in sql:
            return [row for row in self.day if row["date"] == parameters["day"]]
        for word, rows in self.other:
            if word in sql:
                return rows
        return []


def console_app(world: World, verify: TokenVerifier | None = None, **settings: Any) -> FastAPI:
    """Build the monitor's application over a world. verify: in place of the verification of Google's tokens."""
    given: dict[str, Any] = {
        "environment": "local",
        "project": "p",
        "data_bucket": "data",
        "state_bucket": "state",
        "development_key": KEY,
        "controller_url": "http://controller.test",
        "topics_file": REPOSITORY / "infra/topics.yaml",
        **settings,
    }
    configured = MonitorSettings(**given)
    catalog = load_catalog(REPOSITORY / "services/scraper-runner/scrapers")
    configuration = load_workflows(WORKFLOWS, catalog)
    authentication = Authentication(configured, verify)
    deps = Deps(
        environment="local",
        book=book_of(rules_file(broken={})),
        version="0.4.0",
        config_hash=configuration.hash,
        levels={},
        sources={},
        names=lambda _: GAMES,
        state=MonitorState(world.objects),
        warehouse=world.warehouse,
        publisher=Publisher("monitor", world.bus),
        senders={},
        workflows_text=WORKFLOWS.read_text(encoding="utf-8"),
    )

    controller = Controller(configured, httpx.MockTransport(world.ask_controller))

    def console(_wall: Any) -> ConsoleDeps:
        def now() -> datetime:
            return world.now

        return ConsoleDeps(
            monitor=deps,
            access=Access(configured, authentication),
            sources=Sources(world.warehouse, deps.state, "local", configuration, Games(), controller.recall),
            snapshots=Snapshots(now),
            configuration=configuration,
            catalog=catalog,
            controller=controller,
            topics=load_topics(REPOSITORY / "infra/topics.yaml"),
            publish_messages=world.published.extend,
            bucket_of=lambda _: world.objects,
            calls_per_minute=6000,
            now=now,
        )

    def no_push() -> None:
        raise Unavailable("nothing is pushed here")

    return routes(
        Wiring(
            app=create_app(
                service="monitor", description="", environment="local", config_hash="h", checks={}
            ),
            endpoint=no_push,  # type: ignore[arg-type]
            manual=authenticated_router(authentication, CallLimit(6000)),
            deps=deps,
            console=console,
        )
    )


class _InProcess(httpx.BaseTransport):
    """A transport that passes requests to an application without a socket."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            answer = await self._transport.handle_async_request(request)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return asyncio.run(ask())


def client_of(world: World, verify: TokenVerifier | None = None, **settings: Any) -> httpx.Client:
    """Return an HTTP client of the console, which follows no redirect."""
    app = console_app(world, verify, **settings)
    return httpx.Client(transport=_InProcess(app), base_url="http://console.test")


def sign_in(client: httpx.Client, role: str = "operator") -> str:
    """Sign in by the form; return the CSRF token."""
    client.get("/login")
    token = client.cookies["tipoff_csrf"]
    answer = client.post("/login", data={"key": KEY, "csrf": token, "role": role, "next": "/alerts"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts")
    return token


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application in a thread; yield its URL."""
    port = free_port()
    server = uvicorn.Server(
        # A log_level or log_config would stay set on uvicorn's loggers for every later test of this process.
        uvicorn.Config(
            app, host="127.0.0.1", port=port, log_config=None, log_level=None, ws="none", lifespan="on"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 90
    while not server.started:
        assert time.monotonic() < deadline, "the console did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(90)
