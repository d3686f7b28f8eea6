"""The gate before every page: authentication, rate limit, security headers, and errors as pages."""

import logging
import math
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, HTTPException, Request, Response, params
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from tipoff_common.auth import Caller
from tipoff_common.authenticated_routes import CallLimit
from tipoff_common.ports import Unavailable
from tipoff_monitor.actions import Refusal
from tipoff_monitor.console.access import CSRF_COOKIE, NotSignedIn, Visitor, check_csrf, new_csrf_token
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.page_templates import render, render_in_parts, url
from tipoff_monitor.console.snapshots import Patience

log = logging.getLogger(__name__)
# The limit of the JSON routes: no action needs more than some names and a sentence.
FORM_LIMIT = 64 * 1024
NAVIGATION = (
    ("/", "Today"),
    ("/scrapers", "Scrapers"),
    ("/alerts", "Alerts"),
    ("/files", "Files"),
    ("/dead-letters", "Dead letters"),
    ("/configuration", "Configuration"),
)
SIMULATION = ("/simulation", "Simulation")
_HEADERS = {
    # Neither inline scripts and styles nor other origins: injected markup could not do anything.
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    # Addresses contain ids and names, which must not leak to other sites.
    "Referrer-Policy": "same-origin",
    # A page is for one person's eyes, and stale within a minute.
    "Cache-Control": "no-store",
}
_TITLES = {
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    409: "Not possible now",
    429: "Too many requests",
}
PageHandler = Callable[[Request], Coroutine[Any, Any, Response]]


def gated_router(
    deps: ConsoleDeps, *, signed_in: bool = True, dependencies: Sequence[params.Depends] = ()
) -> APIRouter:
    """Return a router that authenticates requests, renders errors as pages, and sets the console's headers.

    signed_in: whether the routes require a visitor; those of the login form do not. dependencies: of every route.
    """
    limit = CallLimit(deps.calls_per_minute)

    class GatedRoute(APIRoute):
        def get_route_handler(self) -> PageHandler:
            handle = super().get_route_handler()

            async def gated(request: Request) -> Response:
                request.state.visitor = None
                # Keep the browser's token, so that a form in another tab stays valid.
                request.state.csrf = request.cookies.get(CSRF_COOKIE) or new_csrf_token()
                try:
                    if signed_in:
                        # In a thread, since authentication may fetch the keys of tokens.
                        request.state.visitor = await run_in_threadpool(_admit, request, deps, limit)
                    answer = await handle(request)
                except NotSignedIn:
                    answer = _sign_in(request)
                except HTTPException as error:
                    answer = _refusal(request, deps, error.status_code, str(error.detail), error.headers)
                except Refusal as error:
                    answer = _refusal(request, deps, error.status, str(error))
                # Invalid parameters in the address; FastAPI's own response is JSON for programs.
                except RequestValidationError:
                    answer = _refusal(request, deps, 404, "There is no page at this address.")
                except Unavailable as error:
                    log.error("cannot build a page", extra={"detail": str(error)})
                    answer = _refusal(request, deps, 503, f"The page's data is not available: {error}")
                except Exception as error:
                    # The visitor gets an error page with the exception's name, and the log gets the traceback.
                    log.exception("a page failed unexpectedly")
                    answer = _refusal(request, deps, 500, f"The page failed: {type(error).__name__}.")
                for name, value in _HEADERS.items():
                    # `setdefault`: a response with its own header, such as a
                    # file with a fingerprint, keeps it.
                    answer.headers.setdefault(name, value)
                if CSRF_COOKIE not in request.cookies:
                    answer.set_cookie(
                        CSRF_COOKIE,
                        request.state.csrf,
                        httponly=True,
                        samesite="strict",
                        secure=is_secure(request),
                    )
                return answer

            return gated

    return APIRouter(route_class=GatedRoute, dependencies=dependencies)


def _admit(request: Request, deps: ConsoleDeps, limit: CallLimit) -> Visitor:
    visitor = deps.access.visitor(request, deps.now())
    # Limited per identity: one person's open tabs must not lock out another person.
    if wait := limit.take(Caller(visitor.email)):
        raise HTTPException(
            429,
            f"too many requests from {visitor.email}; retry in {math.ceil(wait)} s",
            {"Retry-After": str(math.ceil(wait))},
        )
    return visitor


def is_secure(request: Request) -> bool:
    """Return whether the browser uses HTTPS, which Cloud Run terminates before the service."""
    # Cloud Run sets the header itself, and replaces a client's.
    return request.headers.get("x-forwarded-proto", request.url.scheme) == "https"


def wants_json(request: Request) -> bool:
    """Return whether the address is that of a page's JSON twin."""
    return request.url.path.endswith(".json")


def _sign_in(request: Request) -> Response:
    if wants_json(request):
        return JSONResponse({"detail": "not signed in; send the development key as a bearer token"}, 401)
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    # Return to a page after the login, but not to a POST, which needs a new confirmation anyway.
    return RedirectResponse(
        str(url("/login", next=target if request.method == "GET" else "/")), status_code=303
    )


def _refusal(
    request: Request, deps: ConsoleDeps, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    if wants_json(request):
        return JSONResponse({"detail": detail}, status, dict(headers or {}))
    title = _TITLES.get(status, "The page cannot be shown")
    body = page_html(request, deps, "error.html", title=title, detail=detail, section="")
    return HTMLResponse(body, status, dict(headers or {}))


def page_html(request: Request, deps: ConsoleDeps, template: str, **context: Any) -> str:
    """Render a template in the console's frame."""
    return render(template, _framed(request, deps, context))


def page_in_parts(request: Request, deps: ConsoleDeps, template: str, **context: Any) -> Iterator[str]:
    """Render a template in the console's frame; yield the frame first."""
    return render_in_parts(template, _framed(request, deps, context))


def _framed(request: Request, deps: ConsoleDeps, context: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "environment": deps.environment,
        "visitor": request.state.visitor,
        "csrf": request.state.csrf,
        "navigation": _navigation(deps) if request.state.visitor else (),
        "has_login": deps.access.has_login,
        "business_date": None,
        **context,
    }


def _navigation(deps: ConsoleDeps) -> Sequence[tuple[str, str]]:
    # Link the simulation only when there is one. Zero patience: no page waits for this check.
    simulated = deps.snapshots.get(deps.sources.simulation(), Patience(0.0)).value
    return (*NAVIGATION, SIMULATION) if simulated is not None else NAVIGATION


async def _read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form from a page of the console: 403, 413 or 422 for any other body."""
    body = b""
    # Count the received bytes: a client may send a false Content-Length.
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            raise HTTPException(413, f"the form is over {FORM_LIMIT} bytes, the limit for actions")
    try:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=500))
    except ValueError as error:
        raise HTTPException(422, f"the form cannot be read: {error}") from error
    check_csrf(request, form)
    return form


def require_operator(request: Request) -> None:
    """Refuse a visitor without the role operator: 403."""
    visitor: Visitor = request.state.visitor
    if not visitor.may_operate:
        raise HTTPException(
            403,
            f"{visitor.email} has read access only. Actions need the role operator: an entry in TIPOFF_INVOKERS,"
            " or on a laptop a session that was not opened as read-only.",
        )


Form = Annotated[Mapping[str, str], Depends(_read_form)]
