"""The row of an execution as it is read; rows.py writes it."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from tipoff_common.clock import Instant


def _with_minutes(value: object) -> object:
    # BigQuery writes Z, the embedded warehouse +00, which ISO 8601 allows and pydantic does not read.
    return re.sub(r"([+-]\d\d)$", r"\1:00", value) if isinstance(value, str) else value


def _as_object(value: Any) -> Any:
    # A JSON column comes as JSON or as text, by the client's version and by the warehouse. What is no object is seen in
    # the row's own JSON; here it must not keep every other row from being read.
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None


RowObject = Annotated[Mapping[str, Any] | None, BeforeValidator(_as_object)]
"""A JSON column of a row; None for what is no object."""
_Values = Annotated[Mapping[str, Any], BeforeValidator(lambda value: _as_object(value) or {})]
RowInstant = Annotated[Instant, BeforeValidator(_with_minutes)]
"""An instant of a row, which may have come as JSON."""
_INSTANT: TypeAdapter[datetime] = TypeAdapter(RowInstant)


class ExecutionRow(BaseModel):
    """One outcome of a request; one that was presumed dead and answered later has two.

    Each query selects the columns that it needs: all but the first five are None where they were not asked for. Status
    and kind of failure are text: one row of a newer vocabulary must not keep the others from being read.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")  # queries sort and group by columns of their own

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
    error_message: str | None = Field(default=None, description="what went wrong, or why nothing was found")
    opts: _Values = Field(default={}, description="the declared parameters as text")
    data_summary: _Values = Field(default={}, description="all of it, for those who read more than follows")
    records: int | None = Field(default=None, description="data_summary's record_count")
    content_sha256: str | None = Field(default=None, description="data_summary's")
    drift: RowObject = Field(default=None, description="data_summary's")
    completeness: RowObject = Field(default=None, description="data_summary's")
    not_before: RowInstant | None = Field(
        default=None,
        description="data_summary's: the instant before which the source is not to be asked again",
    )
    paused_host: str | None = Field(default=None, description="data_summary's: the host that named it")
    is_presumed: bool = Field(default=False, description="whether the controller answered for a dead request")
    is_parsed_again: bool = Field(
        default=False, description="whether a kept payload was parsed again and nothing fetched"
    )
    is_logged: bool = Field(
        default=True,
        description="set by the reader, no column: false for an execution that only the controller knows yet",
    )

    @property
    def ended_at(self) -> datetime:
        """When it ended; when it began, for a row that has only that."""
        return self.completed_at or self.triggered_at

    @property
    def paused_until(self) -> datetime | None:
        """The instant before which the source asks not to be asked again, where it named one."""
        try:
            return _INSTANT.validate_python(self.data_summary.get("not_before"))
        except ValidationError:
            return None

    @property
    def has_drifted(self) -> bool:
        """Whether its payload had other fields than are known; one that had none may say so with empty lists."""
        return any((self.drift or {}).values())
