"""Tests of the binding's edge cases; tests/contract covers the round trip of each event."""

import json
from datetime import timedelta

import pytest

from tests.support.samples import NOON, processed, tick
from tipoff_common.binding import STRUCTURED, Envelope, Message, Refused, decode, encode
from tipoff_common.events import TickFired

TICK = {"ce-type": TickFired.TYPE, "ce-source": "/x", "ce-specversion": "1.0"}


def test_a_refusal_reads_as_a_sentence() -> None:
    assert str(Refused("undecodable", "not JSON")) == "undecodable: not JSON"


def test_a_message_knows_its_type_without_being_read() -> None:
    assert Message(b"", {"ce-type": "a"}).event_type == "a"
    assert Message(b"", {}).event_type is None


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"type": "tipoff.file.processed.v1", "data": {}}', "tipoff.file.processed.v1"),
        (b'{"type": 7}', None),
        (b'{"type": "\\ud800"}', None),
        (b"{}", None),
        (b"[]", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
    ids=["its type", "a number", "unpaired surrogate", "no type", "a list", "no text", "too deep"],
)
def test_a_structured_message_says_its_type_in_its_data(data: bytes, told: str | None) -> None:
    assert Message(data, {"content-type": STRUCTURED}).event_type == told


@pytest.mark.parametrize("name", ["type", "id", "source"])
def test_a_structured_event_with_half_a_character_is_refused(name: str) -> None:
    attributes = {"specversion": "1.0", "type": TickFired.TYPE, "source": "/x", "id": "7"}
    data = json.dumps({**attributes, name: "\ud800", "data": {}}).encode()
    with pytest.raises(Refused, match="surrogates not allowed") as refused:
        decode(Message(data, {"content-type": STRUCTURED}, publish_time=NOON))
    assert str(refused.value).isprintable()


def test_a_tick_keeps_an_id_and_time_of_its_own() -> None:
    attributes = {**TICK, "ce-id": "7", "ce-time": "2025-01-15T17:00:00Z"}
    message = Message(
        b'{"tick":"cleanup"}', attributes, message_id="m", publish_time=NOON + timedelta(hours=1)
    )
    assert (decode(message).id, decode(message).time) == ("7", NOON)


def test_a_tick_without_a_message_id_is_known_by_when_it_was_published() -> None:
    first, again, other = (
        decode(Message(b'{"tick":"cleanup"}', TICK, publish_time=NOON + timedelta(seconds=seconds))).id
        for seconds in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize(
    "time", ["2025-01-15T12:00:00-05:00", "2025-01-15T17:00:00.000Z", "2025-01-15T17:00:00+00:00"]
)
def test_a_time_is_read_in_any_zone(time: str) -> None:
    data, attributes = encode(Envelope(processed(), "1", "/x", NOON))
    assert decode(Message(data, {**attributes, "ce-time": time})).time == NOON


def test_an_event_without_a_subject_sends_none() -> None:
    assert "ce-subject" not in encode(Envelope(tick(), "1", "/x", NOON))[1]
    assert "traceparent" not in encode(Envelope(tick(), "1", "/x", NOON))[1]


def test_the_first_five_faults_of_a_payload_are_named() -> None:
    data, attributes = encode(Envelope(tick(), "1", "/x", NOON))
    attributes["ce-type"] = "tipoff.workflow.decided.v1"
    with pytest.raises(Refused) as refused:
        decode(Message(data, attributes))
    assert refused.value.detail.count("Field required") == 5
