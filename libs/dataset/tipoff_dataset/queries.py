"""The named queries of `queries/`: their questions, their parameters with defaults, and their execution.

The comment at the top of a query's file declares them: the first line is the question, and one line for each parameter
has its type, its default and its meaning:

    -- Has this scraper found its data for the business day?
    --
    --   @as_of  TIMESTAMP = now  instant of the question
    --   @days   INT64 = 7        number of business days
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tipoff_common.clock import business_date, to_utc
from tipoff_common.ports import Parameter, Warehouse
from tipoff_common.words import unknown_name
from tipoff_dataset.files import QUERIES

FOLDER = QUERIES
NOW = "now"
TODAY = "today"
"""The date of @as_of in the fleet's zone."""
_DECLARED = re.compile(
    r"--   @(?P<name>\w+)\s+(?P<type>[A-Z0-9]+)(?: = (?P<default>\S+))?\s\s+(?P<meaning>.+)"
)


class UnknownQueryError(Exception):
    """There is no query of that name; the message suggests similar names, else lists all."""


class QueryParameterError(Exception):
    """A parameter is missing, unknown or does not fit its type; the message names it and the remedy."""


@dataclass(frozen=True)
class QueryParameter:
    """One parameter."""

    name: str
    type: str
    default: str | None
    """The default as text; None for a required parameter."""
    meaning: str


@dataclass(frozen=True)
class NamedQuery:
    """A query with its question and parameters."""

    name: str
    question: str
    parameters: tuple[QueryParameter, ...]
    sql: str

    @classmethod
    def read(cls, path: Path) -> "NamedQuery":
        """Read a query's file."""
        sql = path.read_text(encoding="utf-8")
        header = [line for line in sql.partition("\n\n")[0].splitlines() if line.startswith("--")]
        found = (_DECLARED.fullmatch(line) for line in header)
        parameters = tuple(QueryParameter(**match.groupdict()) for match in found if match)
        return cls(path.stem, header[0].removeprefix("-- ") if header else "", parameters, sql)

    def arguments(
        self, given: Mapping[str, Parameter | str], now: datetime, environment: str | None = None
    ) -> dict[str, Parameter]:
        """Return the value of each parameter: the given one, with text parsed by its type, else the default.

        now: the value of the default `now`. environment: replaces the default of @environment.

        Raises:
            QueryParameterError
        """
        if unknown := sorted(given.keys() - {parameter.name for parameter in self.parameters}):
            names = ", ".join(parameter.name for parameter in self.parameters) or "none"
            raise QueryParameterError(f"{self.name} has no parameter '{unknown[0]}'; its parameters: {names}")
        defaults = {"environment": environment} if environment else {}
        values: dict[str, Parameter] = {}
        for parameter in self.parameters:
            value = given.get(parameter.name, defaults.get(parameter.name, parameter.default))
            if value is None:
                raise QueryParameterError(f"{self.name} needs '{parameter.name}': {parameter.meaning}")
            # `today` is the date of @as_of in a query that has one; it is declared before the dependent parameters.
            at = values.get("as_of", now)
            values[parameter.name] = _read(parameter, value, at) if isinstance(value, str) else value
        return values


def names() -> list[str]:
    """List the names of all queries."""
    return sorted(path.stem for path in FOLDER.glob("*.sql"))


def named(name: str) -> NamedQuery:
    """Return the query of that name. Raises UnknownQueryError."""
    if name not in names():
        raise UnknownQueryError(unknown_name("query", name, names()))
    return NamedQuery.read(FOLDER / f"{name}.sql")


def run_named_query(warehouse: Warehouse, name: str, **parameters: Parameter) -> list[dict[str, Any]]:
    """Return the rows of `queries/<name>.sql`; callers pass every parameter. Raises UnknownQueryError, Unavailable."""
    return warehouse.query(named(name).sql, parameters)


def _read(parameter: QueryParameter, text: str, now: Parameter) -> Parameter:
    if parameter.type == "TIMESTAMP" and text == NOW:
        return now
    if parameter.type == "DATE" and text == TODAY and isinstance(now, datetime):
        return business_date(now)
    try:
        value = _READERS[parameter.type](text)
    except ValueError as error:
        detail = f": {error}" if parameter.type == "TIMESTAMP" else ""
        raise QueryParameterError(
            f"'{text}' is not a valid {parameter.type} for '{parameter.name}'{detail}"
        ) from error
    # Numbers count things or are shares and limits of them: a negative one would quietly find nothing.
    if isinstance(value, int | float) and value < 0:
        raise QueryParameterError(f"'{text}' is negative; use 0 or more for '{parameter.name}'")
    return value


def _boolean(text: str) -> bool:
    values = {"true": True, "false": False}
    if text.lower() not in values:
        raise ValueError(text)
    return values[text.lower()]


def _integer(text: str) -> int:
    number = int(text)
    # BigQuery's limit, checked here so that the error can name the parameter.
    if number >= 2**63:
        raise ValueError(text)
    return number


def _timestamp(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    # No default zone: a wrong guess would be off by hours and look right.
    if instant.tzinfo is None:
        raise ValueError("no time zone; add Z or an offset such as -05:00")
    return to_utc(instant)


_READERS: Mapping[str, Callable[[str], Parameter]] = {
    "STRING": str,
    "INT64": _integer,
    "FLOAT64": float,
    "BOOL": _boolean,
    "DATE": date.fromisoformat,
    "TIMESTAMP": _timestamp,
}
"""Parsers of text, by type; queries can declare only these types."""
