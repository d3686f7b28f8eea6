"""A season of rows with faults in it, for bench/alerts.py: the rows that the services would write, and the faults.

The controller's own core decides (tipoff_simulator), cleanup's own run checks the files, and the logger's rules build
the rows. Sources, ticks and Phase 2 are simulated, and so are the faults of FAULTS, each with the time within which
operators have to be notified. The list was written before the rules were measured with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_common.catalog import Catalog, load_catalog
from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import Event, FileLanded
from tipoff_common.outcomes import FailureKind
from tipoff_common.rows import TABLES
from tipoff_dev.tour.history import EventHistory, write_down
from tipoff_dev.tour.loading import happened_at, schedule_rows
from tipoff_dev.tour.recovery import Taking, recover
from tipoff_planning.calendar import Game
from tipoff_planning.loading import load_workflows
from tipoff_planning.workflows import Configuration
from tipoff_simulator.engine import Season
from tipoff_simulator.world import Outage, Span, load_world

ANCHOR = datetime(2026, 1, 15, 14, tzinfo=UTC)
"""The instant that the calendar of the fake sources is shifted to: games on most days from 1 January to 26 February."""
FIRST = date(2026, 1, 6)
BEFORE = timedelta(days=3)
"""History before the first fault, from which rules learn intervals and rates."""
SETTLED = timedelta(hours=8)
"""Time from the end of a fault to the next, so that each message belongs to one fault."""
EXPLAINS = timedelta(hours=26)
"""Time after its end in which a fault still explains messages: a failed run counts for a day."""
WRITTEN_AFTER = timedelta(seconds=2)
ENVIRONMENT = "bench"
VERSION, NEXT_VERSION = "1.0.0", "1.1.0"
BREAK_DAYS = 3
"""Days without games, like All-Star days, within the week without a fault."""


@dataclass(frozen=True)
class Fault:
    """A kind of fault."""

    name: str
    causes: frozenset[str]
    """Rules that have to report the fault, at least one; empty for a normal event that must cause no message."""
    hours: float
    """Duration of the fault in hours."""
    within: float
    """The most hours from the begin of the fault to the message."""
    also: frozenset[str] = frozenset()
    """Rules that the fault explains besides `causes`."""
    clock: float | None = None
    """The hour in New York at which the fault begins, on a day with games."""
    beside: bool = False
    """Whether another fault may happen at the same time."""


def _names(text: str) -> frozenset[str]:
    """Split names of rules."""
    return frozenset(text.split())


DATASET_LACKS = _names("no-decisions cleanup-silent decisions-not-executed")
SCRAPERS_FAIL = _names(
    "workflow-failing scraper-failing workflow-gave-up workflow-found-nothing search-ended-in-vain"
)
RUNS_LACK = _names("workflow-missing schedule-not-locked calendar-stale source-silent") | SCRAPERS_FAIL
VOLUME = _names("volume-unusual")
FILES_LACK = _names("phase2-behind files-missing storm-guard files-stuck")

PAUSED_WHILE_DOWN = "a workflow is paused while its source is down"

# The incidents of docs/explanation/incidents.md, and similar ones.
FAULTS = (
    Fault("the logger is down", _names("dataset-behind"), 3, 1, RUNS_LACK | FILES_LACK | DATASET_LACKS),
    Fault("no tick comes", _names("no-decisions"), 4, 1.2, RUNS_LACK, clock=18),
    Fault("the schedule is not locked", _names("schedule-not-locked"), 3, 1.2, RUNS_LACK, clock=4.5),
    Fault("the runner is down", _names("decisions-not-executed"), 3, 1.5, RUNS_LACK, clock=19),
    Fault("the league's site is down", _names("workflow-failing scraper-failing"), 5, 4, RUNS_LACK, clock=18.5),
    Fault("one bug in every scraper", _names("workflow-failing scraper-failing"), 6, 4, RUNS_LACK, clock=17),
    Fault("a source blocks us", _names("workflow-failing scraper-failing"), 12, 6, RUNS_LACK, clock=8),
    Fault("the schedule changed its shape", _names("workflow-failing"), 12, 6.2, RUNS_LACK | VOLUME, clock=4.5),
    Fault("a report never comes", _names("search-ended-in-vain workflow-found-nothing"), 14, 12.2, RUNS_LACK, clock=10),
    Fault("a source is silent", _names("source-silent"), 110, 82, RUNS_LACK, clock=10, beside=True),
    Fault("a source lost its records", VOLUME, 14, 3, RUNS_LACK, clock=5.5),
    Fault("a source contradicts itself", _names("sources-contradict"), 6, 3, clock=19),
    Fault("the allowance runs out", _names("quota-low"), 12, 8, _names("scraper-failing"), clock=11),
    Fault("Phase 2 stands still", _names("phase2-behind files-missing"), 6, 3, FILES_LACK, clock=19),
    Fault("files are lost for good", _names("files-stuck"), 20, 14, FILES_LACK, clock=21),
    Fault("a storm of losses", _names("storm-guard phase2-behind files-missing"), 16, 14, FILES_LACK, clock=18),
    Fault("cleanup is down", _names("cleanup-silent"), 5, 2.5, FILES_LACK),
    Fault("poison arrives", _names("dead-letters"), 1, 0.3),
    Fault("half a deployment", _names("versions-differ"), 4, 2, clock=19),
    Fault("a forgotten controller decides", _names("versions-differ"), 4, 1.5),
    Fault("the monitor is off", _names("not-watching"), 3, 3.2),
    Fault("the warehouse does not answer", _names("cannot-judge"), 1, 0.5),
    # These events must cause no message.
    Fault(PAUSED_WHILE_DOWN, frozenset(), 10, 0, clock=10.9),
    Fault("a deployment", frozenset(), 1, 0, clock=19.1),
    Fault("rows come ten minutes late", frozenset(), 4, 0),
    Fault("one retry in three fails", frozenset(), 6, 0, clock=18),
)  # fmt: skip


@dataclass(frozen=True)
class Injected:
    """A fault that happens."""

    fault: Fault
    begins: datetime
    ends: datetime
    met: datetime | None = None
    """Time of the first request that a source's fault could spoil."""

    @property
    def covered_by(self) -> datetime:
        """The latest time of the message: a source's fault cannot be detected before its first request."""
        return (self.met or self.begins) + timedelta(hours=self.fault.within)

    def covers(self, instant: datetime) -> bool:
        """Return whether the fault is present at an instant."""
        return self.begins <= instant < self.ends

    def explains(self, rule: str, instant: datetime) -> bool:
        """Return whether the fault explains a message of the rule at an instant."""
        named = rule in self.fault.causes or rule in self.fault.also
        return named and self.begins <= instant < self.ends + EXPLAINS


