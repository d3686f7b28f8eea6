"""Batches of named queries: each query returns the same rows in a batch as alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from conftest import Dataset
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_dataset.batch import Part, run_batch
from tipoff_dataset.queries import named
from tipoff_monitor.console.sources import FLEET_QUERIES, RECENT_QUERIES

AT = datetime(2026, 1, 15, 20, tzinfo=UTC)


@pytest.mark.parametrize("together", [FLEET_QUERIES, RECENT_QUERIES], ids=["fleet", "recent"])
def test_console_queries_run_batched_in_any_order(
    dataset: Dataset, together: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: the embedded warehouse took one query's column for another's, in some orders only."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)
    warehouse = BigQueryWarehouse(dataset.project, dataset.url)
    parts = {
        name: Part(query, query.arguments({"as_of": AT}, AT, "local"))
        for name in together
        if (query := named(name))
    }
    for order in (together, together[::-1], together[1:] + together[:1]):
        assert set(run_batch(warehouse, {name: parts[name] for name in order})) == set(together)
