"""Submission of runs at a limited rate, with few requests under way, until each run is settled."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, TypeVar

from tipoff_cli.commands.backfill.plan import BackfillRun
from tipoff_common.words import pluralize
from tipoff_planning.manual_runs import RunProgress
from tipoff_planning.plans import MAX_LOW_IN_FLIGHT
from tipoff_planning.progress import State

PATIENCE = timedelta(hours=1)
"""How long a run may show no change. The controller fails a lost request at the first evaluation after its lease of at
most 14 minutes, and requests it again; each of the two is a change."""
_FIRST_LOOK, _LONGEST_LOOK = 0.5, 5.0
"""Seconds between two polls of the open runs: the first and the longest pause while nothing changes."""
_RETRY_SECONDS = (1, 2, 4, 8, 15)
"""Seconds to wait before each retry while the controller does not answer."""

T = TypeVar("T")


class NotNow(Exception):
    """A temporary failure: the controller takes no request at the moment."""


class NotThis(Exception):
    """A refusal of this run only; the message says why."""


class RunSubmitter(Protocol):
    """Interface that requests runs. Both methods raise NotNow; any other error ends the backfill."""

    def ask(self, run: BackfillRun) -> None:
        """Request the run; a repeated request continues it. Raises NotThis."""

    def look(self, run: BackfillRun) -> RunProgress | None:
        """Return the progress of the run; None when it was never requested."""


@dataclass(frozen=True)
class Clock:
    """A monotonic clock, and a function that sleeps."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class RunOutcome:
    """The known state of a requested run."""

    progress: RunProgress | None
    """None before the controller has reported any."""
    trouble: str | None = None
    """Why the run was refused, lacks requests or is not watched any longer."""
    not_asked: int = 0
    """Requests that an earlier run under the same key lacks."""

    @property
    def ended(self) -> bool:
        """Whether the backfill has stopped watching the run."""
        return self.trouble is not None or (self.progress is not None and self.progress.settled)

    @property
    def complete(self) -> bool:
        """Whether all units of the run succeeded and no step was skipped."""
        found = self.progress
        if self.trouble is not None or found is None or not found.settled or found.skipped:
            return False
        return all(unit.state is State.SUCCESS for unit in found.units)


@dataclass
class _UnderWay:
    run: BackfillRun
    progress: RunProgress
    since: float

    @property
    def load(self) -> int:
        """The most requests that the run may still have under way at once."""
        # The size of a fan-out is unknown here; the controller limits a LOW plan to this number.
        if self.run.fans_out_over:
            return MAX_LOW_IN_FLIGHT
        return self.run.requests - sum(unit.state.settled for unit in self.progress.units)


@dataclass
class Asking:
    """One backfill under way."""

    controller: RunSubmitter
    per_minute: float | None
    """Requests a minute; None for no limit."""
    clock: Clock = field(default_factory=Clock)
    report: Callable[[BackfillRun, RunOutcome], None] = lambda _run, _outcome: None
    """Called with each run that ends."""
    outcomes: dict[str, RunOutcome] = field(default_factory=dict)
    """Outcomes by the run's key; valid at any moment, also when the backfill is interrupted."""
    asked_before: set[str] = field(default_factory=set)
    """Keys of the runs that an earlier backfill requested; this backfill only watches them."""
    _open: dict[str, _UnderWay] = field(default_factory=dict)
    _next: float = 0.0
    _pause: float = _FIRST_LOOK

    def carry_out(self, runs: Sequence[BackfillRun]) -> Mapping[str, RunOutcome]:
        """Request runs and watch them until each has ended; runs that were requested before are only watched.

        Raises:
            NotNow: the controller does not answer after all retries.
        """
        for run in runs:
            progress = self._look(run)
            # Stalled: the controller stored the run but never published its requests; a repeated request under the key
            # continues it.
            if progress is None or progress.stalled:
                self._wait_for_room(run)
                self._ask(run, progress)
            else:
                self.asked_before.add(run.key)
                self._note(run, progress)
        while self._open:
            self._let_pass(self._pause)
        return self.outcomes

    def _wait_for_room(self, run: BackfillRun) -> None:
        size = MAX_LOW_IN_FLIGHT if run.fans_out_over else run.requests
        # A run that exceeds the limit starts alone, or it would never start.
        while (load := sum(item.load for item in self._open.values())) and load + size > MAX_LOW_IN_FLIGHT:
            self._let_pass(self._pause)
        while (left := self._next - self.clock.monotonic()) > 0:
            self._let_pass(min(self._pause, left))

    def _ask(self, run: BackfillRun, before: RunProgress | None) -> None:
        self._charge(run.requests)
        # Record the run before the call: an interrupted call may have reached the controller.
        self.outcomes[run.key] = RunOutcome(before)
        try:
            self._patiently(lambda: self.controller.ask(run))
        except NotThis as refused:
            self._end(run, RunOutcome(before, str(refused)))
            return
        if (progress := self._look(run)) is not None:
            self._note(run, progress)

    def _let_pass(self, seconds: float) -> None:
        """Sleep, then update the progress of the open runs."""
        self.clock.sleep(seconds)
        changed = [self._changed(item) for item in list(self._open.values())]
        self._pause = _FIRST_LOOK if any(changed) else min(self._pause * 2, _LONGEST_LOOK)

    def _changed(self, item: _UnderWay) -> bool:
        progress = self._look(item.run)
        if progress is not None and progress != item.progress:
            # A fan-out over a parent's output is larger than planned: charge the additional units once they are known.
            foreseen = max(item.run.requests, len(item.progress.units))
            self._charge(max(0, len(progress.units) - foreseen))
            self._note(item.run, progress)
            return True
        if self.clock.monotonic() - item.since > PATIENCE.total_seconds():
            self._end(item.run, RunOutcome(item.progress, f"no change within {PATIENCE}"))
        return False

    def _note(self, run: BackfillRun, progress: RunProgress) -> None:
        if progress.settled:
            # All units of the run are known only now. The key does not depend on the requested units, so an earlier run
            # under the same name may have requested fewer.
            missing = run.missing_from(progress)
            trouble = f"the run under this name lacks {pluralize(missing, 'request')}; give another --name"
            self._end(run, RunOutcome(progress, trouble if missing else None, missing))
        else:
            self.outcomes[run.key] = RunOutcome(progress)
            self._open[run.key] = _UnderWay(run, progress, self.clock.monotonic())

    def _end(self, run: BackfillRun, outcome: RunOutcome) -> None:
        self._open.pop(run.key, None)
        self.outcomes[run.key] = outcome
        self.report(run, outcome)

    def _charge(self, requests: int) -> None:
        if self.per_minute is not None:
            self._next = max(self._next, self.clock.monotonic()) + requests * 60 / self.per_minute

    def _look(self, run: BackfillRun) -> RunProgress | None:
        return self._patiently(lambda: self.controller.look(run))

    def _patiently(self, call: Callable[[], T]) -> T:
        for seconds in _RETRY_SECONDS:
            try:
                return call()
            except NotNow:
                self.clock.sleep(seconds)
        return call()
