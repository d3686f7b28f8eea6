"""The services' queries, modelled in Python: SQL would take hundreds of times as long as a run itself.

test_dataset.py compares each model with the SQL itself, on the embedded warehouse, over the rows of whole runs.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.support import execution_queries
from tipoff_cleanup import dataset as cleanup_dataset
from tipoff_common.clock import CLOCKS_AGREE_WITHIN
from tipoff_monitor.loading import COLUMNS
from tipoff_planning import execution_log, expectations

Rows = Sequence[Mapping[str, Any]]
Tables = Mapping[str, Rows]
Parameters = Mapping[str, Any]
Answer = list[dict[str, Any]]


def answer(sql: str, given: Parameters, tables: Tables) -> Answer:
    """Return the rows of a query over the visible rows of the tables. Raises KeyError for SQL without a model."""
    if sql.startswith("SELECT '"):
        return [
            row
            for rule, model in _ALERTS.items()
            if f"'{rule}' AS rule" in sql
            for row in model(given, tables)
        ]
    return _QUERIES[sql](given, tables)


def filled(tables: Tables) -> Tables:
    """Return the tables, with an empty table for each without rows."""
    return defaultdict(list, tables)


def _of_environment(rows: Rows, given: Parameters) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["environment"] == given["environment"]]


def _day(instant: datetime) -> date:
    return instant.astimezone(UTC).date()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


# Cleanup


def _landed(given: Parameters, tables: Tables) -> Answer:
    since, now, settled = given["since"], given["now"], given["settled"]
    first: dict[str, Mapping[str, Any]] = {}
    for row in _of_environment(tables["scraper_execution_log"], given):
        if row["status"] != "success" or row["gcs_path"] is None or not since <= row["triggered_at"] <= now:
            continue
        known = first.get(row["gcs_path"])
        if known is None or _age(row) < _age(known):
            first[row["gcs_path"]] = row
    received = defaultdict[str, list[datetime]](list)
    for row in _of_environment(tables["file_receipts"], given):
        if _day(row["processed_at"]) >= _day(since) - timedelta(days=1):
            received[row["gcs_path"]].append(row["processed_at"])
    known_files = {path: (row, row["completed_at"] or row["triggered_at"]) for path, row in first.items()}
    proofs = [
        at
        for path, (_, at) in known_files.items()
        for got in received.get(path, ())
        if got >= at - CLOCKS_AGREE_WITHIN and max(got, at) <= settled
    ]
    runs = [
        row["cleanup_time"]
        for row in _of_environment(tables["cleanup_operations"], given)
        if since <= row["cleanup_time"] < now
        or (_day(row["cleanup_time"]) >= _day(since) and row["cleanup_time"] < now)
    ]
    waiting = sorted(
        (known for path, known in known_files.items() if path not in received),
        key=lambda it: (it[1], it[0]["gcs_path"]),
    )
    overview = {
        "files": len(known_files),
        "waiting": len(waiting),
        "receipts": len(received),
        "overtaken_before": max(proofs, default=None),
        "last_cleanup": max(runs, default=None),
    }
    names = ("gcs_path", "scraper_name", "workflow", "game_date", "execution_id")
    blank = dict.fromkeys((*names, "content_sha256", "landed_at"))
    rows = [
        {
            **{name: row[name] for name in names},
            "content_sha256": row["data_summary"].get("content_sha256"),
            "landed_at": at,
        }
        for row, at in waiting[: cleanup_dataset.MOST_WAITING]
    ]
    return [{**overview, **row} for row in rows or [blank]]


def _age(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["triggered_at"], row["execution_id"], row["created_at"])


def _received(given: Parameters, tables: Tables) -> Answer:
    found = {
        row["gcs_path"]
        for row in _of_environment(tables["file_receipts"], given)
        if row["gcs_path"] in given["paths"] and _day(row["processed_at"]) >= _day(given["since"])
    }
    return [{"gcs_path": path} for path in sorted(found)]


def _stray_receipts(given: Parameters, tables: Tables) -> Answer:
    named = {
        row["gcs_path"]
        for row in _of_environment(tables["scraper_execution_log"], given)
        if _day(given["since"]) <= _day(row["triggered_at"]) <= _day(given["now"])
    }
    strays: dict[str, datetime] = {}
    for row in _of_environment(tables["file_receipts"], given):
        path, at = row["gcs_path"], row["processed_at"]
        if given["since"] <= at <= given["settled"] and path not in named:
            strays[path] = min(strays.get(path, at), at)
    return [
        {"gcs_path": path, "processed_at": strays[path]}
        for path in sorted(strays)[: cleanup_dataset.MOST_UNKNOWN]
    ]


def _named(given: Parameters, tables: Tables) -> Answer:
    found = {
        row["gcs_path"]
        for row in _of_environment(tables["scraper_execution_log"], given)
        if row["gcs_path"] in given["paths"] and _day(row["triggered_at"]) >= _day(given["since"])
    }
    return [{"gcs_path": path} for path in sorted(found)]


def _executions(given: Parameters, tables: Tables) -> Answer:
    names = (
        "execution_id", "status", "workflow", "occurrence_id", "decision_id", "attempt", "triggered_at",
    )  # fmt: skip
    rows = [
        row
        for row in _of_environment(tables["scraper_execution_log"], given)
        if row["execution_id"] in given["ids"] and _day(row["triggered_at"]) >= _day(given["since"])
    ]
    return [{name: row[name] for name in names} for row in sorted(rows, key=lambda row: row["created_at"])]


# The monitor


def _expected_vs_actual(given: Parameters, tables: Tables) -> Answer:
    as_of, decisions = given["as_of"], _decisions(given, tables)
    executions = _distinct_executions(given, tables)
    in_window = [
        row
        for row in decisions
        if given["first_partition"] <= _day(row["decision_time"]) <= given["last_partition"]
    ]
    relevant = [row for row in in_window if row["reason_code"] != "parent_unfruitful"]
    evaluated = [row for row in relevant if row["reason_code"] != "manual"]
    order = sorted(relevant, key=lambda row: row["decision_id"])
    order.sort(key=lambda row: row["decision_time"], reverse=True)
    latest: dict[str, Any] = {}
    last_reason: dict[str, Any] = {}
    for row in order:
        if row["reason_code"] != "manual":
            latest.setdefault(row["workflow_name"], []).append(row)
        last_reason.setdefault(row["occurrence_id"], row["reason_code"])
    skipped = {
        (row["occurrence_id"], row["context"].get("scraper"))
        for row in in_window
        if row["reason_code"] == "parent_unfruitful"
    }
    last_decided = max((row["decision_time"] for row in evaluated), default=None)
    today = [row["reason_code"] for row in evaluated if row["decision_time"] >= given["lock"]]
    idle = bool(today) and all(code in ("no_games", "day_done") for code in today)
    steps, found_at = _steps(executions), _found_at(executions)
    rows: Answer = []
    for day, whole in ((given["day"], True), (given["night"], False)):
        if not whole and not given["with_night"]:
            continue
        for run in _standing(day, given, tables):
            if not whole and not run["deadline"] > given["midnight"]:
                continue
            base = {
                "idle": idle,
                **_outcome(run, as_of, decisions, executions),
                "next_check_time": _next_check(latest.get(run["workflow_name"], [])),
                "last_reason_code": last_reason.get(run["occurrence_id"]),
                "last_decided_at": last_decided,
            }
            for scraper in run["scrapers"] or [None]:
                step = steps.get((run["occurrence_id"], scraper), {})
                key = run["workflow_name"], scraper, run["game_date"], run["subject"] or "-"
                found, began = found_at.get(key), base["actual_run_time"]
                rows.append(
                    {
                        **base,
                        "scraper": scraper,
                        **{name: step.get(name, 0) for name in _COUNTS},
                        **{name: step.get(name) for name in _FACTS},
                        **dict.fromkeys(_PAUSES),  # the simulation has no pauses
                        "parent_unfruitful": (run["occurrence_id"], scraper) in skipped,
                        "found_later": step["found_later"]
                        if step
                        else bool(found and began and found > began),
                    }
                )
    if not rows:
        # Without expectations one row still reports the newest decision.
        blank = dict.fromkeys(
            (*_OUTCOME, *_FACTS, *_PAUSES, "next_check_time", "last_reason_code", "scraper")
        )
        flags = {
            "parent_unfruitful": False,
            "found_later": False,
            "idle": idle,
            "last_decided_at": last_decided,
        }
        return [{**blank, **dict.fromkeys(_COUNTS, 0), **flags}]
    rows.sort(
        key=lambda row: (
            row["expected_run_time"],
            row["workflow_name"],
            row["occurrence_id"],
            row["scraper"] or "",
        )
    )
    return rows


_OUTCOME = (
    "date", "workflow_name", "occurrence_id", "subject", "expected_run_time", "deadline", "games_today", "priority",
    "environment", "expected_reason", "actual_run_time", "action", "reason_code", "actual_reason", "executions",
    "found", "status",
)  # fmt: skip
_PAUSES = ("paused_until", "paused_by", "paused_why", "scraper_paused_until")
_COUNTS = ("units", "attempts", "units_found", "units_failed")
_FACTS = (
    "failing_since", "last_at", "error_type", "error_message", "failed_later_at", "later_error_type",
    "later_error_message",
)  # fmt: skip


def _standing(day: date, given: Parameters, tables: Tables) -> Rows:
    """Return the rows of expected_schedule() of one day."""
    newest: dict[str, Mapping[str, Any]] = {}
    for row in _of_environment(tables["daily_expected_schedule"], given):
        if row["date"] != day or row["locked_at"] > given["as_of"]:
            continue
        known = newest.get(row["occurrence_id"])
        if known is None or _standing_rank(row) > _standing_rank(known):
            newest[row["occurrence_id"]] = row
    return list(newest.values())


def _standing_rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["locked_at"], row["state"] == "CANCELLED", row["created_at"])


def _decisions(given: Parameters, tables: Tables) -> list[Mapping[str, Any]]:
    """Return v_decisions as of an instant: the newest row of each id."""
    newest: dict[str, Mapping[str, Any]] = {}
    for row in _of_environment(tables["workflow_decisions"], given):
        if row["decision_time"] <= given["as_of"]:
            known = newest.get(row["decision_id"])
            if known is None or row["created_at"] > known["created_at"]:
                newest[row["decision_id"]] = row
    return list(newest.values())


def _distinct_executions(given: Parameters, tables: Tables) -> list[Mapping[str, Any]]:
    """Return executions(): one row per execution and UTC day, a success first, a presumed failure last."""
    best: dict[tuple[str, date], Mapping[str, Any]] = {}
    for row in _of_environment(tables["scraper_execution_log"], given):
        key = row["execution_id"], _day(row["triggered_at"])
        if key not in best or _execution_rank(row) > _execution_rank(best[key]):
            best[key] = row
    return [row for row in best.values() if row["triggered_at"] <= given["as_of"]]


def _execution_rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["status"] == "success", "presumed" not in row["data_summary"], row["created_at"])


def _outcome(run: Mapping[str, Any], as_of: datetime, decisions: Rows, executions: Rows) -> dict[str, Any]:
    """Return the row of expected_vs_actual() of one occurrence."""
    own = [
        row
        for row in decisions
        if row["occurrence_id"] == run["occurrence_id"]
        and (row["action"] == "RUN" or row["decision_time"] >= run["expected_run_time"])
    ]
    runs = sorted(
        (row for row in own if row["action"] == "RUN"),
        key=lambda row: (row["decision_time"], row["decision_id"]),
    )
    others = sorted(
        sorted((row for row in own if row["action"] != "RUN"), key=lambda row: row["decision_id"]),
        key=lambda row: row["decision_time"],
        reverse=True,
    )
    first = next(iter(runs or others), None)
    skips = [row for row in others if row["action"] == "SKIP"]
    skip = skips[0]["reason_code"] if skips else None
    done = [row for row in executions if row["occurrence_id"] == run["occurrence_id"]]
    if run["state"] == "CANCELLED":
        status = "CANCELLED"
    elif as_of < run["expected_run_time"]:
        status = "TOO_EARLY"
    elif runs:
        late = runs[0]["decision_time"] > run["expected_run_time"] + timedelta(minutes=30)
        status = "LATE" if late else "ON_TIME"
    elif skip in ("already_found", "no_games", "superseded"):
        status = "SKIPPED_OK"
    elif skip == "paused":
        status = "PAUSED"
    else:
        status = "PENDING" if as_of <= run["deadline"] else "MISSING"
    return {
        **{
            name: run[name]
            for name in (
                "date",
                "workflow_name",
                "occurrence_id",
                "expected_run_time",
                "deadline",
                "games_today",
                "priority",
                "subject",
                "environment",
            )
        },
        "expected_reason": run["reason"],
        "actual_run_time": runs[0]["decision_time"] if runs else None,
        "action": first["action"] if first else None,
        "reason_code": first["reason_code"] if first else None,
        "actual_reason": first["reason"] if first else None,
        "executions": len(done),
        "found": any(row["status"] == "success" for row in done),
        "status": status,
    }


def _known_since(given: Parameters, tables: Tables) -> Answer:
    """Return the oldest lock or decision."""
    locks = [row["locked_at"] for row in _of_environment(tables["daily_expected_schedule"], given)]
    decisions = [row["decision_time"] for row in _of_environment(tables["workflow_decisions"], given)]
    return [{"known_since": min([*locks, *decisions], default=None)}]


def _next_check(newest_first: Rows) -> datetime | None:
    """Return the earliest next check of a workflow's newest evaluation."""
    last = [row for row in newest_first if row["decision_time"] == newest_first[0]["decision_time"]]
    return min((row["next_check_time"] for row in last if row["next_check_time"]), default=None)


