"""Tests of the runner's routes."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from tests.support.pushes import AUTHORIZED, REPOSITORY, client, local_settings, pushed
from tests.support.samples import NOON, executed, requested
from tests.unit.runner.bench import Bench
from tipoff_common.auth import DEVELOPER, Authentication
from tipoff_common.authenticated_routes import CallLimit, authenticated_router
from tipoff_common.binding import Envelope
from tipoff_common.events import Event, MessageRejected, ScrapeExecuted
from tipoff_common.publisher import Publisher
from tipoff_common.push import PushEndpoint
from tipoff_common.topics import load_topics
from tipoff_common.web import create_app
from tipoff_scraper_runner.app import routes
from tipoff_scraper_runner.bootstrap import Wiring
from tipoff_scraper_runner.handlers import ACCEPTED

DAY = {"game_date": "2025-01-15"}
Post = Callable[..., httpx.Response]


@pytest.fixture
def post(bench: Bench) -> Post:
    """Return a function that posts to the service; `scheduler` is the account of Cloud Scheduler."""
    authentication = Authentication(local_settings())
    endpoint = PushEndpoint(
        service="scraper-runner",
        environment="local",
        event_time=False,
        accepted=ACCEPTED,
        authentication=authentication,
        topics=load_topics(REPOSITORY / "infra/topics.yaml"),
        publisher=Publisher("scraper-runner", bench.bus),
        state=bench.state,
    )

    def post(path: str, scheduler: str | None = None, **request: Any) -> httpx.Response:
        app = create_app(
            service="scraper-runner", description="Fetches.", environment="local", config_hash="c", checks={}
        )
        manual_routes = authenticated_router(authentication, CallLimit(100))
        with client(routes(Wiring(app, endpoint, manual_routes, scheduler, bench.deps()))) as http:
            return http.post(path, **{"headers": AUTHORIZED, **request})

    return post


def push(event: Event) -> Mapping[str, Any]:
    return {"content": pushed(Envelope(event, event.id, "/tipoff/test", NOON))}


def test_a_request_is_run_and_then_acknowledged(post: Post, bench: Bench) -> None:
    assert post("/events", **push(requested())).status_code == 204
    assert [event.execution_id for event in bench.bus.of(ScrapeExecuted)] == ["request-1"]


def test_request_is_redelivered_during_bucket_outage(post: Post, bench: Bench) -> None:
    bench.state.down = True
    assert post("/events", **push(requested())).status_code == 503


def test_unhandled_event_is_recorded_and_acknowledged(post: Post, bench: Bench) -> None:
    assert post("/events", **push(executed())).status_code == 204
    assert [event.reason for event in bench.bus.of(MessageRejected)] == ["unknown_type"]


@pytest.mark.parametrize(("scheduler", "source"), [(None, "CLOUD_RUN"), (DEVELOPER, "SCHEDULER")])
def test_execution_source_depends_on_the_caller(
    post: Post, bench: Bench, scheduler: str | None, source: str
) -> None:
    answer = post("/scrapers/lines/executions", scheduler, json=DAY)
    assert answer.status_code == 200
    (event,) = bench.bus.of(ScrapeExecuted)
    assert answer.json() == event.model_dump(mode="json")
    assert (event.source, event.triggered_by, event.workflow) == (source, DEVELOPER, "MANUAL")


def test_the_same_idempotency_key_does_not_fetch_again(post: Post, bench: Bench) -> None:
    headers = {**AUTHORIZED, "Idempotency-Key": "k1"}
    first, again = (post("/scrapers/lines/executions", json=DAY, headers=headers).json() for _ in range(2))
    assert first == again
    assert len(bench.requested_urls) == 1


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "message"),
    [
        ("/scrapers/rows/executions", DAY, AUTHORIZED, 404, "there are lines"),
        ("/scrapers/lines/executions", {}, AUTHORIZED, 422, "game_date"),
        (
            "/scrapers/lines/executions",
            {**DAY, "parameters": {"x": "1"}},
            AUTHORIZED,
            422,
            "known: game_date",
        ),
        ("/scrapers/lines/executions", {**DAY, "source": "CONTROLLER"}, AUTHORIZED, 422, "source"),
        ("/scrapers/lines/executions", DAY, {}, 401, "missing"),
        ("/scrapers/lines/executions", DAY, {"Authorization": "Bearer wrong"}, 403, "wrong"),
    ],
    ids=["unknown scraper", "no date", "unknown parameter", "source given", "nobody", "wrong key"],
)
def test_invalid_manual_request_is_refused_without_fetch(
    post: Post, bench: Bench, path: str, body: object, headers: dict[str, str], status: int, message: str
) -> None:
    answer = post(path, json=body, headers=headers)
    assert answer.status_code == status
    assert message in answer.text
    assert (bench.requested_urls, bench.bus.published) == ([], [])
