"""Outstanding parts of a search: the scrapers, games and teams of an occurrence that are not found yet.

A workflow is complete when each of its scrapers is, for each game; partial success closes nothing but its own part.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from tipoff_planning.history import History, subject_of
from tipoff_planning.occurrences import Occurrence
from tipoff_planning.plans import fan_out_of, own_parameters
from tipoff_planning.schedules import Discovery, PerGame, Until, tolerance
from tipoff_planning.workflows import Configuration, Step, Workflow


@dataclass(frozen=True)
class Outstanding:
    """The part of a workflow that a search has not found yet."""

    steps: Mapping[str, frozenset[str] | None] | None = None
    """The steps still to be asked for, each with its subjects, None for all; None: the whole workflow."""
    found: bool = False
    """Nothing is left to be found."""
    missing: tuple[str, ...] = ()
    """Games or teams that the newest successes lack, where the search goes on until they are complete."""
    first_found: datetime | None = None
    """The instant at which the whole was first complete."""
    last_found: datetime | None = None

    def refresh_due(self, occurrence: Occurrence, workflow: Workflow) -> bool:
        """Return whether it was found long enough ago to look for a later version."""
        schedule = workflow.schedule
        if (
            not isinstance(schedule, Discovery)
            or schedule.refresh_after_found is None
            or self.last_found is None
        ):
            return False
        # Measured from slot to slot: what was asked for at 12:00 is found some seconds later, and an hour after that
        # the slot of 13:00 would be past.
        step = tolerance(schedule)
        slots = -((self.last_found - occurrence.expected) // step)
        return slots * step >= schedule.refresh_after_found

    def scrapers(self, workflow: Workflow) -> list[str]:
        """Return names of the scrapers outstanding, each once, for people."""
        names = self.steps if self.steps is not None else workflow.plan
        return list(dict.fromkeys(workflow.plan[name].scraper for name in names))


def find_outstanding(occurrence: Occurrence, configuration: Configuration, history: History) -> Outstanding:
    """Return what is not found yet for kinds that search until found; for the others everything."""
    # The other kinds want a new version each time, so what was found before does not count.
    if not isinstance(configuration.workflows[occurrence.workflow].schedule, Discovery | PerGame):
        return Outstanding()
    return find_unfound(occurrence, configuration, history)


def find_unfound(occurrence: Occurrence, configuration: Configuration, history: History) -> Outstanding:
    """Return what was not found, whatever the kind; steps that fan out over a parent's output are left out."""
    workflow = configuration.workflows[occurrence.workflow]
    schedule = workflow.schedule
    complete = isinstance(schedule, Discovery) and schedule.until is Until.COMPLETE
    missing: dict[str, frozenset[str]] = {}
    first: list[datetime] = []
    last: list[datetime] = []
    lacking: dict[str, None] = {}
    for name, step in workflow.plan.items():
        absent = set()
        # A document about the whole day should list each game. One about a single game or team cannot be told short.
        games = len(occurrence.games) if step.fan_out_parameter is None else 0
        for value, subject in subjects_of(step, occurrence, configuration):
            known = (step.scraper, occurrence.game_date, subject)
            instants = history.found(*known, complete_for=games if complete else None)
            if instants is None:  # never found, or not complete where that is asked for
                absent.add(value)
                # In a dict for its order: the same document must give the same sentence.
                lacking.update(dict.fromkeys(history.lacking(*known, games)))
            else:
                first.append(instants[0])
                last.append(instants[1])
        if absent:
            missing[name] = frozenset(absent)
    # The latest of the firsts: the whole was complete when its last part was.
    if not missing:
        return Outstanding(
            found=True, first_found=max(first, default=None), last_found=max(last, default=None)
        )
    # Where any success ends the search, what it lacks keeps nothing open and is no reason to give.
    return Outstanding(missing, missing=tuple(lacking) if complete else ())


def subjects_of(
    step: Step, occurrence: Occurrence, configuration: Configuration
) -> Iterator[tuple[str, str]]:
    """Yield each value that the step fans out over with the subject under which its result is known."""
    own, names = own_parameters(step, occurrence, configuration), configuration.subject_parameters
    if step.fan_out_parameter is None:
        subject = subject_of(own, names)
        yield subject, subject
        return
    # An output of a parent is no tuple: its values are not known before it ran.
    values = fan_out_of(step, occurrence)
    for value in values if isinstance(values, tuple) else ():
        yield value, subject_of({**own, step.fan_out_parameter: value}, names)
