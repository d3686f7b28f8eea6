"""The week of the tour: decisions, executions, files and receipts, as the services would have published them.

The simulator decides with the controller's own core, and the factories of the events are the runner's. The fake of
Phase 2 loses files, and cleanup's own runs find them again. Only the sources' answers are invented (`faults.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from pydantic import ConfigDict, JsonValue

from tipoff_common.binding import Message
from tipoff_common.catalog import ScraperSpec
from tipoff_common.clock import business_date, floor_to
from tipoff_common.events import (
    Event,
    FileLanded,
    RejectReason,
    ScheduleLocked,
    ScrapeExecuted,
    ScrapeRequested,
    Source,
    WorkflowDecided,
)
from tipoff_common.executions import build_execution, build_file_landed
from tipoff_common.identity import manual_occurrence_id, request_id
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome, Status, Success
from tipoff_common.rejections import rejection
from tipoff_dev.tour.faults import MARK, failure_message, tour_world
from tipoff_planning.calendar import Game
from tipoff_planning.workflows import Configuration
from tipoff_scraper_runner.output_files import RecordsFile, folder, records_file
from tipoff_scraper_runner.scraper import Parsed, Record, ScrapeParameters
from tipoff_simulator.engine import Season, simulate
from tipoff_simulator.sources import Answer

DAYS = 7
EVERY = timedelta(minutes=15)
ENVIRONMENT = "local"
_USUAL_ROWS = range(24, 41)
"""Numbers of records in a document, unless the scraper's assertions demand fewer or more."""
_OUTSIDE_CONTROLLER = ((Source.MANUAL, 5), (Source.LOCAL, 4), (Source.CLOUD_RUN, 2), (Source.SCHEDULER, 1))
"""Numbers of executions without a request of the controller, so that each `Source` has some."""
_CREDITS = 500
"""A month's allowance at the odds source; a little more than four fifths of it are used at the end."""


class _Row(Record):
    model_config = ConfigDict(frozen=True, extra="allow")


class _Anything(ScrapeParameters):
    model_config = ConfigDict(frozen=True, extra="allow")


@dataclass
class EventHistory:
    """Events and files until an instant."""

    until: datetime
    """The end of the history."""
    bucket: str
    environment: str = ENVIRONMENT
    events: list[Event] = field(default_factory=list)
    landed: list[FileLanded] = field(default_factory=list)
    files: dict[str, RecordsFile] = field(default_factory=dict)
    """The objects of the data bucket, by name."""

    def of(self, kind: type[Event]) -> list[Any]:
        """Return the events of one kind, oldest first."""
        return [event for event in self.events if type(event) is kind]


