"""Tests of rejections: the record of a message that can never succeed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import NOON
from tipoff_common.binding import Message
from tipoff_common.events import MessageRejected
from tipoff_common.identity import content_hash
from tipoff_common.ports import Unavailable
from tipoff_common.rejections import HEAD_BYTES, is_dead_letter, keep_payload, rejection
from tipoff_common.testing import MemoryObjects

SOURCE = "CloudPubSubDeadLetterSource"


def reject(message: Message) -> MessageRejected:
    return rejection(message, "undecodable", "no", service="logger", environment="local", at=NOON)


@given(st.binary(max_size=300))
def test_rejection_of_any_bytes_round_trips(data: bytes) -> None:
    event = reject(Message(data, {}))
    assert MessageRejected.model_validate_json(event.model_dump_json()) == event
    assert event.payload_bytes == len(data)
    assert event.payload_sha256 == content_hash(data)


def test_payload_head_is_64_kibibytes_even_within_a_character() -> None:
    event = reject(Message(b"a" + "\u00e9".encode() * HEAD_BYTES, {}))
    assert event.payload_head.endswith("\\xc3")
    assert len(event.payload_head.encode("utf-8")) == HEAD_BYTES - 1 + len("\\xc3")


def test_rejection_has_short_subscription_name() -> None:
    message = Message(b"", {}, subscription="projects/p/subscriptions/logger-executions")
    assert reject(message).subscription == "logger-executions"


def test_dead_letter_rejection_names_its_source_subscription() -> None:
    attributes = {f"{SOURCE}Subscription": "runner-requests", f"{SOURCE}DeliveryCount": "100"}
    message = Message(b"", attributes, subscription="projects/p/subscriptions/logger-dead-letters")
    assert is_dead_letter(message)
    assert (reject(message).subscription, reject(message).delivery_attempts) == ("runner-requests", 100)


@pytest.mark.parametrize("count", ["", "many", "-1", "\u00b2"])
def test_non_numeric_delivery_count_falls_back_to_push_attempt(count: str) -> None:
    message = Message(b"", {f"{SOURCE}DeliveryCount": count}, delivery_attempt=7)
    assert reject(message).delivery_attempts == 7


def test_rejection_id_is_repeatable_and_per_service() -> None:
    def refused(service: str) -> str:
        event = rejection(
            Message(b"{", {}, message_id="m"),
            "undecodable",
            "why",
            service=service,
            environment="local",
            at=NOON,
        )
        return event.id

    assert refused("logger") == refused("logger") != refused("cleanup")


def test_message_without_dead_letter_attributes_is_no_dead_letter() -> None:
    assert not is_dead_letter(Message(b"", {"ce-type": "tipoff.message.rejected.v1"}))


def test_payload_is_stored_once_under_its_hash() -> None:
    state = MemoryObjects(bucket="state")
    event = keep_payload(reject(Message(b"data", {})), b"data", state)
    again = keep_payload(reject(Message(b"data", {}, message_id="other")), b"data", state)
    assert event.payload_path == again.payload_path == f"gs://state/dead-letters/{content_hash(b'data')}"
    assert state.bodies == {f"dead-letters/{content_hash(b'data')}": b"data"}


def test_payload_storage_outage_raises_unavailable() -> None:
    with pytest.raises(Unavailable):
        keep_payload(reject(Message(b"data", {})), b"data", MemoryObjects(down=True))
