"""The remaining steps of a workflow while the workflow or some of its scrapers are paused. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from graphlib import TopologicalSorter
from zoneinfo import ZoneInfo

from tipoff_planning.outstanding import Outstanding
from tipoff_planning.pauses import Pause, Pauses
from tipoff_planning.workflows import Workflow


@dataclass(frozen=True)
class Unpaused:
    """Outstanding steps of an occurrence that may run, and the pauses that hold the others back."""

    outstanding: Outstanding | None
    """The steps that may be requested; None without any."""
    pauses: tuple[Pause, ...] = ()
    """The pauses that hold steps back."""

    def describe(self, zone: ZoneInfo) -> str:
        """Name the paused scrapers with their pauses, for a decision's sentence."""
        return ", ".join(
            f"{it.name}, paused by {it.by} until {it.until.astimezone(zone):%Y-%m-%d %H:%M %Z}"
            for it in self.pauses
        )


def without_paused(
    outstanding: Outstanding, name: str, workflow: Workflow, pauses: Pauses, now: datetime
) -> Unpaused:
    """Leave out the steps whose scraper is paused and their descendants, as after a parent that found nothing.

    A step left out of a run is not requested later in that run: the next occurrence requests it.
    """
    # First: a pause of the whole workflow outranks the pauses of its scrapers as the reason.
    if (workflow_pause := pauses.of_workflow(name, now)) is not None:
        return Unpaused(None, (workflow_pause,))
    paused = pauses.of_scrapers(outstanding.scrapers(workflow), now)
    if not paused:
        return Unpaused(outstanding)
    steps = outstanding.steps if outstanding.steps is not None else dict.fromkeys(workflow.plan)
    omitted: set[str] = set()
    # Parents first, so that an omission extends to grandchildren.
    for step in TopologicalSorter({key: it.parents for key, it in workflow.plan.items()}).static_order():
        blocked = any(parent in omitted for parent in workflow.plan[step].parents)
        if step in steps and (workflow.plan[step].scraper in paused or blocked):
            omitted.add(step)
    remaining = {step: subjects for step, subjects in steps.items() if step not in omitted}
    return Unpaused(replace(outstanding, steps=remaining) if remaining else None, tuple(paused.values()))