def past_week(
    configuration: Configuration,
    games: Sequence[Game],
    schedule_rows: Sequence[Mapping[str, JsonValue]],
    now: datetime,
    bucket: str,
) -> EventHistory:
    """Invent the week before the evaluation tick at `now`; the live stack continues with that tick.

    games: the calendar, of past and coming days. schedule_rows: its records, as the fleet lands them.
    """
    # Leave the present tick to the live controller, which would otherwise find its decisions already made.
    until = floor_to(now, int(EVERY.total_seconds() // 60))
    first = business_date(until) - timedelta(days=DAYS)
    season = Season(
        configuration,
        tour_world(configuration.catalog, until),
        tuple(games),
        first,
        business_date(until),
        every=EVERY,
        environment=ENVIRONMENT,
        until=until,
        message=failure_message,
    )
    history = write_down(season, schedule_rows, bucket)
    writer = _EventWriter(history, configuration, schedule_rows)
    for request, answer, at in _executions_outside_controller(configuration, until):
        writer.executed(request, answer, at)
    history.events.extend(_dead_letters(until))
    return history


def write_down(
    season: Season, schedule_rows: Sequence[Mapping[str, JsonValue]] = (), bucket: str = "data"
) -> EventHistory:
    """Simulate a season up to its `until`, and return the events that the services would have published.

    schedule_rows: the records that the calendar's scraper lands.
    """
    assert season.until is not None  # noqa: S101  # every caller sets it
    history = EventHistory(season.until, bucket, environment=season.environment)
    simulate(season, observer=_EventWriter(history, season.configuration, schedule_rows))
    return history


class _EventWriter:
    """An observer that records the season as events, and invents the records that a simulated answer lacks."""

    def __init__(
        self,
        history: EventHistory,
        configuration: Configuration,
        schedule_rows: Sequence[Mapping[str, JsonValue]],
    ) -> None:
        self._history, self._catalog = history, configuration.catalog
        self._calendar = configuration.file.calendar.scraper
        # Without validation: the parser has validated these thousands of games, which recur in every edition.
        self._schedule = [_Row.model_construct(None, **row) for row in schedule_rows]
        self._credits = 0.65 * _CREDITS

    def decided(self, event: WorkflowDecided) -> None:
        if event.decision_time < self._history.until:
            self._history.events.append(event)

    def locked(self, event: ScheduleLocked) -> None:
        if event.locked_at < self._history.until:
            self._history.events.append(event)

    def executed(self, request: ScrapeRequested, answer: Answer, at: datetime) -> None:
        # An execution of the last tick may end a little after `until`; without it the request would look lost.
        if request.requested_at >= self._history.until:
            return
        spec = self._catalog[request.scraper]
        luck = Random(request.request_id)  # noqa: S311  # no secret depends on it
        outcome, file, summary = self._outcome(request, spec, answer, luck)
        # Every simulated answer takes the same time; vary it, because charts show the speed of sources.
        started = at - timedelta(seconds=answer.seconds * luck.uniform(0.05, 1))
        executed = build_execution(
            request,
            outcome,
            environment=self._history.environment,
            triggered_at=max(started, request.requested_at),
            completed_at=at,
            data_summary={"tour": MARK, **summary},
            opts={name: text for name, text in request.parameters.items() if name in spec.parameters},
            retry_count=int(luck.random() < 0.1),
            fan_out_keys=answer.outputs,
        )
        self._history.events.append(executed)
        if file is not None and isinstance(outcome, Success):
            self._land(executed, outcome, file)

    def _outcome(
        self, request: ScrapeRequested, spec: ScraperSpec, answer: Answer, luck: Random
    ) -> tuple[Outcome, RecordsFile | None, Mapping[str, JsonValue]]:
        if answer.status is Status.FAILED:
            kind = answer.kind or FailureKind.INTERNAL
            return Failed(kind=kind, message=failure_message(spec, kind)), None, {}
        if answer.status is Status.NO_DATA:
            reason = "asked for, and not published yet"
            return NoData(reason=reason), None, {"record_count": 0, "reason": reason}
        records = self._records(request, spec, luck)
        about = _Anything.model_validate(
            {**request.parameters, "game_date": request.game_date}, from_attributes=True
        )
        file = records_file(
            Parsed(records, fan_out=answer.outputs),
            spec,
            request,
            folder(spec, about, request.game_date),
            request.requested_at,
        )
        summary: dict[str, JsonValue] = {"record_count": len(records), "content_sha256": file.digest}
        if answer.missing:
            summary["completeness"] = {"missing": list(answer.missing)}
        if spec.source == "oddsapi":
            self._credits += 0.35
            summary["quota"] = {
                "used": round(self._credits),
                "remaining": round(_CREDITS - self._credits),
                "warning": self._credits > 0.8 * _CREDITS,
            }
        path = f"gs://{self._history.bucket}/{file.name}"
        return Success(record_count=len(records), gcs_path=path), file, summary

    def _records(self, request: ScrapeRequested, spec: ScraperSpec, luck: Random) -> list[Record]:
        if spec.name == self._calendar and self._schedule:
            return list(self._schedule)
        low, high = spec.assertions.min, spec.assertions.max
        count = max(low, min(high, luck.choice(_USUAL_ROWS)))
        # Each version of a document needs its own content, hence its own file.
        version = request.requested_at.isoformat()
        return [_Row.model_construct(row=number, version=version, text=MARK) for number in range(count)]

    def _land(self, executed: ScrapeExecuted, outcome: Success, file: RecordsFile) -> None:
        if file.name in self._history.files:
            return  # the same content was announced before
        self._history.files[file.name] = file
        self._history.landed.append(
            build_file_landed(
                gcs_path=outcome.gcs_path or "",
                scraper_name=executed.scraper_name,
                workflow=executed.workflow,
                game_date=executed.game_date,
                execution_id=executed.execution_id,
                record_count=outcome.record_count,
                content_sha256=file.digest,
                landed_at=executed.completed_at,
                event_time=None,
            )
        )


def _executions_outside_controller(
    configuration: Configuration, until: datetime
) -> Iterator[tuple[ScrapeRequested, Answer, datetime]]:
    """Yield executions of every `Source` but the controller, spread over the week."""
    names = [name for name, spec in configuration.catalog.items() if _needs_the_date_alone(spec)]
    number = 0
    for source, times in _OUTSIDE_CONTROLLER if names else ():
        for _ in range(times):
            number += 1
            at = until - timedelta(hours=13 * number, minutes=7 * number)
            scraper, day = names[number % len(names)], business_date(at)
            occurrence = manual_occurrence_id(scraper, f"tour {number}")
            parameters = {"game_date": day.isoformat()}
            request = ScrapeRequested(
                request_id=request_id(occurrence, scraper, scraper, parameters, 1),
                occurrence_id=occurrence,
                workflow="MANUAL",
                step=scraper,
                scraper=scraper,
                game_date=day,
                parameters=parameters,
                attempt=1,
                source=source,
                triggered_by="developer@localhost",
                requested_at=at,
            )
            yield request, Answer(Status.SUCCESS, 6.0), at + timedelta(seconds=6)


def _needs_the_date_alone(spec: ScraperSpec) -> bool:
    return [name for name, parameter in spec.parameters.items() if parameter.required] == ["game_date"]


def _dead_letters(until: datetime) -> Iterator[Event]:
    """Yield the rejections of two invalid messages from a publisher outside Tipoff."""
    for hours, data, reason, detail in (
        (50, b'{"gcs_path": "', RejectReason.UNDECODABLE, "Invalid JSON: EOF while parsing a string"),
        (1, b"{}", RejectReason.INVALID_PAYLOAD, "gcs_path: Field required"),
    ):
        at = until - timedelta(hours=hours)
        message = Message(
            data,
            {
                "ce-type": "tipoff.file.processed.v1",
                "ce-source": "/phase2/tour",
                "content-type": "application/json",
            },
            message_id=f"tour-{hours}",
            publish_time=at,
            subscription="logger-receipts",
            delivery_attempt=1,
        )
        yield rejection(
            message, reason, f"{detail} ({MARK})", service="logger", environment=ENVIRONMENT, at=at
        )
