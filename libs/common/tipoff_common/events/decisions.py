"""Events that the controller receives and publishes: ticks, decisions, locked schedules, pauses."""

from collections.abc import Iterator

from pydantic import Field

from tipoff_common.bounds import (
    EVENT_LIMIT,
    Context,
    Count,
    Id,
    Label,
    Minutes,
    Prose,
    Subject,
    Texts,
    cut_list,
)
from tipoff_common.clock import EventTime, GameDate, Instant
from tipoff_common.events.base import AlertLevel, Event, EventPart, Priority
from tipoff_common.open_enum import OpenEnum


class Tick(OpenEnum):
    """Name of a periodic job. A service ignores unknown ticks."""

    EVALUATE = "evaluate"
    DISCOVER = "discover"
    LOCK_SCHEDULE = "lock-schedule"
    CLEANUP = "cleanup"
    WATCH = "watch"
    ARCHIVE = "archive"


class TickFired(Event):
    """It is time for `tick`.

    Cloud Scheduler can only send fixed content, so a tick without `event_time` takes its time from Pub/Sub's
    publishTime, rounded down to `cadence_minutes`; up to five seconds before a multiple count as that multiple.
    """

    TYPE = "tipoff.tick.fired.v1"
    KEY = ("tick", "event_time")
    FILTERS = ("tick",)

    tick: Tick = Field(description="the periodic job that is due")
    cadence_minutes: Minutes = Field(default=15, description="how often this tick fires")
    event_time: EventTime | None = Field(
        default=None, description="the instant to act for, when a day is replayed"
    )


class Action(OpenEnum):
    """Outcome of a decision."""

    RUN = "RUN"
    SKIP = "SKIP"
    ABORT = "ABORT"


class WorkflowDecided(Event):
    """The controller decided about one occurrence at one tick."""

    TYPE = "tipoff.workflow.decided.v1"
    KEY = ("decision_id",)
    SUBJECT = "workflow_name"
    FILTERS = ("reason_code",)  # the controller subscribes to the decisions of manual runs only

    decision_id: Id = Field(description="a function of the occurrence and the tick")
    occurrence_id: Id = Field(description="a function of workflow, game date, subject and slot")
    workflow_name: Label = Field(description="the workflow's name in workflows.yaml")
    game_date: GameDate = Field(description="the business day that the data is about")
    decision_time: Instant = Field(description="when it was decided")
    action: Action = Field(description="the outcome of the decision")
    reason_code: Label = Field(description="the reason as a word, for filters and counts")
    reason: Prose = Field(min_length=1, description="the reason as one sentence for a person")
    context: Context = Field(description="the facts that led to the decision, cut when too large")
    scrapers_triggered: Texts = Field(default=(), description="scrapers that were requested, each once")
    target_games: Texts = Field(default=(), description="ids of the games concerned")
    next_check_time: Instant | None = Field(
        default=None, description="time of the next decision, if one is due"
    )
    priority: Priority = Field(description="the workflow's, or the caller's")
    alert_level: AlertLevel = Field(description="severity for people; NONE for nothing wrong")
    config_hash: Label = Field(description="hash of the configuration that was in force")
    controller_version: Label = Field(description="release that decided: its version and commit")
    environment: Label = Field(description="deployment: prod, staging, dev or local")
    triggered_by: Prose = Field(description="a tick, or the caller of a manual run")


class ScheduleState(OpenEnum):
    """Standing of an occurrence in the locked schedule."""

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
    expected_run_time: Instant = Field(description="when the occurrence should run")
    deadline: Instant = Field(description="after this instant the run counts as missing")
    state: ScheduleState = Field(description="expected, added after the lock, or no longer expected")
    reason: Prose = Field(description="why the occurrence is expected, for a person")
    scrapers: Texts = Field(description="scrapers that the run will request")
    priority: Priority = Field(description="the workflow's")


_RUNS_BYTES = EVENT_LIMIT // 2


class ScheduleLocked(Event):
    """The runs expected of one business day, recorded once."""

    TYPE = "tipoff.schedule.locked.v1"
    SUBJECT = "date"

    date: GameDate = Field(description="the business day")
    locked_at: Instant = Field(description="when the schedule was locked")
    schedule_version: Id = Field(
        description="a function of the content: a changed schedule has another version"
    )
    games_today: Count | None = Field(description="null when there was no calendar to count them in")
    runs: tuple[ExpectedRun, ...] = Field(description="the occurrences")
    config_hash: Label = Field(description="hash of the configuration that was in force")
    generated_by: Prose = Field(description="service and version that locked the schedule")
    environment: Label = Field(description="deployment: prod, staging, dev or local")
    part: Count = Field(
        default=0, description="a day with very many runs is published in parts, counted from 0"
    )

    @property
    def key(self) -> tuple[object, ...]:
        """The day, the version of its content, and the number of a part after the first."""
        return (self.date, self.schedule_version, *([self.part] if self.part else []))

    def parts(self) -> Iterator[Event]:
        """Yield events whose runs take at most half of EVENT_LIMIT: every run is a row, so none may be left out."""
        rest, part = self.runs, self.part
        while True:
            # A single run is always taken; with its own bounds it is far below the limit.
            runs = rest[: max(1, len(cut_list(rest, _RUNS_BYTES, reserve=0)))]
            yield self if runs == self.runs else self.model_copy(update={"runs": runs, "part": part})
            rest, part = rest[len(runs) :], part + 1
            if not rest:
                return


class PauseTarget(OpenEnum):
    """Kind of thing that a pause stops."""

    WORKFLOW = "workflow"
    SCRAPER = "scraper"


class PauseState(OpenEnum):
    """Change of a pause that an event reports."""

    PAUSED = "paused"  # a person began it
    RESUMED = "resumed"  # a person ended it, or replaced it by another pause
    EXPIRED = "expired"  # its time was over


class PauseChanged(Event):
    """A person paused or resumed a workflow or a scraper, or the pause expired."""

    TYPE = "tipoff.pause.changed.v1"
    KEY = ("pause_id", "state")  # a pause begins once and ends once
    SUBJECT = "name"

    pause_id: Id = Field(description="the same from the beginning of a pause to its end")
    target: PauseTarget = Field(description="whether a workflow or a scraper is paused")
    name: Label = Field(description="the workflow's name, or the scraper's")
    state: PauseState = Field(description="begun, ended by a person, or expired")
    changed_at: Instant = Field(description="when the change happened")
    since: Instant = Field(description="when the pause began")
    until: Instant = Field(description="when it ends by itself")
    by: Prose = Field(
        min_length=1,
        description="the person who made the change; for an expired pause, the person who paused",
    )
    why: Prose = Field(min_length=1, description="why it was paused, in that person's words")
    environment: Label = Field(description="deployment: prod, staging, dev or local")
