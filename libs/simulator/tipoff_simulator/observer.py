"""Observers of a simulation; they receive every event that a controller and a runner would have published."""

from datetime import datetime
from typing import Protocol

from tipoff_common.events import ScheduleLocked, ScrapeRequested, WorkflowDecided
from tipoff_simulator.sources import Answer


class Observer(Protocol):
    """Receives the events of a season in the order of their time, and cannot change the season."""

    def decided(self, event: WorkflowDecided) -> None:
        """Receive a decision about one workflow, even when it changed nothing."""

    def locked(self, event: ScheduleLocked) -> None:
        """Receive a day's schedule, or a change of it."""

    def executed(self, request: ScrapeRequested, answer: Answer, at: datetime) -> None:
        """Receive a source's answer to a request; `at` is the end of the execution."""


class Nobody:
    """An observer that ignores all events, for simulations that need only the log."""

    def decided(self, event: WorkflowDecided) -> None:
        """Ignore the decision."""

    def locked(self, event: ScheduleLocked) -> None:
        """Ignore the schedule."""

    def executed(self, request: ScrapeRequested, answer: Answer, at: datetime) -> None:
        """Ignore the execution."""
