"""The servers of the Pub/Sub conformance tests: the embedded one and, where it is installed, Google's emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pubsub_harness
import pytest
from pubsub_harness import EMBEDDED, GOOGLE, Endpoint, Pubsub, Server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        callspec = getattr(item, "callspec", None)
        reason = pubsub_harness.GOOGLE_EMULATOR_LACKS.get(getattr(item, "originalname", ""))
        if reason and callspec is not None and callspec.params.get("pubsub_server") == GOOGLE:
            item.add_marker(pytest.mark.xfail(reason=f"Google's emulator {reason}", strict=True))


@pytest.fixture(scope="session", params=[EMBEDDED, GOOGLE])
def pubsub_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == EMBEDDED:
        with pubsub_harness.embedded_server() as server:
            yield server
    else:
        with pubsub_harness.google_server() as server:
            yield server


@pytest.fixture(scope="session")
def pubsub(pubsub_server: Server) -> Iterator[Pubsub]:
    client = Pubsub(pubsub_server)
    yield client
    client.close()


@pytest.fixture
def endpoint() -> Iterator[Callable[..., Endpoint]]:
    started: list[Endpoint] = []

    def start(*statuses: int, port: int = 0) -> Endpoint:
        started.append(Endpoint(*statuses, port=port))
        return started[-1]

    yield start
    for one in started:
        one.close()
