"""Stage two of a cleanup run: republish lost files and adopt orphans. It alone publishes to Phase 2."""

from dataclasses import dataclass, field
from datetime import datetime

from tipoff_cleanup.deps import Deps
from tipoff_cleanup.observation import Observation
from tipoff_cleanup.orphans import Adoptions, adopt_orphans
from tipoff_cleanup.republication import RepublicationResult, republish_lost


@dataclass(frozen=True)
class Repairs:
    """Files republished and orphans adopted by one run."""

    republished: RepublicationResult = field(default_factory=RepublicationResult)
    adoptions: Adoptions | None = None
    """None when the run did not search for orphans."""

    @property
    def errors(self) -> tuple[str, ...]:
        """Return the reasons why a part of the work ended early."""
        ended = (self.republished.error, self.adoptions and self.adoptions.error)
        return tuple(error for error in ended if error)

    @property
    def storm(self) -> bool:
        """Return whether implausibly many files have no execution."""
        return self.adoptions is not None and self.adoptions.storm


def repair(observation: Observation, deps: Deps) -> Repairs:
    """Republish lost files, then publish executions for orphans.

    Does nothing when the observation is incomplete, or when implausibly many files look lost. Never raises.
    """
    if not observation.complete or observation.storm or observation.journal_from is None:
        return Repairs()
    instants = observation.instants
    republished = republish_lost(observation.missing, deps, instants)
    # The same fault would stop the adoptions as well, and the row already has its reason.
    if republished.error:
        return Repairs(republished)
    # Younger files are no orphans yet: their execution may be on its way through Pub/Sub and the logger.
    until = instants.now - deps.rule.grace
    return Repairs(republished, adopt_orphans(observation.journal_from, until, deps, instants))


def journal_until(observation: Observation, repairs: Repairs) -> datetime | None:
    """Return the instant from which the next run reads the journal; None when this run could not read its own."""
    return repairs.adoptions.journal_until if repairs.adoptions else observation.journal_from
