"""The outcome of one scrape, a closed union of three statuses.

`success` stops the search, `no_data` repeats the request at the next occurrence, `failed` is a real error. The types
exclude contradictions that bare strings would allow: a success without records, an error without its message, an
exception reported as "nothing there yet". A fourth status would need another version of the event. Within this version
an outcome may gain fields, but never a field of another outcome: a `no_data` with an error would be ambiguous.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from tipoff_common.bounds import Integer, Label, ObjectPath, Prose, check_json
from tipoff_common.clock import Instant
from tipoff_common.open_enum import OpenEnum


class Trouble(StrEnum):
    """Place in which to look for the cause of failures."""

    OURS = "ours"  # in Tipoff, for all sources alike
    SOURCE_AWAY = "away"  # the source does not answer, or refuses Tipoff
    SOURCE_CHANGED = "changed"  # the source's documents have changed
    SPENT = "spent"  # the quota that all scrapers of a source share


class FailureKind(OpenEnum):
    """Kind of a failed scrape; it determines when the scrape is requested again."""

    TIMEOUT = "timeout"  # no answer in time, or the request was lost
    HTTP = "http"  # an error status, or no connection
    INTERNAL = "internal"  # a fault of Tipoff
    BLOCKED = "blocked"  # the source refuses Tipoff, not the document
    QUOTA = "quota"  # the paid quota is used up, or the source asks for a long pause
    SOURCE_CHANGED = "source_changed"  # the document has another shape or place
    DECODE = "decode"  # the payload is not of its declared type

    @property
    def retried_at_once(self) -> bool:
        """True when the request is repeated immediately, up to `max_retries`.

        Only transient kinds are repeated. The others wait for the next occurrence, as an immediate retry cannot help.
        An unknown kind waits too: a late retry costs a quarter of an hour, and too many retries get Tipoff blocked.
        """
        return self in _RETRIED_AT_ONCE

    @property
    def trouble(self) -> Trouble:
        """The place to look for the cause; failures of one source with the same place count as one cause."""
        return _TROUBLES.get(self, Trouble.SOURCE_AWAY)


_RETRIED_AT_ONCE = frozenset({FailureKind.TIMEOUT, FailureKind.HTTP, FailureKind.INTERNAL})
_TROUBLES = {
    FailureKind.INTERNAL: Trouble.OURS,
    FailureKind.SOURCE_CHANGED: Trouble.SOURCE_CHANGED,
    FailureKind.DECODE: Trouble.SOURCE_CHANGED,
    FailureKind.QUOTA: Trouble.SPENT,
}


class Status(StrEnum):
    """The three statuses. Closed: for an unknown status, a service could not decide whether to search on."""

    SUCCESS = "success"
    NO_DATA = "no_data"
    FAILED = "failed"


_OWN_FIELDS = frozenset({"record_count", "gcs_path", "reason", "kind", "message"})
"""Fields that distinguish the outcomes."""


class _OutcomeBase(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    @model_validator(mode="after")
    def _no_field_of_another_outcome(self) -> Self:
        extra: Mapping[str, Any] = self.model_extra or {}
        if foreign := sorted(_OWN_FIELDS & extra.keys()):
            raise ValueError(f"{', '.join(foreign)}: a field of another outcome than {type(self).__name__}")
        check_json(extra)
        return self


class Success(_OutcomeBase):
    """Records were found and written."""

    status: Literal[Status.SUCCESS] = Field(default=Status.SUCCESS, description="stops the search")
    record_count: Integer = Field(gt=0, description="records written to gcs_path")
    gcs_path: ObjectPath | None = Field(
        description="gs:// path of the parsed records; null for a run that writes nothing"
    )


class NoData(_OutcomeBase):
    """The source answered without an error and has nothing yet."""

    status: Literal[Status.NO_DATA] = Field(
        default=Status.NO_DATA, description="the search goes on at the next occurrence"
    )
    reason: Prose = Field(min_length=1, description="evidence that this is an absence and no error")


class Failed(_OutcomeBase):
    """A real error."""

    status: Literal[Status.FAILED] = Field(
        default=Status.FAILED, description="requested again at once or at the next occurrence, by its kind"
    )
    kind: FailureKind = Field(description="determines when the scrape is requested again")
    message: Prose = Field(min_length=1, description="the fault, with the facts that a person needs to act")
    not_before: Instant | None = Field(
        default=None,
        description="the instant that the source named, at most seven days away, before which it must not be requested"
        " again; null: it named none",
    )
    paused_host: Label | None = Field(
        default=None, description="the host that named not_before; every scraper that needs this host waits"
    )


Outcome = Annotated[Success | NoData | Failed, Field(discriminator="status")]

JsonObject = Mapping[str, JsonValue]
EMPTY: JsonObject = MappingProxyType({})
