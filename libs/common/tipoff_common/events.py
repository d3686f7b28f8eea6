"""The events, version 1 of each: frozen payloads, additive within a version.

Additive means: unknown fields of a newer producer are kept, unknown members of an enumeration are carried as
themselves (open_enum.py), neither is refused. Every part has its bound (bounds.py). Instants are aware UTC, dates are
business days in America/New_York. `event_time`, where it stands, replaces the clock when a day is replayed and is
accepted only by services that run in event time.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from tipoff_common.bounds import (
    EVENT_LIMIT,
    FILES_BYTES,
    FINDINGS_BYTES,
    Attempt,
    Attributes,
    Context,
    Count,
    FanOutKeys,
    GcsPath,
    Head,
    Id,
    Integer,
    Label,
    Minutes,
    Number,
    Parameters,
    Prose,
    ScraperName,
    Seconds,
    Subject,
    Summary,
    Texts,
    check_json,
    cut_list,
    left_out,
)
from tipoff_common.clock import EventTime, GameDate, Instant
from tipoff_common.identity import event_id
from tipoff_common.open_enum import OpenEnum
from tipoff_common.outcomes import Outcome


class Source(OpenEnum):
    """Where an execution came from; set by the surface it came through, never by the caller."""

    CONTROLLER = "CONTROLLER"  # a decision
    MANUAL = "MANUAL"  # a workflow triggered over HTTP or `tipoff trigger`
    LOCAL = "LOCAL"  # a command on somebody's machine
    CLOUD_RUN = "CLOUD_RUN"  # a direct POST to the scraper-runner
    SCHEDULER = "SCHEDULER"  # the same, by Cloud Scheduler's identity
    RECOVERY = "RECOVERY"  # cleanup


class Priority(OpenEnum):
    """How urgent the data is."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"

    @classmethod
    def fallback(cls) -> Self:
        """Return the priority of a workflow that states none."""
        return cls(cls.MEDIUM)


class AlertLevel(OpenEnum):
    """How loudly people are told."""

    NONE = "NONE"
    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"

    @classmethod
    def fallback(cls) -> Self:
        """Return a level that people see: an unknown one may mean anything but that all is well."""
        return cls(cls.WARNING)


class Action(OpenEnum):
    """What the controller decided."""

    RUN = "RUN"
    SKIP = "SKIP"
    ABORT = "ABORT"


class EventPart(BaseModel):
    """A part of an event: frozen, and keeping fields that only a newer producer knows."""

    model_config = ConfigDict(frozen=True, extra="allow")

    @model_validator(mode="after")
    def _readable_extra_fields(self) -> Self:
        if self.model_extra:
            check_json(self.model_extra)
        return self


class Event(EventPart):
    """A payload. `TYPE` is the CloudEvents type, `key` what makes its id."""

    TYPE: ClassVar[str]

    @property
    def key(self) -> tuple[object, ...]:
        """What the event's identity is a function of."""
        raise NotImplementedError(f"{type(self).__name__} has no key of its own")

    @property
    def id(self) -> str:
        """The CloudEvents id: the same for the same content."""
        return event_id(self.TYPE, *self.key)

    @property
    def subject(self) -> str | None:
        """What the event is about, for people and filters."""
        return None

    @property
    def filter_attributes(self) -> Mapping[str, str]:
        """Message attributes beside the CloudEvents ones, for subscription filters."""
        return {}

    def parts(self) -> "Iterator[Event]":
        """Yield the events to publish: this one, or several that say the same where one would be too large."""
        yield self


class Tick(OpenEnum):
    """What it is time for. A service ignores ticks that it does not know."""

    EVALUATE = "evaluate"
    DISCOVER = "discover"
    LOCK_SCHEDULE = "lock-schedule"
    CLEANUP = "cleanup"
    WATCH = "watch"
    ARCHIVE = "archive"


