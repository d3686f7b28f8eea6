"""Recovery of the week's files: the fake of Phase 2 loses some files, and cleanup's own runs find them again."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

from tipoff_cleanup.dataset import FileDataset
from tipoff_cleanup.deps import Deps
from tipoff_cleanup.handlers import run_cleanup
from tipoff_cleanup.losses import LoggedFile, Overview
from tipoff_cleanup.memory import CleanupMemory
from tipoff_cleanup.settings import CleanupSettings
from tipoff_common.catalog import Catalog
from tipoff_common.clock import CLOCKS_AGREE_WITHIN
from tipoff_common.events import CleanupCompleted, Event, FileLanded, FileProcessed, Tick, TickFired
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_dev.fakes.phase2.behaviour import Fate, fate
from tipoff_dev.tour.faults import GIVEN_UP, PHASE2
from tipoff_dev.tour.history import DAYS, ENVIRONMENT, EVERY, EventHistory

_LOADS_WITHIN = timedelta(seconds=40)
"""Longest time from the announcement of a file to its receipt."""
_HALTED_AT, _HALTED_FOR = timedelta(days=5), timedelta(hours=2)
"""Time from the start of a halt of Phase 2 to the end of the week, and its length. The halt loses no file."""
_GIVES_UP = timedelta(days=4)
"""Time before the end of the week from which Phase 2 drops the files of GIVEN_UP for a day."""
_MISSING_NOW = (timedelta(hours=2), timedelta(hours=7))
"""Times before the end of the week: the newest file at each is never loaded, so that files are missing now. The older
file is so old that it counts as lost even if no later file overtook it."""


@dataclass(frozen=True)
class Recovery:
    """Events that Phase 2 and cleanup published, and cleanup's memory: objects of the state bucket by name."""

    events: Sequence[Event]
    memory: MemoryObjects


class _MemoryDataset(FileDataset):
    """Cleanup's dataset in memory: the files and receipts of the week up to the instant of the run.

    672 runs with three queries each would take minutes on a warehouse.
    """

    def __init__(self, files: Sequence[LoggedFile]) -> None:
        super().__init__(MemoryWarehouse(), ENVIRONMENT)
        self._files = sorted(files, key=lambda file: file.landed_at)
        self.receipts: dict[str, datetime] = {}
        self.last_run: datetime | None = None

    def files(
        self, now: datetime, lookback: timedelta, grace: timedelta
    ) -> tuple[Overview, list[LoggedFile]]:
        """Return an overview of the files of the lookback, and the files without a receipt."""
        found = [file for file in self._files if now - lookback <= file.landed_at <= now]
        waiting = [file for file in found if file.gcs_path not in self.receipts]
        overtaking = [
            file.landed_at
            for file in found
            if file.landed_at - CLOCKS_AGREE_WITHIN <= self.receipts.get(file.gcs_path, now)
            and max(self.receipts.get(file.gcs_path, now), file.landed_at) <= now - grace
        ]
        recent = sum(at >= now - lookback for at in self.receipts.values())
        overview = Overview(len(found), len(waiting), recent, max(overtaking, default=None), self.last_run)
        return overview, waiting

    def received(self, paths: Sequence[str], now: datetime) -> set[str]:  # noqa: ARG002  # as of the run's instant
        """Return the paths that have a receipt."""
        return {path for path in paths if path in self.receipts}

    def unknown_receipts(
        self,
        now: datetime,  # noqa: ARG002  # every receipt is for a written file
        lookback: timedelta,  # noqa: ARG002
        grace: timedelta,  # noqa: ARG002
    ) -> Mapping[str, datetime]:
        """Return nothing: every receipt is for a file of the week."""
        return {}

    def executions(self, ids: Sequence[str], now: datetime) -> Mapping[str, ExecutionRow]:  # noqa: ARG002
        """Return nothing: no file is without its execution."""
        return {}


@dataclass(frozen=True)
class Taking:
    """Behaviour of Phase 2 towards files."""

    loses: Callable[[FileLanded, datetime], bool]
    """Whether Phase 2 loses an announcement at an instant."""
    halts: Sequence[tuple[datetime, datetime]] = ()
    """Begin and end of each halt of Phase 2; files announced during a halt are loaded after it."""
    manual: Sequence[tuple[datetime, str, int]] = ()
    """Manual loads of files by an operator, each with instant, path and rows."""


