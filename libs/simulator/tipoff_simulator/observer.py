"""Observers of a season under way; they receive every event as a controller and a runner would have published it."""

from datetime import datetime
from typing import Protocol

from tipoff_common.events import ScheduleLocked, ScrapeRequested, WorkflowDecided
from tipoff_simulator.sources import Answer


class Observer(Protocol):
    """Receives the events of a season in the order of its time. Nothing that it does changes the season."""

    def decided(self, event: WorkflowDecided) -> None:
        """Take in a decision about one workflow, also one that changed nothing."""

    def locked(self, event: ScheduleLocked) -> None:
        """Take in a day's schedule, or a change of it."""

    def executed(self, request: ScrapeRequested, answer: Answer, at: datetime) -> None:
        """Take in what a source answered to a request; `at` is when the execution ended."""


class Nobody:
    """Looks away: a simulation of whole seasons is asked for its log alone."""

    def decided(self, event: WorkflowDecided) -> None:
        """Ignore the decision."""

    def locked(self, event: ScheduleLocked) -> None:
        """Ignore the schedule."""

    def executed(self, request: ScrapeRequested, answer: Answer, at: datetime) -> None:
        """Ignore the execution."""
