"""Payloads that are parsed without being fetched: kept by an earlier delivery, or in a file on somebody's machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Noted(BaseModel):
    """Facts about a fetch; kept with the payload, for a delivery that goes on with it."""

    model_config = ConfigDict(frozen=True)

    retries: int = Field(default=0, description="transport retries until the source gave it")
    summary: Mapping[str, JsonValue] = Field(
        default_factory=dict, description="what was noted about it, without secrets"
    )


@dataclass(frozen=True)
class Fetched:
    """A payload that lies in the data bucket."""

    raw_path: str
    fetched_at: datetime
    """Time at which the source gave it."""
    noted: Noted = field(default_factory=Noted)


@dataclass(frozen=True)
class Saved:
    """A payload to parse instead of fetching one."""

    body: bytes
    dated: bool
    """Whether the request's game_date is certainly the payload's; otherwise the date that the payload states counts."""
    fetched: Fetched | None = None
    """None when the data bucket does not hold it yet."""
