"""Events around the scraper-runner: requests, executions, files and their receipts."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, JsonValue

from tipoff_common.bounds import (
    AttemptNumber,
    Count,
    DataSummary,
    FanOutKeys,
    GcsPath,
    Id,
    Integer,
    Label,
    Parameters,
    Prose,
    ScraperName,
    Seconds,
)
from tipoff_common.clock import EventTime, GameDate, Instant
from tipoff_common.events.base import Event, EventPart, Priority, Source
from tipoff_common.outcomes import Outcome


class ScrapeRequested(Event):
    """A request to run one scraper. The parameters are final: no service downstream recomputes dates."""

    TYPE = "tipoff.scrape.requested.v1"
    KEY = ("request_id",)
    SUBJECT = "scraper"

    request_id: Id = Field(description="a function of occurrence, step, scraper, parameters and attempt")
    occurrence_id: Id | None = Field(default=None, description="null for a request of no workflow")
    decision_id: Id | None = Field(default=None, description="null for a request of no decision")
    workflow: Label = Field(description="the workflow that the request belongs to")
    step: Label = Field(description="the step of the workflow's plan")
    scraper: ScraperName = Field(description="registered name of the scraper")
    game_date: GameDate = Field(description="the business day that the data is about")
    parameters: Parameters = Field(description="declared parameters as text, game_date included")
    attempt: AttemptNumber = Field(description="1 for the first; a retry is another request")
    source: Source = Field(description="the surface through which it was requested")
    priority: Priority = Field(default=Priority.MEDIUM, description="how urgent the data is")
    triggered_by: Prose = Field(description="a tick, an execution, or a caller")
    config_hash: Label | None = Field(default=None, description="hash of the configuration in force")
    requested_at: Instant = Field(description="when it was requested")
    event_time: EventTime | None = Field(
        default=None, description="the instant to fetch for, when a day is replayed"
    )


class Completeness(EventPart):
    """Games or teams that a document should contain, and those that it lacks."""

    expected: Count | None = Field(default=None, description="how many games or teams there should be")
    missing: tuple[Prose, ...] = Field(default=(), description="names of the games or teams that are missing")


class _KnownSummary(BaseModel):
    """The entries of a data_summary that programs read; all others are for people and queries."""

    record_count: Count | None = None
    content_sha256: Label | None = None
    completeness: Completeness | None = None


def _check_summary(value: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    _KnownSummary.model_validate(value)
    return value


class ScrapeExecuted(Event):
    """The result of one request. Its execution_id is the request's id."""

    TYPE = "tipoff.scrape.executed.v1"
    SUBJECT = "scraper_name"

    execution_id: Id = Field(description="the request's id")
    request_id: Id = Field(description="the request")
    occurrence_id: Id | None = Field(default=None, description="the request's")
    decision_id: Id | None = Field(default=None, description="the request's")
    attempt: AttemptNumber = Field(description="the request's")
    scraper_name: ScraperName = Field(description="registered name of the scraper")
    workflow: Label = Field(description="the request's")
    step: Label = Field(description="the request's")
    game_date: GameDate = Field(description="the business day that the data is about")
    parameters: Parameters = Field(description="the request's")
    outcome: Outcome = Field(description="success, no_data or failed")
    data_summary: Annotated[DataSummary, AfterValidator(_check_summary)] = Field(
        description="facts about the data: record_count, content_sha256, completeness, and facts that a scraper adds;"
        " cut when too large, with the number of entries left out",
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
    recovery: bool = Field(
        default=False, description="published by cleanup in place of a runner that crashed"
    )
    run_id: Label = Field(description="another one for each delivery of the request, for logs")
    opts: Parameters = Field(description="the declared parameters, never a secret")
    fan_out_keys: FanOutKeys = Field(
        default_factory=dict, description="parameter values that follow-up steps fan out over, by name"
    )
    config_hash: Label | None = Field(default=None, description="hash of the configuration in force")
    service_version: Label | None = Field(
        default=None, description="release that published it: its version and commit; null: not stated"
    )
    event_time: EventTime | None = Field(default=None, description="the request's, when a day is replayed")

    @property
    def key(self) -> tuple[object, ...]:
        """The request, its outcome, and whether cleanup published it.

        A request that the controller recorded as expired may still be executed: another event with another row. Fields
        that differ between two deliveries of one result, such as run_id, are not part of the key.
        """
        return (self.execution_id, *(["recovery"] if self.recovery else []), self.outcome.model_dump_json())


class FileLanded(Event):
    """A file is ready for Phase 2. The path contains the content's hash and is the file's identity."""

    TYPE = "tipoff.file.landed.v1"
    SUBJECT = "gcs_path"

    gcs_path: GcsPath = Field(description="gs:// path of the records")
    scraper_name: ScraperName = Field(description="registered name of the scraper that wrote it")
    workflow: Label = Field(description="the workflow that it was written for")
    game_date: GameDate = Field(description="the business day that the data is about")
    execution_id: Id = Field(description="the execution that wrote it")
    record_count: Integer = Field(gt=0, description="records in the file")
    content_sha256: Label = Field(description="SHA-256 of the file's content, hexadecimal")
    landed_at: Instant = Field(description="when it was written")
    recovery: bool = Field(
        default=False, description="whether cleanup or a person announced it, not the runner"
    )
    republish: Count = Field(default=0, description="0 for the original, n for the n-th republish")
    event_time: EventTime | None = Field(
        default=None, description="the instant of this announcement, when a day is replayed"
    )
    source: Source | None = Field(
        default=None,
        description="RECOVERY when cleanup announced it, MANUAL when a person did; else its execution's",
    )
    announced_at: Instant | None = Field(
        default=None,
        description="when a person announced it manually; null for the runner's and cleanup's own",
    )

    @property
    def key(self) -> tuple[object, ...]:
        """The file, the announcement's number, whether it is a recovery, and the instant of a person's announcement.

        Cleanup may adopt a file that the runner has announced, when its execution has no row yet. The two announcements
        differ in instant and source, so they are two events. Announcements by a person have no number, hence their
        instant.
        """
        manual = [] if self.announced_at is None else ["manual", self.announced_at.isoformat()]
        return (self.gcs_path, self.republish, *(["recovery"] if self.recovery else []), *manual)


class FileProcessed(Event):
    """Phase 2's receipt for one landed file."""

    TYPE = "tipoff.file.processed.v1"
    KEY = ("gcs_path", "processor")  # each processor reads a file once
    SUBJECT = "gcs_path"

    gcs_path: GcsPath = Field(description="the path exactly as it was announced")
    processor: Label = Field(min_length=1, description="the processor of Phase 2 that read it")
    processed_at: Instant = Field(description="when it was done")
    row_count: Count | None = Field(default=None, description="rows written from it; null when not counted")
    environment: Label = Field(description="deployment whose files it processes")
