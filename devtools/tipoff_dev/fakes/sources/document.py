"""What the stand-in answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

JSON, PDF = "application/json", "application/pdf"


@dataclass(frozen=True)
class Document:
    """What is served. headers: beside those that every answer has."""

    media_type: str
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def json_document(value: JsonValue, status: int = 200, headers: Mapping[str, str] = {}) -> Document:
    return Document(JSON, json.dumps(value, separators=(",", ":")).encode(), status, headers)
