"""The row of an execution as read from the dataset; rows.py builds the row to write."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from tipoff_common.clock import Instant


def _with_minutes(value: object) -> object:
    # BigQuery writes Z. The embedded warehouse writes +00, which ISO 8601 allows and pydantic does not parse.
    return re.sub(r"([+-]\d\d)$", r"\1:00", value) if isinstance(value, str) else value


def _as_object(value: Any) -> Any:
    # A JSON column is JSON or text, depending on the client's version and the warehouse. A value that is no object must
    # not keep the other rows from being read; the raw row still shows it.
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None


RowObject = Annotated[Mapping[str, Any] | None, BeforeValidator(_as_object)]
"""A JSON column of a row; None for a value that is no object."""
_Values = Annotated[Mapping[str, Any], BeforeValidator(lambda value: _as_object(value) or {})]
RowInstant = Annotated[Instant, BeforeValidator(_with_minutes)]
"""An instant of a row, possibly as JSON text."""
_INSTANT: TypeAdapter[datetime] = TypeAdapter(RowInstant)


class ExecutionRow(BaseModel):
    """One outcome of a request; a request that was presumed dead and executed later has two.

    Each query selects the columns that it needs; all but the first five are optional. Status and kind of failure are
    text: a row with a newer value must not keep the others from being read.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore"
    )  # queries select further columns to sort and group by

    execution_id: str
    scraper_name: str
    status: str
    source: str
    triggered_at: RowInstant
    completed_at: RowInstant | None = None
    duration_seconds: float | None = None
    occurrence_id: str | None = None
    decision_id: str | None = None
    event_id: str | None = None
    workflow: str | None = None
    game_date: date | None = None
    attempt: int | None = None
    retry_count: int | None = None
    gcs_path: str | None = None
    error_type: str | None = None
    error_message: str | None = Field(
        default=None, description="the failure's message, or the reason of no_data"
    )
    opts: _Values = Field(default={}, description="the declared parameters as text")
    data_summary: _Values = Field(
        default={}, description="the whole summary; the fields below are parts of it"
    )
    records: int | None = Field(default=None, description="data_summary's record_count")
    content_sha256: str | None = Field(default=None, description="data_summary's")
    drift: RowObject = Field(default=None, description="data_summary's")
    completeness: RowObject = Field(default=None, description="data_summary's")
    not_before: RowInstant | None = Field(
        default=None,
        description="data_summary's: the instant before which the source must not be requested again",
    )
    paused_host: str | None = Field(
        default=None, description="data_summary's: the host that named not_before"
    )
    is_presumed: bool = Field(
        default=False,
        description="whether the controller recorded a request as failed that was presumed dead",
    )
    is_parsed_again: bool = Field(
        default=False, description="whether a stored payload was parsed again and nothing fetched"
    )
    is_logged: bool = Field(
        default=True,
        description="set by the reader, no column: false for an execution that only the controller's state has yet",
    )

    @property
    def ended_at(self) -> datetime:
        """The instant of the end, or of the beginning where the end was not selected."""
        return self.completed_at or self.triggered_at

    @property
    def paused_until(self) -> datetime | None:
        """The instant before which the source must not be requested again, where the source named one."""
        try:
            return _INSTANT.validate_python(self.data_summary.get("not_before"))
        except ValidationError:
            return None

    @property
    def has_drifted(self) -> bool:
        """True when the payload's fields differ from the known ones; `drift` may also consist of empty lists."""
        return any((self.drift or {}).values())
