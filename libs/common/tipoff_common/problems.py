"""The body of error responses, for the descriptions of routes."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field, JsonValue

_MEANINGS = {
    400: "the body cannot be read",
    401: "no token, or one that is not valid",
    403: "a caller who may not",
    404: "there is nothing of that name",
    408: "the body came too slowly",
    409: "it contradicts what is there",
    413: "the body is too large",
    415: "the body is not sent as JSON",
    422: "the request cannot be understood; `detail` says what is wrong with it",
    429: "too many calls; `Retry-After` says when to ask again",
    503: "a part of the cloud did not answer; nothing was lost, ask again",
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
