"""Answers of the fake sources."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import JsonValue

from tipoff_scraper_runner.fake_sources import NOT_SERVED

JSON, PDF = "application/json", "application/pdf"


@dataclass(frozen=True)
class Document:
    """An answer of a fake source."""

    media_type: str
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers in addition to those of every answer."""


FORBIDDEN = Document(
    "application/xml", b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code></Error>", 403
)
"""The answer of the league's hosts to a request without their Referer, or for an unpublished document."""


def not_served(host: str, path: str, why: str = "") -> Document:
    """Return the answer that fails the execution: a gap in a fake must never read as "not published yet"."""
    text = why or f"the fake of {host} has nothing at {path}"
    remedy = f"add it to the fake, or use the real source: tipoff up --live {host}"
    return Document("text/plain", f"{text}; {remedy}".encode(), NOT_SERVED)


def json_document(value: JsonValue, status: int = 200, headers: Mapping[str, str] = {}) -> Document:
    """Write a value as a JSON document."""
    return Document(JSON, compact(value), status, headers)


def compact(value: JsonValue) -> bytes:
    """Write a value without blanks, as the sources do."""
    return json.dumps(value, separators=(",", ":")).encode()


def utc(instant: datetime) -> str:
    """Write an instant in UTC, with seconds and a Z."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
