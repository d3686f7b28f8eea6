"""Tests of open enumerations: an undeclared member is kept, and its stated default takes effect."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from tipoff_common.events import (
    Action,
    AlertLevel,
    AlertState,
    Priority,
    RejectReason,
    ScheduleState,
    Source,
    Tick,
)
from tipoff_common.open_enum import Declared, OpenEnum
from tipoff_common.outcomes import FailureKind

EVERY = (Action, AlertLevel, AlertState, FailureKind, Priority, RejectReason, ScheduleState, Source, Tick)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,39}", fullmatch=True)
every = pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)


@every
@given(name=names)
def test_undeclared_member_round_trips(kind: type[OpenEnum], name: str) -> None:
    adapter = TypeAdapter(kind)
    member = adapter.validate_python(name)
    assert isinstance(member, kind)
    assert (member.value, str(member), f"{member}") == (name, name, name)
    assert adapter.validate_json(adapter.dump_json(member)) == member == kind(name)
    assert hash(member) == hash(kind(name))


@every
@given(name=names)
def test_undeclared_value_is_not_added_to_members(kind: type[OpenEnum], name: str) -> None:
    before = list(kind)
    kind(name)
    assert list(kind) == before


@every
@pytest.mark.parametrize("text", ["", "no word", "a/b", "x" * 41, "7up", "a\n", None, 1, True])
def test_malformed_member_name_is_refused(kind: type[OpenEnum], text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)


@pytest.mark.parametrize(
    ("member", "effective"),
    [
        (Priority("URGENT"), Priority.MEDIUM),
        (AlertLevel("PAGE"), AlertLevel.WARNING),
        (AlertState("muted"), AlertState.FIRING),
        (Priority.LOW, Priority.LOW),
        (Source("MARS"), "MARS"),
        (Tick("lunch"), "lunch"),
    ],
)
def test_effective_member_is_stated_default_or_itself(member: OpenEnum, effective: str) -> None:
    assert member.effective == effective


def test_a_failure_of_an_unknown_kind_is_not_retried_at_once() -> None:
    """An immediate retry harms a source for most kinds; waiting costs a quarter of an hour."""
    assert not FailureKind("captcha").retried_at_once


class Configured(BaseModel):
    """A configuration file or the body of a call."""

    priority: Annotated[Priority, Declared] = Priority.MEDIUM


def test_configuration_accepts_only_declared_members() -> None:
    assert Configured.model_validate({"priority": "HIGH"}).priority is Priority.HIGH
    with pytest.raises(
        ValidationError, match="unknown value 'URGENT'; use one of CRITICAL, HIGH, MEDIUM, LOW"
    ):
        Configured.model_validate({"priority": "URGENT"})
    schema = Configured.model_json_schema()["properties"]["priority"]
    assert schema["enum"] == list(Priority)


def test_event_schema_lists_declared_members_as_examples_only() -> None:
    schema = TypeAdapter(AlertLevel).json_schema()
    assert "enum" not in schema
    assert schema["examples"] == list(AlertLevel)
    assert "others are treated as WARNING" in schema["description"]
