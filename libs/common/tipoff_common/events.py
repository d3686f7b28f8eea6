"""The events, version 1 of each: frozen payloads, additive within a version.

Unknown fields of a newer producer are kept (`extra="allow"`), never refused. Instants are aware UTC, dates are
business days in America/New_York. `event_time`, where it stands, replaces the clock when a day is replayed and
is accepted only by services that run in event time.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from tipoff_common.clock import Instant
from tipoff_common.identity import event_id
from tipoff_common.outcomes import Outcome

GCS_PATH = r"^gs://[^/]+/.+$"
GcsPath = Annotated[str, Field(pattern=GCS_PATH)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
"""Of a request and what it belongs to. It becomes part of an object's name, so it is an id and nothing else."""


class Source(StrEnum):
    """Where an execution came from; set by the surface it came through, never by the caller."""

    CONTROLLER = "CONTROLLER"  # a decision
    MANUAL = "MANUAL"  # a workflow triggered over HTTP or `tipoff trigger`
    LOCAL = "LOCAL"  # a command on somebody's machine
    CLOUD_RUN = "CLOUD_RUN"  # a direct POST to the scraper-runner
    SCHEDULER = "SCHEDULER"  # the same, by Cloud Scheduler's identity
    RECOVERY = "RECOVERY"  # cleanup


class Priority(StrEnum):
    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class AlertLevel(StrEnum):
    NONE = "NONE"
    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class Action(StrEnum):
    RUN = "RUN"
    SKIP = "SKIP"
    ABORT = "ABORT"


class Event(BaseModel):
    """A payload. `TYPE` is the CloudEvents type, `key` what makes its id."""

    model_config = ConfigDict(frozen=True, extra="allow")

    TYPE: ClassVar[str]

    @property
    def key(self) -> tuple[object, ...]:
        raise NotImplementedError(f"{type(self).__name__} has no key of its own")

    @property
    def id(self) -> str:
        return event_id(self.TYPE, *self.key)

    @property
    def subject(self) -> str | None:
        """What the event is about, for people and filters."""
        return None

    @property
    def filter_attributes(self) -> Mapping[str, str]:
        """Message attributes beside the CloudEvents ones, for subscription filters."""
        return {}


class Tick(StrEnum):
    EVALUATE = "evaluate"
    LOCK_SCHEDULE = "lock-schedule"
    CLEANUP = "cleanup"
    WATCH = "watch"
    ARCHIVE = "archive"


class TickFired(Event):
    """It is time for `tick`. Cloud Scheduler can only send fixed content, so a tick without `event_time` takes
    its time from Pub/Sub's publishTime, rounded down to `cadence_minutes`."""

    TYPE = "tipoff.tick.fired.v1"

    tick: Tick
    cadence_minutes: int = Field(default=15, ge=1, le=1440, description="how often this tick fires")
    event_time: Instant | None = Field(
        default=None, description="the instant to act for, when a day is replayed"
    )

    @property
    def key(self) -> tuple[object, ...]:
        return (self.tick, self.event_time)

    @property
    def filter_attributes(self) -> Mapping[str, str]:
        return {"tick": self.tick.value}


class WorkflowDecided(Event):
    """The controller decided about one occurrence at one tick."""

    TYPE = "tipoff.workflow.decided.v1"

    decision_id: str
    occurrence_id: str
    workflow_name: str
    game_date: date
    decision_time: Instant
    action: Action
    reason_code: str
    reason: str = Field(min_length=1, description="one sentence for a person")
    context: Mapping[str, JsonValue]
    scrapers_triggered: tuple[str, ...] = ()
    target_games: tuple[str, ...] = ()
    next_check_time: Instant | None = None
    priority: Priority
    alert_level: AlertLevel
    config_hash: str
    controller_version: str
    environment: str
    triggered_by: str

    @property
    def key(self) -> tuple[object, ...]:
        return (self.decision_id,)

    @property
    def subject(self) -> str:
        return self.workflow_name


class ScheduleState(StrEnum):
    EXPECTED = "EXPECTED"
    ADDED = "ADDED"
    CANCELLED = "CANCELLED"


