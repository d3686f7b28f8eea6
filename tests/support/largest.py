"""The largest instance of an event that its model accepts, derived from its fields."""

import types
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, JsonValue
from pydantic.fields import FieldInfo
from pydantic_core import to_json

MUCH = 1_500_000
"""Bytes of a list or object; more than an event accepts."""
LONG = 6_000
"""Characters of a text that is cut; more than any field keeps."""


def largest(model: type[BaseModel], character: str) -> Any:
    """Fill every field of `model` with as much as it accepts, texts with `character`."""
    fields = {
        name: _value(field.annotation, tuple(field.metadata), character)
        for name, field in model.model_fields.items()
    }
    return model.model_validate(fields)


def _value(annotation: Any, metadata: tuple[Any, ...], character: str) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is JsonValue:
        return [character * 90] * 30
    if origin is Annotated:
        nested = [
            rule
            for item in arguments[1:]
            for rule in (item.metadata if isinstance(item, FieldInfo) else [item])
        ]
        return _value(arguments[0], (*metadata, *nested), character)
    if origin in (Union, types.UnionType):
        found = [part for part in arguments if part is not type(None)]
        # The failure has the longest text of all outcomes.
        return _value(found[-1], metadata, character)
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        item = _value(arguments[0], (), character)
        return [item] * (MUCH // len(to_json(item)) + 1)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(arguments, metadata, character)
    if annotation is AwareDatetime:
        return datetime(2099, 12, 30, 23, 59, 59, 999999, tzinfo=UTC)  # all are written at this length
    if issubclass(annotation, Enum):
        return "x" * 40
    if issubclass(annotation, BaseModel):
        return largest(annotation, character)
    return _plain(annotation, metadata, character)


def _mapping(arguments: tuple[Any, ...], metadata: tuple[Any, ...], character: str) -> Any:
    most = _rule(metadata, "max_length")
    if most is None:
        item = _value(arguments[1], (), character)
        return {f"{place}{character * 60}": item for place in range(MUCH // len(to_json(item)) + 1)}
    # Over a number of bytes it is refused; a character takes six of them at most.
    if get_origin(arguments[1]) is tuple:
        value = _value(get_args(arguments[1])[0], (), character)
        return {f"{place}": [value] * (100 * 1024 // most // 6 // len(value)) for place in range(most)}
    text = character * (32 * 1024 // most // 8 - 20)
    return {f"{place}": text for place in range(most)}


def _plain(kind: type, metadata: tuple[Any, ...], character: str) -> Any:
    most = _rule(metadata, "max_length")
    pattern = _rule(metadata, "pattern")
    if kind is str and pattern:
        start = "gs://b/" if pattern.startswith("^gs://") else ""
        return start + "x" * ((most or 100) - len(start))
    if kind is str:
        return character * (LONG if most is None else most)
    plain: Mapping[type, Any] = {
        bool: False,
        int: _rule(metadata, "le") or 2**53,
        float: _rule(metadata, "le") or 1.7976931348623157e308,
        date: _rule(metadata, "le"),
    }
    return plain[kind]


def _rule(metadata: tuple[Any, ...], name: str) -> Any:
    return next((getattr(item, name) for item in metadata if getattr(item, name, None) is not None), None)
