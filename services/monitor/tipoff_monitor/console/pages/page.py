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
    LEARNED = "what is learned"
    REASONS = "the reasons"
    CHAIN = "the chain"
    FILE = "the file"
    PREVIOUS = "the previous file"
    SIMULATION = "the simulation"


class DataAge(Frozen):
    """One source of a page, and when it was read."""

    name: str = Field(description="what was read")
    read_at: Instant | None = Field(description="when; null before the first reading")
    age_seconds: float | None = Field(description="how old it is, null before the first reading")
    fault: str | None = Field(description="why it could not be read since, null while it can")


class Page(Frozen):
    """Common first fields of every page's JSON."""

    title: str
    environment: str = Field(description="prod, staging, dev or local")
    as_of: Instant = Field(description="when the page was made")
    sources: tuple[DataAge, ...] = Field(description="what it was made from")

    @property
    def is_waiting(self) -> bool:
        """Whether something was never read yet, and nothing is known to stand in the way."""
        return any(source.read_at is None and source.fault is None for source in self.sources)

    def unread(self, *names: str) -> str | None:
        """Say why nothing is known of the sources that a fact rests on; None when each was read.

        A page asks before it states an absence: no row of something that was not read says nothing. A source that the
        page does not need counts as read. Raises ValueError for a name that no source has.
        """
        wanted = {SourceName(name).value for name in names}
        missing = [source for source in self.sources if source.name in wanted and source.read_at is None]
        if not missing:
            return None
        return "cannot be read" if all(source.fault for source in missing) else "not read yet"

    @property
    def faults(self) -> tuple[DataAge, ...]:
        """Sources that could not be read lately."""
        return tuple(source for source in self.sources if source.fault is not None)

    @property
    def oldest(self) -> DataAge | None:
        """The source that was read the longest ago."""
        read = [source for source in self.sources if source.read_at is not None]
        return max(read, key=lambda source: source.age_seconds or 0, default=None)


def data_age(name: SourceName, snapshot: Snapshot[Any], now: datetime) -> DataAge:
    """Say how old a snapshot is."""
    age = max((now - snapshot.read_at).total_seconds(), 0.0) if snapshot.read_at else None
    return DataAge(name=name, read_at=snapshot.read_at, age_seconds=age, fault=snapshot.fault)
