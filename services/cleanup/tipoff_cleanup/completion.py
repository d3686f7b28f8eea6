"""Stage three of a cleanup run: the event with its observations and repairs. Pure.

It makes no alerts: the monitor derives them from the row (config/alerts.yaml).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from tipoff_cleanup.deps import Deps
from tipoff_cleanup.losses import LoggedFile
from tipoff_cleanup.observation import Observation
from tipoff_cleanup.repair import Repairs
from tipoff_cleanup.republication import GIVEN_UP, OBJECT_MISSING
from tipoff_common import RELEASE
from tipoff_common.events import CleanupCompleted, Finding, MissingFile
from tipoff_common.identity import event_id

MOST_LISTED, MOST_FINDINGS = 500, 200
"""Files and findings that one row lists, so that it fits in an event; its counts include the others."""


def build_completed(
    observation: Observation, repairs: Repairs, deps: Deps, seconds: float
) -> CleanupCompleted:
    """Build the run's event. seconds: how long the run took."""
    republished, adoptions = repairs.republished, repairs.adoptions
    # Files that only an operator can repair come first, as the list is cut at its end.
    findings = (*republished.findings, *(adoptions.findings if adoptions else ()), *observation.findings)
    return CleanupCompleted(
        # From the tick alone, so that two deliveries of a tick have the same id.
        cleanup_id=event_id("cleanup", deps.environment, observation.instants.tick.isoformat()),
        cleanup_time=observation.instants.now,
        # Zero also for a run that could not check; `errors` has the reason then.
        files_checked=observation.overview.files if observation.overview else 0,
        missing_files=tuple(
            _missing(file, observation.instants.now, file.gcs_path in republished.announced)
            for file in observation.missing[:MOST_LISTED]
        ),
        missing_files_found=len(observation.missing),
        republished_count=len(republished.announced),
        errors=(*observation.errors, *repairs.errors),
        duration_seconds=round(seconds, 3),
        pubsub_enabled=deps.pubsub_enabled,
        environment=deps.environment,
        objects_missing=_count(republished.findings, OBJECT_MISSING),
        adopted_count=adoptions.adopted if adoptions else 0,
        given_up_count=_count(republished.findings, GIVEN_UP),
        storm_guard=observation.storm or repairs.storm,
        phase2_behind=observation.behind_since is not None,
        behind_since=observation.behind_since,
        # None and not zero: a run that could not count must not resolve the alert about waiting files.
        waiting_count=observation.overview.waiting if observation.overview else None,
        # In the row, so that commands explain a file by the limits of the run and not by their own defaults.
        lost_after_hours=deps.rule.lost_after // timedelta(hours=1),
        max_republishes=deps.rule.max_republishes,
        findings=findings[:MOST_FINDINGS],
        service_version=RELEASE,
    )


def _count(findings: Iterable[Finding], kind: str) -> int:
    return sum(finding.kind == kind for finding in findings)


def _missing(file: LoggedFile, now: datetime, republished: bool) -> MissingFile:
    return MissingFile(
        scraper_name=file.scraper_name,
        gcs_path=file.gcs_path,
        triggered_at=file.landed_at,
        age_minutes=int((now - file.landed_at).total_seconds() // 60),
        republished=republished,
    )
