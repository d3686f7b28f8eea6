"""Cleanup's state, as write-once objects below `cleanup/` in the state bucket.

    cleanup/runs/<day>/<tick>.json                 the result of a run, published again for a redelivered tick
    cleanup/files/<date in the path>/<path hash>/  the actions of cleanup on a file
        adopted.json                               the events of its adoption
        republish-<n>                              written before the n-th republish is published
        not-republished-<n>                        Pub/Sub did not take the n-th republish, so it does not count
        given-up                                   the file is no longer republished

Metadata has the instant and the path, so that one list call reads the actions on a day's files.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from tipoff_cleanup.losses import Attempts
from tipoff_common.clock import Instant
from tipoff_common.events import CleanupCompleted, FileLanded, ScrapeExecuted
from tipoff_common.identity import content_hash
from tipoff_common.ports import ObjectInfo, Objects
from tipoff_common.stored import read_stored

_DATE = re.compile(r"/([0-9]{4}-[0-9]{2}-[0-9]{2})/")
_RUNS = "cleanup/runs"
_RUN = f"{_RUNS}/%Y-%m-%d/%H%MZ.json"
_AT, _PATH = "at", "path"
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


class CleanupRun(BaseModel):
    """The result of one tick."""

    completed: CleanupCompleted
    written_until: Instant | None = Field(
        default=None,
        description="all files written before this instant have been checked; null when the run could not read the"
        " instant of earlier runs",
    )


class AdoptionRecord(BaseModel):
    """Events to publish for an object that no execution named."""

    executed: ScrapeExecuted
    landed: FileLanded


@dataclass
class _Marks:
    republished: dict[str, datetime] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    adopted: list[datetime] = field(default_factory=list)
    given_up: bool = False

    def attempts(self) -> Attempts:
        # An announcement that Pub/Sub did not take does not count. Its number stays used, as markers are write-once.
        done = [at for mark, at in self.republished.items() if mark not in self.undone]
        announced = tuple(sorted([*done, *self.adopted]))
        return Attempts(len(done), announced, self.given_up, len(self.republished) + 1)


class CleanupMemory:
    """Cleanup's prefix of the state bucket. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = state

    def run(self, tick: datetime) -> CleanupRun | None:
        """Return the stored run of a tick; None when there is none, or when it cannot be parsed."""
        # An unreadable run counts as missing: the tick's work is then done again.
        return read_stored(CleanupRun, _run_name(tick), self._state.get(_run_name(tick)))

    def remember_run(self, tick: datetime, run: CleanupRun) -> CleanupRun:
        """Store a run unless its tick has one; return the run that was stored first, which counts."""
        if self._state.create(_run_name(tick), run.model_dump_json().encode()):
            return run
        return self.run(tick) or run

    def ticks_before(self, tick: datetime) -> Iterator[datetime]:
        """Yield the ticks of stored runs before `tick`, newest first. Lists lazily: this day, the day before, and then
        each month of the last 90 days."""
        today = tick.astimezone(UTC)
        days = [f"{today - timedelta(days=back):%Y-%m-%d}/" for back in range(2)]
        months = [f"{today - timedelta(days=back):%Y-%m}-" for back in range(0, 90, 28)]
        # Two days are enough for nearly every run; the months are for a cleanup that did not run for longer.
        for period in (*days, *dict.fromkeys(months)):
            # Names sort by tick, and callers nearly always need only the newest few.
            names = sorted((info.name for info in self._state.list(f"{_RUNS}/{period}")), reverse=True)
            for earlier in map(_tick_of, names):
                # A month's listing repeats the two days.
                if earlier and earlier < tick:
                    yield earlier
                    tick = earlier

    def attempts(self, gcs_paths: Iterable[str]) -> Mapping[str, Attempts]:
        """Return the republishes of each file; one list call for each date in their paths."""
        path_of = {_folder(path): path for path in gcs_paths}
        found = {path: _Marks() for path in path_of.values()}
        # By date and not by file: listing a day costs as much as listing one file's folder.
        for day in sorted({folder.rpartition("/")[0] for folder in path_of}):
            for info in self._state.list(f"{day}/"):
                folder, _, mark = info.name.rpartition("/")
                if folder in path_of:
                    _note(found[path_of[folder]], mark, info)
        return {path: marks.attempts() for path, marks in found.items()}

    def mark_republish(self, gcs_path: str, number: int, now: datetime) -> bool:
        """Mark the n-th republish before it is published; False when another run has marked it."""
        return self._mark(gcs_path, f"republish-{number:04d}", b"", now)

    def mark_not_republished(self, gcs_path: str, number: int, now: datetime) -> None:
        """Mark that Pub/Sub did not take the n-th republish, so that it does not count."""
        self._mark(gcs_path, f"{_NOT_REPUBLISHED}{number:04d}", b"", now)

    def mark_given_up(self, gcs_path: str, now: datetime) -> None:
        """Mark the file as no longer republished."""
        self._mark(gcs_path, "given-up", b"", now)

    def remember_adopted(self, gcs_path: str, adopted: AdoptionRecord, now: datetime) -> AdoptionRecord:
        """Store the events of an adoption unless there are some; return those that were stored first, which count."""
        if self._mark(gcs_path, "adopted.json", adopted.model_dump_json().encode(), now):
            return adopted
        # Another run was first; publish its events.
        name = f"{_folder(gcs_path)}/adopted.json"
        return read_stored(AdoptionRecord, name, self._state.get(name)) or adopted

    def _mark(self, gcs_path: str, mark: str, body: bytes, now: datetime) -> bool:
        metadata = {_AT: now.isoformat(), _PATH: gcs_path}
        return self._state.create(f"{_folder(gcs_path)}/{mark}", body, metadata=metadata)


_NOT_REPUBLISHED = "not-republished-"


def _run_name(tick: datetime) -> str:
    return tick.astimezone(UTC).strftime(_RUN)


def _tick_of(name: str) -> datetime | None:
    """Return the tick in the name of a run's object; None for any other object."""
    try:
        return datetime.strptime(name, _RUN).replace(tzinfo=UTC)
    except ValueError:
        return None


def _folder(gcs_path: str) -> str:
    """Return the folder of a file's markers, a function of its path alone."""
    dated = _DATE.search(gcs_path)
    # Hashed: a path may be longer than an object's name, and have other characters.
    return f"cleanup/files/{dated[1] if dated else 'undated'}/{content_hash(gcs_path.encode())}"


def _note(marks: _Marks, mark: str, info: ObjectInfo) -> None:
    at = _marked_at(info)
    if mark.startswith(_NOT_REPUBLISHED):
        marks.undone.add(f"republish-{mark.removeprefix(_NOT_REPUBLISHED)}")
    elif mark.startswith("republish-"):
        marks.republished[mark] = at
    elif mark == "adopted.json":
        marks.adopted.append(at)
    elif mark == "given-up":
        marks.given_up = True


def _marked_at(info: ObjectInfo) -> datetime:
    """Return the instant in a mark's metadata; of a mark without one, such as a copy, the instant of its object."""
    # Such a mark counts: its number is used, since the next mark of that name would be refused.
    try:
        return _INSTANT.validate_python(info.metadata.get(_AT))
    except ValidationError:
        return info.updated
