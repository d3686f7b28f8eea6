"""Tests of the binding's edge cases; tests/contract covers the round trip of each event."""

import json
from datetime import timedelta

import pytest

from tests.support.samples import NOON, processed, tick
from tipoff_common.binding import STRUCTURED, Envelope, Message, Refused, decode, encode
from tipoff_common.events import TickFired

TICK = {"ce-type": TickFired.TYPE, "ce-source": "/x", "ce-specversion": "1.0"}


def test_refusal_text_is_reason_and_detail() -> None:
    assert str(Refused("undecodable", "not JSON")) == "undecodable: not JSON"


def test_event_type_is_read_from_attribute() -> None:
    assert Message(b"", {"ce-type": "a"}).event_type == "a"
    assert Message(b"", {}).event_type is None


@pytest.mark.parametrize(
    ("data", "expected"),
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
def test_event_type_of_structured_message_is_read_from_data(data: bytes, expected: str | None) -> None:
    assert Message(data, {"content-type": STRUCTURED}).event_type == expected


@pytest.mark.parametrize("name", ["type", "id", "source"])
def test_structured_event_with_unpaired_surrogate_is_refused(name: str) -> None:
    attributes = {"specversion": "1.0", "type": TickFired.TYPE, "source": "/x", "id": "7"}
    data = json.dumps({**attributes, name: "\ud800", "data": {}}).encode()
    with pytest.raises(Refused, match="surrogates not allowed") as refused:
        decode(Message(data, {"content-type": STRUCTURED}, publish_time=NOON))
    assert str(refused.value).isprintable()


def test_tick_keeps_its_own_id_and_time() -> None:
    attributes = {**TICK, "ce-id": "7", "ce-time": "2025-01-15T17:00:00Z"}
    message = Message(
        b'{"tick":"cleanup"}', attributes, message_id="m", publish_time=NOON + timedelta(hours=1)
    )
    assert (decode(message).id, decode(message).time) == ("7", NOON)


def test_tick_id_without_message_id_derives_from_publish_time() -> None:
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


def test_absent_subject_and_traceparent_are_not_sent() -> None:
    assert "ce-subject" not in encode(Envelope(tick(), "1", "/x", NOON))[1]
    assert "traceparent" not in encode(Envelope(tick(), "1", "/x", NOON))[1]


def test_the_first_five_faults_of_a_payload_are_named() -> None:
    data, attributes = encode(Envelope(tick(), "1", "/x", NOON))
    attributes["ce-type"] = "tipoff.workflow.decided.v1"
    with pytest.raises(Refused) as refused:
        decode(Message(data, attributes))
    assert refused.value.detail.count("Field required") == 5