def _steps(executions: Rows) -> dict[tuple[str, str], dict[str, Any]]:
    units: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    answers: dict[tuple[str, date, str], list[Mapping[str, Any]]] = {}
    for row in executions:
        if row["source"] == "LOCAL":
            continue
        unit = _json(row["opts"])
        answers.setdefault((row["scraper_name"], row["game_date"], _without_slot_hour(unit)), []).append(row)
        if row["occurrence_id"] is not None:
            units.setdefault((row["occurrence_id"], row["scraper_name"], unit), []).append(row)
    steps: dict[tuple[str, str], dict[str, Any]] = {}
    incomplete = {
        (occurrence, scraper)
        for (occurrence, scraper, _), rows in units.items()
        if all(row["status"] != "success" for row in rows)
    }
    for (occurrence, scraper, unit), rows in units.items():
        last = max(rows, key=lambda row: row["triggered_at"])
        found = any(row["status"] == "success" for row in rows)
        failing = not found and last["status"] == "failed"
        blank = dict.fromkeys(_COUNTS, 0) | dict.fromkeys(_FACTS) | {"unfound": 0}
        step = steps.setdefault((occurrence, scraper), blank)
        step["units"] += 1
        step["attempts"] += len(rows)
        step["units_found"] += found
        step["units_failed"] += failing
        step["last_at"] = max(step["last_at"] or last["triggered_at"], last["triggered_at"])
        if failing:
            since = min(row["triggered_at"] for row in rows)
            step["failing_since"] = min(step["failing_since"] or since, since)
            step["error_type"] = max(step["error_type"] or "", last["error_type"] or "") or None
            step["error_message"] = max(step["error_message"] or "", last["error_message"] or "") or None
        later = [
            row
            for row in answers[(scraper, last["game_date"], _without_slot_hour(unit))]
            if row["triggered_at"] > last["triggered_at"]
        ]
        step["unfound"] += not found and all(row["status"] != "success" for row in later)
        newest = max(later, key=lambda row: row["triggered_at"], default=None)
        counts = not found or (occurrence, scraper) not in incomplete
        if counts and newest is not None and newest["status"] == "failed":
            for name, value in (
                ("failed_later_at", newest["triggered_at"]),
                ("later_error_type", newest["error_type"]),
                ("later_error_message", newest["error_message"]),
            ):
                step[name] = max(filter(None, (step[name], value)), default=None)
    for step in steps.values():
        step["found_later"] = step["units_found"] < step["units"] and not step["unfound"]
    return steps


