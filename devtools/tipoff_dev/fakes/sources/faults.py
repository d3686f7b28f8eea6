"""Deliberate faults in answers of the fake sources."""

from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class SourceFault(BaseModel):
    """A fault of a fake source, and the paths that it hits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(min_length=1, description='a pattern over "HOST/PATH", `*` matching slashes too')
    status: int | None = Field(
        default=None, ge=200, le=599, description="the answer's status instead of the real one"
    )
    held: bool = Field(default=False, description="the answer is held until the faults are cleared")
    body: Literal["real", "html", "truncated", "empty"] = Field(
        default="real",
        description="the real body, an edge's HTML page for refused clients, the first half, or nothing",
    )
    times: int | None = Field(default=None, ge=1, description="number of faulty answers; null for no limit")
    since: AwareDatetime | None = Field(default=None, description="start, by the request's time")
    until: AwareDatetime | None = Field(default=None, description="end, by the request's time")

    def applies(self, path: str, at: datetime) -> bool:
        """Return whether the fault hits a request for a path at an instant."""
        begun = self.since is None or self.since <= at
        over = self.until is not None and at >= self.until
        return begun and not over and fnmatchcase(path, self.path)


class FaultBook:
    """The active faults; among those that apply to a request, the latest is used."""

    def __init__(self, faults: Iterable[SourceFault] = ()) -> None:
        self._open: list[tuple[SourceFault, int | None]] = []
        for fault in faults:
            self.set(fault)

    def set(self, fault: SourceFault) -> None:
        """Add a fault, with precedence over the earlier ones."""
        self._open.insert(0, (fault, fault.times))

    def clear(self) -> None:
        """Remove all faults."""
        self._open.clear()

    def all(self) -> list[SourceFault]:
        """List the active faults, the latest first."""
        return [fault for fault, _ in self._open]

    def take(self, path: str, at: datetime) -> SourceFault | None:
        """Return the fault for this request, and count the request against its `times`."""
        for position, (fault, left) in enumerate(self._open):
            if not fault.applies(path, at):
                continue
            if left == 1:
                del self._open[position]
            elif left is not None:
                self._open[position] = (fault, left - 1)
            return fault
        return None
