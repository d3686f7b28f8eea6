"""The three statuses as a closed union: what came of one scrape.

`success` stops the search, `no_data` asks again at the next occurrence, `failed` is a real error. The types
make the lies impossible that statuses as bare strings allow: a success without records, an error without its
message, an exception that reads as "nothing there yet". A fourth status would be another version of the event; within
this version an outcome may gain fields, but never a field of another outcome: an absence that carries an error is
neither.
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

    OURS = "ours"  # whatever the source
    SOURCE_AWAY = "away"  # the source gives no answer, or none to us
    SOURCE_CHANGED = "changed"  # the source answers something else
    SPENT = "spent"  # the allowance that all scrapers of a source share


class FailureKind(OpenEnum):
    """Kind of a failed scrape; it decides when the scrape is requested again."""

    TIMEOUT = "timeout"  # no answer in time, or the request died
    HTTP = "http"  # an answer that is an error, or no connection
    INTERNAL = "internal"  # our own fault
    BLOCKED = "blocked"  # the source refuses us, not the document
    QUOTA = "quota"  # no more for now: the paid allowance is spent, or the source asks for a long pause
    SOURCE_CHANGED = "source_changed"  # the document has another shape or place
    DECODE = "decode"  # the payload is not what it claims to be

    @property
    def retried_at_once(self) -> bool:
        """Whether it is requested again immediately, up to `max_retries`.

        Only transient kinds are. The others wait for the next occurrence, as asking again at once cannot help; so does
        a kind of a newer version, since asking too late costs a quarter of an hour and asking too often gets us
        blocked.
        """
        return self in _RETRIED_AT_ONCE

    @property
    def trouble(self) -> Trouble:
        """Where the cause is looked for; failures of one source in the same trouble are one cause."""
        return _TROUBLES.get(self, Trouble.SOURCE_AWAY)


_RETRIED_AT_ONCE = frozenset({FailureKind.TIMEOUT, FailureKind.HTTP, FailureKind.INTERNAL})
_TROUBLES = {
    FailureKind.INTERNAL: Trouble.OURS,
    FailureKind.SOURCE_CHANGED: Trouble.SOURCE_CHANGED,
    FailureKind.DECODE: Trouble.SOURCE_CHANGED,
    FailureKind.QUOTA: Trouble.SPENT,
}


class Status(StrEnum):
    """The three statuses. Closed: whoever does not know a status cannot tell whether to search on."""

    SUCCESS = "success"
    NO_DATA = "no_data"
    FAILED = "failed"


_OWN_FIELDS = frozenset({"record_count", "gcs_path", "reason", "kind", "message"})
"""Fields that tell one outcome from another."""


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
        description="gs:// path of the parsed records; null when nothing was to be written"
    )


class NoData(_OutcomeBase):
    """The source was asked properly and has nothing yet."""

    status: Literal[Status.NO_DATA] = Field(
        default=Status.NO_DATA, description="the search goes on at the next occurrence"
    )
    reason: Prose = Field(min_length=1, description="how this was told apart from an error")


class Failed(_OutcomeBase):
    """A real error."""

    status: Literal[Status.FAILED] = Field(
        default=Status.FAILED, description="requested again at once or at the next occurrence, by its kind"
    )
    kind: FailureKind = Field(description="decides what happens next")
    message: Prose = Field(min_length=1, description="what a person needs to act")
    not_before: Instant | None = Field(
        default=None,
        description="the source named this instant, at most seven days away, before which it is not to be asked again;"
        " null: it named none",
    )
    paused_host: Label | None = Field(
        default=None, description="the host that named it; every scraper that needs this host waits"
    )


Outcome = Annotated[Success | NoData | Failed, Field(discriminator="status")]

JsonObject = Mapping[str, JsonValue]
EMPTY: JsonObject = MappingProxyType({})
