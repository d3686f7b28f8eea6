"""The Python models of the queries, compared with the SQL over the rows of whole runs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from gcp_emulators.testing import running
from tests.simulation import dataset
from tests.simulation.fleet import ROOT
from tests.simulation.world import simulate
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_dataset.deploy import deploy

pytestmark = pytest.mark.usefixtures("quiet")
SEEDS = (26, 12)
QUERIES_OF_EACH_KIND = 3
"""The number of compared queries of each kind: the last of the run, when there are the most rows."""
PROJECT = "simulated"
_AS_JSON = frozenset({"opts", "completeness"})
_FREE_TEXT = frozenset({"summary"})


@pytest.fixture(scope="module")
def warehouse() -> Iterator[BigQueryWarehouse]:
    """The embedded warehouse with the dataset deployed, as the services reach it."""
    with running("bigquery") as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIGQUERY_EMULATOR_HOST", emulator.url)
        client = bigquery.Client(project=PROJECT, credentials=AnonymousCredentials())
        deploy(client, ROOT / "schemas/bigquery/nba_orchestration")
        client.close()
        yield BigQueryWarehouse(PROJECT, emulator.url)


def test_python_model_matches_its_sql(warehouse: BigQueryWarehouse) -> None:
    queries: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    worlds = [simulate(seed).world for seed in SEEDS]
    for world in worlds:
        for table, rows in world.rows.tables.items():
            stored = [row for _, row in rows]
            warehouse.append(table, stored, [f"{world.seed}/{number}" for number in range(len(stored))])
        for sql, parameters in world.queries:
            queries.setdefault(sql, []).append((sql, parameters))
    tables = {
        table: [row for world in worlds for _, row in world.rows.tables[table]]
        for table in {name for world in worlds for name in world.rows.tables}
    }
    assert len(queries) >= 6, "the runs asked too few kinds of questions"
    for calls in queries.values():
        for sql, parameters in calls[-QUERIES_OF_EACH_KIND:]:
            ours = dataset.answer(sql, parameters, dataset.filled(tables))
            theirs = warehouse.query(sql, parameters)
            only_ours = {*map(_comparable, ours)} - {*map(_comparable, theirs)}
            only_theirs = {*map(_comparable, theirs)} - {*map(_comparable, ours)}
            assert (len(ours), only_ours, only_theirs) == (len(theirs), set(), set())


def _comparable(row: Mapping[str, Any]) -> str:
    """Return a row as text: JSON decoded, free text left out."""
    kept = {
        name: json.loads(value or "null") if name in _AS_JSON else value
        for name, value in row.items()
        if name not in _FREE_TEXT
    }
    return json.dumps(kept, sort_keys=True, default=str)
