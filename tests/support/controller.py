"""Support of the controller's tests: a fixture fleet, calendars, configurations, a world to run days in."""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.execution_queries import MODELS
from tipoff_common.binding import Message, encode
from tipoff_common.catalog import Catalog, load_catalog
from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import (
    Action,
    Event,
    ExpectedRun,
    ScheduleLocked,
    ScheduleState,
    ScrapeExecuted,
    ScrapeRequested,
    Source,
    Tick,
    TickFired,
    WorkflowDecided,
)
from tipoff_common.executions import build_execution
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome, Success
from tipoff_common.ports import ObjectInfo, Objects, Parameter
from tipoff_common.publisher import Publisher
from tipoff_common.rows import execution_row
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_controller.deps import Deps
from tipoff_controller.discovery_store import DiscoveryStore
from tipoff_controller.follow_ups import note_execution
from tipoff_controller.handlers import handle_tick
from tipoff_controller.ledger import Ledger
from tipoff_controller.manual import begin_manual_run
from tipoff_controller.occurrence_store import Key, OccurrenceStore
from tipoff_controller.pause_store import PauseStore
from tipoff_planning.calendar import Calendar, Game, GameStatus
from tipoff_planning.context import EvaluationContext
from tipoff_planning.decision import Decision, DecisionInputs
from tipoff_planning.decisions import decide
from tipoff_planning.history import ExecutionFact, History
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.loading import load_workflows
from tipoff_planning.occurrence_log import OccurrenceState
from tipoff_planning.occurrences import Occurrence, occurrences
from tipoff_planning.plans import Plan, freeze
from tipoff_planning.workflows import Configuration

FIXTURES = Path(__file__).parents[1] / "fixtures"
DAY = date(2025, 1, 15)
"""A Wednesday."""
SUCCESS = Success(record_count=3, gcs_path="gs://data/fixture/x.json")
NO_DATA = NoData(reason="404: not published yet")
Json = dict[str, Any]


def failed(kind: FailureKind = FailureKind.HTTP) -> Failed:
    return Failed(kind=kind, message=f"it failed: {kind}")


def at(clock: str, day: date = DAY) -> datetime:
    """Return the instant of a New York time of day."""
    return local_instant(day, time.fromisoformat(clock))


MIDNIGHT = at("00:00")


# The fleet, games and configurations


@cache
def catalog() -> Catalog:
    return load_catalog(FIXTURES / "scrapers")


def game(number: int, tipoff: datetime | None, **changes: object) -> Game:
    """Return a game of two unique teams, by default on the New York date of its tip-off."""
    sample = {
        "game_id": f"00224{number:05}",
        "game_date": business_date(tipoff) if tipoff else DAY,
        "game_type": "regular",
        "tipoff": tipoff,
        "status": GameStatus.SCHEDULED,
        "postponed": False,
        "home_team": f"H{number:02}",
        "away_team": f"A{number:02}",
    }
    return Game.model_validate({**sample, **changes})


def slate(count: int, day: date = DAY, first: str = "19:00") -> list[Game]:
    """Return `count` games of a day, half an hour apart."""
    start = at(first, day)
    return [
        game(day.toordinal() % 1000 * 100 + n, start + n * timedelta(minutes=30), game_date=day)
        for n in range(count)
    ]


def calendar(*games: Game, fetched_at: datetime | None = None) -> Calendar:
    """Return a calendar of the games, by default fetched that morning."""
    return Calendar(games, fetched_at or at("05:05"))


def document(games: Iterable[Game]) -> bytes:
    """Return the games as the schedule scraper lands them."""
    records = [item.model_dump(mode="json") for item in games]
    return json.dumps({"scraper": "slate", "records": records}).encode()


def discovery(start: str = "11:00", end: str = "18:00", **more: object) -> Json:
    rhythm = {} if "budget" in more else {"every": "1h"}
    return {"kind": "discovery", "window": {"start": start, "end": end}, **rhythm, **more}


def daily(start: str = "05:00", end: str = "10:00", **more: object) -> Json:
    return {"kind": "daily", "window": {"start": start, "end": end}, **more}


