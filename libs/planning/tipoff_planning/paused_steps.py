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

    def told(self, zone: ZoneInfo) -> str:
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
    if (whole := pauses.of_workflow(name, now)) is not None:
        return Unpaused(None, (whole,))
    paused = pauses.of_scrapers(outstanding.scrapers(workflow), now)
    if not paused:
        return Unpaused(outstanding)
    asked = outstanding.steps if outstanding.steps is not None else dict.fromkeys(workflow.plan)
    left_out: set[str] = set()
    # Parents first, so that an omission extends to grandchildren.
    for step in TopologicalSorter({key: it.parents for key, it in workflow.plan.items()}).static_order():
        blocked = any(parent in left_out for parent in workflow.plan[step].parents)
        if step in asked and (workflow.plan[step].scraper in paused or blocked):
            left_out.add(step)
    kept = {step: subjects for step, subjects in asked.items() if step not in left_out}
    return Unpaused(replace(outstanding, steps=kept) if kept else None, tuple(paused.values()))
