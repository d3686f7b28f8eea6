"""The remaining steps of a workflow when some of its scrapers, or all of it, are paused. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from graphlib import TopologicalSorter
from zoneinfo import ZoneInfo

from tipoff_planning.outstanding import Outstanding
from tipoff_planning.pauses import Pause, Pauses
from tipoff_planning.workflows import Workflow


@dataclass(frozen=True)
class Unpaused:
    """Outstanding steps of an occurrence that may run, and the pauses that keep the others back."""

    outstanding: Outstanding | None
    """The steps that may be requested; None when none may."""
    pauses: tuple[Pause, ...] = ()
    """Those that keep something back."""

    def told(self, zone: ZoneInfo) -> str:
        """Name what is left out, for people."""
        return ", ".join(
            f"{it.name}, paused by {it.by} until {it.until.astimezone(zone):%Y-%m-%d %H:%M %Z}"
            for it in self.pauses
        )


def without_paused(
    outstanding: Outstanding, name: str, workflow: Workflow, pauses: Pauses, now: datetime
) -> Unpaused:
    """Leave out the steps whose scraper is paused, and those after them, as after a parent that found nothing.

    A step that is left out of a run is not made up for in that run: the next occurrence asks for it.
    """
    # First: the workflow's own pause says why nothing runs, whatever its scrapers' say.
    if (whole := pauses.of_workflow(name, now)) is not None:
        return Unpaused(None, (whole,))
    paused = pauses.of_scrapers(outstanding.scrapers(workflow), now)
    if not paused:
        return Unpaused(outstanding)
    asked = outstanding.steps if outstanding.steps is not None else dict.fromkeys(workflow.plan)
    left_out: set[str] = set()
    # Parents first, so that what is left out reaches grandchildren too.
    for step in TopologicalSorter({key: it.parents for key, it in workflow.plan.items()}).static_order():
        blocked = any(parent in left_out for parent in workflow.plan[step].parents)
        if step in asked and (workflow.plan[step].scraper in paused or blocked):
            left_out.add(step)
    kept = {step: subjects for step, subjects in asked.items() if step not in left_out}
    return Unpaused(replace(outstanding, steps=kept) if kept else None, tuple(paused.values()))
