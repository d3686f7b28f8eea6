"""The largest events: our own fit our limits, with any content, and every accepted event is read back unchanged.

Incident "our own events exceed our own limits" (docs/explanation/incidents.md): five of seven cleanup runs left no row
because of a hundred receipts with paths of 11 KB, and an execution was rejected, though its file had landed, because of
25,000 unknown fields in a payload.
"""

import json
from collections.abc import Iterator

import pytest
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from tests.support.examples import examples
from tests.support.largest import largest
from tests.support.samples import NOON, PATH, SAMPLES, cleaned, executed, locked, requested
from tipoff_common.binding import Envelope, Message, Refused, decode, encode
from tipoff_common.bounds import EVENT_LIMIT
from tipoff_common.events import (
    EVENTS,
    CleanupCompleted,
    Event,
    FileProcessed,
    ScheduleLocked,
    ScrapeExecuted,
    TickFired,
)
from tipoff_common.executions import build_execution
from tipoff_common.limits import ATTRIBUTE_VALUE_BYTES
from tipoff_common.outcomes import Success
from tipoff_common.rows import TABLES
from tipoff_common.testing import MemoryObjects

ROW_LIMIT = 10 * 1000 * 1000
"""Bytes of a row of insertAll (https://cloud.google.com/bigquery/quotas#streaming_inserts)."""
every_event = pytest.mark.parametrize("model", EVENTS.values(), ids=lambda model: model.TYPE)
of_many_bytes = pytest.mark.parametrize("character", ["\x01", '"', "\U0001f3c0"])


def sent(event: Event) -> Message:
    return Message(*encode(Envelope(event, event.id, "/tipoff/test", NOON)))


def published(event: Event) -> Iterator[Message]:
    for part in event.parts():
        yield sent(part)


@every_event
@of_many_bytes
def test_largest_event_fits_message_and_row(model: type[Event], character: str) -> None:
    event = largest(model, character)
    if isinstance(event, ScheduleLocked):
        event = event.model_copy(update={"part": 0})
    for part in event.parts():
        message = sent(part)
        assert len(message.data) <= EVENT_LIMIT
        assert all(len(value.encode()) <= ATTRIBUTE_VALUE_BYTES for value in message.attributes.values())
        assert decode(message).payload == part
        if model in TABLES:
            for row in TABLES[model](part, NOON).rows:
                nested = {name: json.dumps(value, default=str) for name, value in row.items()}
                assert len(to_json(nested)) <= ROW_LIMIT


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.TYPE)
def test_largest_event_yields_all_its_rows(model: type[Event]) -> None:
    event = largest(model, "x")
    ids = [row_id for part in event.parts() for row_id in TABLES[model](part, NOON).ids]
    assert len(ids) == (len(event.runs) if isinstance(event, ScheduleLocked) else 1)


def test_large_schedule_is_published_in_parts() -> None:
    run = locked().runs[0]
    runs = tuple(
        run.model_copy(update={"schedule_row_id": f"row-{n}", "reason": "r" * 900}) for n in range(3_000)
    )
    event = locked(runs=runs)
    parts = [decode(message).payload for message in published(event)]
    assert [row.schedule_row_id for part in parts for row in part.runs] == [r.schedule_row_id for r in runs]
    assert [part.part for part in parts] == list(range(len(parts)))
    assert len({part.id for part in parts}) == len(parts) > 1


def test_small_schedule_is_a_single_event() -> None:
    assert list(locked().parts()) == [locked()]
    assert list(locked(runs=[]).parts()) == [locked(runs=[])]


def test_long_findings_and_errors_are_left_out_with_a_count() -> None:
    long = "gs://data/" + "x" * 11_000
    finding = {"kind": "foreign_path", "gcs_path": long, "detail": f"{long} is no path of ours"}
    event = cleaned(findings=[finding] * 100, errors=[long] * 100)
    (message,) = published(event)
    assert len(message.data) < EVENT_LIMIT
    assert event.findings[-1].kind == "left_out"
    result = len(event.findings) - 1
    assert event.findings[-1].detail == f"({100 - result} findings left out)"
    assert "left out" in event.errors[-1]


def test_all_missing_files_are_counted_beyond_the_limit() -> None:
    missing = cleaned().missing_files[0].model_dump() | {"gcs_path": PATH + "x" * 1_000}
    event = cleaned(missing_files=[missing] * 2_000)
    assert len(event.missing_files) < 2_000 == event.missing_files_found
    assert CleanupCompleted.model_validate_json(event.model_dump_json()) == event


