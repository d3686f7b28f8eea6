"""Batches of named queries: each query returns the same rows in a batch as alone."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest
from google.cloud import bigquery
from tests.support.dataset_rows import (
    ELEVEN,
    HOUR,
    MINUTE,
    decided,
    executed,
    missing,
    paused,
    scanned,
    scheduled,
)
from tests.support.second_opinion import QUERY

from conftest import Dataset
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_dataset.batch import Part, run_batch
from tipoff_dataset.queries import named
from tipoff_monitor.console.sources import FLEET_QUERIES, RECENT_QUERIES

AT = ELEVEN + 4 * HOUR
CONTEXT = '{"hours": {"before": 1.5}}'


@pytest.fixture(scope="module")
def filled(dataset: Dataset) -> Dataset:
    """The dataset with rows of two workflows for each query of the console."""
    version = {"controller_version": "1", "config_hash": "h"}
    for name in ("first", "second"):
        path = f"gs://data/{name}"
        dataset.insert("daily_expected_schedule", scheduled(name, scrapers=[name], priority="HIGH"))
        dataset.insert("workflow_decisions", decided(name, ELEVEN, "RUN", "due", context=CONTEXT, **version))
        dataset.insert(
            "scraper_execution_log",
            executed(name, ELEVEN, "success", 5, scraper_name=name, workflow=name, gcs_path=path),
        )
        dataset.insert(
            "dead_letters",
            {
                "event_id": name,
                "rejected_at": ELEVEN.isoformat(),
                "reason": "undecodable",
                "service": "logger",
                "subscription": "s",
                "message_id": name,
                "payload_sha256": "0",
                "payload_bytes": 1,
                "environment": "prod",
                "created_at": ELEVEN.isoformat(),
            },
        )
        dataset.insert("cleanup_operations", scanned(AT - MINUTE, missing(path, ELEVEN, AT - MINUTE)))
        dataset.insert("pause_events", paused(name, ELEVEN, AT + HOUR))
    return dataset


@pytest.mark.parametrize("together", [FLEET_QUERIES, RECENT_QUERIES], ids=["fleet", "recent"])
def test_console_queries_return_same_rows_in_batch_of_any_order_as_alone(
    filled: Dataset, together: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: the embedded warehouse took one query's column for another's, in some orders only."""
    # Not compared with the reference: it writes instants and whole floats in JSON in another format.
    monkeypatch.setattr(bigquery.Client, "query_and_wait", QUERY)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", filled.url)
    warehouse = BigQueryWarehouse(filled.project, filled.url)
    parts = {
        name: Part(query, query.arguments({"as_of": AT}, AT, "prod"))
        for name in together
        if (query := named(name))
    }
    alone = {name: comparable(warehouse.query(it.query.sql, it.arguments)) for name, it in parts.items()}
    assert all(alone.values()), "each query has rows to compare"
    for order in (together, together[::-1], together[1:] + together[:1]):
        found = run_batch(warehouse, {name: parts[name] for name in order})
        assert {name: comparable(rows) for name, rows in found.items()} == alone


def comparable(rows: list[dict[str, Any]]) -> list[str]:
    """Return the rows as sorted texts: a batch has no order, and its instants are text."""
    return sorted(
        json.dumps({name: _with_instant(value) for name, value in row.items()}, sort_keys=True)
        for row in rows
    )


def _with_instant(value: Any) -> Any:
    """Return a date or an instant, or the text of either, in one format; any other value unchanged."""
    if not isinstance(value, date | str):
        return value
    try:
        return datetime.fromisoformat(str(value)).isoformat()
    except ValueError:
        return value
