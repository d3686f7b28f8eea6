"""Settings of the logger."""

from pydantic import Field

from tipoff_common.settings import ServiceSettings


class LoggerSettings(ServiceSettings):
    """Limits of one append and of queued rows (beyond these, pushes get 503 and are redelivered), and the archive of
    rows that expire."""

    batch_rows: int = Field(
        default=500, ge=1, le=50_000, description="most rows in one append; BigQuery suggests 500"
    )
    batch_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=1,
        le=8 * 1024 * 1024,
        description="most bytes of events in one append; rows are larger than events, and BigQuery accepts 10 MB",
    )
    batch_seconds: float = Field(
        default=0.05, ge=0, le=5, description="longest time that a batch gathers rows in quick succession"
    )
    queue_rows: int = Field(default=2_000, ge=1, le=1_000_000, description="rows that may wait for an answer")
    queue_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=1,
        le=1024**3,
        description="bytes of events that may wait for an answer; an instance holds them in memory",
    )
    queue_seconds: float = Field(
        default=15.0,
        gt=0,
        le=600,
        description="longest wait of a row for its append to begin; wait and append stay below the ack deadline",
    )
    archive_bucket: str | None = Field(
        default=None, min_length=1, description="bucket for exported rows; by default the data bucket"
    )
