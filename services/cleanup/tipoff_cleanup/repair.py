"""Stage two of a cleanup run: republish lost files and adopt orphans. All that a run publishes to Phase 2 is here."""

from dataclasses import dataclass, field
from datetime import datetime

from tipoff_cleanup.deps import Deps
from tipoff_cleanup.observation import Observation
from tipoff_cleanup.orphans import Adoptions, adopt_orphans
from tipoff_cleanup.republication import Republished, republish_lost


@dataclass(frozen=True)
class Repairs:
    """Files republished and orphans adopted by one run."""

    republished: Republished = field(default_factory=Republished)
    adoptions: Adoptions | None = None
    """None when nothing was looked for."""

    @property
    def errors(self) -> tuple[str, ...]:
        """Return why a part of the work ended early."""
        ended = (self.republished.error, self.adoptions and self.adoptions.error)
        return tuple(error for error in ended if error)

    @property
    def storm(self) -> bool:
        """Return whether too many files have no execution to believe it."""
        return self.adoptions is not None and self.adoptions.storm


def repair(observation: Observation, deps: Deps) -> Repairs:
    """Publish lost files again, then executions for orphans.

    Does nothing when the observation is incomplete, or when too many files look lost to believe it.
    Never raises.
    """
    if not observation.complete or observation.storm or observation.journal_from is None:
        return Repairs()
    instants = observation.instants
    republished = republish_lost(observation.missing, deps, instants)
    # What stopped this would stop the rest as well, and the row already has the reason.
    if republished.error:
        return Repairs(republished)
    # Younger objects are no orphans yet: their execution is on its way through Pub/Sub and the logger.
    until = instants.now - deps.rule.grace
    return Repairs(republished, adopt_orphans(observation.journal_from, until, deps, instants))


def journal_until(observation: Observation, repairs: Repairs) -> datetime | None:
    """Return where the next run begins to read the journal; None when this one does not know where it began itself."""
    return repairs.adoptions.journal_until if repairs.adoptions else observation.journal_from
