"""The body of error responses, for the descriptions of routes."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field, JsonValue

_MEANINGS = {
    400: "the body cannot be read",
    401: "no token, or an invalid token",
    403: "the caller has no permission",
    404: "the name is unknown",
    408: "the body was sent too slowly",
    409: "the request conflicts with the stored state",
    413: "the body is too large",
    415: "the body is not sent as JSON",
    422: "the request is invalid; `detail` describes the faults",
    429: "too many calls; retry after `Retry-After` seconds",
    503: "a cloud service did not answer; nothing was lost; retry",
}


class Problem(BaseModel):
    """The body of an error."""

    detail: JsonValue = Field(description="the fault, for a person; a list for a body with several faults")
    remedy: str | None = Field(default=None, description="what to do about it")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route with these statuses."""
    return {
        status: {"model": Problem, "description": f"{HTTPStatus(status).phrase}: {_MEANINGS[status]}"}
        for status in statuses
    }
