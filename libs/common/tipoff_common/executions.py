"""The execution event that answers a request, whoever gives the answer."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import uuid4

from pydantic import JsonValue

from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.outcomes import EMPTY, Outcome


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
    """`opts` are the parameters that may be logged; none unless given."""
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
        data_summary=data_summary,
        triggered_at=triggered_at,
        completed_at=completed_at,
        duration_seconds=round((completed_at - triggered_at).total_seconds(), 3),
        source=request.source,
        environment=environment,
        triggered_by=request.triggered_by,
        retry_count=retry_count,
        run_id=str(uuid4()),
        opts=opts or {},
        fan_out_keys=fan_out_keys,
        config_hash=request.config_hash,
        event_time=request.event_time,
    )
