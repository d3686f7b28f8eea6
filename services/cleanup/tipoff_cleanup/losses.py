"""Rules that tell which landed files are lost, and the next step for each: pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, auto


@dataclass(frozen=True)
class Landed:
    """A file that a scrape wrote and announced, as the log has it. None stands for what its row does not say."""

    gcs_path: str
    scraper_name: str
    workflow: str | None
    game_date: date | None
    execution_id: str
    record_count: int | None
    content_sha256: str | None
    landed_at: datetime


@dataclass(frozen=True)
class Overview:
    """The dataset at one instant."""

    files: int
    """How many landed within the lookback."""
    waiting: int
    """How many of them have no receipt."""
    receipts: int
    """How many paths have one, whoever wrote the file."""
    overtaken_before: datetime | None
    """When the newest of the files landed that has a receipt from after its landing, older than the grace; None without
    any."""
    last_cleanup: datetime | None
    """The newest cleanup row before this run."""


@dataclass(frozen=True)
class LossRule:
    """Thresholds for losses and for their republishing."""

    lost_after: timedelta
    """Without a receipt for this long, a file is lost."""
    grace: timedelta
    """How late rows may be; a receipt younger than this proves nothing about earlier files."""
    behind_after: timedelta
    """How long a file may wait for Phase 2 before somebody is told."""
    backoff: timedelta
    """The time from one announcement to the next; it doubles each time."""
    max_republishes: int
    storm_files: int
    """More lost files than this, and than `storm_share` of all, are not believed."""
    storm_share: float
    """A share of the files compared."""

    @property
    def patience(self) -> timedelta:
        """From the first republish of a file to its being given up, where a run comes whenever a wait is over."""
        # `lookback` has to be longer, or a file would leave it before it is
        # given up; the settings check that.
        return sum(map(self.wait, range(1, self.max_republishes + 1)), timedelta(0))

    def wait(self, announcements: int) -> timedelta:
        """Return how long a file that was republished so often is left alone."""
        doublings: int = 2 ** max(0, announcements - 1)
        return self.backoff * doublings


@dataclass(frozen=True)
class Attempts:
    """Past republishes of one file."""

    republishes: int = 0
    """How many announcements were taken."""
    announced: tuple[datetime, ...] = ()
    """The instant of each, and of its adoption, oldest first."""
    given_up: bool = False
    next_number: int = 1
    """The number of the next announcement."""


class NextStep(Enum):
    """Next step for a lost file."""

    REPUBLISH = auto()
    WAIT = auto()  # it was republished a while ago
    GIVE_UP = auto()  # as often as allowed, and the last wait is over
    NOTHING = auto()  # it is given up


def overtaken(file: Landed, overview: Overview) -> bool:
    """Return whether a file that landed later was processed since, longer ago than the grace."""
    return overview.overtaken_before is not None and file.landed_at < overview.overtaken_before


def lost(waiting: Iterable[Landed], overview: Overview, now: datetime, rule: LossRule) -> list[Landed]:
    """Return the files that will not be processed unless republished, oldest first.

    A file is lost when it was overtaken, or after `lost_after`; before that Phase 2 is merely behind. Without any
    receipt there is nothing to compare with, and nothing is lost.
    """
    # Incidents 14 and 15: no receipts once meant "republish everything". Here it means that nothing is known.
    if not overview.receipts:
        return []
    # Age alone is the second way: on a quiet day no later file comes that could overtake.
    files = [file for file in waiting if overtaken(file, overview) or now - file.landed_at >= rule.lost_after]
    # Oldest first, and by path where two landed together: the limits of a run cut the
    # list at the same place each time.
    return sorted(files, key=lambda file: (file.landed_at, file.gcs_path))


def behind_since(
    waiting: Iterable[Landed], overview: Overview, now: datetime, rule: LossRule
) -> datetime | None:
    """Return when the oldest overdue file landed that no later file overtook; None when Phase 2 keeps up."""
    return min(
        (
            file.landed_at
            for file in waiting
            if not overtaken(file, overview) and now - file.landed_at >= rule.behind_after
        ),
        default=None,
    )


def is_storm(found: int, of: int, rule: LossRule) -> bool:
    """Return whether so many are more likely a fault of the comparison than of each file (incidents 14 and 15)."""
    # Both: neither three of four files on a quiet day nor sixty of a thousand on a busy one are a storm.
    return found > rule.storm_files and found > rule.storm_share * of


def next_step(attempts: Attempts, now: datetime, rule: LossRule) -> NextStep:
    """Decide what to do about a lost file."""
    if attempts.given_up:
        return NextStep.NOTHING
    # An adoption counts as an announcement too, so a file is not republished minutes after it was adopted.
    if attempts.announced and now - attempts.announced[-1] < rule.wait(attempts.republishes):
        return NextStep.WAIT
    # Given up only when the last wait is over: until then its receipt may come.
    return NextStep.GIVE_UP if attempts.republishes >= rule.max_republishes else NextStep.REPUBLISH
