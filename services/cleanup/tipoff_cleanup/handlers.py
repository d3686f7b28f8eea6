"""One cleanup run a tick, always with one true row."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tipoff_cleanup import alerts
from tipoff_cleanup.alerts import Condition
from tipoff_cleanup.deps import Deps, Instants, Report
from tipoff_cleanup.losses import Landed, Overview, behind_since, is_storm, lost
from tipoff_cleanup.memory import Run
from tipoff_cleanup.orphans import Looked, adopt_orphans
from tipoff_cleanup.republishing import Republished, republish_lost
from tipoff_common.clock import floor_to
from tipoff_common.events import AlertChanged, AlertLevel, CleanupCompleted, Event, MissingFile, TickFired
from tipoff_common.identity import event_id
from tipoff_common.ports import Unavailable
from tipoff_common.words import pluralize

log = logging.getLogger(__name__)

ACCEPTED: frozenset[type[Event]] = frozenset({TickFired})
NO_RECEIPTS = "no receipts to compare with; nothing is republished"
MOST_LISTED, MOST_FINDINGS = 500, 200
"""What one row lists, so that it fits in an event."""


def run_cleanup(event: TickFired, published_at: datetime, deps: Deps, now: datetime) -> None:
    """Raises Unavailable when the run could not be written down or published; it is delivered again."""
    instants = Instants(
        tick=floor_to(event.event_time or published_at, event.cadence_minutes),
        now=event.event_time or now,
        event_time=event.event_time,
    )
    run = deps.memory.run(instants.tick)
    if run is None:
        run = deps.memory.remember_run(instants.tick, _clean_up(instants, deps))
    deps.publisher.publish([run.completed, *run.alerts])
    for alert in run.alerts:
        deps.memory.remember_alert(alert)


@dataclass
class _Work:
    """A run as far as it came; its row is made of this."""

    report: Report = field(default_factory=Report)
    overview: Overview | None = None
    waiting: Sequence[Landed] = ()
    missing: Sequence[Landed] = ()
    republished: Republished = field(default_factory=Republished)
    looked: Looked = field(default_factory=Looked)
    storm: bool = False
    behind: datetime | None = None
    alerts: list[AlertChanged] = field(default_factory=list)


def _clean_up(instants: Instants, deps: Deps) -> Run:
    """Whatever happens, it happened: a run that failed is a row with its errors."""
    started = time.monotonic()
    work = _Work()
    try:
        _heal(work, instants, deps)
    except Unavailable as error:
        work.report.errors.append(str(error))
    except Exception as error:  # one thing that nobody foresaw must not keep the row from being written
        log.error("cleanup raised an unforeseen error", exc_info=error)
        work.report.errors.append(f"{type(error).__name__}: {error}")
    completed = _completed(work, instants, deps, time.monotonic() - started)
    return Run(completed=completed, alerts=tuple(work.alerts), written_until=work.looked.until)


def _heal(work: _Work, instants: Instants, deps: Deps) -> None:
    earlier = list(_earlier_runs(instants, deps))
    last = deps.memory.run(earlier[0]) if earlier else None
    since = work.looked.until = (last and last.written_until) or instants.now - deps.lookback
    work.overview, work.waiting = deps.dataset.files(instants.now, deps.lookback, deps.rule.grace)
    if unseen := _unseen_run(earlier, work.overview, instants, deps):
        work.report.errors.append(
            f"the dataset is behind: the cleanup row of {unseen:%Y-%m-%d %H:%M} UTC is not in it, so others may be"
            " missing; nothing is judged by it"
        )
        return
    open_alerts = deps.memory.open_alerts(instants.now)
    candidates = lost(work.waiting, work.overview, instants.now, deps.rule)
    of_files = [alert.about for alert in open_alerts if alert.rule in alerts.PER_FILE]
    paths = sorted({file.gcs_path for file in candidates} | {*of_files})
    received = deps.dataset.received(paths, instants.now)
    work.missing = [file for file in candidates if file.gcs_path not in received]
    work.waiting, work.overview = _still_waiting(work.waiting, work.overview, instants, deps)
    work.behind = behind_since(work.waiting, work.overview, instants.now, deps.rule)
    work.storm = is_storm(len(work.missing), work.overview.files, deps.rule) and is_storm(
        _not_given_up(work.missing, deps), work.overview.files, deps.rule
    )
    for path, at in deps.dataset.unknown_receipts(instants.now, deps.lookback, deps.rule.grace).items():
        work.report.found("receipt_unknown_file", path, f"processed at {at}, and no execution wrote it")
    if not work.overview.receipts and _is_overdue(work.waiting, instants.now, deps):
        work.report.errors.append(NO_RECEIPTS)
    if not work.storm:
        republish_lost(work.missing, deps, instants, work.republished, work.report)
        adopt_orphans(since, instants.now - deps.rule.grace, deps, instants, work.looked, work.report)
        work.storm = work.looked.storm
    conditions = list(_conditions(work, instants, deps))
    work.alerts += alerts.raised(conditions, open_alerts, deps.environment, instants.now)
    healed = received | work.republished.announced
    for alert in alerts.over(conditions, open_alerts, healed):
        if fired := deps.memory.alert(alert):
            work.alerts.append(alerts.resolved(fired, instants.now))


def _earlier_runs(instants: Instants, deps: Deps) -> Iterator[datetime]:
    """The ticks of the runs before this one, newest first, as far as one whose row should be in the dataset by now."""
    for tick in deps.memory.ticks_before(instants.tick):
        yield tick
        if tick <= instants.now - deps.rule.grace:
            return


def _unseen_run(
    earlier: Sequence[datetime], overview: Overview, instants: Instants, deps: Deps
) -> datetime | None:
    """The newest run whose row should be in the dataset by now, if it is not. Cleanup's own rows tell how far the
    dataset is behind, as nothing but the logger is between them and it."""
    told = (
        tick for tick in earlier if instants.now - deps.lookback <= tick <= instants.now - deps.rule.grace
    )
    due, seen = next(told, None), overview.last_cleanup
    return due if due is not None and (seen is None or seen < due) else None


def _still_waiting(
    waiting: Sequence[Landed], overview: Overview, instants: Instants, deps: Deps
) -> tuple[Sequence[Landed], Overview]:
    """A file that landed again within the lookback may have been processed before it, so receipts are asked for when
    Phase 2 looks behind."""
    if behind_since(waiting, overview, instants.now, deps.rule) is None:
        return waiting, overview
    received = deps.dataset.received([file.gcs_path for file in waiting], instants.now)
    still = [file for file in waiting if file.gcs_path not in received]
    return still, replace(overview, waiting=overview.waiting - len(waiting) + len(still))


def _not_given_up(missing: Sequence[Landed], deps: Deps) -> int:
    """How many files are missing that are not known for it: those given up say nothing of today."""
    attempts = deps.memory.attempts(file.gcs_path for file in missing)
    return sum(not item.given_up for item in attempts.values())


def _is_overdue(waiting: Sequence[Landed], now: datetime, deps: Deps) -> bool:
    return any(now - file.landed_at >= deps.rule.lost_after for file in waiting)


def _conditions(work: _Work, instants: Instants, deps: Deps) -> Iterator[Condition]:
    if work.behind is not None and work.overview is not None:
        minutes = (instants.now - work.behind) // timedelta(minutes=1)
        waiting, lost, announced = work.overview.waiting, len(work.missing), len(work.republished.announced)
        of_these = f", {lost} of them lost and {announced} of those announced again" if lost else ""
        yield Condition(
            alerts.PHASE2_BEHIND,
            alerts.SYSTEM,
            work.behind,
            AlertLevel.WARNING,
            f"Phase 2 is behind: {pluralize(waiting, 'file')} without a receipt{of_these}; the oldest that nothing"
            f" later overtook waits for {pluralize(minutes, 'minute')}.",
            float(minutes),
            {"files": waiting, "lost": lost, "announced": announced},
        )
    if work.storm and work.overview is not None:
        since = min((file.landed_at for file in work.missing), default=instants.tick)
        yield Condition(
            alerts.STORM_GUARD,
            alerts.SYSTEM,
            since,
            AlertLevel.CRITICAL,
            f"Nothing is republished or adopted: {len(work.missing)} of {work.overview.files} files look lost"
            f"{', and too many objects have no execution' if work.looked.storm else ''}, which is hard to believe.",
            float(len(work.missing)),
            {"files": work.overview.files, "missing": len(work.missing)},
        )
    for path, since in work.republished.given_up.items():
        summary = (
            f"{path} has no receipt after {deps.rule.max_republishes} republishes; it is announced no more."
        )
        yield Condition(alerts.GIVEN_UP, path, since, AlertLevel.WARNING, summary)
    for file, fault in work.republished.unusable.items():
        if alerts.nameable(file.gcs_path):
            summary = f"{file.gcs_path} has no receipt and cannot be announced again: {fault}."
            rule = alerts.UNUSABLE[fault.kind]
            yield Condition(rule, file.gcs_path, file.landed_at, AlertLevel.WARNING, summary)


def _completed(work: _Work, instants: Instants, deps: Deps, seconds: float) -> CleanupCompleted:
    announced = work.republished.announced
    return CleanupCompleted(
        cleanup_id=event_id("cleanup", deps.environment, instants.tick.isoformat()),
        cleanup_time=instants.now,
        files_checked=work.overview.files if work.overview else 0,
        missing_files=tuple(
            _missing(file, instants.now, file.gcs_path in announced) for file in work.missing[:MOST_LISTED]
        ),
        missing_files_found=len(work.missing),
        republished_count=len(announced),
        errors=tuple(work.report.errors),
        duration_seconds=round(seconds, 3),
        pubsub_enabled=deps.pubsub_enabled,
        environment=deps.environment,
        objects_missing=sum(fault.kind == "object_missing" for fault in work.republished.unusable.values()),
        adopted_count=work.looked.adopted,
        given_up_count=len(work.republished.given_up),
        storm_guard=work.storm,
        phase2_behind=work.behind is not None,
        findings=tuple(work.report.findings[:MOST_FINDINGS]),
    )


def _missing(file: Landed, now: datetime, republished: bool) -> MissingFile:
    return MissingFile(
        scraper_name=file.scraper_name,
        gcs_path=file.gcs_path,
        triggered_at=file.landed_at,
        age_minutes=int((now - file.landed_at).total_seconds() // 60),
        republished=republished,
    )
