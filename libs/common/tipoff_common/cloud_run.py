"""A check that Cloud Run rejects anonymous callers, made by an anonymous call; a setting would prove nothing.

Where Cloud Run verifies tokens it removes their signatures, so the service has nothing left to verify
(docs/adr/0014-both-ask-who-calls.md). Were the invoker check off, whoever wrote such a token himself would be believed.
"""

import threading
import time

import requests

from tipoff_common.ports import Unavailable

_TIMEOUT_SECONDS = 5.0
_VALID_SECONDS = 600.0
"""How long a finding stands; a check that somebody turns off is noticed after at most this time."""
_PAUSE_SECONDS = 10.0
"""How long a finding that is bad stands, so that a flood of tokens does not become a flood of calls."""
_TURNED_AWAY = (401, 403, 404)
"""Cloud Run answers 401 or 403 to a call without a token, and 404 where its ingress takes no calls from outside."""


class InvokerCheck:
    """Calls the service's own address without a token, which Cloud Run must not let through."""

    def __init__(self, service_url: str) -> None:
        self._url = f"{service_url.rstrip('/')}/health"
        self._lock = threading.Lock()
        self._fault: str | None = None
        self._valid_until = float("-inf")

    def __call__(self) -> None:
        """Call the service's own address, unless it was called lately.

        Raises:
            Unavailable: the call came through, or it cannot be told whether one would.
        """
        # One caller looks, and the others wait for its finding: a burst of pushes makes one call.
        with self._lock:
            now = time.monotonic()
            if now >= self._valid_until:
                self._fault = self._find_fault()
                self._valid_until = now + (_PAUSE_SECONDS if self._fault else _VALID_SECONDS)
            if self._fault is not None:
                raise Unavailable(self._fault)

    def _find_fault(self) -> str | None:
        try:
            # A redirect would be followed to a page that says nothing about this service.
            status = requests.get(self._url, timeout=_TIMEOUT_SECONDS, allow_redirects=False).status_code
        except requests.RequestException as error:
            return f"it cannot be told whether Cloud Run checks tokens: {error}"
        if status in _TURNED_AWAY:
            return None
        return (
            f"Cloud Run let a call without a token through to {self._url} ({status}), so a token without its signature"
            " proves nothing; turn its invoker IAM check on, or unset TIPOFF_CLOUD_RUN_CHECKS_SIGNATURES"
        )
