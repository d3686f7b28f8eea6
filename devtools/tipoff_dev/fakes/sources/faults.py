"""Answers that go wrong on purpose."""

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
    held: bool = Field(
        default=False, description="it is answered when the faults are cleared, and not before"
    )
    body: Literal["real", "html", "truncated", "empty"] = Field(
        default="real",
        description="the real one, a page as an edge shows it to clients it refuses, the first half, or nothing",
    )
    times: int | None = Field(default=None, ge=1, description="how often before it heals; null for ever")
    since: AwareDatetime | None = Field(default=None, description="from when on, by the request's time")
    until: AwareDatetime | None = Field(default=None, description="until when, by the request's time")

    def applies(self, path: str, at: datetime) -> bool:
        """Return whether the fault is on for a path at an instant."""
        begun = self.since is None or self.since <= at
        over = self.until is not None and at >= self.until
        return begun and not over and fnmatchcase(path, self.path)


class FaultBook:
    """The faults in force; the one set last is asked first."""

    def __init__(self, faults: Iterable[SourceFault] = ()) -> None:
        self._open: list[tuple[SourceFault, int | None]] = []
        for fault in faults:
            self.set(fault)

    def set(self, fault: SourceFault) -> None:
        """Put a fault before those that are there."""
        self._open.insert(0, (fault, fault.times))

    def clear(self) -> None:
        """Remove all faults."""
        self._open.clear()

    def all(self) -> list[SourceFault]:
        """List the faults that are on."""
        return [fault for fault, _ in self._open]

    def take(self, path: str, at: datetime) -> SourceFault | None:
        """Return the fault for this request, which uses up one of its times."""
        for position, (fault, left) in enumerate(self._open):
            if not fault.applies(path, at):
                continue
            if left == 1:
                del self._open[position]
            elif left is not None:
                self._open[position] = (fault, left - 1)
            return fault
        return None