class ExpectedRun(BaseModel):
    """One occurrence as the day's schedule expects it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    schedule_row_id: str
    occurrence_id: str
    workflow_name: str
    game_date: date
    subject: str
    expected_run_time: Instant
    deadline: Instant
    state: ScheduleState
    reason: str
    scrapers: tuple[str, ...]
    priority: Priority


class ScheduleLocked(Event):
    """What is expected of one business day, written down once."""

    TYPE = "tipoff.schedule.locked.v1"

    date: date
    locked_at: Instant
    schedule_version: str
    games_today: int | None = Field(ge=0, description="null when there was no calendar to count them in")
    runs: tuple[ExpectedRun, ...]
    config_hash: str
    generated_by: str
    environment: str

    @property
    def key(self) -> tuple[object, ...]:
        return (self.date, self.schedule_version)

    @property
    def subject(self) -> str:
        return self.date.isoformat()


class ScrapeRequested(Event):
    """Fetch this. The parameters are final: nothing about dates is worked out again downstream."""

    TYPE = "tipoff.scrape.requested.v1"

    request_id: Id
    occurrence_id: Id | None = None
    decision_id: Id | None = None
    workflow: str
    step: str
    scraper: str = Field(max_length=100)
    game_date: date
    parameters: Mapping[str, str] = Field(description="declared parameters as text, game_date included")
    attempt: int = Field(ge=1)
    source: Source
    priority: Priority = Priority.MEDIUM
    triggered_by: str
    config_hash: str | None = None
    requested_at: Instant
    event_time: Instant | None = None

    @property
    def key(self) -> tuple[object, ...]:
        return (self.request_id,)

    @property
    def subject(self) -> str:
        return self.scraper


class ScrapeExecuted(Event):
    """What came of one request. Its execution_id is the request's id."""

    TYPE = "tipoff.scrape.executed.v1"

    execution_id: Id
    request_id: Id
    occurrence_id: Id | None = None
    decision_id: Id | None = None
    attempt: int = Field(ge=1)
    scraper_name: str = Field(max_length=100)
    workflow: str
    step: str
    game_date: date
    parameters: Mapping[str, str]
    outcome: Outcome
    data_summary: Mapping[str, JsonValue]
    triggered_at: Instant
    completed_at: Instant
    duration_seconds: float = Field(ge=0)
    source: Source
    environment: str
    triggered_by: str
    retry_count: int = Field(ge=0, description="transport retries inside this execution")
    recovery: bool = False
    run_id: str = Field(description="the process run that did it: one a delivery, for logs")
    opts: Mapping[str, str] = Field(description="the declared parameters, never a secret")
    fan_out_keys: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="parameter values that follow-up steps fan out over, by name"
    )
    config_hash: str | None = None
    event_time: Instant | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Cleanup's answer for an execution that wrote its file and died is told apart from any other answer."""
        return (self.execution_id, "recovery") if self.recovery else (self.execution_id,)

    @property
    def subject(self) -> str:
        return self.scraper_name


class FileLanded(Event):
    """A file is ready for Phase 2. The path contains the content's hash and is the file's identity."""

    TYPE = "tipoff.file.landed.v1"

    gcs_path: GcsPath
    scraper_name: str
    workflow: str
    game_date: date
    execution_id: str
    record_count: int = Field(gt=0)
    content_sha256: str
    landed_at: Instant
    recovery: bool = False
    republish: int = Field(default=0, ge=0, description="0 for the original, n for cleanup's n-th republish")
    event_time: Instant | None = Field(
        default=None, description="the instant of this announcement, when a day is replayed"
    )
    source: Source | None = Field(
        default=None, description="RECOVERY when cleanup announces it; else its execution's"
    )

    @property
    def key(self) -> tuple[object, ...]:
        return (self.gcs_path, self.republish)

    @property
    def subject(self) -> str:
        return self.gcs_path


class FileProcessed(Event):
    """Phase 2's receipt for one landed file."""

    TYPE = "tipoff.file.processed.v1"

    gcs_path: GcsPath
    processor: str = Field(min_length=1)
    processed_at: Instant
    row_count: int | None = Field(default=None, ge=0)
    environment: str

    @property
    def key(self) -> tuple[object, ...]:
        return (self.gcs_path, self.processor)

    @property
    def subject(self) -> str:
        return self.gcs_path


