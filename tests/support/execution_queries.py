"""The queries of execution_log.py, modelled in Python over rows as rows.py builds them.

The tests of the embedded warehouse compare each model with its SQL.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from tipoff_planning import execution_log

Row = Mapping[str, Any]
Parameters = Mapping[str, Any]
Answer = list[dict[str, Any]]


def found(given: Parameters, rows: Sequence[Row]) -> Answer:
    """Model the query that groups successes by subject."""
    groups: dict[tuple[tuple[str, Any], ...], list[datetime]] = {}
    for row in _scanned(given, rows):
        rebuilt = row["occurrence_id"] in given["occurrences"]
        asked = rebuilt or row["request_id"] in given["requests"]
        counts = (
            row["game_date"] in given["game_dates"]
            and row["scraper_name"] in given["scrapers"]
            and row["status"] == "success"
            and row["source"] != "LOCAL"
        )
        if asked or counts:
            group = {
                **_columns(row),
                **_answer_of_source(row),
                "request_id": row["request_id"] if asked else "",
                "occurrence_id": row["occurrence_id"] if rebuilt else "",
                "is_presumed": "presumed" in row["data_summary"],
            }
            groups.setdefault(tuple(group.items()), []).append(row["triggered_at"])
    return [{**dict(group), "first_at": min(at), "last_at": max(at)} for group, at in groups.items()]


def executions(given: Parameters, rows: Sequence[Row]) -> Answer:
    """Model the query of all executions about some days."""
    about = [row for row in _scanned(given, rows) if row["game_date"] in given["game_dates"]]
    about.sort(key=lambda row: ("presumed" not in row["data_summary"], row["created_at"]))
    return [{**_columns(row), **_answer_of_source(row), "triggered_at": row["triggered_at"]} for row in about]


def looks(given: Parameters, rows: Sequence[Row]) -> Answer:
    """Model the query of the looks of learned searches."""
    return [
        {**_columns(row), "triggered_at": row["triggered_at"]}
        for row in _scanned(given, rows)
        if row["game_date"] is not None
        and given["first_game_date"] <= row["game_date"] <= given["last_game_date"]
        and row["scraper_name"] in given["searched_scrapers"]
        and (row["status"] != "failed" or given["with_failures"])
        and row["source"] != "LOCAL"
    ]


MODELS: Mapping[str, Callable[[Parameters, Sequence[Row]], Answer]] = {
    execution_log._FOUND: found,
    execution_log._EXECUTIONS: executions,
    execution_log._LOOKS: looks,
}
"""The model of each query, by its SQL."""


def _scanned(given: Parameters, rows: Sequence[Row]) -> list[Row]:
    """Return the environment's rows in the partitions that the query reads."""
    return [
        row
        for row in rows
        if row["environment"] == given["environment"]
        and given["first_partition"] <= _day(row["triggered_at"]) <= given["last_partition"]
    ]


def _columns(row: Row) -> dict[str, Any]:
    names = "request_id scraper_name game_date status error_type source"
    return {
        **{name: row[name] for name in names.split()},
        "opts": _json(row["opts"]),
        "completeness": _json(row["data_summary"].get("completeness")),
    }


def _answer_of_source(row: Row) -> dict[str, Any]:
    """Return the columns on a failure or an absence."""
    summary = row["data_summary"]
    message = row["error_message"]
    return {
        "error_message": message if message is not None else summary.get("reason"),
        "not_before": _instant(summary.get("not_before")),
        "paused_host": summary.get("paused_host"),
    }


def _instant(text: Any) -> datetime | None:
    """Return the instant that SAFE_CAST reads."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _day(instant: datetime) -> date:
    return instant.astimezone(UTC).date()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)
