"""Tests of the console's actions on workflows, and of their author in the log."""

import json
import logging
from dataclasses import dataclass, field

import httpx
import pytest

from tests.support.console import World, client_of, sign_in


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> httpx.Client:
    return client_of(world)


def test_a_trigger_goes_to_the_controller_once_and_is_logged(
    client: httpx.Client, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.controller = lambda _: httpx.Response(202, json={"decisions": [], "requests": [], "plans": []})
    token = sign_in(client)
    form = {"workflow": "injury_discovery", "date": "2026-01-14", "game_id": "", "key": "k-1", "csrf": token}
    with caplog.at_level(logging.INFO):
        answer = client.post("/actions/trigger", data=form)
    assert answer.status_code == 200, answer.text
    (request,) = world.controller_requests
    assert (request.method, request.url.path) == ("POST", "/workflows/injury_discovery/runs")
    assert json.loads(request.content) == {"game_date": "2026-01-14"}
    assert request.headers["idempotency-key"] == "k-1"
    (record,) = [record for record in caplog.records if record.message == "console action"]
    assert (record.who, record.action) == ("developer@localhost", "Triggered injury_discovery")  # type: ignore[attr-defined]


def test_controller_refusal_or_outage_is_shown(client: httpx.Client, world: World) -> None:
    token = sign_in(client)
    form = {"workflow": "injury_discovery", "date": "2026-01-14", "csrf": token}
    answer = client.post("/actions/trigger", data=form)
    assert answer.status_code == 502
    assert "the controller does not answer" in answer.text
    world.controller = lambda _: httpx.Response(422, json={"detail": "no games on that date"})
    answer = client.post("/actions/trigger", data=form)
    assert (answer.status_code, "no games on that date" in answer.text) == (422, True)


def test_pause_records_author_and_reason_and_can_be_resumed(client: httpx.Client, world: World) -> None:
    world.controller = lambda _: httpx.Response(201, json={})
    token = sign_in(client)
    form = {"workflow": "injury_discovery", "hours": "2", "why": "the league moved it", "csrf": token}
    assert client.post("/actions/pause", data=form).status_code == 200
    begun = json.loads(world.controller_requests[0].content)
    assert (begun["name"], begun["target"]) == ("injury_discovery", "workflow")
    assert begun["why"] == "the league moved it (developer@localhost)"
    assert begun["until"].startswith("2026-01-15T22:10")
    assert client.post("/actions/pause", data={**form, "why": ""}).status_code == 422
    assert client.post("/actions/resume", data=form).status_code == 200
    assert (world.controller_requests[-1].method, world.controller_requests[-1].url.path) == (
        "DELETE",
        "/pauses/injury_discovery",
    )


def test_pause_with_long_reason_keeps_its_author(client: httpx.Client, world: World) -> None:
    world.controller = lambda _: httpx.Response(201, json={})
    form = {"workflow": "injury_discovery", "hours": "2", "why": "x" * 600, "csrf": sign_in(client)}
    assert client.post("/actions/pause", data=form).status_code == 200
    why = json.loads(world.controller_requests[0].content)["why"]
    assert (len(why), why.endswith("xxx (developer@localhost)")) == (500, True)


@dataclass
class Runs:
    """A controller with manual runs by key."""

    settled: dict[str, bool | None] = field(default_factory=dict)
    """True for a settled run; None for a stalled run, whose requests are not published."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.settled.setdefault(request.headers["idempotency-key"], None)
            return httpx.Response(202, json={"decisions": [], "requests": [], "plans": []})
        key = request.url.path.rpartition("/")[2]
        if key not in self.settled:
            return httpx.Response(404, json={"detail": f"no run under the key '{key}'"})
        settled = self.settled[key]
        progress = {"occurrence_id": "run-1", "game_date": "2026-01-15", "units": [], "skipped": {}}
        return httpx.Response(200, json={**progress, "settled": settled is True, "stalled": settled is None})


def test_backfill_requests_missed_run_again_after_the_last_settled(
    client: httpx.Client, world: World
) -> None:
    """With one key forever, later presses reported "1 request" and requested nothing."""
    world.controller = runs = Runs()
    token, first = sign_in(client), "missed-occ-betting_lines---10"

    def press() -> tuple[list[str], str]:
        world.controller_requests.clear()
        answer = client.post("/actions/backfill", data={"date": "2026-01-15", "csrf": token})
        assert answer.status_code == 200
        keys = [it.headers["idempotency-key"] for it in world.controller_requests if it.method == "POST"]
        return keys, answer.text

    asked = client.get("/actions/backfill?date=2026-01-15")
    assert "betting_lines for 2026-01-15" in asked.text
    assert world.controller_requests == []
    # Two presses in a row use the same key while the requests are not published.
    assert [press()[0] for _ in range(2)] == [[first], [first]]
    runs.settled[first] = False
    keys, text = press()
    assert (keys, "still under way; nothing was requested" in text) == ([], True)
    runs.settled[first] = True
    assert [press()[0] for _ in range(2)] == [[f"{first}-2"], [f"{first}-2"]]
    runs.settled[f"{first}-2"] = True
    assert press()[0] == [f"{first}-3"]