def _without_slot_hour(unit: str) -> str:
    """Return a unit without the hour of its slot."""
    return re.sub(r'[0-9]{4}-[0-9]{2}-[0-9]{2}T[^"]*', "", unit)


def _found_at(executions: Rows) -> dict[tuple[str, str, date, str], datetime]:
    found: dict[tuple[str, str, date, str], datetime] = {}
    for row in executions:
        if row["status"] == "success" and row["source"] != "LOCAL":
            game = row["opts"].get("game_id", "-")
            key = row["workflow"], row["scraper_name"], row["game_date"], game
            found[key] = max(found.get(key, row["triggered_at"]), row["triggered_at"])
    return found


_ERRORS_OF_OTHER_RULES = ("no receipts to compare with", "the dataset is behind")
"""Prefixes of cleanup's errors that have rules of their own."""


def _newest(
    table: str, column: str, minutes: Callable[[Parameters], int], sentence: str
) -> Callable[..., Answer]:
    """alert_no_decisions.sql and alert_cleanup_not_running.sql: the newest row is too old.

    A failed scan does not count.
    """

    def model(given: Parameters, tables: Tables) -> Answer:
        as_of = given["as_of"]
        at = [
            row[column]
            for row in _of_environment(tables[table], given)
            if row[column] <= as_of
            and row.get("reason_code") not in ("parent_unfruitful", "manual")
            and all(error.startswith(_ERRORS_OF_OTHER_RULES) for error in row.get("errors", ()))
        ]
        allowed = timedelta(minutes=minutes(given))
        last = max(at, default=as_of - timedelta(hours=48))
        if at and last >= as_of - allowed:
            return []
        row = ("-", last + allowed, float((as_of - last) // timedelta(minutes=1)), None, None, None, sentence)
        return [dict(zip(COLUMNS, row, strict=True))]

    return model


def _parameter(given: Parameters, name: str) -> Any:
    """Return a parameter of a rule's query, whose name begins with the rule's number in the batch."""
    return next(value for key, value in given.items() if key.endswith(f"_{name}"))


def _tagged(rule: str, model: Callable[..., Answer]) -> Callable[..., Answer]:
    return lambda given, tables: [{"rule": rule, **row} for row in model(given, tables)]


_ALERTS: Mapping[str, Callable[..., Answer]] = {
    "no-decisions": _tagged(
        "no-decisions",
        _newest(
            "workflow_decisions",
            "decision_time",
            lambda given: _parameter(given, "minutes"),
            "Nothing decided.",
        ),
    ),
    "cleanup-silent": _tagged(
        "cleanup-silent",
        _newest(
            "cleanup_operations", "cleanup_time", lambda given: 60 * _parameter(given, "hours"), "No cleanup."
        ),
    ),
}

_QUERIES: Mapping[str, Callable[..., Answer]] = {
    execution_log._FOUND: lambda given, tables: execution_queries.found(
        given, tables["scraper_execution_log"]
    ),
    expectations._EXPECTED_VS_ACTUAL: _expected_vs_actual,
    expectations._KNOWN_SINCE: _known_since,
    cleanup_dataset._FILES: _landed,
    cleanup_dataset._RECEIVED: _received,
    cleanup_dataset._STRAY_RECEIPTS: _stray_receipts,
    cleanup_dataset._NAMED: _named,
    cleanup_dataset._EXECUTIONS: _executions,
}