@dataclass
class _Phase2:
    """The consumer of announcements, with the instant, path and rows of each receipt to come."""

    taking: Taking
    environment: str
    due: list[tuple[datetime, str, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.due = sorted(self.taking.manual)

    def announce(self, landed: FileLanded, at: datetime) -> None:
        """Accept or lose an announcement."""
        if self.taking.loses(landed, at):
            return
        # The content's hash determines the delay, so that a second history of the same week is identical.
        share = int(landed.content_sha256[:4], 16) / 16**4
        begins = max([end for begin, end in self.taking.halts if begin <= at < end], default=at)
        heapq.heappush(self.due, (begins + share * _LOADS_WITHIN, landed.gcs_path, landed.record_count))

    def receipts(self, until: datetime) -> Iterator[FileProcessed]:
        """Yield the receipts that are due by `until`."""
        while self.due and self.due[0][0] <= until:
            at, path, rows = heapq.heappop(self.due)
            yield FileProcessed(
                gcs_path=path, processor="fake", processed_at=at, row_count=rows, environment=self.environment
            )


def recover(
    history: EventHistory, catalog: Catalog, taking: Taking | None = None, days: int = DAYS
) -> Recovery:
    """Run cleanup tick by tick over the last `days` of the history, while Phase 2 loads and loses files."""
    data, state, bus = MemoryObjects(history.bucket), MemoryObjects(), RecordingBus()
    for name, file in history.files.items():
        data.create(name, file.body, metadata=file.metadata)
    known = _MemoryDataset([_landed(item) for item in history.landed])
    settings = CleanupSettings.model_construct()
    deps = Deps(
        environment=history.environment,
        lookback=settings.lookback,
        rule=settings.rule,
        pubsub_enabled=True,
        catalog=catalog,
        memory=CleanupMemory(state),
        dataset=known,
        data=data,
        publisher=Publisher("cleanup", bus),
    )
    ordered = sorted(history.landed, key=lambda item: item.landed_at)
    phase2 = _Phase2(taking or _usual(ordered, history.until), history.environment)
    events = list[Event]()
    announced = iter(ordered)
    coming = next(announced, None)
    tick = history.until - timedelta(days=days)
    while tick < history.until:
        while coming is not None and coming.landed_at <= tick:
            phase2.announce(coming, coming.landed_at)
            coming = next(announced, None)
        for receipt in phase2.receipts(tick):
            known.receipts.setdefault(receipt.gcs_path, receipt.processed_at)
            events.append(receipt)
        run_cleanup(TickFired(tick=Tick.CLEANUP, cadence_minutes=15), tick, deps, tick)
        for event in bus.events:
            if isinstance(event, FileLanded):
                phase2.announce(event, tick)
            elif isinstance(event, CleanupCompleted):
                known.last_run = event.cleanup_time
                events.append(event)
        bus.published.clear()
        tick += EVERY
    for landed in filter(None, (coming, *announced)):
        phase2.announce(landed, landed.landed_at)
    events.extend(phase2.receipts(history.until))
    return Recovery(events, state)


def _usual(ordered: Sequence[FileLanded], until: datetime) -> Taking:
    """Return the tour's behaviour: losses, a halt, a day of files that are given up, and files missing now."""
    never, halted, gives_up = _missing_now(ordered, until), until - _HALTED_AT, until - _GIVES_UP

    def loses(landed: FileLanded, at: datetime) -> bool:  # noqa: ARG001  # the same for every announcement of a file
        behaviour = GIVEN_UP if gives_up <= landed.landed_at < gives_up + timedelta(days=1) else PHASE2
        return landed.gcs_path in never or fate(landed, behaviour) is Fate.DROP

    return Taking(loses, [(halted, halted + _HALTED_FOR)])


def _missing_now(ordered: Sequence[FileLanded], until: datetime) -> frozenset[str]:
    before = ([item for item in ordered if item.landed_at <= until - age] for age in _MISSING_NOW)
    return frozenset(found[-1].gcs_path for found in before if found)


def _landed(event: FileLanded) -> LoggedFile:
    return LoggedFile(**{known.name: getattr(event, known.name) for known in fields(LoggedFile)})
