"""Tests of the console's actions on alerts."""

import httpx
import pytest

from tests.support.console import World, an_incident, client_of, sign_in
from tipoff_common.events import AlertChanged


@pytest.fixture
def world() -> World:
    world = World()
    world.remember(an_incident())
    return world


@pytest.fixture
def client(world: World) -> httpx.Client:
    return client_of(world)


def test_acknowledgement_is_published_only_once(client: httpx.Client, world: World) -> None:
    token = sign_in(client)
    form = {"incident": "broken/odds_snapshots", "csrf": token}
    assert client.post("/actions/acknowledge", data=form).status_code == 200
    assert client.post("/actions/acknowledge", data=form).status_code == 200
    (event,) = world.bus.of(AlertChanged)
    assert (event.state, event.rule) == ("acknowledged", "broken")
    assert client.post("/actions/acknowledge", data={"incident": "no-such", "csrf": token}).status_code == 404


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"hours": "-1"}, 422),
        ({"hours": "nan"}, 422),
        ({"hours": "1e300"}, 422),
        ({"hours": "9999"}, 422),
        ({"why": " "}, 422),
        ({"rule": "no-such"}, 404),
        ({}, 200),
    ],
)
def test_silence_needs_known_rule_valid_hours_and_reason(
    changes: dict[str, str], status: int, client: httpx.Client
) -> None:
    form = {"rule": "broken", "hours": "2", "why": "the league said so", "csrf": sign_in(client), **changes}
    assert client.post("/actions/silence", data=form).status_code == status
    assert ("the league said so" in client.get("/alerts").text) is (status == 200)
