"""Diagnosis of a source from its last executions: pure, from rows to a verdict, its likely cause and commands."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median

from pydantic import BaseModel, Field

from tipoff_cli.times import zone_name
from tipoff_common.catalog import ScraperSpec
from tipoff_common.clock import business_date, fleet_zone
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.executions import contradictions_in, set_aside_in
from tipoff_common.outcomes import FailureKind, Status
from tipoff_common.reproduce import reparse_command, scrape_command
from tipoff_common.words import pluralize
from tipoff_dataset.queries import named

QUIET_AFTER = 6
"""Consecutive no_data runs that make a source quiet: more than a late publication usually causes."""
UNUSUAL = 0.5
"""Share of the usual volume by which an unusual volume differs at least."""
_ENOUGH = 4
"""Successes from which a usual volume is computed."""


class ScraperCondition(StrEnum):
    """Condition of a scraper."""

    HEALTHY = "healthy"  # the last run succeeded, with the usual fields and volume
    PARTIAL = "partial"  # the last run got a part; the rest was not published yet
    WAITING = "waiting"  # nothing published yet, which is usual
    QUIET = "quiet"  # no_data again and again: gone quiet, or moved
    FAILING = "failing"  # the last run failed
    LIMITED = "limited"  # the last run did not fail, and the paid allowance is low
    SUSPECT = "suspect"  # unusual fields, volume or unreadable items, or data that the source withdrew
    UNKNOWN = "unknown"  # no run in the log


class RecordVolume(BaseModel):
    """Records of the last success, the usual number (the median of earlier successes), and the allowed range."""

    last: int
    usual: float | None
    min: int
    max: int


class Diagnosis(BaseModel):
    """A verdict about a scraper, and the findings that led to it."""

    scraper: str
    verdict: ScraperCondition
    findings: tuple[str, ...] = Field(description="reasons for the verdict, one sentence each")
    likely_cause: str
    reproduce: tuple[str, ...] = Field(
        description="commands; if the payload could not be read, the command that parses it again comes first"
    )
    last_success: ExecutionRow | None
    volume: RecordVolume | None
    drift: Mapping[str, tuple[str, ...]] = Field(description="fields that the last success gained or lost")
    runs: tuple[ExecutionRow, ...]


_CAUSES: Mapping[str, str] = {
    FailureKind.TIMEOUT: "the source sends no complete answer in time: it is down or slow, or it delays clients of this"
    " network",
    FailureKind.HTTP: "see the message: 4xx means that the source does not serve this address or request, or no longer;"
    " 5xx or a broken-off answer is a fault of the source; without an answer, the source is down or this network is"
    " cut off",
    FailureKind.INTERNAL: "a fault of this fleet: a missing secret or setting, or code; see the message",
    FailureKind.BLOCKED: "the source refuses this client: a missing Referer or key, too high a rate, or this address",
    FailureKind.QUOTA: "the paid allowance is used up: wait until the source renews it, or buy more",
    FailureKind.SOURCE_CHANGED: "the document has another shape, place or volume; fix the parser, then parse the kept"
    " payload again",
    FailureKind.DECODE: "the payload is truncated or has another format; look at the kept payload",
}
_LOW_ALLOWANCE = "the paid allowance is low: request less often until the source renews it, or buy more"
_PARSERS = frozenset({FailureKind.SOURCE_CHANGED, FailureKind.DECODE})


def diagnose(spec: ScraperSpec, runs: Sequence[ExecutionRow], last_success: ExecutionRow | None) -> Diagnosis:
    """Return the verdict on a scraper: on its runs about the newest game date, then on those about earlier dates.

    runs: newest first, without those on developers' machines. last_success: the newest success, of any age.
    """
    drift = _drift(last_success)
    volume = _volume(spec, runs, last_success)
    # A backfill of old dates must not hide the result of the newest game date.
    by_game_date = sorted(runs, key=_age_of_data)
    verdict, cause = _verdict(spec, by_game_date, drift, volume)
    return Diagnosis(
        scraper=spec.name,
        verdict=verdict,
        findings=tuple(_findings(spec, by_game_date, last_success, drift, volume)),
        likely_cause=cause,
        reproduce=tuple(_reproduce(spec, by_game_date)),
        last_success=last_success,
        volume=volume,
        drift=drift,
        runs=tuple(runs),
    )


def _age_of_data(run: ExecutionRow) -> timedelta:
    """Return the age of a run's game date, counted back from the greatest date; a future date counts as the oldest."""
    # A workflow's own zone may be a day ahead of the fleet's.
    newest = business_date(run.triggered_at) + timedelta(days=1)
    return date.max - run.game_date if run.game_date and run.game_date <= newest else timedelta.max


