"""The fields of a pydantic model as a Markdown table."""

import types
from collections.abc import Iterable, Iterator, Mapping
from datetime import time, timedelta
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from tipoff_dev.generate.markdown import table

_NAMES: Mapping[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    time: "time of day",
    timedelta: "duration",
    SecretStr: "secret",
}
_BOUNDS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))


def field_table(heading: str, fields: Iterable[tuple[str, FieldInfo]], links: Mapping[Any, str] = {}) -> str:
    """Write the table of these fields, each under the given name. links: the text to show for each model."""
    names = {**_NAMES, **links}
    rows = (
        (f"`{name}`", _type(field, names), _default(field), field.description or "") for name, field in fields
    )
    return table((heading, "Type", "Default", "Meaning"), rows)


def _type(field: FieldInfo, names: Mapping[Any, str]) -> str:
    bounds = [
        f"{sign} {getattr(rule, name)}"
        for rule in field.metadata
        for name, sign in _BOUNDS
        if hasattr(rule, name)
    ]
    not_empty = ["not empty"] if any(getattr(rule, "min_length", 0) for rule in field.metadata) else []
    return ", ".join([_name(field.annotation, names), *bounds, *not_empty])


def _name(annotation: Any, names: Mapping[Any, str]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _name(arguments[0], names)
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, types.UnionType):
        parts = (_name(part, names) for part in arguments if part is not type(None))
        return " or ".join(dict.fromkeys(parts))
    if origin is tuple:
        return f"list of {_name(arguments[0], names)}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"map of name to {_name(arguments[1], names)}"
    if annotation in names:
        return names[annotation]
    if issubclass(annotation, Enum):
        return " or ".join(f"`{choice.value}`" for choice in annotation)
    return "map" if issubclass(annotation, BaseModel) else annotation.__name__.lower()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None or value == () or value == {}:
        return "none"
    if isinstance(value, BaseModel):
        return "its own defaults"  # the model's own section lists each default
    return ", ".join(f"`{item}`" for item in _written(value))


def _written(value: object) -> Iterator[str]:
    if isinstance(value, tuple):
        for item in value:
            yield from _written(item)
    elif isinstance(value, timedelta):
        hours, minutes = divmod(int(value.total_seconds()) // 60, 60)
        yield f"{hours}h" * bool(hours) + f"{minutes}m" * bool(minutes)
    elif isinstance(value, bool):
        yield str(value).lower()
    else:
        yield str(value.value if isinstance(value, Enum) else value)