@dataclass(frozen=True)
class Written:
    """A row."""

    at: datetime
    """Time of its writing, from which queries can read the row."""
    happened: datetime
    table: str
    row: Mapping[str, Any]
    id: str


@dataclass(frozen=True)
class Injections:
    """The faults of a season, by name."""

    faults: tuple[Injected, ...]
    end: datetime
    quiet_from: datetime

    def during(self, name: str, instant: datetime) -> Injected | None:
        """Return the fault of that name that is present at an instant."""
        return next((it for it in self.faults if it.fault.name == name and it.covers(instant)), None)

    def named(self, name: str) -> tuple[Injected, ...]:
        """Return the faults of a name."""
        return tuple(it for it in self.faults if it.fault.name == name)

    def version(self, instant: datetime) -> str:
        """Return the version that is deployed at an instant."""
        return NEXT_VERSION if any(instant >= it.begins for it in self.named("a deployment")) else VERSION


@dataclass(frozen=True)
class Made:
    """A season: its faults and rows, the rows in the order in which they can be read."""

    injections: Injections
    rows: tuple[Written, ...]
    configuration: Configuration
    start: datetime = field(default=local_instant(FIRST, time()) + BEFORE)


def inject(luck: Random, game_days: frozenset[date]) -> Injections:
    """Place each of FAULTS at a random instant, one after the other, with a week without faults at the end."""
    shuffled = list(FAULTS)
    luck.shuffle(shuffled)
    found, free = [], local_instant(FIRST, time()) + BEFORE
    for fault in shuffled:
        earliest = free + timedelta(minutes=5 * luck.randrange(24))
        begins = earliest if fault.clock is None else _next(earliest, fault.clock, luck, game_days)
        ends = begins + timedelta(hours=fault.hours)
        found.append(Injected(fault, begins, ends))
        free = begins + timedelta(hours=2) if fault.beside else ends + SETTLED
    last = max(it.ends for it in found)
    # Leave a day and a half, in which the last fault still explains messages.
    quiet_from = local_instant(business_date(last) + timedelta(days=2), time(12))
    return Injections(tuple(found), quiet_from + timedelta(days=7), quiet_from)


def _next(earliest: datetime, clock: float, luck: Random, game_days: frozenset[date]) -> datetime:
    """Return the instant of that hour in New York on the next day with games, give or take a quarter of an hour.

    A day without games has few requests, in which a fault would hardly show.
    """
    at = local_instant(business_date(earliest), time()) + timedelta(
        hours=clock, minutes=5 * luck.randrange(-3, 4)
    )
    while at < earliest or business_date(at) not in game_days:
        at += timedelta(days=1)
    return at