def test_unknown_fields_beyond_the_limit_are_counted() -> None:
    drift = {"added": [f"unknown_field_{number}" for number in range(25_000)]}
    event = build_execution(
        requested(),
        Success(record_count=1, gcs_path=PATH),
        environment="local",
        triggered_at=NOON,
        completed_at=NOON,
        data_summary={"content_sha256": "0" * 64, "drift": drift},
    )
    (message,) = published(event)
    assert len(message.data) < EVENT_LIMIT
    assert event.data_summary["content_sha256"] == "0" * 64
    assert "(24,000 more left out)" in message.data.decode()


def test_infinite_and_huge_numbers_become_text() -> None:
    event = build_execution(
        requested(),
        Success(record_count=1, gcs_path=None),
        environment="local",
        triggered_at=NOON,
        completed_at=NOON,
        data_summary={"spread": float("inf"), "id": 2**80},
    )
    assert event.data_summary == {"spread": "inf", "id": hex(2**80)}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("data_summary", '{"completeness": {"expected": true}}'),
        ("data_summary", '{"completeness": {"expected": -1}}'),
        ("data_summary", '{"completeness": {"expected": "nine"}}'),
        ("data_summary", '{"completeness": {"missing": "NYK@PHI"}}'),
        ("data_summary", '{"completeness": 9}'),
        ("data_summary", '{"record_count": true}'),
        ("data_summary", '{"spread": 1e999}'),
        ("data_summary", f'{{"n": {2**64}}}'),
        ("data_summary", '{"deep": ' + "[" * 40 + "]" * 40 + "}"),
        *[
            (field, f'"{instant}"')
            for field in ("triggered_at", "completed_at", "event_time")
            for instant in (
                "0001-01-01T00:00:00Z",
                "0999-06-01T00:00:00Z",
                "1999-12-31T23:59:59Z",
                "2101-01-01T00:00:00Z",
                "9999-12-31T23:59:59Z",
                "9999-12-31T23:59:59-14:00",
            )
        ],
        ("game_date", '"0001-01-01"'),
        ("game_date", '"9999-12-31"'),
        ("duration_seconds", "1e999"),
        ("duration_seconds", "-1e999"),
        ("duration_seconds", "true"),
        ("duration_seconds", '"NaN"'),
        ("attempt", "true"),
        ("attempt", "1e30"),
        ("retry_count", "true"),
        ("retry_count", f"{2**60}"),
        ("execution_id", f'"{"x" * 101}"'),
        ("scraper_name", f'"{"x" * 101}"'),
        ("step", f'"{"x" * 201}"'),
        ("parameters", '{"game_id": "' + "x" * 40_000 + '"}'),
        ("fan_out_keys", '{"game_id": [' + ",".join(['"0022400561"'] * 20_000) + "]}"),
        ("fan_out_keys", '{"game_id": ["' + "x" * 201 + '"]}'),
        ("fan_out_keys", '{"game_id": [""]}'),
        ("colour", "1e999"),
        ("outcome", '{"status": "success", "record_count": true, "gcs_path": null}'),
        ("outcome", '{"status": "no_data", "reason": "not yet", "wait": 1e999}'),
        ("outcome", '{"status": "no_data", "reason": "not yet", "message": "blocked"}'),
        ("outcome", '{"status": "success", "record_count": 1, "gcs_path": null, "kind": "http"}'),
    ],
    ids=lambda value: str(value)[:60],
)
def test_execution_with_invalid_value_is_refused(field: str, value: str) -> None:
    """Regression: an execution with such a value became a ledger object that stopped every decision for four days."""
    fields = {**json.loads(executed().model_dump_json()), field: "@@"}
    data = json.dumps(fields).replace('"@@"', value).encode()
    message = sent(executed())
    with pytest.raises(Refused) as refused:
        decode(Message(data, message.attributes))
    assert refused.value.reason == "invalid_payload"
    assert field in refused.value.detail or field == "colour"


@pytest.mark.parametrize("minutes", [0, -15, 1441, True, 2**60])
def test_tick_with_invalid_cadence_is_refused(minutes: int) -> None:
    """Regression: rounding to a multiple of zero failed with each of a hundred deliveries."""
    with pytest.raises(ValidationError, match="cadence_minutes"):
        TickFired.model_validate_json(json.dumps({"tick": "evaluate", "cadence_minutes": minutes}))


