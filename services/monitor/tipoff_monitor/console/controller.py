"""A client of the controller's HTTP interface, with the monitor's own identity for all visitors."""

from collections.abc import Mapping, Sequence

import httpx
from fastapi import HTTPException

from tipoff_monitor.settings import MonitorSettings
from tipoff_planning.trace.memory import MemoryUnavailable

# A trigger freezes a plan and writes it; a cold start of the controller takes some seconds more.
_SECONDS = 20.0
# https://cloud.google.com/run/docs/securing/service-identity#identity_tokens
_METADATA = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity"


class Controller:
    """A client of the controller that the settings name."""

    def __init__(self, settings: MonitorSettings, transport: httpx.BaseTransport | None = None) -> None:
        """transport: a substitute for the network, for tests."""
        self._url = settings.controller_url.rstrip("/") if settings.controller_url else None
        self._key = settings.development_key.get_secret_value() if settings.development_key else None
        # One client for all requests: setting up TLS costs more than most of them.
        self._client = httpx.Client(timeout=_SECONDS, transport=transport)

    @property
    def is_configured(self) -> bool:
        """Whether the settings name a controller."""
        return self._url is not None

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | Sequence[str]] = {},
        json: Mapping[str, object] | None = None,
        headers: Mapping[str, str] = {},
    ) -> bytes:
        """Send a request; return the body of a successful response.

        Raises:
            HTTPException: 409 without a controller, its own status when it refuses, 502 when it fails or does not
                answer.
        """
        if self._url is None:
            raise HTTPException(
                409, "no controller is configured; set TIPOFF_CONTROLLER_URL on the monitor, or use `tipoff`"
            )
        try:
            sent = {"Authorization": f"Bearer {self._key or self._identity()}", **headers}
            answer = self._client.request(
                method, f"{self._url}{path}", params=dict(query), json=json, headers=sent
            )
        except httpx.HTTPError as error:
            raise HTTPException(502, f"the controller does not answer: {error}") from error
        if answer.is_success:
            return answer.content
        # The controller's server error is a 502 here, not an error of the console.
        status = answer.status_code if answer.status_code < 500 else 502
        raise HTTPException(
            status, f"the controller responded with {answer.status_code}: {answer.text[:500]}"
        )

    def recall(self, path: str, query: Mapping[str, str | Sequence[str]]) -> bytes:
        """Read the controller's records of a chain. Raises MemoryUnavailable."""
        try:
            return self.send("GET", path, query=query)
        except HTTPException as error:
            raise MemoryUnavailable(str(error.detail)) from error

    def _identity(self) -> str:
        """Return a token of the monitor's service account for the controller."""
        # The controller checks the token's e-mail, which the metadata server omits from the standard format:
        # https://github.com/googleapis/google-auth-library-nodejs/pull/874
        answer = self._client.get(
            _METADATA,
            params={"audience": self._url or "", "format": "full"},
            headers={"Metadata-Flavor": "Google"},
        )
        answer.raise_for_status()
        return answer.text
