"""Common parts of every page: the age of its data, and the sources that could not be read."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_monitor.console.snapshots import Snapshot
from tipoff_planning.frozen import Frozen


class SourceName(StrEnum):
    """Name of a page's source, as pages show it."""

    DAY = "the day"
    FLEET = "the last ninety days"
    RECENT = "the newest rows"
    ALERTS = "the alerts"
    LEARNED = "the learned times"
    REASONS = "the reasons"
    CHAIN = "the chain"
    FILE = "the file"
    PREVIOUS = "the previous file"
    SIMULATION = "the simulation"


class DataAge(Frozen):
    """One source of a page, and the age of its data."""

    name: str = Field(description="name of the source")
    read_at: Instant | None = Field(description="instant of the newest reading; null before the first")
    age_seconds: float | None = Field(description="age of the data; null before the first reading")
    fault: str | None = Field(description="why later readings failed; null while they succeed")


class Page(Frozen):
    """Common first fields of every page's JSON."""

    title: str
    environment: str = Field(description="prod, staging, dev or local")
    as_of: Instant = Field(description="instant of the page")
    sources: tuple[DataAge, ...] = Field(description="sources of the page's data")

    @property
    def is_waiting(self) -> bool:
        """Whether a source was never read yet and has not failed."""
        return any(source.read_at is None and source.fault is None for source in self.sources)

    def unread(self, *names: str) -> str | None:
        """Return why one of these sources has no data; None when each was read.

        Templates call this before they state an absence: without a reading, an absence of rows means nothing. A source
        that the page does not use counts as read. Raises ValueError for an unknown name.
        """
        wanted = {SourceName(name).value for name in names}
        missing = [source for source in self.sources if source.name in wanted and source.read_at is None]
        if not missing:
            return None
        return "cannot be read" if all(source.fault for source in missing) else "not read yet"

    @property
    def faults(self) -> tuple[DataAge, ...]:
        """Sources whose latest reading failed."""
        return tuple(source for source in self.sources if source.fault is not None)

    @property
    def oldest(self) -> DataAge | None:
        """The source with the oldest data."""
        read = [source for source in self.sources if source.read_at is not None]
        return max(read, key=lambda source: source.age_seconds or 0, default=None)


def data_age(name: SourceName, snapshot: Snapshot[Any], now: datetime) -> DataAge:
    """Return the age of a source's snapshot."""
    age = max((now - snapshot.read_at).total_seconds(), 0.0) if snapshot.read_at else None
    return DataAge(name=name, read_at=snapshot.read_at, age_seconds=age, fault=snapshot.fault)
