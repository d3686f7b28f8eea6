"""Detection of additions that a newer producer made to an event within its version: fields, and members of
enumerations."""

from collections.abc import Iterator
from datetime import date

from pydantic import BaseModel, JsonValue

from tipoff_common.open_enum import OpenEnum

_PLAIN = (str, int, float, date, dict, type(None))


def unknown_fields(model: BaseModel, path: str = "") -> dict[str, JsonValue]:
    """Return the fields that this version does not declare, by dotted path; list items by their index."""
    found: dict[str, JsonValue] = {
        f"{path}{name}": value for name, value in (model.model_extra or {}).items()
    }
    for nested, where in _nested(model, path):
        found |= unknown_fields(nested, where)
    return found


def unknown_members(model: BaseModel, path: str = "") -> dict[str, str]:
    """Return the members of enumerations that this version does not declare, by dotted path."""
    found = {
        f"{path}{name}": value.value
        for name, value in vars(model).items()
        if isinstance(value, OpenEnum) and not value.is_declared
    }
    for nested, where in _nested(model, path):
        found |= unknown_members(nested, where)
    return found


def _nested(model: BaseModel, path: str) -> Iterator[tuple[BaseModel, str]]:
    """Yield the models inside of a model, each with the path to its fields."""
    for name, value in vars(model).items():
        if isinstance(value, _PLAIN):  # Most fields; cheaper than checking for a model first.
            continue
        if isinstance(value, BaseModel):
            yield value, f"{path}{name}."
        elif isinstance(value, tuple):
            for place, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield item, f"{path}{name}.{place}."
