"""Conversion of the JSON of an insertAll row into values of the table's columns.

The rules are those of the `tabledata.insertAll` reference: a value that cannot be converted, a missing required field
and an unknown field are errors of that row, each with the field's name as its location.
"""

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any


class RowProblem(Exception):
    """The reason why one row cannot be stored; `location` is the field's dotted path."""

    def __init__(self, message: str, location: str) -> None:
        super().__init__(message)
        self.message = message
        self.location = location

    def to_rest(self) -> dict[str, str]:
        """Return the problem's form in `insertErrors`."""
        return {
            "reason": "invalid",
            "location": self.location,
            "debugInfo": "",
            "message": self.message,
        }


def convert_record(
    record: Any, fields: Sequence[Any], *, ignore_unknown: bool, path: str = ""
) -> dict[str, Any]:
    """Return the values of a record by column name; missing fields become NULL or an empty array.

    Raises RowProblem for the first fault found.
    """
    if not isinstance(record, dict):
        raise RowProblem(f"This field: {path.rstrip('.')} is not a record.", path.rstrip("."))
    # BigQuery's column names are case-insensitive.
    given = {name.lower(): value for name, value in record.items()}
    unknown = given.keys() - {field.name.lower() for field in fields}
    if unknown and not ignore_unknown:
        # Reported in the caller's spelling.
        name = next(name for name in record if name.lower() in unknown)
        raise RowProblem(f"no such field: {path}{name}.", f"{path}{name}")
    return {
        field.name: _convert_field(
            given.get(field.name.lower()), field, ignore_unknown=ignore_unknown, path=f"{path}{field.name}"
        )
        for field in fields
    }


def _convert_field(value: Any, field: Any, *, ignore_unknown: bool, path: str) -> Any:
    if field.mode == "REPEATED":
        if value is None:
            return []
        if not isinstance(value, list):
            raise RowProblem(f"Repeated field needs an array: {path}.", path)
        return [_convert_one(item, field, ignore_unknown=ignore_unknown, path=path) for item in value]
    if isinstance(value, list):
        raise RowProblem(f"Array specified for non-repeated field: {path}.", path)
    if value is None:
        if field.mode == "REQUIRED":
            raise RowProblem(f"Missing required field: {path}.", path)
        return None
    return _convert_one(value, field, ignore_unknown=ignore_unknown, path=path)


def _convert_one(value: Any, field: Any, *, ignore_unknown: bool, path: str) -> Any:
    kind = field.type.upper()
    if kind in ("RECORD", "STRUCT"):
        return convert_record(value, field.fields, ignore_unknown=ignore_unknown, path=f"{path}.")
    if isinstance(value, dict | list):
        raise RowProblem(f"This field: {path} is not a record.", path)
    # Types that the fleet's tables do not use are passed to the engine unchecked.
    convert = _CONVERSIONS.get(kind)
    if convert is None:
        return value
    try:
        return convert(value)
    except (ValueError, TypeError, OverflowError):
        message = f"Cannot convert value to {kind.lower()} (bad value): {value}"
        raise RowProblem(message, path) from None


def _integer(value: Any) -> int:
    # In Python a bool is an int; it must not pass for 0 or 1.
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise OverflowError(value)
    return number


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
    text = str(value).lower()
    if text not in known:
        raise ValueError(value)
    return known[text]


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _timestamp(value: Any) -> datetime:
    """Read a number as seconds since 1970, text as ISO 8601 or BigQuery's own form, UTC without a zone."""
    if isinstance(value, bool):
        raise TypeError(value)
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError(value)
        return datetime.fromtimestamp(value, UTC)
    text = str(value).strip()
    if text.upper().endswith(" UTC"):
        text = f"{text[:-4].rstrip()}+00:00"
    try:
        instant = datetime.fromisoformat(text)
    # A number in a text is seconds since 1970, like a JSON number.
    except ValueError:
        return datetime.fromtimestamp(float(text), UTC)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _date(value: Any) -> date:
    return date.fromisoformat(value)


def _json(value: Any) -> str:
    """Return the text of a JSON column; it has to be valid JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    json.loads(text)
    return text


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "INTEGER": _integer,
    "INT64": _integer,
    "FLOAT": _float,
    "FLOAT64": _float,
    "BOOLEAN": _boolean,
    "BOOL": _boolean,
    "STRING": _string,
    "TIMESTAMP": _timestamp,
    "DATE": _date,
    "JSON": _json,
}
CONVERTED = frozenset(_CONVERSIONS)
"""Types whose values `convert_record` converts to Python's; it leaves values of other types unchanged."""
