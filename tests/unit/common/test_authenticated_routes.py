"""Tests of the checks before a manual request: caller, rate and size of the body."""

import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.support.pushes import AUTHORIZED, client, local_settings
from tipoff_common.auth import DEVELOPER, Authentication, Caller
from tipoff_common.authenticated_routes import BODY_LIMIT, CallLimit, authenticated_router, current_caller

WRONG = {"Authorization": "Bearer wrong"}


class Body(BaseModel):
    word: str


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Service:
    """Routes with a call limit, and the callers that passed."""

    per_minute: int = 100
    """Calls per caller."""
    clock: Clock = field(default_factory=Clock)
    called: list[str] = field(default_factory=list)
    """Callers that reached the handler."""

    def app(self) -> FastAPI:
        app = FastAPI()
        router = authenticated_router(
            Authentication(local_settings()), CallLimit(self.per_minute, self.clock)
        )

        @router.post("/things/{number}")
        def make(number: int, body: Body, caller: Annotated[Caller, Depends(current_caller)]) -> str:
            self.called.append(caller.email)
            return f"{number} {body.word}"

        app.include_router(router)
        return app


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    with client(service.app()) as http:
        yield http


def test_authorized_caller_reaches_handler_with_identity(http: httpx.Client, service: Service) -> None:
    answer = http.post("/things/7", json={"word": "a"}, headers=AUTHORIZED)
    assert (answer.status_code, answer.json()) == (200, "7 a")
    assert service.called == [DEVELOPER]


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (WRONG, 403)])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/things/7", b'{"word": "a"}'),
        ("/things/7", b"no JSON"),
        ("/things/7", b"{}"),
        ("/things/seven", b'{"word": "a"}'),
        ("/things/7", b"x" * (BODY_LIMIT + 1)),
    ],
    ids=["sound", "no JSON", "no word", "no number", "too large"],
)
def test_unauthorized_request_is_refused_before_validation(
    http: httpx.Client, service: Service, path: str, body: bytes, headers: Mapping[str, str], status: int
) -> None:
    assert http.post(path, content=body, headers=headers).status_code == status
    assert service.called == []


@dataclass
class Sent:
    """A request without Content-Length, part by part."""

    parts: int
    headers: Mapping[str, str]
    read: int = 0
    """Number of parts that the application read."""
    status: int = 0

    def to(self, app: FastAPI) -> "Sent":
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/things/7",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in self.headers.items()],
        }
        asyncio.run(app(scope, self._receive, self._send))
        return self

    async def _receive(self) -> dict[str, Any]:
        self.read += 1
        return {"type": "http.request", "body": b"x" * 1024, "more_body": self.read < self.parts}

    async def _send(self, message: Mapping[str, Any]) -> None:
        self.status = message.get("status", self.status)


def test_unauthorized_body_is_not_read(service: Service) -> None:
    sent = Sent(parts=3, headers=WRONG).to(service.app())
    assert (sent.status, sent.read) == (403, 0)


def test_a_body_over_the_limit_is_413_and_not_read_to_its_end(service: Service) -> None:
    """The body is counted while it arrives, as a chunked body has no Content-Length."""
    sent = Sent(parts=100_000, headers=AUTHORIZED).to(service.app())
    assert (sent.status, sent.read) == (413, BODY_LIMIT // 1024 + 1)
    assert service.called == []


def test_a_body_at_the_limit_is_read(http: httpx.Client) -> None:
    body = b'{"word": "%s"}' % (b"x" * (BODY_LIMIT - len(b'{"word": ""}')))
    assert len(body) == BODY_LIMIT
    headers = {**AUTHORIZED, "Content-Type": "application/json"}
    assert http.post("/things/7", content=body, headers=headers).status_code == 200


def test_rate_limited_caller_gets_429_with_retry_after() -> None:
    service = Service(per_minute=2)
    with client(service.app()) as http:
        answers = [http.post("/things/7", json={"word": "a"}, headers=AUTHORIZED) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].headers["Retry-After"] == "30"
        assert DEVELOPER in answers[-1].json()["detail"]
        service.clock.now += 30
        assert http.post("/things/7", json={"word": "a"}, headers=AUTHORIZED).status_code == 200


def test_unauthorized_calls_do_not_count_against_rate_limit() -> None:
    with client(Service(per_minute=1).app()) as http:
        for _ in range(3):
            assert http.post("/things/7", json={"word": "a"}, headers=WRONG).status_code == 403
        assert http.post("/things/7", json={"word": "a"}, headers=AUTHORIZED).status_code == 200


def test_rate_limit_is_per_caller() -> None:
    limit = CallLimit(1, Clock())
    assert [limit.take(Caller(name)) for name in ("ann", "ben", "ann")] == [0, 0, 60]


@given(
    per_minute=st.integers(1, 600),
    pauses=st.lists(st.floats(0, 90, allow_nan=False), min_size=1, max_size=60),
)
def test_any_minute_admits_at_most_twice_the_rate(per_minute: int, pauses: list[float]) -> None:
    clock = Clock()
    limit = CallLimit(per_minute, clock)
    let_in: list[float] = []
    for pause in pauses:
        clock.now += pause
        if not limit.take(Caller("ann")):
            let_in.append(clock.now)
    for start in let_in:
        within = [at for at in let_in if start <= at <= start + 60]
        assert len(within) <= 2 * per_minute


@given(per_minute=st.integers(1, 6000), calls=st.integers(1, 50))
def test_caller_is_admitted_after_the_returned_wait(per_minute: int, calls: int) -> None:
    clock = Clock()
    limit = CallLimit(per_minute, clock)
    for _ in range(calls):
        if wait := limit.take(Caller("ann")):
            clock.now += math.ceil(wait)
            assert limit.take(Caller("ann")) == 0