def make(seed: int) -> Made:
    """Simulate the season of a seed, and return its rows and faults."""
    luck = Random(seed)  # noqa: S311  # luck, not a secret
    catalog = load_catalog(SCRAPERS)
    configuration = load_workflows(WORKFLOWS, catalog)
    rows = schedule_rows(configuration, ANCHOR)
    calendar = [Game.model_validate(row) for row in rows]
    injections = inject(luck, frozenset(game.game_date for game in calendar))
    break_from = business_date(injections.quiet_from) + timedelta(days=1)
    broken = {break_from + timedelta(days=number) for number in range(BREAK_DAYS)}
    games = [game for game in calendar if game.game_date not in broken]
    world = load_world(None, catalog)
    world = world.model_copy(
        update={
            "outages": tuple(
                Outage(start=it.begins, end=it.ends, **OUTAGES[it.fault.name])
                for it in injections.faults
                if it.fault.name in OUTAGES
            ),
            "failures": {
                "nbac_injury_report": {FailureKind.TIMEOUT: 0.03},
                "oddsa_game_lines": {FailureKind.HTTP: 0.03},
            },
            "ticks": world.ticks.model_copy(
                update={
                    "missed": 0.005,
                    "gaps": tuple(Span(start=it.begins, end=it.ends) for it in injections.named("no tick comes")),
                }
            ),
        }
    )  # fmt: skip
    season = Season(
        configuration, world, tuple(games), FIRST, business_date(injections.end), seed=seed,
        environment=ENVIRONMENT, until=injections.end,
    )  # fmt: skip
    history = write_down(season, rows)
    days = (injections.end - local_instant(FIRST, time())).days
    recovery = recover(history, catalog, _taking(injections, history, seed), days)
    written = [
        changed
        for event in (*history.events, *recovery.events)
        for row in _rows_of(event)
        for changed in _change(row, injections, seed)
    ]
    written += _invented(injections)
    written.sort(key=lambda it: it.at)
    faults = tuple(replace(it, met=_met(it, written, catalog)) for it in injections.faults)
    return Made(replace(injections, faults=faults), tuple(written), configuration)


OUTAGES: Mapping[str, Mapping[str, Any]] = {
    "the league's site is down": {"sources": ("nbacom",), "kind": FailureKind.HTTP},
    "one bug in every scraper": {"kind": FailureKind.INTERNAL},
    "a source blocks us": {"sources": ("espn",), "kind": FailureKind.BLOCKED},
    "the schedule changed its shape": {"scrapers": ("nbac_schedule",), "kind": FailureKind.SOURCE_CHANGED},
    "a report never comes": {"scrapers": ("nbac_injury_report",), "kind": None},
    "a source is silent": {"scrapers": ("bdl_injuries",), "kind": None},
    "a source lost its records": {"scrapers": ("nbac_player_movement",), "kind": FailureKind.SOURCE_CHANGED},
    PAUSED_WHILE_DOWN: {"scrapers": ("nbac_injury_report",), "kind": FailureKind.HTTP},
}  # fmt: skip
"""Arguments of the source's outage, by the name of the fault; with kind None, the source publishes nothing."""


def _met(it: Injected, written: Sequence[Written], catalog: Catalog) -> datetime | None:
    """Return the end of the first request that a source's fault could spoil; None for other faults."""
    outage = OUTAGES.get(it.fault.name)
    if outage is None:
        return None
    ended = (
        item.happened
        for item in written
        if item.table == "scraper_execution_log"
        and it.covers(item.row["triggered_at"])
        and item.row["scraper_name"] in outage.get("scrapers", catalog)
        and catalog[item.row["scraper_name"]].source in outage.get("sources", catalog.sources.values())
    )
    return min(ended, default=None)


def _taking(injections: Injections, history: EventHistory, seed: int) -> Taking:
    """Return the behaviour of Phase 2: it loses one file in a hundred, and more in some faults until a manual load."""

    def loses(landed: FileLanded, at: datetime) -> bool:
        """Return whether Phase 2 loses an announcement."""
        lucky = Random(f"{seed}{landed.gcs_path}{at}").random()  # noqa: S311
        if injections.during("files are lost for good", landed.landed_at):
            return fnmatchcase(landed.gcs_path, "*boxscore*")
        if injections.during("a storm of losses", landed.landed_at):
            return lucky < 0.9
        return lucky < 0.01

    halts = [(it.begins, it.ends) for it in injections.named("Phase 2 stands still")]
    manual = [
        (it.ends + timedelta(minutes=30), landed.gcs_path, landed.record_count)
        for kind in ("files are lost for good", "a storm of losses")
        for it in injections.named(kind)
        for landed in history.landed
        if it.covers(landed.landed_at)
    ]
    return Taking(loses, halts, manual)


