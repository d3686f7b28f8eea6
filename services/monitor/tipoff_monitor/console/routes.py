"""Routes of the console: each page as HTML, and as JSON with its schema."""

import threading
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from tipoff_common.clock import business_date
from tipoff_monitor.console.actions.routes import action_routes
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.gate import gated_router, page_in_parts
from tipoff_monitor.console.login import login_routes
from tipoff_monitor.console.page_templates import STATIC, url, warm
from tipoff_monitor.console.pages.page import Page
from tipoff_monitor.console.snapshots import Patience
from tipoff_monitor.console.views import VIEWS, View

REFRESH_HEADER = "x-tipoff-refresh"
_FIRST_WAIT = 0.04
"""Seconds that a page waits for data that was never read, so that its first byte comes within a tenth of a second."""
_REFRESH_WAIT = 8.0
"""Seconds that a background refresh waits: no person waits for it, and Cloud Run gives CPU only during a request."""
_JSON_WAIT = 25.0
_FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


class _Assets(StaticFiles):
    """Static files, served as immutable because their address changes with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        if answer.status_code == 200:
            answer.headers.update(_FOR_GOOD)
        return answer


def console_routes(app: FastAPI, deps: ConsoleDeps) -> None:
    """Add the console to the monitor's application. Call it last: its last route matches every remaining address."""
    # In a thread, so that readiness does not wait for templates that may never be used.
    threading.Thread(target=warm, name="console-templates", daemon=True).start()
    # Outside the gate: the login page needs its style too, and static files hold no secrets.
    app.mount("/static", _Assets(directory=STATIC), name="static")
    app.include_router(login_routes(deps))
    app.include_router(action_routes(deps))
    router = gated_router(deps)
    for view in VIEWS:
        _add(router, view, deps)

    @router.get("/schemas/{name}.json", tags=["console"])
    def show_schema(name: str) -> JSONResponse:
        """Return the JSON Schema of a page's twin."""
        found = next((view for view in VIEWS if view.name == name), None)
        if found is None:
            raise HTTPException(
                404, f"no schema '{name}'; there are {', '.join(view.name for view in VIEWS)}"
            )
        schema = found.model.model_json_schema(mode="serialization")
        return JSONResponse({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})

    @router.get("/{path:path}", tags=["console"], include_in_schema=False)
    def nothing(path: str) -> Response:
        raise HTTPException(404, f"There is no page at /{path}.")

    app.include_router(router)


def _add(router: APIRouter, view: View[Any], deps: ConsoleDeps) -> None:
    def build(request: Request, patience: Patience) -> Page:
        query = {**request.query_params, **request.path_params}
        page: Page = view.build(deps, query, patience)
        return page

    # The JSON twin first: /workflows/{name} would match its address with the suffix as part of the name.
    @router.get(view.json_path, tags=["console"], name=f"{view.name}_json", response_model=view.model)
    def as_json(request: Request) -> Response:
        # A program requests once and waits; half a page with `read_at: null` would look like an empty day.
        page = build(request, Patience(_JSON_WAIT))
        links = {"Link": f'</schemas/{view.name}.json>; rel="describedby"'}
        return Response(page.model_dump_json(by_alias=True), media_type="application/json", headers=links)

    @router.get(view.path, tags=["console"], name=view.name)
    def as_html(request: Request) -> StreamingResponse:
        is_refresh = REFRESH_HEADER in request.headers
        page = build(
            request,
            # The first view shows existing data, even if old, and requests itself again; the second request may wait.
            Patience(_REFRESH_WAIT if is_refresh else _FIRST_WAIT, is_refresh, takes_old=not is_refresh),
        )
        json_path = view.json_path.format(**request.path_params)
        query = {str(key): str(value) for key, value in request.query_params.items()}
        # In parts, so that the browser receives the head and fetches styles while the rest is rendered.
        parts = page_in_parts(
            request,
            deps,
            f"{view.name}.html",
            title=page.title,
            section=view.section,
            page=page,
            live=True,
            business_date=business_date(page.as_of),
            json_url=url(json_path, **query),
            schema_url=f"/schemas/{view.name}.json",
            **view.drawing(page),
        )
        return StreamingResponse(parts, media_type="text/html")
