"""Events about faults and repairs: cleanups, alerts, rejected messages."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from tipoff_common.bounds import (
    FILES_BYTES,
    FINDINGS_BYTES,
    Attributes,
    Context,
    Count,
    Head,
    Id,
    Label,
    Number,
    Prose,
    ScraperName,
    Seconds,
    Subject,
    Texts,
    cut_list,
    left_out,
)
from tipoff_common.clock import Instant
from tipoff_common.events.base import AlertLevel, Event, EventPart
from tipoff_common.open_enum import OpenEnum


class MissingFile(EventPart):
    """A landed file without its receipt."""

    scraper_name: ScraperName = Field(description="scraper that wrote it")
    gcs_path: Subject = Field(description="its path, as the execution log has it")
    triggered_at: Instant = Field(description="when the execution that wrote it began")
    age_minutes: Count = Field(description="whole minutes from then to the cleanup run")
    republished: bool = Field(description="whether this run republished it")


class Finding(EventPart):
    """A fault of one file or receipt, as a cleanup run saw it."""

    kind: Label = Field(description="the fault as a word")
    gcs_path: Subject = Field(description="the path concerned, as it was found")
    detail: Prose = Field(description="the fault as a sentence for a person")


def _cut_findings(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    kept = cut_list(findings, FINDINGS_BYTES)
    if len(kept) == len(findings):
        return findings
    return (
        *kept,
        Finding(kind="left_out", gcs_path="-", detail=left_out(len(findings) - len(kept), "findings")),
    )


_MissingFiles = Annotated[
    tuple[MissingFile, ...], AfterValidator(lambda files: tuple(cut_list(files, FILES_BYTES)))
]


class CleanupCompleted(Event):
    """One cleanup run, also when nothing was missing and also when it failed."""

    TYPE = "tipoff.cleanup.completed.v1"
    KEY = ("cleanup_id",)

    cleanup_id: Id = Field(description="a function of the tick")
    cleanup_time: Instant = Field(description="when the cleanup ran")
    files_checked: Count = Field(description="landed files that were compared with the receipts")
    missing_files: _MissingFiles = Field(
        default=(), description="the lost files, or the first of them; missing_files_found counts all"
    )
    republished_count: Count = Field(description="files that were republished")
    errors: Texts = Field(default=(), description="the errors that kept the run from being complete")
    duration_seconds: Seconds = Field(description="how long it took")
    pubsub_enabled: bool = Field(description="false for a dry run, which republishes nothing")
    environment: Label = Field(description="deployment: prod, staging, dev or local")
    missing_files_found: Count | None = Field(
        default=None,
        description="how many files are missing, when the list is cut; null: as many as are listed",
    )
    objects_missing: Count = Field(default=0, description="lost files whose object is not in the bucket")
    adopted_count: Count = Field(default=0, description="objects without an execution that were given one")
    given_up_count: Count = Field(default=0, description="missing files that are no longer republished")
    storm_guard: bool = Field(
        default=False, description="implausibly many files were missing, so the run did nothing"
    )
    lost_after_hours: Count | None = Field(
        default=None, description="hours without a receipt after which this run counts a file as lost"
    )
    max_republishes: Count | None = Field(
        default=None, description="the most times that this run republishes one file"
    )
    phase2_behind: bool = Field(default=False, description="Phase 2 has not reached files that wait for it")
    behind_since: Instant | None = Field(
        default=None,
        description="when the oldest of those files landed; null: Phase 2 is not behind, or the instant is unknown",
    )
    waiting_count: Count | None = Field(
        default=None, description="files without a receipt, lost or not; null when they could not be counted"
    )
    service_version: Label | None = Field(
        default=None, description="release that published it: its version and commit; null: not stated"
    )
    findings: Annotated[tuple[Finding, ...], AfterValidator(_cut_findings)] = Field(
        default=(),
        description="faults of single files or receipts; when there are too many, the first and a count",
    )

    @model_validator(mode="before")
    @classmethod
    def _count_before_cutting(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("missing_files_found") is None:
            listed = data.get("missing_files")
            if isinstance(listed, list | tuple) and len(cut_list(listed, FILES_BYTES)) < len(listed):
                return {**data, "missing_files_found": len(listed)}
        return data


class AlertState(OpenEnum):
    """State of an alert."""

    PENDING = "pending"  # the condition holds, but not yet for the time that the rule requires
    FIRING = "firing"  # the condition holds, and people are notified
    ACKNOWLEDGED = "acknowledged"  # a person works on it: no reminder, no escalation unless it grows
    SILENCED = "silenced"  # the condition holds, but notifications are off for a while
    ESCALATED = "escalated"  # no person answered, or the fault grew: notified with more weight
    RESOLVED = "resolved"  # the condition no longer holds
    UNKNOWN = "unknown"  # the condition could not be evaluated

    @classmethod
    def fallback(cls) -> Self:
        """Return the state that notifies people: a missed alert is worse than a false one."""
        return cls(cls.FIRING)


class AlertChanged(Event):
    """One alert, of one rule about one subject, changed its state. Notifiers subscribe to this event."""

    TYPE = "tipoff.alert.changed.v1"
    SUBJECT = "about"

    alert_id: Id = Field(description="the same from an alert's beginning to its end")
    rule: Label = Field(description="name of the rule")
    about: Subject = Field(description="a workflow, a scraper, a file, or - for the whole system")
    state: AlertState = Field(description="the alert's state now")
    severity: AlertLevel = Field(description="the rule's")
    changed_at: Instant = Field(description="when it came into this state")
    since: Instant = Field(description="when the fault began")
    value: Number | None = Field(
        default=None, description="the number that the rule compares, where it has one"
    )
    summary: Prose = Field(min_length=1, description="the fault as one sentence for a person")
    context: Context = Field(
        default_factory=dict, description="the facts behind the alert, cut when too large"
    )
    runbook: Label | None = Field(default=None, description="a page below docs/runbooks")
    environment: Label = Field(description="deployment: prod, staging, dev or local")
    transition: Count = Field(default=0, description="counts the changes of this alert, from 1")
    notify: bool = Field(
        default=True, description="whether people are notified; if not, the context's not_told has the reason"
    )

    @property
    def key(self) -> tuple[object, ...]:
        """The alert, its state and the transition: two monitors that see one change publish the same event."""
        return (self.alert_id, self.state, *([self.transition] if self.transition else []))


class RejectReason(OpenEnum):
    """Reason for a rejection: the message can never succeed, or its delivery attempts are used up."""

    UNDECODABLE = "undecodable"
    OVERSIZED = "oversized"
    UNKNOWN_TYPE = "unknown_type"
    INVALID_PAYLOAD = "invalid_payload"
    NOT_STORABLE = "not_storable"
    DELIVERY_ATTEMPTS = "delivery_attempts"


class MessageRejected(Event):
    """A message that can never succeed, or that ran out of delivery attempts."""

    TYPE = "tipoff.message.rejected.v1"
    KEY = ("service", "subscription", "message_id", "reason")

    rejected_at: Instant = Field(description="when it was rejected")
    reason: RejectReason = Field(description="the reason as a word")
    detail: Prose = Field(description="the fault as a sentence for a person")
    service: Label = Field(description="service that rejected it")
    subscription: Prose = Field(description="subscription that it came from")
    message_id: Prose = Field(description="messageId that Pub/Sub gave it")
    event_type: Prose | None = Field(default=None, description="ce-type of the message, where it has one")
    attributes: Attributes = Field(default_factory=dict, description="all attributes of the message")
    payload_path: Subject | None = Field(default=None, description="gs:// path of the whole payload")
    payload_sha256: Label = Field(description="SHA-256 of the payload, hexadecimal")
    payload_bytes: Count = Field(description="size of the payload")
    payload_head: Head = Field(description="the first 64 KiB as text, with bytes that are not UTF-8 escaped")
    delivery_attempts: Count | None = Field(
        default=None, description="attempts that Pub/Sub made, where it states them"
    )
    environment: Label = Field(description="deployment: prod, staging, dev or local")
