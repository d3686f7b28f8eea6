"""The asking: run after run at a pace, never more than a few requests under way, each watched until it is settled."""

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
"""How long a run may stand still. The controller answers for a request that died when its lease of at most 14 minutes
has passed, at the next evaluation, and asks for it again; each of that is a change."""
_FIRST_LOOK, _LONGEST_LOOK = 0.5, 5.0
"""Seconds between two looks at what is under way, ever longer while nothing changes."""
_OUTAGE = (1, 2, 4, 8, 15)
"""Seconds to wait for a controller that does not answer."""

T = TypeVar("T")


class NotNow(Exception):
    """The controller cannot be asked at the moment."""


class NotThis(Exception):
    """The controller refuses this run and may take others; the message says why."""


class RunSubmitter(Protocol):
    """The interface through which runs are requested. Both methods raise NotNow; any other error ends the backfill."""

    def ask(self, run: BackfillRun) -> None:
        """Ask for the run; asking again goes on with it. Raises NotThis."""

    def look(self, run: BackfillRun) -> RunProgress | None:
        """Return how far it has come, None when it was never asked for."""


@dataclass(frozen=True)
class Clock:
    """Seconds that pass, and a way to let them."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class RunOutcome:
    """The known state of a run that was asked for."""

    progress: RunProgress | None
    """None before it was heard of."""
    trouble: str | None = None
    """Why it is not what was asked for, or nothing more is awaited of it."""
    not_asked: int = 0
    """Requests that a run known under its key before does not make."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of the run."""
        return self.trouble is not None or (self.progress is not None and self.progress.settled)

    @property
    def complete(self) -> bool:
        """Whether everything that it asked for was found."""
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
        """The requests that it may still have under way at once."""
        # How many it has under way nobody knows from here; the controller lets a LOW plan have so many.
        if self.run.fans_out_over:
            return MAX_LOW_IN_FLIGHT
        return self.run.requests - sum(unit.state.settled for unit in self.progress.units)


@dataclass
class Asking:
    """One backfill under way."""

    controller: RunSubmitter
    per_minute: float | None
    """Requests a minute; None to ask as fast as they are answered."""
    clock: Clock = field(default_factory=Clock)
    report: Callable[[BackfillRun, RunOutcome], None] = lambda _run, _outcome: None
    """Called with each run that ends."""
    outcomes: dict[str, RunOutcome] = field(default_factory=dict)
    """By the run's key; right at any moment, also when the backfill is interrupted."""
    asked_before: set[str] = field(default_factory=set)
    """Keys of the runs that were asked for before this backfill and are only watched."""
    _open: dict[str, _UnderWay] = field(default_factory=dict)
    _next: float = 0.0
    _pause: float = _FIRST_LOOK

    def carry_out(self, runs: Sequence[BackfillRun]) -> Mapping[str, RunOutcome]:
        """Ask for runs and watch them until each has ended; those that were asked for before are only watched.

        Raises:
            NotNow: the controller stays away.
        """
        for run in runs:
            progress = self._look(run)
            # Stalled: it was written down and its requests never went out;
            # asking again under its key goes on.
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
        # A run that is larger than the bound goes alone, or it would never go.
        while (load := sum(item.load for item in self._open.values())) and load + size > MAX_LOW_IN_FLIGHT:
            self._let_pass(self._pause)
        while (left := self._next - self.clock.monotonic()) > 0:
            self._let_pass(min(self._pause, left))

    def _ask(self, run: BackfillRun, before: RunProgress | None) -> None:
        self._charge(run.requests)
        # Before the call: if it is interrupted now, the run may have been taken, and the list must say so.
        self.outcomes[run.key] = RunOutcome(before)
        try:
            self._patiently(lambda: self.controller.ask(run))
        except NotThis as refused:
            self._end(run, RunOutcome(before, str(refused)))
            return
        if (progress := self._look(run)) is not None:
            self._note(run, progress)

    def _let_pass(self, seconds: float) -> None:
        """Time, and then a look at what is under way."""
        self.clock.sleep(seconds)
        changed = [self._changed(item) for item in list(self._open.values())]
        self._pause = _FIRST_LOOK if any(changed) else min(self._pause * 2, _LONGEST_LOOK)

    def _changed(self, item: _UnderWay) -> bool:
        progress = self._look(item.run)
        if progress is not None and progress != item.progress:
            # A fan-out over a parent's output is larger than planned; what came on
            # top is charged when it is known.
            foreseen = max(item.run.requests, len(item.progress.units))
            self._charge(max(0, len(progress.units) - foreseen))
            self._note(item.run, progress)
            return True
        if self.clock.monotonic() - item.since > PATIENCE.total_seconds():
            self._end(item.run, RunOutcome(item.progress, f"nothing came of it within {PATIENCE}"))
        return False

    def _note(self, run: BackfillRun, progress: RunProgress) -> None:
        if progress.settled:
            # Only now are all of its units known. Its key does not tell what it asks for, so an earlier run under the
            # same name may have asked for less.
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
        for seconds in _OUTAGE:
            try:
                return call()
            except NotNow:
                self.clock.sleep(seconds)
        return call()
