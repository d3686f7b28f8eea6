"""A check that Cloud Run rejects anonymous callers, made by an anonymous call; a setting would prove nothing.

Cloud Run removes the signatures of the tokens that it verifies, so the service cannot verify them again
(docs/adr/0014-both-ask-who-calls.md). With the invoker check off, the service would accept forged tokens.
"""

import threading
import time

import requests

from tipoff_common.ports import Unavailable

_TIMEOUT_SECONDS = 5.0
_VALID_SECONDS = 600.0
"""How long a good result is cached; a disabled invoker check is noticed after at most this time."""
_PAUSE_SECONDS = 10.0
"""How long a bad result is cached, so that a flood of tokens does not become a flood of calls."""
_DENIED_STATUSES = (401, 403, 404)
"""Cloud Run answers 401 or 403 to a call without a token, and 404 where its ingress admits no outside calls."""


class InvokerCheck:
    """Calls the service's own address without a token, which Cloud Run must not let through."""

    def __init__(self, service_url: str) -> None:
        self._url = f"{service_url.rstrip('/')}/health"
        self._lock = threading.Lock()
        self._fault: str | None = None
        self._valid_until = float("-inf")

    def is_cached(self) -> bool:
        """Return whether a call would use the cached result; takes no lock, so that the event loop may ask."""
        return time.monotonic() < self._valid_until

    def __call__(self) -> None:
        """Call the service's own address, or use the cached result.

        Raises:
            Unavailable: Cloud Run let the call through, or did not answer.
        """
        # One thread calls, and the others wait for its result: a burst of pushes makes one call.
        with self._lock:
            if not self.is_cached():
                began = time.monotonic()
                self._fault = self._find_fault()
                self._valid_until = began + (_PAUSE_SECONDS if self._fault else _VALID_SECONDS)
            if self._fault is not None:
                raise Unavailable(self._fault)

    def _find_fault(self) -> str | None:
        try:
            # No redirects: the target's status says nothing about this service.
            status = requests.get(self._url, timeout=_TIMEOUT_SECONDS, allow_redirects=False).status_code
        except requests.RequestException as error:
            return f"cannot determine whether Cloud Run checks tokens: {error}"
        if status in _DENIED_STATUSES:
            return None
        return (
            f"Cloud Run accepted a call without a token at {self._url} ({status}), so a token without its signature"
            " cannot be trusted; turn on its invoker IAM check, or unset TIPOFF_CLOUD_RUN_CHECKS_SIGNATURES"
        )
