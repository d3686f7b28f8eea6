"""The fake sources' HTTP surface: hosts as path prefixes, and `/control` to set faults and list requests.

It has no authentication, so the port must never be bound to a public address.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response

from tipoff_dev.fakes.sources.balldontlie import balldontlie_document
from tipoff_dev.fakes.sources.document import FORBIDDEN, JSON, PDF, Document, not_served
from tipoff_dev.fakes.sources.espn import espn_document
from tipoff_dev.fakes.sources.faults import FaultBook, SourceFault
from tipoff_dev.fakes.sources.hosts import BALLDONTLIE, ESPN, LEAGUE_REFERERS, ODDS, FleetFake
from tipoff_dev.fakes.sources.injury_pdf import write_report
from tipoff_dev.fakes.sources.nba import nba_document
from tipoff_dev.fakes.sources.odds import odds_document
from tipoff_dev.fakes.sources.publication import archived_rows, is_out, report_rows, titled
from tipoff_dev.fakes.sources.rolling import new_york_date, rolled
from tipoff_dev.fakes.sources.scenario import Scenario
from tipoff_dev.fakes.sources.schedule_json import write_schedule

EVENT_TIME_HEADER = "X-Tipoff-Event-Time"
REPORTS = "ak-static.cms.nba.com/referee/injury/"
SCHEDULE = "cdn.nba.com/static/json/staticData/scheduleLeagueV2.json"
SECOND_SCHEDULE = "cdn.nba.com/static/json/staticData/scheduleLeagueV2_1.json"
"""The league serves the schedule at two addresses."""

_BLOCK_PAGE = (
    b"<!DOCTYPE html><html><head><title>Access Denied</title></head><body>Access Denied</body></html>"
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|(?<!\d)\d{8}(?!\d)")
_GAME = re.compile(r"(?<!\d)00\d{8}(?!\d)")


def create_app(
    scenario: Scenario,
    clock: Callable[[], datetime],
    *,
    around_today: bool = False,
    fleet: Mapping[str, FleetFake] = {},
) -> FastAPI:
    """Build the application.

    clock: the aware time of a request without the event-time header.
    around_today: move the scenario to the days around that time, unless a request names one of its own days or games.
    fleet: the fakes beside a fleet's own scrapers, by host.
    """
    folder = str(Path.cwd())
    app = FastAPI(title="Tipoff's fake sources", openapi_url=None)
    faults = FaultBook(scenario.faults)
    requests: Counter[str] = Counter()

    @lru_cache(maxsize=4)
    def served_on(today: date | None) -> Scenario:
        return rolled(scenario, today) if today else scenario

    @lru_cache(maxsize=64)
    def report(today: date | None, file_name: str) -> bytes:
        served, title = served_on(today), titled(file_name)
        if title is None:
            raise LookupError(file_name)
        archived = file_name in served.reports.always
        return write_report(title, archived_rows(title.date()) if archived else report_rows(served, title))

    def moved_to(path: str, query: Mapping[str, str], now: datetime) -> date | None:
        if not around_today:
            return None
        named = [path, *query.values()]
        own = any(day in scenario.games for day in _dates(named)) or any(
            game.id in _GAME.findall(" ".join(named)) for _, game in scenario.all_games()
        )
        return None if own else new_york_date(now)

    def answer(path: str, query: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> Document:
        host, _, rest = path.partition("/")
        if host in fleet:
            return _fleet_document(fleet[host], rest, query, now)
        today = moved_to(path, query, now)
        served, document = served_on(today), None
        match host:
            case "" | "control":
                return Document("text/plain", b"unknown path", 404)
            case _ if host in LEAGUE_REFERERS:
                if not headers.get("Referer", "").startswith(LEAGUE_REFERERS[host]):
                    return FORBIDDEN
                if path.startswith(REPORTS):
                    name = path.removeprefix(REPORTS)
                    out = is_out(served, name, now)
                    return Document(PDF, report(today, name)) if out else FORBIDDEN
                if path in (SCHEDULE, SECOND_SCHEDULE):
                    return Document(JSON, write_schedule(served, now))
                document = nba_document(served, path, query, now)
            case _ if host == ODDS:
                document = odds_document(served, path, query, now)
            case _ if host == ESPN:
                document = espn_document(served, path, query, now)
            case _ if host == BALLDONTLIE:
                document = balldontlie_document(served, path, query, headers.get("Authorization", ""), now)
        return document or not_served(host, f"/{rest}")

    cleared = asyncio.Event()

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        # The folder tells another fleet whose stack has taken its ports.
        return {"service": "fake-sources", "scenario": scenario.name, "folder": folder}

    @app.get("/control/requests")
    def list_requests() -> dict[str, int | dict[str, int]]:
        return {"total": requests.total(), "paths": dict(sorted(requests.items()))}

    @app.delete("/control/requests", status_code=204)
    def forget_requests() -> None:
        requests.clear()

    @app.get("/control/faults")
    def list_faults() -> list[SourceFault]:
        return faults.all()

    @app.post("/control/faults", status_code=201)
    def set_fault(fault: SourceFault) -> SourceFault:
        faults.set(fault)
        return fault

    @app.delete("/control/faults", status_code=204)
    async def clear_faults() -> None:  # async: the event of the held answers belongs to the loop
        nonlocal cleared
        faults.clear()
        cleared.set()
        cleared = asyncio.Event()

    @app.get("/{path:path}")
    async def serve(path: str, request: Request) -> Response:
        now = _request_time(request, clock)
        requests[path] += 1
        found = answer(path, request.query_params, request.headers, now)
        fault = faults.take(path, now)
        if fault is not None:
            if fault.held:
                await cleared.wait()
            found = _spoilt(found, fault)
        return Response(found.body, found.status, dict(found.headers), found.media_type)

    return app


def _dates(texts: list[str]) -> Iterator[date]:
    for text in _DATE.findall(" ".join(texts)):
        try:
            yield date.fromisoformat(text)
        except ValueError:
            continue  # eight digits, but not a date


def _fleet_document(fake: FleetFake, path: str, query: Mapping[str, str], now: datetime) -> Document:
    """Return the answer of a fleet's own fake; an exception becomes an answer that fails the execution."""
    host = fake.hosts[0]
    try:
        found = fake.answer(f"/{path}", query, now)
        status, media_type, body = found if found is not None else (0, "", b"")
    except Exception as error:  # noqa: BLE001 - the user's code, whatever it raises
        return not_served(host, f"/{path}", f"{fake.file} raised {type(error).__name__}: {error}")
    return Document(media_type, body, status) if found is not None else not_served(host, f"/{path}")


def _request_time(request: Request, clock: Callable[[], datetime]) -> datetime:
    header = request.headers.get(EVENT_TIME_HEADER)
    if header is None:
        return clock()
    try:
        now = datetime.fromisoformat(header)
    except ValueError as error:
        raise HTTPException(400, f"{EVENT_TIME_HEADER}: {header!r} is not an ISO 8601 instant") from error
    if now.tzinfo is None:
        raise HTTPException(400, f"{EVENT_TIME_HEADER}: {header!r} has no offset; end it with Z")
    return now


def _spoilt(found: Document, fault: SourceFault) -> Document:
    status = fault.status if fault.status is not None else found.status
    if fault.body == "html":
        return Document("text/html", _BLOCK_PAGE, fault.status or 200)
    body = found.body
    if fault.body == "truncated":
        body = body[: len(body) // 2]
    elif fault.body == "empty" or (fault.status is not None and fault.status >= 300):
        body = b""
    return replace(found, status=status, body=body)
