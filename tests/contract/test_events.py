"""Events on the wire: CloudEvents over Pub/Sub in both modes, and refused messages."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.cloudevents import encode_structured
from tests.support.examples import examples
from tests.support.samples import NOON, PATH, SAMPLES, executed, landed, locked, processed, requested
from tests.support.strategies import instants, payloads
from tipoff_common.binding import (
    STRUCTURED,
    Envelope,
    Message,
    Refused,
    decode,
    encode,
)
from tipoff_common.events import EVENTS, Event, RejectReason, Tick, TickFired
from tipoff_common.identity import decision_id, occurrence_id, request_id, schedule_row_id
from tipoff_dev.generate.__main__ import documents

REPOSITORY = Path(__file__).parents[2]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
Encode = Callable[[Envelope], tuple[bytes, dict[str, str]]]
every_event = pytest.mark.parametrize("model", EVENTS.values(), ids=lambda model: model.TYPE)
both_modes = pytest.mark.parametrize("mode", [encode, encode_structured], ids=["binary", "structured"])


def wrapped(payload: Event, time: datetime = NOON) -> Envelope:
    return Envelope(payload, payload.id, "/tipoff/test", time, TRACE)


@every_event
@both_modes
@settings(max_examples=examples(15))
@given(data=st.data())
def test_encoded_event_is_decoded_unchanged(model: type[Event], mode: Encode, data: st.DataObject) -> None:
    sent = wrapped(data.draw(payloads(model)), data.draw(instants).astimezone(UTC))
    read = decode(Message(*mode(sent)))
    assert read == sent
    assert read.payload.id == sent.id


@every_event
def test_binary_mode_carries_the_context_as_attributes(model: type[Event]) -> None:
    event = SAMPLES[model]()
    data, attributes = encode(wrapped(event))
    assert json.loads(data) == event.model_dump(mode="json")
    assert attributes == {
        "ce-specversion": "1.0",
        "ce-id": event.id,
        "ce-type": model.TYPE,
        "ce-source": "/tipoff/test",
        "ce-time": "2025-01-15T17:00:00Z",
        **({"ce-subject": event.subject} if event.subject else {}),
        "content-type": "application/json",
        "traceparent": TRACE,
        **event.filter_attributes,
    }


def test_tick_kind_is_a_filter_attribute() -> None:
    _, attributes = encode(wrapped(TickFired(tick=Tick.LOCK_SCHEDULE)))
    assert attributes["tick"] == "lock-schedule"


@every_event
@both_modes
def test_unknown_fields_of_newer_producer_are_kept(model: type[Event], mode: Encode) -> None:
    newer = model.model_validate({**SAMPLES[model]().model_dump(mode="json"), "colour": "red"})
    assert decode(Message(*mode(wrapped(newer)))).payload.model_dump()["colour"] == "red"


@every_event
def test_committed_json_schema_matches_model(model: type[Event]) -> None:
    name = f"docs/reference/events/{model.TYPE}.schema.json"
    committed = (REPOSITORY / name).read_text(encoding="utf-8")
    assert committed == documents()[name](), "remedy: make generate"
    schema = json.loads(committed)
    assert schema["$id"].endswith(model.TYPE)
    assert set(schema["required"]) == {
        name for name, field in model.model_fields.items() if field.is_required()
    }


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (model, name)
        for model, sample in SAMPLES.items()
        for name, value in sample()
        if isinstance(value, datetime)
    ],
    ids=lambda value: getattr(value, "TYPE", value),
)
def test_a_naive_instant_is_refused(model: type[Event], field: str) -> None:
    with pytest.raises(ValidationError, match="timezone"):
        SAMPLES[model](**{field: "2025-01-15T12:00:00"})


def test_instant_of_another_zone_is_converted_to_utc() -> None:
    event = processed(processed_at="2025-01-15T12:00:00-05:00")
    assert event.processed_at == NOON
    assert event.processed_at.tzinfo is UTC


class TestIdentity:
    """Processing an event twice has the effect of once (incidents 16, 19, 35)."""

    @every_event
    def test_equal_content_has_equal_ids(self, model: type[Event]) -> None:
        assert SAMPLES[model]().id == SAMPLES[model]().id

    def test_no_two_events_share_an_id(self) -> None:
        assert len({sample().id for sample in SAMPLES.values()}) == len(EVENTS)

    def test_second_attempt_has_another_request_id(self) -> None:
        first, again, second = (
            request_id("occurrence-1", "main", "lines", {"game_date": "2025-01-15"}, attempt)
            for attempt in (1, 1, 2)
        )
        assert first == again != second

    @given(st.dictionaries(st.text(), st.text(), min_size=2))
    def test_parameter_order_does_not_change_request_id(self, parameters: dict[str, str]) -> None:
        turned = dict(reversed(parameters.items()))
        assert request_id("o", "s", "x", parameters, 1) == request_id("o", "s", "x", turned, 1)

    def test_decision_id_depends_only_on_occurrence_and_tick(self) -> None:
        """Regression: two controllers made two decisions (incident 19)."""
        occurrence = occurrence_id("injury_discovery", NOON.date(), "-", 0)
        assert decision_id(occurrence, NOON) == decision_id(occurrence, NOON)
        assert decision_id(occurrence, NOON) != decision_id(occurrence, NOON + timedelta(minutes=15))

    @pytest.mark.parametrize(
        "other",
        [
            ("other", NOON.date(), "-", 0),
            ("w", NOON.date() + timedelta(1), "-", 0),
            ("w", NOON.date(), "BOS", 0),
            ("w", NOON.date(), "-", 1),
        ],
    )
    def test_occurrence_id_depends_on_workflow_date_subject_and_slot(
        self, other: tuple[str, object, str, int]
    ) -> None:
        assert occurrence_id("w", NOON.date(), "-", 0) != occurrence_id(*other)  # type: ignore[arg-type]

    def test_id_depends_on_boundaries_between_its_parts(self) -> None:
        assert schedule_row_id("a", "bc", "d") != schedule_row_id("ab", "c", "d")

    def test_schedule_locked_twice_has_same_event_id(self) -> None:
        """Incident 35: the id depends on the version of the schedule and not on the instant of its locking."""
        assert locked().id == locked(locked_at=NOON + timedelta(hours=1)).id
        assert locked().id != locked(schedule_version="v2").id

    def test_republished_execution_has_same_event_id(self) -> None:
        """Incident 16: values that differ between two deliveries are not part of the id."""
        assert executed().id == executed(run_id="run-2", duration_seconds=9.0).id

    def test_republish_of_file_is_new_event_with_same_subject(self) -> None:
        original, first, second = (landed(republish=number) for number in (0, 1, 2))
        assert len({original.id, first.id, second.id}) == 3
        assert {original.subject, first.subject, second.subject} == {PATH}


class TestSchedulerTick:
    """Cloud Scheduler can only set fixed attributes and fixed data."""

    MESSAGE = Message(
        b'{"tick":"evaluate","cadence_minutes":15}',
        {
            "ce-type": TickFired.TYPE,
            "ce-source": "//cloudscheduler.googleapis.com/evaluate",
            "ce-specversion": "1.0",
            "tick": "evaluate",
        },
        message_id="13580284231",
        publish_time=NOON + timedelta(seconds=3),
    )

    def test_scheduler_tick_takes_id_and_time_from_message(self) -> None:
        read = decode(self.MESSAGE)
        assert (read.id, read.time) == ("13580284231", NOON + timedelta(seconds=3))
        assert read.payload == TickFired(tick=Tick.EVALUATE, cadence_minutes=15)

    def test_other_event_without_id_is_refused(self) -> None:
        data, attributes = encode(wrapped(requested()))
        del attributes["ce-id"]
        with pytest.raises(Refused, match="id") as refused:
            decode(Message(data, attributes, message_id="1", publish_time=NOON))
        assert refused.value.reason == "undecodable"


def binary(data: bytes = b"{}", **attributes: str) -> Message:
    named = {f"ce-{name}": value for name, value in attributes.items()}
    return Message(
        data,
        {
            "ce-id": "1",
            "ce-source": "/x",
            "ce-specversion": "1.0",
            "ce-time": "2025-01-15T17:00:00Z",
            **named,
        },
    )


def structured(data: bytes) -> Message:
    return Message(data, {"content-type": STRUCTURED}, publish_time=NOON)


@pytest.mark.parametrize(
    ("message", "reason", "detail"),
    [
        (Message(b"{}", {}), "undecodable", "ce-type attribute is missing"),
        (binary(type="tipoff.scrape.requested.v2"), "unknown_type", "tipoff.scrape.requested.v2"),
        (binary(b"{", type="tipoff.tick.fired.v1"), "undecodable", "JSON"),
        (binary(b"\xff", type="tipoff.tick.fired.v1"), "undecodable", "JSON"),
        (binary(b"[" * 5000, type="tipoff.tick.fired.v1"), "undecodable", "JSON"),
        (binary(b"", type="tipoff.tick.fired.v1"), "undecodable", "JSON"),
        (binary(b"[]", type="tipoff.tick.fired.v1"), "invalid_payload", "object"),
        (binary(b"{}", type="tipoff.tick.fired.v1"), "invalid_payload", "tick: Field required"),
        (binary(b'{"tick":"no word"}', type="tipoff.tick.fired.v1"), "invalid_payload", "tick: Input should be"),
        (binary(type="tipoff.tick.fired.v1", time="noon"), "undecodable", "noon"),
        (binary(type="tipoff.tick.fired.v1", time="2025-01-15T17:00:00"), "undecodable", "time"),
        (binary(type="tipoff.tick.fired.v1", specversion="9"), "undecodable", "specversion"),
        (structured(b"{"), "undecodable", "structured"),
        (structured(b"[" * 200_000), "undecodable", "structured"),
        (structured(b"[]"), "undecodable", "structured"),
        (structured(b'{"specversion":"1.0","id":"1","source":"/x"}'), "undecodable", "type"),
        (structured(b'{"specversion":"1.0","id":"1","source":"/x","type":"a.b"}'), "unknown_type", "a.b"),
        (
            structured(b'{"specversion":"1.0","id":"1","source":"/x","type":"tipoff.file.processed.v1"}'),
            "invalid_payload",
            "payload",
        ),
        (
            structured(b'{"specversion":"0.3","id":"1","source":"/x","type":"tipoff.file.processed.v1","data":{}}'),
            "undecodable",
            "",
        ),
    ],
    ids=lambda value: None if isinstance(value, Message) else value,
)  # fmt: skip
def test_invalid_message_is_refused_with_reason(message: Message, reason: RejectReason, detail: str) -> None:
    with pytest.raises(Refused) as refused:
        decode(message)
    assert refused.value.reason == reason
    assert detail in refused.value.detail


def test_event_without_time_takes_publish_time() -> None:
    """Redeliveries have the same time, as it does not depend on the clock."""
    data, attributes = encode(wrapped(processed()))
    del attributes["ce-time"]
    message = Message(data, attributes, publish_time=NOON + timedelta(seconds=3))
    assert decode(message).time == NOON + timedelta(seconds=3)


def test_an_event_without_any_time_is_refused() -> None:
    data, attributes = encode(wrapped(processed()))
    del attributes["ce-time"]
    with pytest.raises(Refused, match="'time' is missing"):
        decode(Message(data, attributes))


def test_a_structured_event_without_id_is_refused() -> None:
    """The SDK would generate an id, another with each delivery (incident 16)."""
    event = json.loads(encode_structured(wrapped(processed()))[0])
    del event["id"]
    with pytest.raises(Refused, match="'id' is missing"):
        decode(structured(json.dumps(event).encode()))


def test_receipt_of_foreign_sdk_is_read() -> None:
    """Structured mode as in the CloudEvents specification, with a charset and an extension."""
    event = {
        "specversion": "1.0",
        "id": "A-1",
        "source": "//phase2/loader",
        "type": "tipoff.file.processed.v1",
        "time": "2025-01-15T12:00:00-05:00",
        "datacontenttype": "application/json",
        "partitionkey": "7",
        "data": {
            "gcs_path": PATH,
            "processor": "loader",
            "processed_at": "2025-01-15T17:00:00Z",
            "environment": "prod",
        },
    }
    read = decode(Message(json.dumps(event).encode(), {"content-type": f"{STRUCTURED}; charset=utf-8"}))
    assert (read.id, read.source, read.time) == ("A-1", "//phase2/loader", NOON)
    assert read.payload == processed(processor="loader", environment="prod", row_count=None)
