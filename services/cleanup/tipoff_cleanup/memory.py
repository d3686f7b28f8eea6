"""Cleanup's memory, as write-once objects below `cleanup/` in the state bucket.

    cleanup/runs/<day>/<tick>.json                 the result of a run, published again when its tick comes again
    cleanup/files/<date in the path>/<path hash>/  what was done about a file
        adopted.json                               the execution and the announcement it was given
        republish-<n>                              written before the n-th republish is published
        not-republished-<n>                        it was not taken, so it does not count
        given-up                                   it is announced no more

Metadata has the instant and the path, so that one list call reads a day's files.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, Field

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


class CleanupRun(BaseModel):
    """The result of one tick."""

    completed: CleanupCompleted
    written_until: Instant | None = Field(
        default=None,
        description="files that were written before this are all looked at; null when the run could not read how far"
        " the ones before it had looked",
    )


class Adopted(BaseModel):
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
        # An announcement that Pub/Sub did not take is no announcement; its number stays used, so
        # that no marker is written twice.
        done = [at for mark, at in self.republished.items() if mark not in self.undone]
        announced = tuple(sorted([*done, *self.adopted]))
        return Attempts(len(done), announced, self.given_up, len(self.republished) + 1)


class CleanupMemory:
    """Cleanup's prefix of the state bucket. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = state

    def run(self, tick: datetime) -> CleanupRun | None:
        """Return the run of a tick; None when none is written down, or when it cannot be read."""
        # Without the run of before, all is done once more that it was to save this one from.
        return read_stored(CleanupRun, _run_name(tick), self._state.get(_run_name(tick)))

    def remember_run(self, tick: datetime, run: CleanupRun) -> CleanupRun:
        """Write a run down unless there is one; return the first that was written, which counts."""
        if self._state.create(_run_name(tick), run.model_dump_json().encode()):
            return run
        return self.run(tick) or run

    def ticks_before(self, tick: datetime) -> Iterator[datetime]:
        """Yield the ticks of the runs before `tick`, newest first: a list call for this day and the last, then one
        for each of three months, as far as they are asked for."""
        today = tick.astimezone(UTC)
        days = [f"{today - timedelta(days=back):%Y-%m-%d}/" for back in range(2)]
        months = [f"{today - timedelta(days=back):%Y-%m}-" for back in range(0, 90, 28)]
        # Two days answer nearly every run; the months are for a cleanup that stood still for longer.
        for period in (*days, *dict.fromkeys(months)):
            # Names are in the order of their ticks, and of a day's nearly always the newest is enough.
            names = sorted((info.name for info in self._state.list(f"{_RUNS}/{period}")), reverse=True)
            for earlier in map(_tick_of, names):
                # A month's listing contains the days that were listed before it.
                if earlier and earlier < tick:
                    yield earlier
                    tick = earlier

    def attempts(self, gcs_paths: Iterable[str]) -> Mapping[str, Attempts]:
        """Return what was done about each of the files; one list call for each date in their paths."""
        wanted = {_folder(path): path for path in gcs_paths}
        found = {path: _Marks() for path in wanted.values()}
        # By date and not by file: a listing of a day costs as much as one of a single folder.
        for day in sorted({folder.rpartition("/")[0] for folder in wanted}):
            for info in self._state.list(f"{day}/"):
                folder, _, mark = info.name.rpartition("/")
                if folder in wanted:
                    _note(found[wanted[folder]], mark, info)
        return {path: marks.attempts() for path, marks in found.items()}

    def mark_republish(self, gcs_path: str, number: int, now: datetime) -> bool:
        """Write down that the n-th republish follows; False when another run did it already."""
        return self._mark(gcs_path, f"republish-{number:04d}", b"", now)

    def mark_not_republished(self, gcs_path: str, number: int, now: datetime) -> None:
        """Write down that the announcement was not taken, so that it does not count."""
        self._mark(gcs_path, f"{_UNDONE}{number:04d}", b"", now)

    def mark_given_up(self, gcs_path: str, now: datetime) -> None:
        """Write down that the file is republished no more."""
        self._mark(gcs_path, "given-up", b"", now)

    def remember_adopted(self, gcs_path: str, adopted: Adopted, now: datetime) -> Adopted:
        """Write down what to publish of the object; return what was written first, which counts."""
        if self._mark(gcs_path, "adopted.json", adopted.model_dump_json().encode(), now):
            return adopted
        # Somebody else was first; what they wrote is what is published.
        name = f"{_folder(gcs_path)}/adopted.json"
        return read_stored(Adopted, name, self._state.get(name)) or adopted

    def _mark(self, gcs_path: str, mark: str, body: bytes, now: datetime) -> bool:
        metadata = {_AT: now.isoformat(), _PATH: gcs_path}
        return self._state.create(f"{_folder(gcs_path)}/{mark}", body, metadata=metadata)


_UNDONE = "not-republished-"


def _run_name(tick: datetime) -> str:
    return tick.astimezone(UTC).strftime(_RUN)


def _tick_of(name: str) -> datetime | None:
    """Return the tick that a run's object is named after; None for an object that is no run of ours."""
    try:
        return datetime.strptime(name, _RUN).replace(tzinfo=UTC)
    except ValueError:
        return None


def _folder(gcs_path: str) -> str:
    """Return the folder of a file's markers: a function of the path alone, whatever the rows about it say."""
    dated = _DATE.search(gcs_path)
    # Hashed, because a path may be longer than a name, and have characters that a name cannot.
    return f"cleanup/files/{dated[1] if dated else 'undated'}/{content_hash(gcs_path.encode())}"


def _note(marks: _Marks, mark: str, info: ObjectInfo) -> None:
    at = datetime.fromisoformat(info.metadata[_AT])
    if mark.startswith(_UNDONE):
        marks.undone.add(f"republish-{mark.removeprefix(_UNDONE)}")
    elif mark.startswith("republish-"):
        marks.republished[mark] = at
    elif mark == "adopted.json":
        marks.adopted.append(at)
    elif mark == "given-up":
        marks.given_up = True
