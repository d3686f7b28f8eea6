"""Fuzzed pushes: each service answers 2xx or 4xx, and handles the next message normally.

The pushes are envelopes of Pub/Sub, and CloudEvents in binary and in structured mode, that are nearly valid: an
attribute more or less, text in every alphabet, an unpaired surrogate, a number in place of text, base64 with a gap, a
duplicate key. Pub/Sub redelivers after 5xx, which for an unreadable message never ends.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.applications import APPLICATIONS, application
from tests.support.cloudevents import encode_structured
from tests.support.examples import examples
from tests.support.pushes import AUTHORIZED, PUBLISHED, push_body
from tests.support.samples import NOON, SAMPLES
from tipoff_common.binding import STRUCTURED, Envelope, encode
from tipoff_common.events import EVENTS, Tick, TickFired

ANSWERS = frozenset({200, 204, 400, 413, 422})
"""Accepted, or recorded and acknowledged; not a push; too large; unreadable."""
EXAMPLES = 30
CONTEXT = ("specversion", "id", "time", "type", "source", "subject", "data", "data_base64", "datacontenttype")
DRAWN = (Phase.explicit, Phase.reuse, Phase.generate)
"""A failing example is small as it is, and shrinking would build a service's response anew each time."""

texts = st.text(max_size=30) | st.sampled_from(
    ("", " ", "\x00", "\ufeff", "\u202e", "\ud800", "é" * 600, "a" * 5_000, "1e999", "null", "2025-02-30T25:61Z", "🏀")
)  # fmt: skip
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@dataclass
class Pushed:
    """A service under test that receives pushes, on an event loop of its own."""

    app: FastAPI
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def post(self, body: bytes) -> int:
        """Push a body; return the response's status. Raises exceptions that the service did not handle."""

        async def ask() -> int:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(self.app), base_url="http://service"
            ) as http:
                return (await http.post("/events", content=body, headers=AUTHORIZED)).status_code

        return self.runner.run(ask())


@pytest.fixture(scope="module", params=list(APPLICATIONS))
def pushed(request: pytest.FixtureRequest) -> Iterator[Pushed]:
    with application(request.param) as app:
        service = Pushed(app)
        yield service
        service.runner.close()


def sound() -> bytes:
    """Return a message that every service accepts and ignores: a tick of an unknown, later kind."""
    tick = TickFired(tick=Tick("of_a_newer_version"), cadence_minutes=15)
    return push_body(
        tick.model_dump_json().encode(), {"ce-specversion": "1.0", "ce-type": tick.TYPE, "ce-source": "/t"}
    )


def dumped(value: Any) -> bytes:
    """Return JSON as Python writes it: with NaN and unpaired surrogates, which JSON excludes."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


def survives(service: Pushed, body: bytes) -> None:
    """Check that the push and the next one are answered."""
    assert service.post(body) in ANSWERS
    assert service.post(sound()) in {200, 204}


fuzzed = settings(
    max_examples=examples(EXAMPLES), phases=DRAWN, deadline=None, suppress_health_check=list(HealthCheck)
)


@fuzzed
@given(tree=trees)
def test_any_pushed_json_is_answered(pushed: Pushed, tree: Any) -> None:
    survives(pushed, dumped(tree))


@fuzzed
@given(body=st.binary(max_size=200))
def test_any_pushed_bytes_are_answered(pushed: Pushed, body: bytes) -> None:
    survives(pushed, body)


@st.composite
def envelopes(draw: st.DrawFn) -> bytes:
    """Draw a wrapped push with some fields missing or of another type."""

    def either(right: Any) -> Any:
        return draw(st.sampled_from((right, right, right)) | trees)

    message = {
        "data": either(b64encode(draw(st.binary(max_size=60))).decode()),
        "attributes": either({draw(texts): draw(texts | trees) for _ in range(draw(st.integers(0, 4)))}),
        "messageId": either("m-1"),
        "publishTime": either(PUBLISHED),
    }
    whole = {
        "message": either(message),
        "subscription": either("projects/p/subscriptions/s-1"),
        "deliveryAttempt": either(1),
    }
    for found in (message, whole):
        for name in draw(st.lists(st.sampled_from(sorted(found)), max_size=2)):
            found.pop(name, None)
    return dumped(whole)


@fuzzed
@given(body=envelopes())
def test_any_envelope_is_answered(pushed: Pushed, body: bytes) -> None:
    survives(pushed, body)


def message_of(attributes: Mapping[str, Any], data: str) -> dict[str, Any]:
    return {
        "message": {
            "data": data,
            "attributes": dict(attributes),
            "messageId": "m-1",
            "publishTime": PUBLISHED,
        }
    }


@st.composite
def binary_events(draw: st.DrawFn) -> bytes:
    """Draw an event of any type with changed attributes or data."""
    event = SAMPLES[draw(st.sampled_from(list(EVENTS.values())))]()
    data, attributes = encode(Envelope(event, "id", "/tipoff/test", NOON))
    changed: dict[str, Any] = dict(attributes)
    for name in draw(st.lists(st.sampled_from(sorted(attributes)) | texts, max_size=2)):
        if draw(st.booleans()):
            changed[name] = draw(texts)
        else:
            changed.pop(name, None)
    text = b64encode(tampered(draw, data)).decode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(("", "=", "*", "\n", "é", " "))) + text[at + 1 :]
    return dumped(message_of(changed, text))


def tampered(draw: st.DrawFn, data: bytes) -> bytes:
    """Draw the payload unchanged, cut, with a value of another type, or with a duplicate key."""
    found = json.loads(data)
    kind = draw(st.sampled_from(("whole", "cut", "retyped", "twice", "without")))
    if kind == "cut":
        return data[: draw(st.integers(0, len(data)))]
    if kind == "whole" or not found:
        return data
    name = draw(st.sampled_from(sorted(found)))
    if kind == "twice":
        value = json.dumps(draw(trees))
        return data[:-1] + f', "{name}": {value}}}'.encode("utf-8", "surrogatepass")
    if kind == "without":
        del found[name]
    else:
        found[name] = draw(trees)
    return dumped(found)


@fuzzed
@given(body=binary_events())
def test_any_binary_mode_event_is_answered(pushed: Pushed, body: bytes) -> None:
    survives(pushed, body)


@st.composite
def structured_events(draw: st.DrawFn) -> bytes:
    """Draw a structured CloudEvent of any type that was changed, as a whole and in its data."""
    event = SAMPLES[draw(st.sampled_from(list(EVENTS.values())))]()
    data, attributes = encode_structured(Envelope(event, "id", "/tipoff/test", NOON))
    if draw(st.booleans()):
        data = tampered(draw, data)
    else:
        whole = json.loads(data)
        for name in draw(st.lists(st.sampled_from(CONTEXT) | texts, min_size=1, max_size=3)):
            whole[name] = draw(trees)
        data = dumped(whole)
    media = draw(st.sampled_from((STRUCTURED, STRUCTURED, f"{STRUCTURED}; charset=x", "application/json")))
    return dumped(message_of({**attributes, "content-type": media}, b64encode(data).decode()))


@fuzzed
@given(body=structured_events())
def test_any_structured_mode_event_is_answered(pushed: Pushed, body: bytes) -> None:
    survives(pushed, body)
