"""The repair of jobs.query."""

from collections.abc import Mapping
from typing import Annotated, Any

import bqemulator.api.routes.jobs as job_routes
from bqemulator.api.dependencies import AppContext, get_caller, get_context
from bqemulator.domain.errors import DomainError, InvalidQueryError
from bqemulator.row_access.identity import CallerIdentity
from fastapi import Depends, Request

from gcp_emulators.bigquery.patches import replace_route

_PATH = "/projects/{project_id}/queries"
_REASONS: Mapping[str, type[DomainError]] = {
    error.bq_reason: error for error in job_routes._SQL_EXECUTION_DOMAIN_ERRORS
}

_answer = job_routes.query


def answer_failed_queries_with_errors() -> None:
    """Fault: the response to a failed query is 200 with no rows, so an unknown table reads as an empty one.

    As documented, the repaired response is an HTTP error with the failure's reason and message. Another fault:
    jobs.query ignores `defaultDataset`, while jobs.insert applies it.
    """
    replace_route(job_routes.router, _PATH, query)


async def query(
    project_id: str,
    request: Request,
    context: Annotated[AppContext, Depends(get_context)],
    caller: Annotated[CallerIdentity, Depends(get_caller)],
) -> dict[str, Any]:
    """Run a query and return its first rows: jobs.query."""
    body = await request.json()  # the request caches this object, so the emulator reads the changes
    body["query"] = job_routes._apply_default_dataset(
        body.get("query", ""), body, request_project_id=project_id
    )
    response: dict[str, Any] = await _answer(project_id, request, context, caller)
    for error in response.get("errors", ()):
        raise _REASONS.get(error["reason"], InvalidQueryError)(
            error["message"], location=error.get("location")
        )
    return response
