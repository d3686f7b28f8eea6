"""Processes of the embedded cloud, started for a module and ended with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from tests.support.reference_engine import ReferenceEngine, running_reference
from tests.support.second_opinion import compared

from gcp_emulators.testing import running
from tipoff_dataset.deploy import deploy
from tipoff_dataset.files import DATASET, ordered_files
from tipoff_dataset.queries import named
from tipoff_dev.checks.sql.zetasql import AnalyzerUnavailableError

SCHEMAS = Path(__file__).parents[3] / "schemas/bigquery/nba_orchestration"
RETRY = bigquery.DEFAULT_RETRY.with_timeout(90)


class Dataset:
    """The dataset, deployed to a project of its own on the shared embedded warehouse."""

    def __init__(self, url: str, project: str) -> None:
        self.url, self.project = url, project
        self.client = bigquery.Client(
            project=project, credentials=AnonymousCredentials(), client_options={"api_endpoint": url}
        )
        deploy(self.client, SCHEMAS)

    def insert(self, table: str, *rows: dict[str, Any]) -> None:
        name = f"{self.project}.nba_orchestration.{table}"
        assert self.client.insert_rows_json(name, list(rows), retry=None, timeout=90) == []

    def query(
        self, sql: str, types: dict[str, str] | None = None, *, unqualified: bool = False, **values: Any
    ) -> list[dict[str, Any]]:
        """Return the rows of a statement. unqualified: it names the dataset's tables without the dataset."""
        config = bigquery.QueryJobConfig(
            query_parameters=[
                bigquery.ScalarQueryParameter(name, (types or {}).get(name, "STRING"), value)
                for name, value in values.items()
            ],
        )
        if unqualified:  # only then: the emulator does not support INFORMATION_SCHEMA with a default dataset
            config.default_dataset = f"{self.project}.nba_orchestration"
        rows = self.client.query_and_wait(
            sql, job_config=config, retry=RETRY, job_retry=None, api_timeout=90, wait_timeout=90
        )
        return [dict(row) for row in rows]

    def ask(self, name: str, **given: Any) -> list[dict[str, Any]]:
        """Return the rows of a named query; parameters that are not given have their defaults."""
        query = named(name)
        values = query.arguments(given, given["as_of"] if "as_of" in given else datetime.now(UTC))
        return self.query(query.sql, {item.name: item.type for item in query.parameters}, **values)


@pytest.fixture(scope="session")
def warehouse_url() -> Iterator[str]:
    """One embedded warehouse for all modules that take a project of their own."""
    with running("bigquery") as emulator:
        yield emulator.url


@pytest.fixture(scope="session", autouse=True)
def second_opinion(warehouse_url: str) -> Iterator[ReferenceEngine | None]:
    """Execute every query of these tests on Google's reference implementation as well, and compare the rows.

    None where the reference is not available, which SQL_REFERENCE=required makes an error.
    """
    try:
        with running_reference(DATASET) as engine:
            for path in ordered_files(SCHEMAS):
                engine.define(path.read_text(encoding="utf-8"))
            with compared(engine, warehouse_url):
                yield engine
    except AnalyzerUnavailableError:
        if os.environ.get("SQL_REFERENCE") == "required":
            raise
        yield None


@pytest.fixture
def reference(second_opinion: ReferenceEngine | None) -> ReferenceEngine:
    if second_opinion is None:
        pytest.skip("Google's reference implementation cannot be had here")
    return second_opinion


@pytest.fixture(scope="session")
def datasets(warehouse_url: str) -> Iterator[Callable[[str], Dataset]]:
    """The dataset of a project, deployed at its first use."""
    known: dict[str, Dataset] = {}

    def of(project: str) -> Dataset:
        if project not in known:
            known[project] = Dataset(warehouse_url, project)
        return known[project]

    yield of
    for dataset in known.values():
        dataset.client.close()


@pytest.fixture(scope="module")
def dataset(request: pytest.FixtureRequest, datasets: Callable[[str], Dataset]) -> Dataset:
    """An empty dataset for each module, or the dataset of the project that its PROJECT names."""
    own = request.module.__name__.rpartition(".")[-1].replace("_", "-")
    return datasets(getattr(request.module, "PROJECT", own))