def _rows_of(event: Event) -> Iterator[Written]:
    """Yield the rows that the logger writes for an event."""
    at = happened_at(event)
    batch = TABLES[type(event)](event, at + WRITTEN_AFTER)
    for row, name in zip(batch.rows, batch.ids, strict=True):
        yield Written(at + WRITTEN_AFTER, at, batch.table, row, name)


def _change(item: Written, injections: Injections, seed: int) -> Iterator[Written]:
    """Yield the row, changed by the faults of its time, unless a fault prevents the row."""
    row, at = dict(item.row), item.happened
    luck = Random(f"{seed}{item.id}")  # noqa: S311
    lag = {"workflow_decisions": 2, "scraper_execution_log": 9, "cleanup_operations": 5}.get(item.table, 0)
    version = injections.version(at - timedelta(minutes=lag))
    for column in ("controller_version", "service_version", "logger_version"):
        if column in row:
            row[column] = version
    if item.table == "cleanup_operations" and injections.during("cleanup is down", at):
        return
    if item.table == "daily_expected_schedule" and (
        it := injections.during("the schedule is not locked", at)
    ):
        row["locked_at"], at = it.ends, it.ends
    if item.table == "workflow_decisions" and injections.during("a forgotten controller decides", at):
        row["config_hash"] = "of-yesterday"
    if item.table == "scraper_execution_log":
        at = _change_execution(row, at, injections, luck)
    written = at + WRITTEN_AFTER
    if injections.during("rows come ten minutes late", written):
        written += timedelta(minutes=luck.uniform(5, 12))
    if it := injections.during("the logger is down", written):
        written = it.ends + timedelta(seconds=luck.randrange(60))
    yield replace(item, at=written, happened=at, row={**row, "created_at": written})


def _change_execution(row: dict[str, Any], at: datetime, injections: Injections, luck: Random) -> datetime:
    """Change the row of an execution in place; return when it ended."""
    summary = row["data_summary"] = dict(row["data_summary"])
    name = row["scraper_name"]
    if (it := injections.during("the runner is down", row["triggered_at"])) is not None:
        # Requests wait in their subscription until the runner is up.
        row["triggered_at"] = it.ends + timedelta(seconds=luck.randrange(300))
        row["completed_at"] = at = row["triggered_at"] + timedelta(seconds=10)
    if name.endswith("_scoreboard") and row["status"] == "success":
        # Give both scoreboards the same number of games: simulated sources have no content.
        summary["record_count"] = 3 + business_date(row["triggered_at"]).toordinal() % 9
    if "quota" in summary:
        low = injections.during("the allowance runs out", at) is not None
        summary["quota"] = {"used": 450 if low else 150, "remaining": 50 if low else 350, "warning": low}
    if name == "nbac_player_movement" and row["error_type"] == FailureKind.SOURCE_CHANGED.value:
        row["error_message"] = "3 records; between 1,000 and 20,000 are expected".replace(",", "")
    if name == "espn_scoreboard" and injections.during("a source contradicts itself", at):
        summary["contradictions"] = {"count": 2, "examples": ["a game is over and has no score"]}
    if injections.during("half a deployment", at):
        row["service_version"] = "0.9.0"
    if injections.during("one retry in three fails", at) and row["attempt"] > 1 and luck.random() < 0.33:
        row["retry_count"] = 3
    return at


def _invented(injections: Injections) -> Iterator[Written]:
    """Yield rows of events that the simulator lacks: dead letters and pauses."""

    def row(at: datetime, table: str, id_: str, **columns: Any) -> Written:
        """Return a row that is written after the usual delay."""
        own = {**columns, "environment": ENVIRONMENT, "created_at": at + WRITTEN_AFTER}
        return Written(at + WRITTEN_AFTER, at, table, own, id_)

    for number, it in enumerate(injections.named("poison arrives")):
        for message in range(3):
            name = f"poison-{number}-{message}"
            yield row(
                it.begins + timedelta(seconds=message), "dead_letters", name, event_id=name,
                rejected_at=it.begins + timedelta(seconds=message), reason="undecodable", detail="no JSON",
                service="logger", subscription="logger-receipts", message_id=name, payload_sha256="0", payload_bytes=1,
            )  # fmt: skip
    for number, it in enumerate(injections.named(PAUSED_WHILE_DOWN)):
        name = f"pause-{number}"
        yield row(
            it.begins, "pause_events", name, event_id=name, pause_id=name, target="workflow", name="injury_discovery",
            state="paused", changed_at=it.begins, since=it.begins, until=it.ends + EXPLAINS,
            changed_by="ann@example.com", why="the source moved",
        )  # fmt: skip
