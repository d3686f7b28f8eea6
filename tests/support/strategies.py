"""Strategies for any payload that an event model accepts, derived from its fields, so that new events are covered."""

import types
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, JsonValue
from pydantic.fields import FieldInfo

from tipoff_common.open_enum import OpenEnum

_JSON_INTEGERS = st.integers(-(2**53), 2**53)
_JSON_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _JSON_INTEGERS | _JSON_NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-5)), ZoneInfo("America/New_York")])

# Within the bounds of an event's instants, replayed instants included.
instants = st.datetimes(
    min_value=datetime(2002, 1, 1),  # noqa: DTZ001  # timezones= adds the zone
    max_value=datetime(2099, 1, 1),  # noqa: DTZ001
    timezones=_ZONES,
    allow_imaginary=False,
)


def payloads(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Return instances of `model`."""
    fields = {
        name: values(field.annotation, tuple(field.metadata)) for name, field in model.model_fields.items()
    }
    return st.fixed_dictionaries(fields).map(model.model_validate)


def values(annotation: Any, metadata: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Return values that a field with this annotation accepts."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is JsonValue:
        return _JSON
    if origin is Annotated:
        nested = [
            rule
            for item in arguments[1:]
            for rule in (item.metadata if isinstance(item, FieldInfo) else [item])
        ]
        return values(arguments[0], (*metadata, *nested))
    if origin in (Union, types.UnionType):
        return st.one_of([values(part, metadata) for part in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if annotation is AwareDatetime:
        return instants
    if issubclass(annotation, OpenEnum):
        return st.sampled_from(annotation) | st.sampled_from(["of_a_newer_version", "X-2"]).map(annotation)
    if issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    if issubclass(annotation, BaseModel):
        return payloads(annotation)
    return _plain(annotation, metadata)


def _plain(kind: type, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    def rule(name: str) -> Any:
        return next((getattr(item, name) for item in metadata if getattr(item, name, None) is not None), None)

    above, least, most = rule("gt"), rule("ge"), rule("le")
    lowest = above + 1 if above is not None else least
    if kind is str and (pattern := rule("pattern")):
        return st.from_regex(pattern, fullmatch=True)
    plain: Mapping[type, st.SearchStrategy[Any]] = {
        str: st.text(min_size=rule("min_length") or 0, max_size=12),
        bool: st.booleans(),
        int: st.integers(-(2**53) if lowest is None else lowest, 2**53 if most is None else most),
        float: st.floats(lowest, most, allow_nan=False, allow_infinity=False),
        date: st.dates(least or date.min, most or date.max),
        type(None): st.none(),
    }
    return plain[kind]