@pytest.mark.parametrize("instant", ["2000-06-01T00:00:00Z", "2100-12-31T23:59:59.999999Z"])
@pytest.mark.parametrize("sample", [requested(), executed()], ids=["requested", "executed"])
def test_event_time_outside_replay_days_is_refused(sample: Event, instant: str) -> None:
    """Regression: a request at the end of time was executed, and its execution could not be stored."""
    fields = {**json.loads(sample.model_dump_json()), "event_time": instant}
    with pytest.raises(ValidationError, match="outside the replay days"):
        type(sample).model_validate_json(json.dumps(fields))


@every_event
def test_no_field_has_two_bounds_of_same_kind(model: type[BaseModel]) -> None:
    """pydantic applies only one of two bounds, and not the tighter."""
    for name, field in model.model_fields.items():
        kinds = [type(rule) for rule in field.metadata if isinstance(rule, Ge | Gt | Le | Lt)]
        assert len(kinds) == len(set(kinds)), name


odd = st.sampled_from(
    [
        "true", "null", "-0.0", "1e999", "0", "-1", "1e308", f"{2**63}", '""', '"x"', '"\\u0000"', '"\\n"', "[]", "{}",
        '"2100-12-31T23:59:59.999999Z"', '"0999-01-01T00:00:00Z"', '"1946-11-01"', f'"{"x" * 5000}"', '[[[[1]]]]',
        '{"a": {"b": [1e5, "\\u20ac", false]}}', '"of_a_newer_version"', '["a", "a"]', '{"\\u0000": "\\r"}',
        '{"status": "failed", "kind": "captcha", "message": "m", "wait_until": "noon"}',
        '{"completeness": {"expected": 9, "got": 1, "missing": ["a", "a"]}}', '"gs://b/\\u0001"',
    ]
)  # fmt: skip


@every_event
@settings(max_examples=examples(60))
@given(data=st.data())
def test_any_accepted_event_is_read_back_unchanged(model: type[Event], data: st.DataObject) -> None:
    fields = json.loads(SAMPLES[model]().model_dump_json())
    changed = data.draw(st.dictionaries(st.sampled_from([*fields, "colour"]), odd, min_size=1, max_size=3))
    text = json.dumps({**fields, **{name: f"@{name}@" for name in changed}})
    for name, value in changed.items():
        text = text.replace(f'"@{name}@"', value)
    try:
        event = decode(Message(text.encode(), sent(SAMPLES[model]()).attributes)).payload
    except Refused:
        return
    again = decode(sent(event)).payload
    assert again == event
    assert (again.id, again.model_dump_json()) == (event.id, event.model_dump_json())
    state = MemoryObjects()
    state.create("x", event.model_dump_json().encode())
    assert model.model_validate_json(state.bodies["x"]) == event
    if model in TABLES:
        rows = TABLES[model](event, NOON).rows
        assert rows == TABLES[model](again, NOON).rows
        json.dumps([dict(row) for row in rows], default=str, allow_nan=False).encode()


def test_receipt_with_overlong_path_is_refused() -> None:
    with pytest.raises(ValidationError, match="1300"):
        FileProcessed.model_validate(
            {**SAMPLES[FileProcessed]().model_dump(), "gcs_path": "gs://data/" + "x" * 11_000}
        )


class TestNewer:
    """In a rolling deploy an older service reads a newer service's events, and loses none of their content."""

    NEWER = b"""{"status": "failed", "kind": "captcha", "message": "prove that you are human", "wait_seconds": 86400}"""

    def test_unknown_outcome_kind_and_field_are_kept(self) -> None:
        fields = {
            **json.loads(executed().model_dump_json()),
            "outcome": json.loads(self.NEWER),
            "source": "MARS",
        }
        event = decode(Message(json.dumps(fields).encode(), sent(executed()).attributes)).payload
        assert isinstance(event, ScrapeExecuted)
        carried = json.loads(event.model_dump_json())["outcome"]
        assert json.loads(self.NEWER).items() <= carried.items()
        (row,) = TABLES[ScrapeExecuted](event, NOON).rows
        assert (row["error_type"], row["source"]) == ("captcha", "MARS")
        assert row["data_summary"]["unknown_fields"] == {"outcome.wait_seconds": 86400}
