"""Login on a laptop: a session cookie in exchange for the development key."""

import logging

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from tipoff_monitor.console.access import SESSION_COOKIE, SESSION_LASTS, Role
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.gate import Form, gated_router, is_secure, page_html

log = logging.getLogger(__name__)


def login_routes(deps: ConsoleDeps) -> APIRouter:
    """Return the routes of the login form; they return 404 where identities come from Google."""
    router = gated_router(deps, signed_in=False)

    def require_login() -> None:
        if not deps.access.has_login:
            raise HTTPException(404, "no login form here: Google authenticates users")

    @router.get("/login", tags=["console"])
    def show_login(request: Request) -> Response:
        """Show the login form."""
        require_login()
        return HTMLResponse(_form(request, deps, local_path(request.query_params.get("next", ""))))

    @router.post("/login", tags=["console"])
    def sign_in(request: Request, form: Form) -> Response:
        """Trade the key for a session."""
        require_login()
        target = local_path(form.get("next", ""))
        if not deps.access.is_key(form.get("key", "")):
            log.warning("login with a wrong development key")
            return HTMLResponse(_form(request, deps, target, "Wrong development key."), 403)
        # A visitor may choose the role viewer, for a screen on the wall.
        role = Role.VIEWER if form.get("role") == Role.VIEWER else Role.OPERATOR
        answer = RedirectResponse(target, 303)
        answer.set_cookie(
            SESSION_COOKIE,
            deps.access.session(role, deps.now()),
            max_age=int(SESSION_LASTS.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=is_secure(request),
        )
        return answer

    @router.post("/logout", tags=["console"])
    def sign_out(form: Form) -> Response:  # noqa: ARG001  # read for its token
        """End the session."""
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(SESSION_COOKIE)
        return answer

    return router


def _form(request: Request, deps: ConsoleDeps, target: str, refused: str = "") -> str:
    return page_html(request, deps, "login.html", title="Sign in", section="", next=target, refused=refused)


def local_path(target: str) -> str:
    """Return the address to go to after the login: a local page, never another site."""
    # Browsers interpret //host and /\host as another site.
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_ours else "/"
