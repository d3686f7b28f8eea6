"""Stage three of a cleanup run: its row and its alerts, from what was seen and done. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tipoff_cleanup import alerts
from tipoff_cleanup.alerts import Condition
from tipoff_cleanup.deps import Deps
from tipoff_cleanup.losses import Landed
from tipoff_cleanup.memory import OpenAlert
from tipoff_cleanup.observation import Observation
from tipoff_cleanup.repair import Repairs
from tipoff_common.events import AlertChanged, AlertLevel, CleanupCompleted, MissingFile
from tipoff_common.identity import event_id
from tipoff_common.words import pluralize

MOST_LISTED, MOST_FINDINGS = 500, 200
"""Files and findings that one row lists, so that it fits in an event; the counts beside them are whole."""


@dataclass(frozen=True)
class Judgement:
    """What a run comes to."""

    completed: CleanupCompleted
    raised: tuple[AlertChanged, ...]
    over: tuple[OpenAlert, ...]
    """Alerts whose condition holds no more."""


def judge(seen: Observation, repairs: Repairs, deps: Deps, seconds: float) -> Judgement:
    """Write the run's row, and compare what is wrong now with the alerts that are open.

    seconds: how long the run took. An incomplete observation raises and ends no alert.
    """
    completed = _completed(seen, repairs, deps, seconds)
    if not seen.complete:
        return Judgement(completed, (), ())
    conditions = list(_conditions(seen, repairs, deps))
    healed = seen.received | repairs.republished.announced
    return Judgement(
        completed,
        tuple(alerts.raised(conditions, seen.open_alerts, deps.environment, seen.instants.now)),
        tuple(alerts.over(conditions, seen.open_alerts, healed)),
    )


def _conditions(seen: Observation, repairs: Repairs, deps: Deps) -> Iterator[Condition]:
    now, overview, republished = seen.instants.now, seen.overview, repairs.republished
    if seen.behind_since is not None and overview is not None:
        minutes = (now - seen.behind_since) // timedelta(minutes=1)
        waiting, lost, announced = overview.waiting, len(seen.missing), len(republished.announced)
        of_these = f", {lost} of them lost and {announced} of those republished" if lost else ""
        yield Condition(
            alerts.PHASE2_BEHIND,
            alerts.SYSTEM,
            seen.behind_since,
            AlertLevel.WARNING,
            f"Phase 2 is behind: {pluralize(waiting, 'file')} without a receipt{of_these}; the oldest that nothing"
            f" later overtook waits for {pluralize(minutes, 'minute')}.",
            float(minutes),
            {"files": waiting, "lost": lost, "announced": announced},
        )
    if (seen.storm or repairs.storm) and overview is not None:
        since = min((file.landed_at for file in seen.missing), default=seen.instants.tick)
        yield Condition(
            alerts.STORM_GUARD,
            alerts.SYSTEM,
            since,
            AlertLevel.CRITICAL,
            f"Nothing is republished or adopted: {len(seen.missing)} of {overview.files} files look lost"
            f"{', and too many objects have no execution' if repairs.storm else ''}, which is hard to believe.",
            float(len(seen.missing)),
            {"files": overview.files, "missing": len(seen.missing)},
        )
    for path, since in republished.given_up.items():
        summary = (
            f"{path} has no receipt after {deps.rule.max_republishes} republishes; it is announced no more."
        )
        yield Condition(alerts.GIVEN_UP, path, since, AlertLevel.WARNING, summary)
    for file, fault in republished.unusable.items():
        if alerts.nameable(file.gcs_path):
            summary = f"{file.gcs_path} has no receipt and cannot be announced again: {fault}."
            rule = alerts.UNUSABLE[fault.kind]
            yield Condition(rule, file.gcs_path, file.landed_at, AlertLevel.WARNING, summary)


def _completed(seen: Observation, repairs: Repairs, deps: Deps, seconds: float) -> CleanupCompleted:
    republished, adoptions = repairs.republished, repairs.adoptions
    findings = (*seen.findings, *republished.findings, *(adoptions.findings if adoptions else ()))
    return CleanupCompleted(
        cleanup_id=event_id("cleanup", deps.environment, seen.instants.tick.isoformat()),
        cleanup_time=seen.instants.now,
        files_checked=seen.overview.files if seen.overview else 0,
        missing_files=tuple(
            _missing(file, seen.instants.now, file.gcs_path in republished.announced)
            for file in seen.missing[:MOST_LISTED]
        ),
        missing_files_found=len(seen.missing),
        republished_count=len(republished.announced),
        errors=(*seen.errors, *repairs.errors),
        duration_seconds=round(seconds, 3),
        pubsub_enabled=deps.pubsub_enabled,
        environment=deps.environment,
        objects_missing=sum(fault.kind == "object_missing" for fault in republished.unusable.values()),
        adopted_count=adoptions.adopted if adoptions else 0,
        given_up_count=len(republished.given_up),
        storm_guard=seen.storm or repairs.storm,
        phase2_behind=seen.behind_since is not None,
        lost_after_hours=deps.rule.lost_after // timedelta(hours=1),
        max_republishes=deps.rule.max_republishes,
        findings=findings[:MOST_FINDINGS],
    )


def _missing(file: Landed, now: datetime, republished: bool) -> MissingFile:
    return MissingFile(
        scraper_name=file.scraper_name,
        gcs_path=file.gcs_path,
        triggered_at=file.landed_at,
        age_minutes=int((now - file.landed_at).total_seconds() // 60),
        republished=republished,
    )
