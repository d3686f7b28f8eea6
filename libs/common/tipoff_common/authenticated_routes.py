"""Routes for people and Cloud Scheduler: authenticate the caller, limit the rate, and only then read the body."""

import math
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive

from tipoff_common.auth import Authentication, Caller
from tipoff_common.problems import problems
from tipoff_common.telemetry import begin_hop

BODY_LIMIT = 64 * 1024

IdempotencyKey = Annotated[
    str | None,
    Header(max_length=200, description="requests with the same key start one run"),
]


class CallLimit:
    """A token bucket for each caller: `per_minute` calls a minute, and as many in a burst. Each process counts its own
    calls."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[float, float]] = {}

    def take(self, caller: Caller) -> float:
        """Take a token from the caller's bucket; return 0, or the seconds until one is free."""
        with self._lock:
            now = self._clock()
            tokens, since = self._tokens.get(caller.email, (self._per_minute, now))
            tokens = min(self._per_minute, tokens + (now - since) * self._per_minute / 60)
            is_granted = tokens >= 1
            self._tokens[caller.email] = (tokens - 1 if is_granted else tokens, now)
            return 0.0 if is_granted else (1 - tokens) * 60 / self._per_minute


def authenticated_router(authentication: Authentication, limit: CallLimit) -> APIRouter:
    """Build a router whose routes answer 401, 403, 429 and 413 before the request is parsed.

    FastAPI reads and parses a body before it calls any dependency, hence a route class and no dependency.
    """

    class AuthenticatedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def authenticate_then_handle(request: Request) -> Response:
                caller = await run_in_threadpool(authentication.person, request)
                if wait := limit.take(caller):
                    raise HTTPException(
                        429,
                        f"too many calls of {caller.email}; retry in {math.ceil(wait)} s",
                        {"Retry-After": str(math.ceil(wait))},
                    )
                request.state.caller = caller
                # Each request is one trace: the caller's own if it sends a traceparent.
                begin_hop(request.scope, self.path_format, request.headers.get("traceparent"))
                return await handle(Request(request.scope, _bounded(request.receive)))

            return authenticate_then_handle

    return APIRouter(
        route_class=AuthenticatedRoute, responses=problems(400, 401, 403, 413, 415, 422, 429, 503)
    )


def current_caller(request: Request) -> Caller:
    """Return the caller of an authenticated route; a FastAPI dependency."""
    caller: Caller = request.state.caller
    return caller


def _bounded(receive: Receive) -> Receive:
    """Limit the body by the bytes received, as Content-Length may be wrong."""
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > BODY_LIMIT:
            raise HTTPException(413, f"the body is over {BODY_LIMIT} bytes, the limit of a manual request")
        return message

    return bounded
