"""The three statuses as a closed union: what came of one scrape.

`success` stops the search, `no_data` asks again at the next occurrence, `failed` is a real error. The types
make the lies impossible that statuses as bare strings allow: a success without records, an error without its
message, an exception that reads as "nothing there yet". The union is closed to unknown fields too: an absence
that carries an error is neither.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class FailureKind(StrEnum):
    """Why a scrape failed; the kind decides whether it is asked for again at once."""

    TIMEOUT = "timeout"  # no answer in time, or the request died
    HTTP = "http"  # an answer that is an error, or no connection
    INTERNAL = "internal"  # our own fault
    BLOCKED = "blocked"  # the source refuses us, not the document
    QUOTA = "quota"  # the paid allowance is spent
    SOURCE_CHANGED = "source_changed"  # the document has another shape or place
    DECODE = "decode"  # the payload is not what it claims to be

    @property
    def retried_at_once(self) -> bool:
        """Transient kinds are requested again immediately, up to `max_retries`; the others wait for the next
        occurrence, as asking again at once cannot help."""
        return self in _RETRIED_AT_ONCE


_RETRIED_AT_ONCE = frozenset({FailureKind.TIMEOUT, FailureKind.HTTP, FailureKind.INTERNAL})


class Status(StrEnum):
    SUCCESS = "success"
    NO_DATA = "no_data"
    FAILED = "failed"


class _Outcome(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Success(_Outcome):
    """Got it: `record_count` records were written to `gcs_path`."""

    status: Literal[Status.SUCCESS] = Status.SUCCESS
    record_count: int = Field(gt=0)
    gcs_path: str | None = Field(
        description="gs:// path of the parsed records; null when nothing was to be written"
    )


class NoData(_Outcome):
    """Asked properly, nothing there yet; `reason` says how that was told apart from an error."""

    status: Literal[Status.NO_DATA] = Status.NO_DATA
    reason: str = Field(min_length=1)


class Failed(_Outcome):
    """A real error. `kind` decides what happens next, `message` is what a person needs to act."""

    status: Literal[Status.FAILED] = Status.FAILED
    kind: FailureKind
    message: str = Field(min_length=1)


Outcome = Annotated[Success | NoData | Failed, Field(discriminator="status")]

JsonObject = Mapping[str, JsonValue]
EMPTY: JsonObject = MappingProxyType({})
