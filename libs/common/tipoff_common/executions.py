"""Factories of the events about an execution, shared by every service that publishes one."""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from uuid import uuid4

from pydantic import JsonValue, TypeAdapter, ValidationError

from tipoff_common import RELEASE
from tipoff_common.bounds import FanOutKeys, storable_object
from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import FileLanded, ScrapeExecuted, ScrapeRequested, Source
from tipoff_common.outcomes import EMPTY, Failed, FailureKind, Outcome
from tipoff_common.words import pluralize


def build_execution(
    request: ScrapeRequested,
    outcome: Outcome,
    *,
    environment: str,
    triggered_at: datetime,
    completed_at: datetime,
    data_summary: Mapping[str, JsonValue] = EMPTY,
    opts: Mapping[str, str] | None = None,
    retry_count: int = 0,
    fan_out_keys: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> ScrapeExecuted:
    """Build the execution event of `request`.

    data_summary: facts about the data; values that JSON cannot hold, such as infinity, become text.
    opts: the parameters that may be logged; none by default.
    """
    return ScrapeExecuted(
        execution_id=request.request_id,
        request_id=request.request_id,
        occurrence_id=request.occurrence_id,
        decision_id=request.decision_id,
        attempt=request.attempt,
        scraper_name=request.scraper,
        workflow=request.workflow,
        step=request.step,
        game_date=request.game_date,
        parameters=request.parameters,
        outcome=outcome,
        data_summary=storable_object(data_summary),
        triggered_at=triggered_at,
        completed_at=completed_at,
        # Derived from both instants and not measured, so that the three never contradict each other in a row.
        duration_seconds=round((completed_at - triggered_at).total_seconds(), 3),
        source=request.source,
        environment=environment,
        triggered_by=request.triggered_by,
        retry_count=retry_count,
        # A new one for each try: a request that was presumed dead and executed later has two rows.
        run_id=str(uuid4()),
        opts=opts or {},
        fan_out_keys=fan_out_keys,
        config_hash=request.config_hash,
        service_version=RELEASE,
        event_time=request.event_time,
    )


OFF = "off"
"""The value in `data_summary.slate` of a game that is not played, in place of its tip-off."""
PRESUMED = "presumed"
"""The key in data_summary of an execution that is only presumed; the views prefer any other execution."""


def set_aside_in(summary: Mapping[str, object]) -> tuple[int, str | None]:
    """Return how many items of the document could not be read, according to a `data_summary`, and the first reason."""
    return _counted_in(summary, "set_aside")


def contradictions_in(summary: Mapping[str, object]) -> tuple[int, str | None]:
    """Return how often the document contradicts itself or the calendar, by a `data_summary`, and the first sentence."""
    return _counted_in(summary, "contradictions")


def _counted_in(summary: Mapping[str, object], name: str) -> tuple[int, str | None]:
    stated = summary.get(name)
    # Any publisher may have written the summary, so its shape is not certain.
    if not isinstance(stated, Mapping) or not isinstance(count := stated.get("count"), int) or count <= 0:
        return 0, None
    examples = stated.get("examples")
    return count, str(examples[0]) if isinstance(examples, list) and examples else None


def describe_records(records: int, set_aside: int) -> str:
    """Format the counts of a success: "3 records, 2 set aside"."""
    return f"{pluralize(records, 'record')}{f', {set_aside} set aside' if set_aside else ''}"


def declared_parameters(request: ScrapeRequested, spec: ScraperSpec) -> dict[str, str]:
    """Return the request's parameters that scraper.yaml declares: only these may be stored and logged."""
    # Undeclared parameters of a caller are not validated, and may be secrets.
    return {name: value for name, value in request.parameters.items() if name in spec.parameters}


def build_presumed_failure(
    request: ScrapeRequested, why: str, *, opts: Mapping[str, str], environment: str, at: datetime
) -> ScrapeExecuted:
    """Build the execution of a request that is presumed dead, as `failed`/`timeout`.

    opts: the request's declared parameters, as the runner's execution would have them: the dataset matches a retry that
    succeeded with this attempt by them.

    If the request is executed after all, its execution is another event with another row.
    """
    return build_execution(
        request,
        Failed(kind=FailureKind.TIMEOUT, message=f"the request expired: {why}"),
        environment=environment,
        triggered_at=at,
        completed_at=at,
        opts=opts,
        data_summary={PRESUMED: True},
    )


_FAN_OUT: TypeAdapter[Mapping[str, tuple[str, ...]]] = TypeAdapter(FanOutKeys)


def fan_out_fault(keys: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the fault of values to fan out over, None when an execution event can hold them."""
    try:
        _FAN_OUT.validate_python(keys)
    except ValidationError as error:
        return str(error.errors()[0]["msg"])
    return None


def build_file_landed(
    *,
    gcs_path: str,
    scraper_name: str,
    workflow: str,
    game_date: date,
    execution_id: str,
    record_count: int,
    content_sha256: str,
    landed_at: datetime,
    event_time: datetime | None,
    recovered: bool = False,
    republish: int = 0,
    announced_at: datetime | None = None,
) -> FileLanded:
    """Build the announcement of a file of records.

    recovered: whether cleanup announces the file in place of its runner, or a person does at `announced_at`.
    republish: 0 for the first announcement, n for its n-th repetition.
    """
    return FileLanded(
        gcs_path=gcs_path,
        scraper_name=scraper_name,
        workflow=workflow,
        game_date=game_date,
        execution_id=execution_id,
        record_count=record_count,
        content_sha256=content_sha256,
        landed_at=landed_at,
        recovery=recovered,
        republish=republish,
        event_time=event_time,
        source=Source.MANUAL if announced_at else Source.RECOVERY if recovered else None,
        announced_at=announced_at,
    )