def at_times(*times: str, **more: object) -> Json:
    return {"kind": "at", "times": list(times), **more}


def per_game(first: str = "2h", every: str = "30m", until: str = "4h") -> Json:
    return {"kind": "per_game", "first": first, "every": every, "until": until}


def interval(every: str = "2h", before: str = "6h", after: str = "30m") -> Json:
    return {"kind": "interval", "every": every, "before_first_tip": before, "after_last_tip": after}


def workflow(schedule: Json, *steps: str | Json, **more: object) -> Json:
    written = [{"scraper": step} if isinstance(step, str) else step for step in steps]
    return {"description": "a fixture", "schedule": schedule, "steps": written, **more}


def configured(**workflows: Json) -> Configuration:
    """Return the workflows as a file that was read and checked; JSON is YAML too."""
    return configured_of(workflows)


def configured_of(workflows: Mapping[str, Json], timezone: str = "America/New_York") -> Configuration:
    file = {
        "version": 1,
        "timezone": timezone,
        "calendar": {"scraper": "slate"},
        "workflows": dict(workflows),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "workflows.yaml"
        path.write_text(json.dumps(file))
        return load_workflows(path, catalog())


def fixture_file(name: str) -> Configuration:
    return load_workflows(FIXTURES / "workflows" / f"{name}.yaml", catalog())


# Single decisions and plans


def decision_inputs(
    configuration: Configuration,
    now: datetime,
    *,
    games: Calendar | None = None,
    history: History | None = None,
    **more: Any,
) -> DecisionInputs:
    return DecisionInputs(configuration, games, history or History(), now, **more)


def decided(
    configuration: Configuration, now: datetime, *, games: Calendar | None = None, **more: Any
) -> Decision:
    """Return the one decision about a configuration's one workflow; by default the calendar is fresh."""
    games = games or calendar(fetched_at=now)
    (decision,) = decide(decision_inputs(configuration, now, games=games, **more))
    return decision


def fact(scraper: str, subject: str = "-", outcome: Outcome = SUCCESS, **changes: Any) -> ExecutionFact:
    kind = outcome.kind if isinstance(outcome, Failed) else None
    sample: Json = {
        "request_id": f"request-{scraper}-{subject}",
        "game_date": DAY,
        "source": Source.CONTROLLER,
        "triggered_at": at("11:01"),
    }
    return ExecutionFact(
        scraper=scraper, subject=subject, status=outcome.status, kind=kind, **{**sample, **changes}
    )


def history(*facts: ExecutionFact) -> History:
    return History({item.request_id: item for item in facts})


def occurrence(configuration: Configuration, games: Calendar | None = None, day: date = DAY) -> Occurrence:
    """Return the day's first occurrence."""
    return occurrences(configuration, games, day)[0]


def plan_of(
    configuration: Configuration,
    workflow_name: str,
    games: Calendar | None = None,
    only: Mapping[str, frozenset[str] | None] | None = None,
) -> Plan:
    """Return the plan of the workflow's first occurrence on DAY."""
    day = occurrences(configuration, games or calendar(), DAY)
    first = next(item for item in day if item.workflow == workflow_name)
    context = EvaluationContext(
        first.expected, first.expected, first.expected, "tick", Source.CONTROLLER, "local"
    )
    return freeze(first, configuration, context, only)


# A world


@dataclass
class ClockedObjects(MemoryObjects):
    """A bucket that records when each object was written: `now` is the wall clock."""

    now: datetime = MIDNIGHT
    written: dict[str, datetime] = field(default_factory=dict)

    def _write(self, name: str, body: bytes, metadata: Mapping[str, str]) -> None:
        super()._write(name, body, metadata)
        self.written[name] = self.now

    def annotate(self, name: str, metadata: Mapping[str, str]) -> Mapping[str, str] | None:
        self.written[name] = self.now
        return super().annotate(name, metadata)

    def _info(self, name: str) -> ObjectInfo:
        return replace(super()._info(name), updated=self.written.get(name, self.now))


def controller_deps(
    configuration: Configuration,
    state: Objects,
    data: Objects,
    bus: RecordingBus,
    warehouse: MemoryWarehouse,
    environment: str = "local",
) -> Deps:
    """Return the dependencies of a controller's handlers after a start over these buckets."""
    return Deps(
        environment=environment,
        configuration=configuration,
        calendar=LandedCalendar(data, configuration.calendar_folder),
        ledger=Ledger(state),
        occurrences=OccurrenceStore(state, configuration.subject_parameters),
        discovery=DiscoveryStore(state),
        pauses=PauseStore(state),
        warehouse=warehouse,
        publisher=Publisher("controller", bus),
    )


@dataclass
class World:
    """A controller with all its dependencies in memory. Executions are logged, as by the logger.

    now: the wall clock.
    """

    configuration: Configuration
    state: ClockedObjects = field(default_factory=lambda: ClockedObjects("state"))
    data: ClockedObjects = field(default_factory=lambda: ClockedObjects("data"))
    bus: RecordingBus = field(default_factory=RecordingBus)
    warehouse: MemoryWarehouse = field(default_factory=MemoryWarehouse)
    logged: list[ScrapeExecuted] = field(default_factory=list)
    queries: list[Mapping[str, Parameter]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.warehouse.answer = self._rows
        self.restart()

    def restart(self, configuration: Configuration | None = None) -> None:
        """Start a new process on the same buckets, perhaps with another configuration."""
        self.configuration = configuration or self.configuration
        self.deps = controller_deps(self.configuration, self.state, self.data, self.bus, self.warehouse)

    def now(self, instant: datetime) -> None:
        self.state.now = self.data.now = instant

    def land(self, games: Iterable[Game], fetched_at: datetime) -> None:
        """Land a schedule, as the runner writes it."""
        self.land_bytes(document(games), fetched_at)

    def land_bytes(self, body: bytes, fetched_at: datetime) -> None:
        self.data.put(
            f"fixture/slate/{fetched_at:%Y-%m-%d/%H%M%S}.json",
            body,
            content_type="application/json",
            metadata={"fetched-at": fetched_at.isoformat()},
        )

    def tick(self, instant: datetime, tick: Tick = Tick.EVALUATE, wall: datetime | None = None) -> None:
        """Handle a tick for `instant` at `wall`."""
        self.now(wall or instant)
        handle_tick(TickFired(tick=tick, cadence_minutes=1), instant, self.deps, wall or instant)

    def lock(self, day: date = DAY, clock: str = "05:00") -> None:
        self.tick(at(clock, day), Tick.LOCK_SCHEDULE)

    def execute(
        self,
        request: ScrapeRequested,
        outcome: Outcome = SUCCESS,
        *,
        instant: datetime | None = None,
        keys: Mapping[str, tuple[str, ...]] = {},
        logged: bool = True,
    ) -> ScrapeExecuted:
        """Execute a request as a runner does; the controller has not received the execution yet."""
        when = instant or request.requested_at
        event = build_execution(
            request,
            outcome,
            environment="local",
            triggered_at=when,
            completed_at=when,
            data_summary=_summary(outcome),
            opts=request.parameters,
            fan_out_keys=keys,
        )
        if logged:
            self.logged.append(event)
        return event

    def note(self, *events: ScrapeExecuted) -> None:
        """Deliver executions to the controller."""
        for event in events:
            note_execution(event, self.deps, self.state.now)

    def run(self, request: ScrapeRequested, outcome: Outcome = SUCCESS, **more: Any) -> ScrapeExecuted:
        event = self.execute(request, outcome, **more)
        self.note(event)
        return event

    def release(self) -> None:
        """Deliver the decisions of manual runs to the controller."""
        for decision in self.decisions:
            if decision.reason_code == "manual":
                begin_manual_run(decision, self.deps, self.state.now)

    def hear(self) -> None:
        """Deliver to the controller the failures that it published for requests."""
        self.note(*self.take(ScrapeExecuted))

    def state_of(self, request: ScrapeRequested) -> OccurrenceState:
        """Return the stored state of a request's occurrence."""
        return self.deps.occurrences.load(Key(request.game_date, request.occurrence_id or ""))

    def requested(self, day: date = DAY) -> set[str]:
        """Return the ids of all stored requests about a day."""
        states = [self.deps.occurrences.load(key) for key in self.deps.occurrences.logged(day)]
        return {name for state in states if state.progress for name in state.progress.requested}

    def take(self, kind: type[Any]) -> list[Any]:
        """Return and remove the published events of one kind."""
        found = self.bus.of(kind)
        self.bus.published = [item for item in self.bus.published if type(item.payload) is not kind]
        return found

    @property
    def requests(self) -> list[ScrapeRequested]:
        return self.bus.of(ScrapeRequested)

    @property
    def decisions(self) -> list[WorkflowDecided]:
        return self.bus.of(WorkflowDecided)

    @property
    def schedules(self) -> list[ScheduleLocked]:
        return self.bus.of(ScheduleLocked)

    def _rows(self, sql: str, parameters: Mapping[str, Parameter]) -> list[Json]:
        self.queries.append(parameters)
        rows = [execution_row(event, event.completed_at) for event in self.logged]
        return MODELS[sql](parameters, rows)


def _summary(outcome: Outcome) -> Json:
    """Return the parts of `data_summary` by which the runner describes an outcome."""
    match outcome:
        case NoData(reason=reason):
            return {"record_count": 0, "reason": reason}
        case Failed(not_before=datetime() as until, paused_host=host):
            return {"not_before": until.isoformat(), "paused_host": host}
        case Success(record_count=records):
            return {"record_count": records}
        case _:
            return {}


def dead_letter(event: Event, published: datetime | None = None) -> Message:
    """Return the message that Pub/Sub publishes for an event without delivery attempts left. published: the instant."""
    data, attributes = encode(Publisher("controller", RecordingBus()).envelope(event))
    return Message(data, attributes, publish_time=published)


def ids(events: Iterable[ScrapeRequested]) -> list[str]:
    return [event.request_id for event in events]


def scrapers(events: Iterable[ScrapeRequested]) -> list[str]:
    return [event.scraper for event in events]


# expected against actual, as in fn_expected_vs_actual.sql


def standing(schedules: Sequence[ScheduleLocked]) -> dict[str, ExpectedRun]:
    """Return the newest row of each occurrence; of one instant's rows, the CANCELLED one."""
    found: dict[str, tuple[tuple[datetime, bool], ExpectedRun]] = {}
    for event in schedules:
        for run in event.runs:
            rank = (event.locked_at, run.state is ScheduleState.CANCELLED)
            if run.occurrence_id not in found or rank >= found[run.occurrence_id][0]:
                found[run.occurrence_id] = (rank, run)
    return {identifier: run for identifier, (_, run) in found.items()}


def status_of(run: ExpectedRun, decisions: Iterable[WorkflowDecided], as_of: datetime) -> str:
    """Return the status by the rule of schemas/bigquery/nba_orchestration/fn_expected_vs_actual.sql."""
    own = sorted(
        (
            item
            for item in decisions
            if item.occurrence_id == run.occurrence_id
            and item.decision_time <= as_of
            and (item.action is Action.RUN or item.decision_time >= run.expected_run_time)
        ),
        key=lambda item: item.decision_time,
    )
    first_run = next((item.decision_time for item in own if item.action is Action.RUN), None)
    last_skip = next((item.reason_code for item in reversed(own) if item.action is Action.SKIP), None)
    if run.state is ScheduleState.CANCELLED:
        return "CANCELLED"
    if as_of < run.expected_run_time:
        return "TOO_EARLY"
    if first_run is not None:
        return "ON_TIME" if first_run <= run.expected_run_time + timedelta(minutes=30) else "LATE"
    if last_skip in ("already_found", "no_games", "superseded"):
        return "SKIPPED_OK"
    if last_skip == "paused":
        return "PAUSED"
    return "PENDING" if as_of <= run.deadline else "MISSING"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