class TickFired(Event):
    """It is time for `tick`. Cloud Scheduler can only send fixed content, so a tick without `event_time` takes
    its time from Pub/Sub's publishTime, rounded down to `cadence_minutes`."""

    TYPE = "tipoff.tick.fired.v1"

    tick: Tick = Field(description="what it is time for")
    cadence_minutes: Minutes = Field(default=15, description="how often this tick fires")
    event_time: EventTime | None = Field(
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

    decision_id: Id = Field(description="a function of the occurrence and the tick")
    occurrence_id: Id = Field(description="a function of workflow, game date, subject and slot")
    workflow_name: Label = Field(description="the workflow's name in workflows.yaml")
    game_date: GameDate = Field(description="the business day that the data is about")
    decision_time: Instant = Field(description="when it was decided")
    action: Action = Field(description="what was decided")
    reason_code: Label = Field(description="the reason as a word, for filters and counts")
    reason: Prose = Field(min_length=1, description="the reason as one sentence for a person")
    context: Context = Field(description="the facts that led to it; what is too large is cut")
    scrapers_triggered: Texts = Field(default=(), description="scrapers that were requested, each once")
    target_games: Texts = Field(default=(), description="ids of the games that it is about")
    next_check_time: Instant | None = Field(default=None, description="when it is decided anew, if it is")
    priority: Priority = Field(description="the workflow's, or the caller's")
    alert_level: AlertLevel = Field(description="how loudly people are told; NONE for nothing wrong")
    config_hash: Label = Field(description="hash of the configuration that was in force")
    controller_version: Label = Field(description="release that decided: its version and commit")
    environment: Label = Field(description="deployment: prod, staging, dev or local")
    triggered_by: Prose = Field(description="a tick, or the caller of a manual run")

    @property
    def key(self) -> tuple[object, ...]:
        return (self.decision_id,)

    @property
    def filter_attributes(self) -> Mapping[str, str]:
        return {"reason_code": self.reason_code}

    @property
    def subject(self) -> str:
        return self.workflow_name


class ScheduleState(OpenEnum):
    """What the locked schedule says of an occurrence."""

    EXPECTED = "EXPECTED"
    ADDED = "ADDED"
    CANCELLED = "CANCELLED"


class ExpectedRun(EventPart):
    """One occurrence as the day's schedule expects it."""

    schedule_row_id: Id = Field(description="a function of occurrence, schedule version and state")
    occurrence_id: Id = Field(description="the occurrence that is expected")
    workflow_name: Label = Field(description="the workflow's name in workflows.yaml")
    game_date: GameDate = Field(description="the business day that the data is about")
    subject: Subject = Field(description="the game, the team, or - for the whole day")
    expected_run_time: Instant = Field(description="when it is to run")
    deadline: Instant = Field(description="after this it is missing")
    state: ScheduleState = Field(description="expected, added after the lock, or no longer expected")
    reason: Prose = Field(description="why it is expected, for a person")
    scrapers: Texts = Field(description="scrapers that it will request")
    priority: Priority = Field(description="the workflow's")


_RUNS_BYTES = EVENT_LIMIT // 2


class ScheduleLocked(Event):
    """What is expected of one business day, written down once."""

    TYPE = "tipoff.schedule.locked.v1"

    date: GameDate = Field(description="the business day")
    locked_at: Instant = Field(description="when it was written down")
    schedule_version: Id = Field(description="names the content: another version for a changed schedule")
    games_today: Count | None = Field(description="null when there was no calendar to count them in")
    runs: tuple[ExpectedRun, ...] = Field(description="the occurrences")
    config_hash: Label = Field(description="hash of the configuration that was in force")
    generated_by: Prose = Field(description="service and version that locked it")
    environment: Label = Field(description="deployment: prod, staging, dev or local")
    part: Count = Field(
        default=0, description="a day with very many runs is published in parts, counted from 0"
    )

    @property
    def key(self) -> tuple[object, ...]:
        return (self.date, self.schedule_version, *([self.part] if self.part else []))

    @property
    def subject(self) -> str:
        return self.date.isoformat()

    def parts(self) -> Iterator[Event]:
        """Yield events of at most half of EVENT_LIMIT of runs each: every run is a row, so none may be left out."""
        rest, part = self.runs, self.part
        while True:
            # A single run is always taken; with its own bounds it is far below the limit.
            runs = rest[: max(1, len(cut_list(rest, _RUNS_BYTES, reserve=0)))]
            yield self if runs == self.runs else self.model_copy(update={"runs": runs, "part": part})
            rest, part = rest[len(runs) :], part + 1
            if not rest:
                return


class ScrapeRequested(Event):
    """Fetch this. The parameters are final: nothing about dates is worked out again downstream."""

    TYPE = "tipoff.scrape.requested.v1"

    request_id: Id = Field(description="a function of occurrence, step, scraper, parameters and attempt")
    occurrence_id: Id | None = Field(default=None, description="null for a request of no workflow")
    decision_id: Id | None = Field(default=None, description="null for a request of no decision")
    workflow: Label = Field(description="the workflow that it belongs to")
    step: Label = Field(description="the step of the workflow's plan")
    scraper: ScraperName = Field(description="registered name of the scraper")
    game_date: GameDate = Field(description="the business day that the data is about")
    parameters: Parameters = Field(description="declared parameters as text, game_date included")
    attempt: Attempt = Field(description="1 for the first; a retry is another request")
    source: Source = Field(description="the surface it came through")
    priority: Priority = Field(default=Priority.MEDIUM, description="how urgent the data is")
    triggered_by: Prose = Field(description="a tick, an execution, or a caller")
    config_hash: Label | None = Field(default=None, description="hash of the configuration in force")
    requested_at: Instant = Field(description="when it was requested")
    event_time: EventTime | None = Field(
        default=None, description="the instant to fetch for, when a day is replayed"
    )

    @property
    def key(self) -> tuple[object, ...]:
        return (self.request_id,)

    @property
    def subject(self) -> str:
        return self.scraper


class Completeness(EventPart):
    """What a document of many games or teams should have said, and what it did."""

    expected: Count | None = Field(default=None, description="how many games or teams there should be")
    missing: tuple[Prose, ...] = Field(default=(), description="those that are not in it, by name")


class _KnownSummary(BaseModel):
    """The entries of a data_summary that programs read; all others are for people and queries."""

    record_count: Count | None = None
    content_sha256: Label | None = None
    completeness: Completeness | None = None


def _check_summary(value: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    _KnownSummary.model_validate(value)
    return value


class ScrapeExecuted(Event):
    """What came of one request. Its execution_id is the request's id."""

    TYPE = "tipoff.scrape.executed.v1"

    execution_id: Id = Field(description="the request's id")
    request_id: Id = Field(description="the request")
    occurrence_id: Id | None = Field(default=None, description="the request's")
    decision_id: Id | None = Field(default=None, description="the request's")
    attempt: Attempt = Field(description="the request's")
    scraper_name: ScraperName = Field(description="registered name of the scraper")
    workflow: Label = Field(description="the request's")
    step: Label = Field(description="the request's")
    game_date: GameDate = Field(description="the business day that the data is about")
    parameters: Parameters = Field(description="the request's")
    outcome: Outcome = Field(description="success, no_data or failed")
    data_summary: Annotated[Summary, AfterValidator(_check_summary)] = Field(
        description="facts about the data: record_count, content_sha256, completeness, and what a scraper adds;"
        " what is too large is cut, and says how much is left out",
        json_schema_extra={
            "properties": {
                "record_count": {"type": ["integer", "null"], "minimum": 0},
                "content_sha256": {"type": ["string", "null"], "maxLength": 200},
                "completeness": {
                    "type": ["object", "null"],
                    "properties": {
                        "expected": {"type": ["integer", "null"], "minimum": 0},
                        "missing": {"type": "array", "items": {"type": "string"}},
                    },
                },
            }
        },
    )
    triggered_at: Instant = Field(description="when it began")
    completed_at: Instant = Field(description="when it ended")
    duration_seconds: Seconds = Field(description="how long it took")
    source: Source = Field(description="the request's")
    environment: Label = Field(description="deployment: prod, staging, dev or local")
    triggered_by: Prose = Field(description="the request's")
    retry_count: Count = Field(description="transport retries inside this execution")
    recovery: bool = Field(default=False, description="published by cleanup in place of a runner that died")
    run_id: Label = Field(description="the process run that did it: one a delivery, for logs")
    opts: Parameters = Field(description="the declared parameters, never a secret")
    fan_out_keys: FanOutKeys = Field(
        default_factory=dict, description="parameter values that follow-up steps fan out over, by name"
    )
    config_hash: Label | None = Field(default=None, description="hash of the configuration in force")
    service_version: Label | None = Field(
        default=None, description="release that published it: its version and commit; null: it does not say"
    )
    event_time: EventTime | None = Field(default=None, description="the request's, when a day is replayed")

    @property
    def key(self) -> tuple[object, ...]:
        """The request and what came of it.

        A request that the controller presumed dead may be answered after all: that is another event with another row.
        What merely differs between two deliveries of one answer, as its run_id, is no part of it.
        """
        return (self.execution_id, *(["recovery"] if self.recovery else []), self.outcome.model_dump_json())

    @property
    def subject(self) -> str:
        return self.scraper_name


class FileLanded(Event):
    """A file is ready for Phase 2. The path contains the content's hash and is the file's identity."""

    TYPE = "tipoff.file.landed.v1"

    gcs_path: GcsPath = Field(description="gs:// path of the records")
    scraper_name: ScraperName = Field(description="registered name of the scraper that wrote it")
    workflow: Label = Field(description="the workflow that it was written for")
    game_date: GameDate = Field(description="the business day that the data is about")
    execution_id: Id = Field(description="the execution that wrote it")
    record_count: Integer = Field(gt=0, description="records in the file")
    content_sha256: Label = Field(description="SHA-256 of the file's content, hexadecimal")
    landed_at: Instant = Field(description="when it was written")
    recovery: bool = Field(default=False, description="whether cleanup announces it, not the runner")
    republish: Count = Field(default=0, description="0 for the original, n for cleanup's n-th republish")
    event_time: EventTime | None = Field(
        default=None, description="the instant of this announcement, when a day is replayed"
    )
    source: Source | None = Field(
        default=None, description="RECOVERY when cleanup announces it; else its execution's"
    )

    @property
    def key(self) -> tuple[object, ...]:
        """The file, the announcement's number, and whether cleanup makes it.

        Cleanup adopts a file whose execution has no row yet, and the runner may have announced that very file: what
        the two know of it differs, as its instant and source do, so the two are two events.
        """
        return (self.gcs_path, self.republish, *(["recovery"] if self.recovery else []))

    @property
    def subject(self) -> str:
        return self.gcs_path


class FileProcessed(Event):
    """Phase 2's receipt for one landed file."""

    TYPE = "tipoff.file.processed.v1"

    gcs_path: GcsPath = Field(description="the path exactly as it was announced")
    processor: Label = Field(min_length=1, description="the processor of Phase 2 that read it")
    processed_at: Instant = Field(description="when it was done")
    row_count: Count | None = Field(default=None, description="rows written from it; null when nobody counts")
    environment: Label = Field(description="deployment whose files it processes")

    @property
    def key(self) -> tuple[object, ...]:
        return (self.gcs_path, self.processor)

    @property
    def subject(self) -> str:
        return self.gcs_path


class MissingFile(EventPart):
    """A landed file without its receipt."""

    scraper_name: ScraperName = Field(description="scraper that wrote it")
    gcs_path: Subject = Field(description="its path, as the log has it")
    triggered_at: Instant = Field(description="when the execution that wrote it began")
    age_minutes: Count = Field(description="whole minutes from then to the cleanup run")
    republished: bool = Field(description="whether this run announced it again")


class Finding(EventPart):
    """What a cleanup run saw that is wrong with one file or receipt."""

    kind: Label = Field(description="what is wrong, as a word")
    gcs_path: Subject = Field(description="the path it is about, as it was found")
    detail: Prose = Field(description="what is wrong, as a sentence for a person")


def _cut_files(files: tuple[MissingFile, ...]) -> tuple[MissingFile, ...]:
    return tuple(cut_list(files, FILES_BYTES))


def _cut_findings(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    kept = cut_list(findings, FINDINGS_BYTES)
    if len(kept) == len(findings):
        return findings
    return (
        *kept,
        Finding(kind="left_out", gcs_path="-", detail=left_out(len(findings) - len(kept), "findings")),
    )


class CleanupCompleted(Event):
    """One cleanup run, also when nothing was missing and also when it failed."""

    TYPE = "tipoff.cleanup.completed.v1"

    cleanup_id: Id = Field(description="a function of the tick")
    cleanup_time: Instant = Field(description="when it ran")
    files_checked: Count = Field(description="landed files that were compared with the receipts")
    missing_files: Annotated[tuple[MissingFile, ...], AfterValidator(_cut_files)] = Field(
        default=(), description="the lost files; of very many the first, missing_files_found counts all"
    )
    republished_count: Count = Field(description="files that were republished")
    errors: Texts = Field(default=(), description="what kept the run from being complete")
    duration_seconds: Seconds = Field(description="how long it took")
    pubsub_enabled: bool = Field(description="false for a dry run, which republishes nothing")
    environment: Label = Field(description="deployment: prod, staging, dev or local")
    missing_files_found: Count | None = Field(
        default=None,
        description="how many are missing, when the list is cut short; null: as many as are listed",
    )
    objects_missing: Count = Field(default=0, description="lost files whose object is not in the bucket")
    adopted_count: Count = Field(default=0, description="objects without an execution that were given one")
    given_up_count: Count = Field(default=0, description="missing files that are announced no more")
    storm_guard: bool = Field(
        default=False, description="too much was missing to be believed; nothing was done"
    )
    lost_after_hours: Count | None = Field(
        default=None, description="hours without a receipt after which this run took a file for lost"
    )
    max_republishes: Count | None = Field(
        default=None, description="times that this run lets one file be republished"
    )
    phase2_behind: bool = Field(default=False, description="Phase 2 has not come to files that wait for it")
    behind_since: Instant | None = Field(
        default=None,
        description="when the oldest of those files landed; null: Phase 2 is not behind, or nobody said since when",
    )
    waiting_count: Count | None = Field(
        default=None, description="files without a receipt, lost or not; null when they could not be counted"
    )
    service_version: Label | None = Field(
        default=None, description="release that published it: its version and commit; null: it does not say"
    )
    findings: Annotated[tuple[Finding, ...], AfterValidator(_cut_findings)] = Field(
        default=(),
        description="what is wrong with single files or receipts; of very many the first and a count",
    )

    @model_validator(mode="before")
    @classmethod
    def _count_before_cutting(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("missing_files_found") is None:
            listed = data.get("missing_files")
            if isinstance(listed, list | tuple) and len(cut_list(listed, FILES_BYTES)) < len(listed):
                return {**data, "missing_files_found": len(listed)}
        return data

    @property
    def key(self) -> tuple[object, ...]:
        return (self.cleanup_id,)


class AlertState(OpenEnum):
    """Where an alert stands."""

    PENDING = "pending"  # it holds, not yet for as long as the rule asks
    FIRING = "firing"  # it does, and people are told
    ACKNOWLEDGED = "acknowledged"  # somebody is at it: no reminder, no escalation
    SILENCED = "silenced"  # it holds, and nobody wants to hear of it for a while
    ESCALATED = "escalated"  # nobody answered, or it grew: told with more weight
    RESOLVED = "resolved"  # it holds no more
    UNKNOWN = "unknown"  # whether it holds cannot be judged

    @classmethod
    def fallback(cls) -> Self:
        """Return the state that people hear of: silence about an alert is the worse mistake."""
        return cls(cls.FIRING)


class AlertChanged(Event):
    """One alert, of one rule about one thing, came into another state. Whoever sends notifications reads this."""

    TYPE = "tipoff.alert.changed.v1"

    alert_id: Id = Field(description="the same from the alert's first sign to its end")
    rule: Label = Field(description="name of the rule")
    about: Subject = Field(description="a workflow, a scraper, a file, or - for the whole system")
    state: AlertState = Field(description="where the alert stands now")
    severity: AlertLevel = Field(description="the rule's")
    changed_at: Instant = Field(description="when it came into this state")
    since: Instant = Field(description="when what is wrong began")
    value: Number | None = Field(
        default=None, description="the number that the rule compares, where it has one"
    )
    summary: Prose = Field(min_length=1, description="what is wrong, one sentence for a person")
    context: Context = Field(
        default_factory=dict, description="the facts behind it; what is too large is cut"
    )
    runbook: Label | None = Field(default=None, description="a page below docs/runbooks")
    environment: Label = Field(description="deployment: prod, staging, dev or local")
    transition: Count = Field(default=0, description="counts the changes of this alert, from 1")
    notify: bool = Field(
        default=True, description="whether people are told; why not stands in the context's not_told"
    )

    @property
    def key(self) -> tuple[object, ...]:
        """One notification a transition: two monitors that see the same change make the same event."""
        return (self.alert_id, self.state, *([self.transition] if self.transition else []))

    @property
    def subject(self) -> str:
        return self.about


class PauseTarget(OpenEnum):
    """What a pause is about."""

    WORKFLOW = "workflow"
    SCRAPER = "scraper"


class PauseState(OpenEnum):
    """What happened to a pause."""

    PAUSED = "paused"  # somebody began it
    RESUMED = "resumed"  # somebody ended it, or began another one in its place
    EXPIRED = "expired"  # its time was over


class PauseChanged(Event):
    """Somebody stopped a workflow or a scraper for a while, or let it go on."""

    TYPE = "tipoff.pause.changed.v1"

    pause_id: Id = Field(description="the same from the beginning of a pause to its end")
    target: PauseTarget = Field(description="whether a workflow or a scraper is paused")
    name: Label = Field(description="the workflow's name, or the scraper's")
    state: PauseState = Field(description="begun, ended by somebody, or over")
    changed_at: Instant = Field(description="when this happened")
    since: Instant = Field(description="when the pause began")
    until: Instant = Field(description="when it ends by itself")
    by: Prose = Field(
        min_length=1, description="who did this; who paused, where the pause was over by itself"
    )
    why: Prose = Field(min_length=1, description="why it was paused, in that person's words")
    environment: Label = Field(description="deployment: prod, staging, dev or local")

    @property
    def key(self) -> tuple[object, ...]:
        """A pause begins once and ends once."""
        return (self.pause_id, self.state)

    @property
    def subject(self) -> str:
        return self.name


class RejectReason(OpenEnum):
    """Why a message can never succeed, or why nobody tries any more."""

    UNDECODABLE = "undecodable"
    OVERSIZED = "oversized"
    UNKNOWN_TYPE = "unknown_type"
    INVALID_PAYLOAD = "invalid_payload"
    NOT_STORABLE = "not_storable"
    DELIVERY_ATTEMPTS = "delivery_attempts"


class MessageRejected(Event):
    """A message that can never succeed, or that ran out of delivery attempts."""

    TYPE = "tipoff.message.rejected.v1"

    rejected_at: Instant = Field(description="when it was rejected")
    reason: RejectReason = Field(description="why")
    detail: Prose = Field(description="what is wrong with it, for a person")
    service: Label = Field(description="service that rejected it")
    subscription: Prose = Field(description="subscription that it came from")
    message_id: Prose = Field(description="messageId that Pub/Sub gave it")
    event_type: Prose | None = Field(default=None, description="ce-type of the message, where it has one")
    attributes: Attributes = Field(default_factory=dict, description="all attributes of the message")
    payload_path: Subject | None = Field(default=None, description="gs:// path of the whole payload")
    payload_sha256: Label = Field(description="SHA-256 of the payload, hexadecimal")
    payload_bytes: Count = Field(description="size of the payload")
    payload_head: Head = Field(description="the first 64 KiB as text, what is not UTF-8 escaped")
    delivery_attempts: Count | None = Field(
        default=None, description="attempts that Pub/Sub made, where it says so"
    )
    environment: Label = Field(description="deployment: prod, staging, dev or local")

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
        PauseChanged,
        MessageRejected,
    )
}
