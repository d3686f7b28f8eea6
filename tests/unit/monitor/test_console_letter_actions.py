"""Tests of the console's actions on dead letters."""

import httpx
import pytest

from tests.support.console import NOW, World, client_of, sign_in
from tests.support.samples import requested
from tipoff_common.binding import Envelope, Message, encode
from tipoff_common.rejections import keep_payload, rejection
from tipoff_common.rows import dead_letter_row

DATA, ATTRIBUTES = encode(Envelope(requested(), requested().id, "/tipoff/test", NOW, "00-trace-span-01"))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> httpx.Client:
    return client_of(world)


def reject(world: World, data: bytes) -> str:
    """Add a dead letter to the dataset and return the event's id."""
    message = Message(data, ATTRIBUTES, "m-1", NOW, "projects/p/subscriptions/s-1")
    event = rejection(
        message, "delivery_attempts", "it timed out", service="runner", environment="local", at=NOW
    )
    row = dict(dead_letter_row(keep_payload(event, data, world.objects), NOW))
    del row["environment"], row["created_at"]
    world.other.append(("nba_orchestration.dead_letters", [row]))
    return event.id


def test_dead_letter_is_republished_unchanged_after_confirmation(client: httpx.Client, world: World) -> None:
    letter, token = reject(world, DATA), sign_in(client)
    asked = client.get("/actions/replay", params={"id": letter})
    assert "it timed out" in asked.text
    assert world.published == []
    answer = client.post("/actions/replay", data={"id": letter, "csrf": token})
    assert answer.status_code == 200
    assert "Published to scrape-requests" in answer.text
    assert world.published == [("scrape-requests", DATA, ATTRIBUTES)]


def test_dead_letter_without_payload_is_neither_offered_nor_published(
    client: httpx.Client, world: World
) -> None:
    letter, token = reject(world, DATA * 1000), sign_in(client)
    world.objects.bodies.clear()
    asked = client.get("/actions/replay", params={"id": letter})
    assert "The message cannot be published" in asked.text
    assert "Publish it again" not in asked.text
    answer = client.post("/actions/replay", data={"id": letter, "csrf": token})
    assert (answer.status_code, "no longer exists" in answer.text) == (409, True)
    assert world.published == []


def test_unknown_dead_letter_is_404(client: httpx.Client) -> None:
    sign_in(client)
    assert client.get("/actions/replay", params={"id": "no-such"}).status_code == 404
