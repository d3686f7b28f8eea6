"""The simulated season that the console shows: the result of `tipoff simulate`, stored until the next one is sent."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_planning.frozen import Frozen

# As many as fit side by side on one screen; the JSON allows larger comparisons.
MOST_CONFIGURATIONS = 4
ShortText = Annotated[str, Field(max_length=500)]


# Any authenticated caller may send a season, and it is stored as one object, so every part has a bound. Unknown fields
# of a newer command are dropped instead of refused, and the page shows the rest.
class SeasonDelay(Frozen):
    """Minutes from the publication to the success."""

    median: float
    p95: float


class SeasonLoss(Frozen):
    """Data that was never obtained."""

    game_date: date
    subject: ShortText
    reason: ShortText


class SeasonWorkflow(Frozen):
    """Results of one workflow over a simulated season."""

    occurrences: int = Field(description="expected runs")
    statuses: Mapping[ShortText, int] = Field(description="expected runs by final status", max_length=20)
    attempts: int
    no_data: int = Field(description="attempts that found nothing published yet")
    failed: int
    found: int
    empty: int = Field(description="targets without data to find")
    missed: tuple[SeasonLoss, ...] = Field(
        description="targets that were never obtained, with the reason", max_length=20_000
    )
    delay: SeasonDelay | None = Field(description="null for data that is always available")


class SeasonSource(Frozen):
    """Requests to one source."""

    requests: int
    most_in_an_hour: int


class SimulatedSeason(Frozen):
    """A season under one configuration."""

    first: date
    last: date
    games: int
    world: ShortText = Field(description="how the sources behaved")
    seed: int
    config_hash: ShortText
    workflows: Mapping[ShortText, SeasonWorkflow] = Field(max_length=500)
    sources: Mapping[ShortText, SeasonSource] = Field(max_length=500)

    @property
    def missed(self) -> int:
        """Number of targets that were never obtained."""
        return sum(len(item.missed) for item in self.workflows.values())

    def total(self, name: str) -> int:
        """Return the sum of one number over the workflows."""
        return sum(getattr(item, name) for item in self.workflows.values())

    def with_status(self, status: str) -> int:
        """Return how many expected runs have this final status."""
        return sum(item.statuses.get(status, 0) for item in self.workflows.values())


class Simulation(Frozen):
    """The output of `tipoff simulate --json`: seasons by the workflows file of each."""

    configurations: Mapping[ShortText, SimulatedSeason] = Field(min_length=1, max_length=MOST_CONFIGURATIONS)


class StoredSimulation(Simulation):
    """A simulation with its sender and the time."""

    sent_at: Instant
    sent_by: str
