"""Settings of the cleanup service."""

from datetime import timedelta

from pydantic import Field, model_validator

from tipoff_cleanup.losses import LossRule
from tipoff_common.settings import ServiceSettings

_CADENCE = timedelta(minutes=15)
"""The interval of the tick `cleanup` in infra/ticks.yaml."""


class CleanupSettings(ServiceSettings):
    """Settings of cleanup beyond those of every service."""

    scrapers: str = Field(
        default="services/scraper-runner/scrapers",
        description="folder or importable package of <source>/<name>/scraper.yaml",
    )
    lookback_hours: int = Field(
        default=24, ge=1, le=24 * 7, description="how far back landed files are compared"
    )
    lost_after_hours: int = Field(
        default=6, ge=1, le=24 * 7, description="without a receipt for this long, a file is lost"
    )
    grace_minutes: int = Field(
        default=30,
        ge=10,
        le=360,
        description="how late rows may be: only receipts older than this show that earlier files are lost, and only "
        "older files without an execution are orphans; longer than a scrape, which lasts at most nine minutes",
    )
    behind_after_minutes: int = Field(
        default=60,
        ge=1,
        le=7 * 24 * 60,
        description="minutes that a file may wait for Phase 2 before the row states phase2_behind",
    )
    max_republishes: int = Field(default=3, ge=1, le=10, description="times one file is republished")
    backoff_minutes: int = Field(
        default=30,
        ge=1,
        le=7 * 24 * 60,
        description="from one announcement of a file to the next; doubles each time",
    )
    storm_files: int = Field(
        default=50,
        ge=1,
        le=1_000_000,
        description="more lost files than this, and than storm_share, stop all repairs",
    )
    storm_share: float = Field(
        default=0.25, gt=0, le=1, description="share of the files compared; see storm_files"
    )
    pubsub_enabled: bool = Field(default=True, description="false: a dry run that republishes nothing")

    @property
    def lookback(self) -> timedelta:
        """How far back landed files are compared with receipts."""
        return timedelta(hours=self.lookback_hours)

    @property
    def rule(self) -> LossRule:
        """The limits by which files count as lost."""
        return LossRule(
            lost_after=timedelta(hours=self.lost_after_hours),
            grace=timedelta(minutes=self.grace_minutes),
            behind_after=timedelta(minutes=self.behind_after_minutes),
            backoff=timedelta(minutes=self.backoff_minutes),
            max_republishes=self.max_republishes,
            storm_files=self.storm_files,
            storm_share=self.storm_share,
        )

    @model_validator(mode="after")
    def _files_are_seen_to_their_end(self) -> "CleanupSettings":
        # A run takes each step up to a cadence after it is due, and one run may be missing.
        late = (self.max_republishes + 2) * _CADENCE
        needed = self.rule.lost_after + self.rule.patience + late
        if self.lookback < needed:
            raise ValueError(
                f"TIPOFF_LOOKBACK_HOURS is {self.lookback_hours}, but a file that is lost after"
                f" {self.lost_after_hours} h may be given up only {needed} after it landed; raise it, or lower"
                " TIPOFF_LOST_AFTER_HOURS, TIPOFF_MAX_REPUBLISHES or TIPOFF_BACKOFF_MINUTES"
            )
        return self
