"""Tables that the queries of ticks and watches read, through views and table functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any

from tipoff_cli.checkout import ALERTS
from tipoff_common.clock import local_instant
from tipoff_common.ports import DATASET, Parameter
from tipoff_common.testing import MemoryWarehouse
from tipoff_dataset.files import QUERIES, SCHEMAS, defined_name, names_used
from tipoff_monitor.conditions import batch_query
from tipoff_monitor.loading import load_rules
from tipoff_planning.expectations import read_expectations

_DAY = date(2025, 1, 15)


@cache
def _derived() -> Mapping[str, set[str]]:
    """Return the names that each view and table function reads."""
    files = [*SCHEMAS.glob("fn_*.sql"), *SCHEMAS.glob("v_*.sql")]
    return {defined_name(path): names_used(path) - {defined_name(path)} for path in files}


def tables_read(sql: str) -> set[str]:
    """Return the tables that a statement reads."""
    code = re.sub(r"--.*", "", sql)
    waiting, tables = set(re.findall(rf"\b{DATASET}\.(\w+)", code)), set[str]()
    # Files name each other in no circle: ordered_files refuses one.
    while waiting:
        name = waiting.pop()
        if name in _derived():
            waiting |= _derived()[name]
        else:
            tables.add(name)
    return tables


def scans_of_a_watch() -> Counter[str]:
    """Count the tables that the jobs of one watch of the shipped rules read, each once a job."""
    scans: Counter[str] = Counter()

    def answer(sql: str, _: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        scans.update(tables_read(sql))
        return []

    warehouse, now = MemoryWarehouse(answer=answer), datetime.combine(_DAY, time(12), UTC)
    given: dict[str, Parameter] = {"as_of": now, "environment": "bench", "version": "", "config_hash": ""}
    warehouse.query(*batch_query(load_rules(ALERTS, QUERIES), given))
    read_expectations(
        warehouse, "bench", _DAY, now, midnight=local_instant(_DAY, time()), with_known_since=False
    )
    return scans
