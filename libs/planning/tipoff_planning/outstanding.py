"""Outstanding parts of a search: the scrapers, games and teams of an occurrence that are not found yet.

A workflow is complete when each scraper is complete for each game; a partial success closes only its own part.
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
    """The steps still to request, each with its subjects (None: all of them); None for the whole workflow."""
    found: bool = False
    """Whether nothing is left to find."""
    missing: tuple[str, ...] = ()
    """Games or teams that the newest successes lack; only for a search that continues until complete."""
    first_found: datetime | None = None
    """The instant at which the workflow was first complete."""
    last_found: datetime | None = None

    def refresh_due(self, occurrence: Occurrence, workflow: Workflow) -> bool:
        """Return whether the last find is old enough to look for a later version."""
        schedule = workflow.schedule
        if (
            not isinstance(schedule, Discovery)
            or schedule.refresh_after_found is None
            or self.last_found is None
        ):
            return False
        # Measured from slot to slot: the slot of 12:00 finds its document some seconds later, and at 13:00 the find
        # would not be an hour old yet.
        step = tolerance(schedule)
        slots = -((self.last_found - occurrence.expected) // step)
        return slots * step >= schedule.refresh_after_found

    def scrapers(self, workflow: Workflow) -> list[str]:
        """Return the names of the outstanding scrapers, each once, for sentences."""
        names = self.steps if self.steps is not None else workflow.plan
        return list(dict.fromkeys(workflow.plan[name].scraper for name in names))


def find_outstanding(occurrence: Occurrence, configuration: Configuration, history: History) -> Outstanding:
    """Return the parts not found yet for kinds that search until found; the whole workflow for other kinds."""
    # The other kinds want a new version each time, so earlier finds do not count.
    if not isinstance(configuration.workflows[occurrence.workflow].schedule, Discovery | PerGame):
        return Outstanding()
    return find_unfound(occurrence, configuration, history)


def find_unfound(occurrence: Occurrence, configuration: Configuration, history: History) -> Outstanding:
    """Return the parts not found yet, for any kind; steps that fan out over a parent's output are left out."""
    workflow = configuration.workflows[occurrence.workflow]
    schedule = workflow.schedule
    complete = isinstance(schedule, Discovery) and schedule.until is Until.COMPLETE
    missing: dict[str, frozenset[str]] = {}
    first: list[datetime] = []
    last: list[datetime] = []
    lacking: dict[str, None] = {}
    for name, step in workflow.plan.items():
        absent = set()
        # A document about the whole day should list each game; for a single game or team there is no such count.
        games = len(occurrence.games) if step.fan_out_parameter is None else 0
        for value, subject in subjects_of(step, occurrence, configuration):
            unit_key = (step.scraper, occurrence.game_date, subject)
            instants = history.found(*unit_key, complete_for=games if complete else None)
            if instants is None:  # never found, or incomplete where the search requires completeness
                absent.add(value)
                # A dict keeps the order: the same document must give the same sentence.
                lacking.update(dict.fromkeys(history.lacking(*unit_key, games)))
            else:
                first.append(instants[0])
                last.append(instants[1])
        if absent:
            missing[name] = frozenset(absent)
    # The latest of the firsts: the workflow was complete when its last part was.
    if not missing:
        return Outstanding(
            found=True, first_found=max(first, default=None), last_found=max(last, default=None)
        )
    # Where any success ends the search, its missing games keep nothing open and are not reported.
    return Outstanding(missing, missing=tuple(lacking) if complete else ())


def subjects_of(
    step: Step, occurrence: Occurrence, configuration: Configuration
) -> Iterator[tuple[str, str]]:
    """Yield each fan-out value of the step with the subject under which the history stores its result."""
    own, names = own_parameters(step, occurrence, configuration), configuration.subject_parameters
    if step.fan_out_parameter is None:
        subject = subject_of(own, names)
        yield subject, subject
        return
    # A parent's output is not a tuple: its values are unknown until the parent has run.
    values = fan_out_of(step, occurrence)
    for value in values if isinstance(values, tuple) else ():
        yield value, subject_of({**own, step.fan_out_parameter: value}, names)