def _verdict(
    spec: ScraperSpec,
    runs: Sequence[ExecutionRow],
    drift: Mapping[str, tuple[str, ...]],
    volume: RecordVolume | None,
) -> tuple[ScraperCondition, str]:
    if not runs:
        return ScraperCondition.UNKNOWN, "it was not requested: look at its workflow with `tipoff explain`"
    newest = runs[0]
    if newest.status == Status.FAILED:
        kind = newest.error_type or FailureKind.INTERNAL
        # A pause that the source requests has the same kind, as requests stop in both cases, but needs no purchase.
        if kind == FailureKind.QUOTA and newest.paused_until is not None:
            return (
                ScraperCondition.FAILING,
                f"the source requested a pause until {_when(newest.paused_until)}; requests resume after"
                " that; if pauses are frequent, lower rate_limit",
            )
        return ScraperCondition.FAILING, _CAUSES.get(
            kind, f"{kind}: unknown to this version; see the message"
        )
    if newest.status == Status.NO_DATA:
        if (found := _found_before(runs)) is not None:
            at = _when(found.triggered_at)
            return (
                ScraperCondition.SUSPECT,
                f"the source withdrew the data found for {found.game_date} at {at}; look at its page",
            )
        if _streak(runs, Status.NO_DATA) >= QUIET_AFTER:
            alike = "a block, a move and a late publication may look alike"
            return (
                ScraperCondition.QUIET,
                f"every recent run found no data ({spec.not_published}); {alike}: look at the source",
            )
        if _is_low(newest):
            return ScraperCondition.LIMITED, _LOW_ALLOWANCE
        return ScraperCondition.WAITING, "nothing is published yet"
    if _lost_share(newest) > _max_set_aside():
        return (
            ScraperCondition.SUSPECT,
            f"{_set_aside(newest)}; their format changed: fix the parser, then parse the kept payload again",
        )
    if contradicted := _contradicted(newest):
        return (
            ScraperCondition.SUSPECT,
            f"{contradicted}; compare the kept payload with the source: either the source is wrong, or the parser",
        )
    if _is_low(newest):
        return ScraperCondition.LIMITED, _LOW_ALLOWANCE
    if any(drift.values()):
        return ScraperCondition.SUSPECT, "the source is changing its fields; no required field is gone yet"
    if volume is not None and _is_unusual(volume):
        return (
            ScraperCondition.SUSPECT,
            "it has far more or far fewer records than usual: a part may be missing",
        )
    if _missing(newest):
        return ScraperCondition.PARTIAL, "the rest was not published yet"
    return ScraperCondition.HEALTHY, ""


def _findings(
    spec: ScraperSpec,
    runs: Sequence[ExecutionRow],
    last_success: ExecutionRow | None,
    drift: Mapping[str, tuple[str, ...]],
    volume: RecordVolume | None,
) -> Iterator[str]:
    if runs and (streak := _streak(runs, runs[0].status)):
        times = f"{streak} times in a row" if streak > 1 else "once"
        yield f"{runs[0].status} {times}, last at {_when(runs[0].triggered_at)}{_about(runs[0])}{_why(runs[0])}"
    if runs and (host := runs[0].data_summary.get("via_fake")):
        yield f"the last run read the fake of {host}; with `tipoff up --live {host}` it reads the source"
    if last_success is None:
        yield "no success in the log"
    else:
        yield f"last success at {_when(last_success.triggered_at)} for {last_success.game_date}"
    if volume is not None:
        usual = f", usually {volume.usual:g}" if volume.usual is not None else ""
        yield f"{pluralize(volume.last, 'record')}{usual}; {spec.assertions.min} to {spec.assertions.max} are accepted"
    for kind, fields in drift.items():
        if fields:
            yield f"drift, {kind.replace('_', ' ')}: {', '.join(fields)}"
    if runs and (missing := _missing(runs[0])):
        yield f"missing in the last document: {', '.join(missing)}"
    if runs and (set_aside := _set_aside(runs[0])):
        yield set_aside
    if runs and (contradicted := _contradicted(runs[0])):
        yield contradicted
    if runs and (retries := sum(run.retry_count or 0 for run in runs)):
        yield f"transport retries: {retries} in {pluralize(len(runs), 'run')}"
    if runs and (quota := _quota(runs[0])):
        yield f"quota: {quota.get('used')} used, {quota.get('remaining')} left"


