"""Grafana's macros in a panel's SQL, expanded as Grafana does, so that the checks analyze and run the real query.

Rules: the data source's documentation of its macros, https://grafana.com/docs/plugins/grafana-bigquery-datasource/latest/
(`$__timeFilter`, `$__timeGroup`), and Grafana's of variables. A panel may use these and no others.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

_FILTER = re.compile(r"\$__timeFilter\(([a-z_.]+)\)")
_GROUP = re.compile(r"\$__timeGroup\(([a-z_.]+), (\d+)([mhd])\)")
_VARIABLE = re.compile(r"\$\{([a-z_]+)\}")
_LEFT = re.compile(r"\$[\w{][^\s']*")
_UNITS: Mapping[str, timedelta] = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


class UnknownMacro(ValueError):
    """A macro or variable that Grafana would not expand, or that these rules do not cover."""


def expand(sql: str, *, start: datetime, end: datetime, variables: Mapping[str, str]) -> str:
    """Return the SQL that BigQuery gets for a dashboard's range from `start` to `end` (aware).

    Raises:
        UnknownMacro: the expanded SQL still contains a macro or a variable.
    """
    first, last = (f"{it.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for it in (start, end))
    sql = _FILTER.sub(lambda it: f"{it[1]} >= '{first}' AND {it[1]} <= '{last}'", sql)
    sql = _GROUP.sub(_grouped, sql)
    sql = _VARIABLE.sub(lambda it: variables.get(it[1], it[0]), sql)
    # A dollar before a dot is a JSON path, which Grafana does not change.
    if left := _LEFT.search(sql):
        raise UnknownMacro(f"left in the SQL: {left[0]!r}")
    return sql


def _grouped(found: re.Match[str]) -> str:
    millis = int(found[2]) * _UNITS[found[3]] // timedelta(milliseconds=1)
    return f"TIMESTAMP_MILLIS(DIV(UNIX_MILLIS({found[1]}), {millis}) * {millis})"
