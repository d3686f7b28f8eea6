"""Payloads to parse without a fetch: stored by an earlier delivery, or in a local file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class FetchNotes(BaseModel):
    """Facts about a fetch; stored with the payload, for a delivery that takes the request over."""

    model_config = ConfigDict(frozen=True)

    retries: int = Field(default=0, description="transport retries of the fetch")
    summary: Mapping[str, JsonValue] = Field(
        default_factory=dict, description="the fetch's part of data_summary, without secrets"
    )


@dataclass(frozen=True)
class StoredPayload:
    """The place and the fetch of a payload in the data bucket."""

    raw_path: str
    fetched_at: datetime
    """The instant of the fetch."""
    noted: FetchNotes = field(default_factory=FetchNotes)


@dataclass(frozen=True)
class SavedPayload:
    """A payload to parse instead of a fetched one."""

    body: bytes
    dated: bool
    """Whether the request's game_date is certainly the payload's; otherwise the payload's own date counts."""
    fetched: StoredPayload | None = None
    """None when the data bucket does not hold it yet."""