def _reproduce(spec: ScraperSpec, runs: Sequence[ExecutionRow]) -> Iterator[str]:
    newest = runs[0] if runs else None
    if newest is None:
        yield scrape_command(spec)
        return
    unread = newest.error_type in _PARSERS or _lost_share(newest) > _max_set_aside()
    if unread and newest.data_summary.get("raw_path"):
        yield reparse_command(spec, str(newest.game_date))
    yield scrape_command(spec, newest.opts)


def _drift(run: ExecutionRow | None) -> Mapping[str, tuple[str, ...]]:
    found = run.drift if run else None
    return {name: tuple(map(str, fields)) for name, fields in (found or {}).items()}


def _volume(
    spec: ScraperSpec, runs: Sequence[ExecutionRow], last_success: ExecutionRow | None
) -> RecordVolume | None:
    if last_success is None:
        return None
    before = [
        run.records or 0
        for run in runs
        if run.status == Status.SUCCESS and run.execution_id != last_success.execution_id
    ]
    usual = median(before) if len(before) >= _ENOUGH else None
    return RecordVolume(
        last=last_success.records or 0, usual=usual, min=spec.assertions.min, max=spec.assertions.max
    )


def _is_unusual(volume: RecordVolume) -> bool:
    return volume.usual is not None and abs(volume.last - volume.usual) > UNUSUAL * volume.usual


def _missing(run: ExecutionRow) -> tuple[str, ...]:
    missing = (run.completeness or {}).get("missing")
    return tuple(map(str, missing)) if isinstance(missing, list) else ()


def _lost_share(run: ExecutionRow) -> float:
    """Return the share of the items that a success could not read."""
    count, _ = set_aside_in(run.data_summary)
    return count / (count + (run.records or 0)) if count and run.status == Status.SUCCESS else 0.0


def _max_set_aside() -> float:
    """Return the share of a document's items that may be set aside, as the alert has it: single odd items are usual."""
    (limit,) = (it for it in named("alert_items_set_aside").parameters if it.name == "threshold_pct")
    return float(limit.default or 0) / 100


def _set_aside(run: ExecutionRow) -> str:
    """Return how many items a run could not read, with an example; empty when the run read all items."""
    count, example = set_aside_in(run.data_summary)
    summary = f"{count} of {count + (run.records or 0)} items set aside"
    return f"{summary}{f', e.g. {example}' if example else ''}" if count else ""


def _contradicted(run: ExecutionRow) -> str:
    """Return the number of contradictions in a run's document with an example; an empty text without any."""
    count, example = contradictions_in(run.data_summary)
    return f"{pluralize(count, 'contradiction')}{f', e.g. {example}' if example else ''}" if count else ""


def _quota(run: ExecutionRow) -> Mapping[str, object]:
    """Return the paid allowance that a run recorded; empty without one."""
    quota = run.data_summary.get("quota")
    return quota if isinstance(quota, Mapping) else {}


def _is_low(run: ExecutionRow) -> bool:
    """Return whether a run recorded a low paid allowance, by the rule of `tipoff sick`."""
    return _quota(run).get("warning") is True


def _found_before(runs: Sequence[ExecutionRow]) -> ExecutionRow | None:
    """Return the newest success of the same request as the newest run: the same date and parameters."""
    # The hour must be equal, too: an hourly document may be published for one hour and not for the next.
    request = (runs[0].game_date, runs[0].opts)
    found = (run for run in runs if run.status == Status.SUCCESS and (run.game_date, run.opts) == request)
    return next(found, None)


def _streak(runs: Sequence[ExecutionRow], status: str) -> int:
    return next((count for count, run in enumerate(runs) if run.status != status), len(runs))


def _about(run: ExecutionRow) -> str:
    return f" for {run.game_date}" if run.game_date else ""


def _why(run: ExecutionRow) -> str:
    if run.status == Status.FAILED:
        return f": {run.error_type}, {run.error_message}"
    reason = run.data_summary.get("reason")
    return f": {reason}" if run.status == Status.NO_DATA and reason else ""


def _when(moment: datetime) -> str:
    return f"{moment.astimezone(fleet_zone()):%Y-%m-%d %H:%M} {zone_name()}"