class MissingFile(BaseModel):
    """A landed file without its receipt."""

    model_config = ConfigDict(frozen=True, extra="allow")

    scraper_name: str
    gcs_path: str
    triggered_at: Instant
    age_minutes: int = Field(ge=0)
    republished: bool


class Finding(BaseModel):
    """What a cleanup run saw that is wrong with one file or receipt; `kind` is a word, `detail` a sentence."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str
    gcs_path: str
    detail: str


class CleanupCompleted(Event):
    """One cleanup run, also when nothing was missing and also when it failed."""

    TYPE = "tipoff.cleanup.completed.v1"

    cleanup_id: str
    cleanup_time: Instant
    files_checked: int = Field(ge=0)
    missing_files: tuple[MissingFile, ...] = ()
    republished_count: int = Field(ge=0)
    errors: tuple[str, ...] = ()
    duration_seconds: float = Field(ge=0)
    pubsub_enabled: bool
    environment: str
    missing_files_found: int | None = Field(
        default=None,
        ge=0,
        description="how many are missing, when the list is cut short; null: as many as are listed",
    )
    objects_missing: int = Field(default=0, ge=0, description="lost files whose object is not in the bucket")
    adopted_count: int = Field(
        default=0, ge=0, description="objects without an execution that were given one"
    )
    given_up_count: int = Field(default=0, ge=0, description="missing files that are announced no more")
    storm_guard: bool = Field(
        default=False, description="too much was missing to be believed; nothing was done"
    )
    phase2_behind: bool = Field(default=False, description="Phase 2 has not come to files that wait for it")
    findings: tuple[Finding, ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        return (self.cleanup_id,)


class AlertState(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


class AlertChanged(Event):
    """One alert, of one rule about one thing, came into another state. Whoever sends notifications reads this."""

    TYPE = "tipoff.alert.changed.v1"

    alert_id: str = Field(description="the same from the alert's first sign to its end")
    rule: str
    about: str = Field(description="a workflow, a scraper, a file, or - for the whole system")
    state: AlertState
    severity: AlertLevel
    changed_at: Instant
    since: Instant = Field(description="when what is wrong began")
    value: float | None = Field(
        default=None, description="the number that the rule compares, where it has one"
    )
    summary: str = Field(min_length=1, description="what is wrong, one sentence for a person")
    context: Mapping[str, JsonValue] = Field(default_factory=dict)
    runbook: str | None = Field(default=None, description="a page below docs/runbooks")
    environment: str

    @property
    def key(self) -> tuple[object, ...]:
        return (self.alert_id, self.state)

    @property
    def subject(self) -> str:
        return self.about


RejectReason = Literal["undecodable", "oversized", "unknown_type", "invalid_payload", "delivery_attempts"]


class MessageRejected(Event):
    """A message that can never succeed, or that ran out of delivery attempts."""

    TYPE = "tipoff.message.rejected.v1"

    rejected_at: Instant
    reason: RejectReason
    detail: str
    service: str
    subscription: str
    message_id: str
    event_type: str | None = None
    attributes: Mapping[str, str] = Field(default_factory=dict)
    payload_path: str | None = Field(default=None, description="gs:// path of the whole payload")
    payload_sha256: str
    payload_bytes: int = Field(ge=0)
    payload_head: str = Field(description="the first 64 KiB as text, what is not UTF-8 escaped")
    delivery_attempts: int | None = None
    environment: str

    @property
    def key(self) -> tuple[object, ...]:
        return (self.service, self.subscription, self.message_id, self.reason)


EVENTS: Mapping[str, type[Event]] = {
    model.TYPE: model
    for model in (
        TickFired,
        WorkflowDecided,
        ScheduleLocked,
        ScrapeRequested,
        ScrapeExecuted,
        FileLanded,
        FileProcessed,
        CleanupCompleted,
        AlertChanged,
        MessageRejected,
    )
}
