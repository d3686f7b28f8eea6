"""Access to the console: identities, roles, the session of a laptop, CSRF tokens.

On Google Cloud the identity is IAP's assertion or an invoker's token, checked at every request without a session. On a
laptop a browser cannot send a bearer token, so a form trades the development key for a signed cookie.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from fastapi import HTTPException, Request

from tipoff_common.auth import DEVELOPER, Authentication, GoogleTokens, InvalidToken, WrongAudience
from tipoff_monitor.settings import MonitorSettings

SESSION_COOKIE = "tipoff_session"
CSRF_COOKIE = "tipoff_csrf"
CSRF_FIELD = "csrf"
SESSION_LASTS = timedelta(hours=12)
"""A night's shift; the next day needs the key again."""
IAP_HEADER = "x-goog-iap-jwt-assertion"
# https://cloud.google.com/iap/docs/signed-headers-howto
_IAP_KEYS = "https://www.gstatic.com/iap/verify/public_key"
_IAP_ISSUER = "https://cloud.google.com/iap"
_SAME_SITE = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site for the console's own forms; browsers send "none" for a typed address."""


class Role(StrEnum):
    """A visitor's permission: view or operate."""

    VIEWER = "viewer"  # look
    OPERATOR = "operator"  # look, trigger, replay, pause, acknowledge, silence


@dataclass(frozen=True)
class Visitor:
    """A person with at least the role viewer."""

    email: str
    role: Role

    @property
    def may_operate(self) -> bool:
        """Whether the visitor is offered actions and may take them."""
        return self.role is Role.OPERATOR


class NotSignedIn(Exception):
    """A request without a session, where the login form can start one."""


class Access:
    """Authentication of the console's requests, and the sessions of a laptop."""

    def __init__(self, settings: MonitorSettings, authentication: Authentication) -> None:
        self._authentication = authentication
        self._viewers = frozenset(settings.viewers)
        self._key = settings.development_key.get_secret_value().encode() if settings.development_key else None
        self._iap = (
            GoogleTokens((settings.iap_audience,), certificates=_IAP_KEYS, issuers=(_IAP_ISSUER,))
            if settings.iap_audience
            else None
        )

    @property
    def has_login(self) -> bool:
        """Whether the login form works: on a laptop only."""
        return self._key is not None

    def visitor(self, request: Request, now: datetime) -> Visitor:
        """Return the visitor of a request.

        Raises:
            NotSignedIn: a browser on a laptop without a session.
            HTTPException: 401 or 403, with the remedy.
            Unavailable: the keys of tokens cannot be read.
        """
        assertion = request.headers.get(IAP_HEADER)
        # The header counts only with a configured audience: without the proxy in front, any client could send it.
        if assertion and self._iap is not None:
            return self._of_proxy(assertion)
        # A browser on a laptop; the command line sends its token and is authenticated below as anywhere else.
        if self._key is not None and "authorization" not in request.headers:
            role = self._session_role(request.cookies.get(SESSION_COOKIE, ""), now)
            if role is None:
                raise NotSignedIn
            return Visitor(DEVELOPER, role)
        caller = self._authentication.visitor(request, self._viewers)
        return Visitor(caller.email, self._role(caller.email))

    def _of_proxy(self, assertion: str) -> Visitor:
        assert self._iap is not None  # noqa: S101  # the only caller checks it
        try:
            claims: Mapping[str, Any] = self._iap(assertion)
        except (InvalidToken, WrongAudience) as error:
            raise HTTPException(
                401, f"the assertion of Identity-Aware Proxy is not accepted: {error}"
            ) from error
        email = str(claims.get("email", ""))
        # The proxy admits accounts by its own policy; the console's roles are decided here.
        if not self._authentication.may_operate(email) and email not in self._viewers:
            raise HTTPException(
                403, f"{email or 'this account'} has no access; add it to TIPOFF_VIEWERS or TIPOFF_INVOKERS"
            )
        return Visitor(email, self._role(email))

    def _role(self, email: str) -> Role:
        return Role.OPERATOR if self._authentication.may_operate(email) else Role.VIEWER

    def is_key(self, text: str) -> bool:
        """Return whether the text is the development key, in constant time."""
        return self._key is not None and hmac.compare_digest(text.encode(), self._key)

    def session(self, role: Role, now: datetime) -> str:
        """Return the cookie of a new session: its role and end, signed with the key, which it does not contain."""
        end = int((now + SESSION_LASTS).timestamp())
        return f"{role}.{end}.{self._signature(f'{role}.{end}')}"

    def _session_role(self, cookie: str, now: datetime) -> Role | None:
        stated, _, signature = cookie.rpartition(".")
        if not stated or not hmac.compare_digest(signature.encode(), self._signature(stated).encode()):
            return None
        role, _, end = stated.partition(".")
        # The signature covers both, so neither can be malformed.
        return Role(role) if now.timestamp() < int(end) else None

    def _signature(self, text: str) -> str:
        assert self._key is not None  # noqa: S101  # sessions exist only beside a key
        return hmac.new(self._key, f"console session {text}".encode(), hashlib.sha256).hexdigest()


def new_csrf_token() -> str:
    """Return a token for the cookie and the hidden field of forms."""
    return secrets.token_urlsafe(18)


def check_csrf(request: Request, form: Mapping[str, str]) -> None:
    """Refuse a form that another site's page sent: 403.

    The field has to repeat the cookie, which is SameSite=Strict and unreadable for other sites. Two instances need no
    common secret for that. A browser also sends the form's origin in Sec-Fetch-Site.
    """
    site = request.headers.get("sec-fetch-site")
    # Two checks: the header is explicit, but not every browser sends it.
    cookie, field = request.cookies.get(CSRF_COOKIE, ""), form.get(CSRF_FIELD, "")
    if site is not None and site not in _SAME_SITE:
        raise HTTPException(403, "this form was sent by another site; nothing was done")
    if not cookie or not hmac.compare_digest(cookie.encode(), field.encode()):
        raise HTTPException(
            403, "the form's token is missing or not this browser's; open the page again, nothing was done"
        )
