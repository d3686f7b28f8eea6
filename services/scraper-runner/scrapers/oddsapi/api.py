"""Asks The Odds API, keeps an eye on its quota and says what its refusals mean.

Source: https://the-odds-api.com/liveapi/guides/v4/ and .../api-error-codes.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import JsonValue, SecretStr

from scrapers.json_document import json_object
from scrapers.json_payload import json_payload
from scrapers.payloads import first_bytes
from tipoff_scraper_runner.errors import Blocked, NotPublished, QuotaSpent, ScrapeFailure, SourceChanged
from tipoff_scraper_runner.scraper import Http, Payload, Response

BASE_URL = "https://api.the-odds-api.com/v4"
SPORT = "sports/basketball_nba"
API_KEY = "ODDS_API_KEY"
# Part of the month's quota from which `quota.warning` is true.
WARN_FROM = 0.8

_REFUSALS = frozenset({401, 403, 404, 422})


def ask(http: Http, path: str, query: Mapping[str, str], as_of: datetime | None) -> Payload:
    """Fetch the answer to `path` below the sport; with `as_of` as it was then, which only paid plans may ask for.

    Raises:
        QuotaSpent: the month's quota is used up.
        NotPublished: the event asked for has ended, or never was.
        Blocked: the key is refused, or the plan lacks this.
        SourceChanged: the API does not know what is asked of it.
    """
    asked: dict[str, str | SecretStr] = {"apiKey": http.secret(API_KEY), "dateFormat": "iso", **query}
    url = f"{BASE_URL}/{SPORT}/{path}"
    # A historical answer costs ten times the credits and is wrapped in the instants around it.
    if as_of is not None:
        url = f"{BASE_URL}/historical/{SPORT}/{path}"
        asked["date"] = f"{as_of.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    response = http.get(url, query=asked, expected=_REFUSALS)
    # Before a refusal is raised: how much is left is worth the most when it is nothing.
    http.note("quota", quota(response.headers))
    if response.status in _REFUSALS:
        raise _refusal(response)
    return json_payload(response)


def quota(headers: Mapping[str, str]) -> dict[str, JsonValue]:
    """Read what the answer's headers say of the month's quota.

    used, remaining: credits of the month; last: cost of this call; each null when the answer does not say. warning:
    whether `WARN_FROM` of the month's credits are used; null when that is not known.
    """
    used, remaining, last = (_credits(headers, name) for name in ("used", "remaining", "last"))
    warning = None
    # Plans differ in size, so the share counts.
    if used is not None and remaining is not None:
        warning = used >= WARN_FROM * (used + remaining)
    return {"used": used, "remaining": remaining, "last": last, "warning": warning}


def _credits(headers: Mapping[str, str], name: str) -> int | None:
    try:
        # Some answers write credits as 400.0.
        return int(float(headers[f"x-requests-{name}"]))
    except (KeyError, ValueError, OverflowError):
        return None


def _refusal(response: Response) -> NotPublished | ScrapeFailure:
    """Say what a refusal means. Only the code in the body tells an ended event from a path that is gone."""
    code, message = _error(response)
    said = f"{response.url} answers {response.status} {code}: {message}"
    # By the code: the status is 401, as for a wrong key.
    if code == "OUT_OF_USAGE_CREDITS":
        return QuotaSpent(said)
    # Expected after the tip: the event is gone from the list when its game has begun.
    if code == "EVENT_NOT_FOUND":
        return NotPublished(f"{said}; an event has odds until it ends")
    if response.status in (401, 403):
        return Blocked(said)
    return SourceChanged(said)


def _error(response: Response) -> tuple[str, str]:
    """Read the answer's error code and message."""
    try:
        document = json_object(response.body, "the answer")
        return document.optional_text("error_code") or "without a code", document.text("message")
    except ScrapeFailure:
        return "without a code", first_bytes(response.body)
