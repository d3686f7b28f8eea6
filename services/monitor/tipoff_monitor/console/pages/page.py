"""What every page says beside its subject: how old its data is, and what could not be read."""

from datetime import datetime
from typing import Any

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_monitor.console.snapshots import Snapshot
from tipoff_planning.frozen import Frozen


class DataAge(Frozen):
    """One source of a page, and when it was read."""

    name: str = Field(description="what was read")
    read_at: Instant | None = Field(description="when; null before the first reading")
    age_seconds: float | None = Field(description="how old it is, null before the first reading")
    fault: str | None = Field(description="why it could not be read since, null while it can")


class Page(Frozen):
    """What every page's JSON begins with."""

    title: str
    environment: str = Field(description="prod, staging, dev or local")
    as_of: Instant = Field(description="when the page was made")
    sources: tuple[DataAge, ...] = Field(description="what it was made from")

    @property
    def is_waiting(self) -> bool:
        """Whether something was never read yet, and nothing is known to stand in the way."""
        return any(source.read_at is None and source.fault is None for source in self.sources)

    @property
    def faults(self) -> tuple[DataAge, ...]:
        """Sources that could not be read lately."""
        return tuple(source for source in self.sources if source.fault is not None)

    @property
    def oldest(self) -> DataAge | None:
        """The source that was read the longest ago."""
        read = [source for source in self.sources if source.read_at is not None]
        return max(read, key=lambda source: source.age_seconds or 0, default=None)


def data_age(name: str, snapshot: Snapshot[Any], now: datetime) -> DataAge:
    """Say how old a snapshot is."""
    age = max((now - snapshot.read_at).total_seconds(), 0.0) if snapshot.read_at else None
    return DataAge(name=name, read_at=snapshot.read_at, age_seconds=age, fault=snapshot.fault)
