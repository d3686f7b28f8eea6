"""The stand-in's HTTP surface: hosts as path prefixes, and `/control` to set what goes wrong and see what was asked.

It is open to whoever reaches its port and must never be bound to a public address.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from fastapi import FastAPI, HTTPException, Request, Response

from tipoff_dev.fakes.sources.balldontlie import balldontlie_document
from tipoff_dev.fakes.sources.document import JSON, PDF, Document
from tipoff_dev.fakes.sources.espn import espn_document
from tipoff_dev.fakes.sources.faults import Fault, FaultBook
from tipoff_dev.fakes.sources.injury_pdf import write_report
from tipoff_dev.fakes.sources.nba import nba_document
from tipoff_dev.fakes.sources.odds import odds_document
from tipoff_dev.fakes.sources.publication import archived_rows, is_out, report_rows, titled
from tipoff_dev.fakes.sources.scenario import Scenario
from tipoff_dev.fakes.sources.schedule_json import write_schedule

EVENT_TIME_HEADER = "X-Tipoff-Event-Time"
REPORTS = "ak-static.cms.nba.com/referee/injury/"
SCHEDULE = "cdn.nba.com/static/json/staticData/scheduleLeagueV2.json"
SECOND_SCHEDULE = "cdn.nba.com/static/json/staticData/scheduleLeagueV2_1.json"
"""The league has the schedule at two addresses."""
REFERERS = {
    "ak-static.cms.nba.com": "https://official.nba.com/",
    "cdn.nba.com": "https://www.nba.com/",
    "official.nba.com": "https://official.nba.com/",
    "stats.nba.com": "https://www.nba.com/",
    "statsdmz.nba.com": "https://www.nba.com/",
}
"""What each host wants to see; without it it answers 403 to everything."""

_DENIED = b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code></Error>"
_BLOCK_PAGE = (
    b"<!DOCTYPE html><html><head><title>Access Denied</title></head><body>Access Denied</body></html>"
)


_FORBIDDEN = Document("application/xml", _DENIED, 403)


def create_app(scenario: Scenario, clock: Callable[[], datetime]) -> FastAPI:
    """`clock` gives the aware time of a request without the event-time header."""
    app = FastAPI(title="Tipoff upstream stand-in", openapi_url=None)
    faults = FaultBook(scenario.faults)
    requests: Counter[str] = Counter()

    @lru_cache(maxsize=64)
    def report(file_name: str) -> bytes:
        title = titled(file_name)
        if title is None:
            raise LookupError(file_name)
        archived = file_name in scenario.reports.always
        return write_report(title, archived_rows(title.date()) if archived else report_rows(scenario, title))

    def answer(path: str, query: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> Document:
        host, referer = path.split("/", 1)[0], headers.get("Referer", "")
        if host in REFERERS and not referer.startswith(REFERERS[host]):
            return _FORBIDDEN
        if path.startswith(REPORTS):
            file_name = path.removeprefix(REPORTS)
            if not is_out(scenario, file_name, now):
                return _FORBIDDEN
            return Document(PDF, report(file_name))
        if path in (SCHEDULE, SECOND_SCHEDULE):
            return Document(JSON, write_schedule(scenario, now))
        document = (
            nba_document(scenario, path, query, now)
            or odds_document(scenario, path, query, now)
            or espn_document(scenario, path, query, now)
            or balldontlie_document(scenario, path, query, headers.get("Authorization", ""), now)
        )
        if document is not None:
            return document
        return _FORBIDDEN if host in REFERERS else Document("text/plain", b"unknown document", 404)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"service": "upstream", "scenario": scenario.name}

    @app.get("/control/requests")
    def list_requests() -> dict[str, int | dict[str, int]]:
        return {"total": requests.total(), "paths": dict(sorted(requests.items()))}

    @app.delete("/control/requests", status_code=204)
    def forget_requests() -> None:
        requests.clear()

    @app.get("/control/faults")
    def list_faults() -> list[Fault]:
        return faults.all()

    @app.post("/control/faults", status_code=201)
    def set_fault(fault: Fault) -> Fault:
        faults.set(fault)
        return fault

    @app.delete("/control/faults", status_code=204)
    def clear_faults() -> None:
        faults.clear()

    @app.get("/{path:path}")
    async def serve(path: str, request: Request) -> Response:
        now = _request_time(request, clock)
        requests[path] += 1
        found = answer(path, request.query_params, request.headers, now)
        fault = faults.take(path, now)
        if fault is not None:
            await asyncio.sleep(fault.delay_seconds)
            found = _spoilt(found, fault)
        return Response(found.body, found.status, dict(found.headers), found.media_type)

    return app


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


def _spoilt(found: Document, fault: Fault) -> Document:
    status = fault.status if fault.status is not None else found.status
    if fault.body == "html":
        return Document("text/html", _BLOCK_PAGE, fault.status or 200)
    body = found.body
    if fault.body == "truncated":
        body = body[: len(body) // 2]
    elif fault.body == "empty" or (fault.status is not None and fault.status >= 300):
        body = b""
    return replace(found, status=status, body=body)
