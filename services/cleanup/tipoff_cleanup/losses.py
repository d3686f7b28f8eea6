"""Pure rules that determine the lost files, and the next step for each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, auto


@dataclass(frozen=True)
class LoggedFile:
    """A file that a scrape wrote and announced, as the execution log has it; None for facts that its row lacks."""

    gcs_path: str
    scraper_name: str
    workflow: str | None
    game_date: date | None
    execution_id: str
    content_sha256: str | None
    landed_at: datetime


@dataclass(frozen=True)
class Overview:
    """The dataset at one instant."""

    files: int
    """Files that landed within the lookback."""
    waiting: int
    """Those of the files that have no receipt."""
    receipts: int
    """Paths with a receipt, with or without a known execution."""
    overtaken_before: datetime | None
    """The landing of the newest file with a receipt from after its landing, both older than the grace; None without
    such a file."""
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
    """How long a file may wait before the run reports Phase 2 as behind."""
    backoff: timedelta
    """The time from one announcement to the next; it doubles each time."""
    max_republishes: int
    storm_files: int
    """More lost files than this, and than `storm_share` of all, count as a fault of the comparison."""
    storm_share: float
    """A share of the files compared."""

    @property
    def patience(self) -> timedelta:
        """The time from the first republish of a file until it is given up, if a run comes at the end of each wait."""
        # Together with `lost_after` shorter than the lookback, or a file would leave it first; the settings check that.
        return sum(map(self.wait, range(1, self.max_republishes + 1)), timedelta(0))

    def wait(self, announcements: int) -> timedelta:
        """Return the wait after the given number of republishes."""
        doublings: int = 2 ** max(0, announcements - 1)
        return self.backoff * doublings


@dataclass(frozen=True)
class Attempts:
    """Past republishes of one file."""

    republishes: int = 0
    """The number of successful republishes."""
    announced: tuple[datetime, ...] = ()
    """The instants of these and of adoptions, oldest first."""
    given_up: bool = False
    next_number: int = 1
    """The number of the next announcement."""


class NextStep(Enum):
    """Next step for a lost file."""

    REPUBLISH = auto()
    WAIT = auto()  # the backoff since the last announcement is not over
    GIVE_UP = auto()  # republished as often as allowed, and the last wait is over
    NOTHING = auto()  # given up before


def overtaken(file: LoggedFile, overview: Overview) -> bool:
    """Return whether Phase 2 processed a file that landed later, longer ago than the grace."""
    return overview.overtaken_before is not None and file.landed_at < overview.overtaken_before


def lost(
    waiting: Iterable[LoggedFile], overview: Overview, now: datetime, rule: LossRule
) -> list[LoggedFile]:
    """Return the files that will not be processed unless republished, oldest first.

    A file is lost when it was overtaken, or after `lost_after`; before that Phase 2 is merely behind. Without any
    receipt there is nothing to compare with, and nothing is lost.
    """
    # Incidents 14 and 15: an earlier version republished every file when there were no receipts.
    if not overview.receipts:
        return []
    # Age counts too: on a quiet day there is no later file that could overtake.
    files = [file for file in waiting if overtaken(file, overview) or now - file.landed_at >= rule.lost_after]
    # By path where two landed together, so that the limit of the run's row always cuts the list at the same place.
    return sorted(files, key=lambda file: (file.landed_at, file.gcs_path))


def behind_since(
    waiting: Iterable[LoggedFile], overview: Overview, now: datetime, rule: LossRule
) -> datetime | None:
    """Return the landing of the oldest overdue file that no later file overtook; None when Phase 2 keeps up."""
    return min(
        (
            file.landed_at
            for file in waiting
            if not overtaken(file, overview) and now - file.landed_at >= rule.behind_after
        ),
        default=None,
    )


def is_storm(found: int, of: int, rule: LossRule) -> bool:
    """Return whether so many lost files are more likely a fault of the comparison (incidents 14 and 15)."""
    # Both limits: neither three of four files on a quiet day nor sixty of a thousand on a busy one are a storm.
    return found > rule.storm_files and found > rule.storm_share * of


def next_step(attempts: Attempts, now: datetime, rule: LossRule) -> NextStep:
    """Decide what to do about a lost file."""
    if attempts.given_up:
        return NextStep.NOTHING
    # An adoption is an announcement too, so that a file is not republished minutes after it.
    if attempts.announced and now - attempts.announced[-1] < rule.wait(attempts.republishes):
        return NextStep.WAIT
    # Give up only when the last wait is over: until then the receipt may come.
    return NextStep.GIVE_UP if attempts.republishes >= rule.max_republishes else NextStep.REPUBLISH
