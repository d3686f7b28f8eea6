"""Requests to The Odds API, with its quota and its refusals.

Source: https://the-odds-api.com/liveapi/guides/v4/ and .../api-error-codes.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import JsonValue, SecretStr

from tipoff_scraper_runner.errors import Blocked, NotPublished, QuotaSpent, ScrapeFailure, SourceChanged
from tipoff_scraper_runner.parsing.json_document import json_object
from tipoff_scraper_runner.parsing.json_payload import json_payload
from tipoff_scraper_runner.parsing.payloads import first_bytes
from tipoff_scraper_runner.scraper import Http, Payload, Response

BASE_URL = "https://api.the-odds-api.com/v4"
SPORT = "sports/basketball_nba"
API_KEY = "ODDS_API_KEY"
# Used share of the month's quota from which `quota.warning` is true.
WARN_FROM = 0.8

_REFUSALS = frozenset({401, 403, 404, 422})


def fetch_document(http: Http, path: str, query: Mapping[str, str], as_of: datetime | None) -> Payload:
    """Fetch `path` below the sport; with `as_of`, the historical response of that instant, for paid plans only.

    Raises:
        QuotaSpent: the month's quota is used up.
        NotPublished: the requested event has ended, or never existed.
        Blocked: the key is refused, or the plan lacks this.
        SourceChanged: the API does not accept the request.
    """
    parameters: dict[str, str | SecretStr] = {"apiKey": http.secret(API_KEY), "dateFormat": "iso", **query}
    url = f"{BASE_URL}/{SPORT}/{path}"
    # A historical response costs ten times the credits, and is wrapped in an object with its timestamp.
    if as_of is not None:
        url = f"{BASE_URL}/historical/{SPORT}/{path}"
        parameters["date"] = f"{as_of.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    response = http.get(url, query=parameters, expected=_REFUSALS)
    # Before a refusal is raised: the quota matters most when it is used up.
    http.note("quota", quota(response.headers))
    if response.status in _REFUSALS:
        raise _refusal(response)
    return json_payload(response)


def quota(headers: Mapping[str, str]) -> dict[str, JsonValue]:
    """Read the month's quota from the response's headers.

    used, remaining: credits of the month; last: cost of this call; each null when the header is missing. warning:
    whether `WARN_FROM` of the month's credits are used; null when unknown.
    """
    used, remaining, last = (_credits(headers, name) for name in ("used", "remaining", "last"))
    warning = None
    # A share, as plans differ in size.
    if used is not None and remaining is not None:
        warning = used >= WARN_FROM * (used + remaining)
    return {"used": used, "remaining": remaining, "last": last, "warning": warning}


def _credits(headers: Mapping[str, str], name: str) -> int | None:
    try:
        # Some responses have credits as 400.0.
        return int(float(headers[f"x-requests-{name}"]))
    except (KeyError, ValueError, OverflowError):
        return None


def _refusal(response: Response) -> NotPublished | ScrapeFailure:
    """Return the exception for a refusal. Only the code in the body distinguishes an ended event from a moved path."""
    code, message = _error(response)
    evidence = f"{response.url} answers {response.status} {code}: {message}"
    # By the code: the status is 401, as for a wrong key.
    if code == "OUT_OF_USAGE_CREDITS":
        return QuotaSpent(evidence)
    # Expected after the tip-off: the API removes an event once its game has begun.
    if code == "EVENT_NOT_FOUND":
        return NotPublished(f"{evidence}; the API removes an event once its game has begun")
    if response.status in (401, 403):
        return Blocked(evidence)
    return SourceChanged(evidence)


def _error(response: Response) -> tuple[str, str]:
    """Read the response's error code and message."""
    try:
        document = json_object(response.body, "the response")
        return document.optional_text("error_code") or "without a code", document.text("message")
    except ScrapeFailure:
        return "without a code", first_bytes(response.body)
