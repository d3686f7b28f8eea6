"""The embedded warehouse, filled with a million executions and their related rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from google.cloud.bigquery import DEFAULT_RETRY, Client, QueryJobConfig, Row, ScalarQueryParameter

from gcp_emulators.testing import running
from tipoff_cli.commands.tables import embedded_client
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_dataset.deploy import deploy
from tipoff_dataset.files import SCHEMAS
from tipoff_dev.stack.layout import PROJECT

TIMEOUT_SECONDS = 300.0
_RETRY = DEFAULT_RETRY.with_timeout(TIMEOUT_SECONDS)


def statements(name: str) -> list[str]:
    """Return the statements of bench/sql/NAME.sql."""
    text = (Path(__file__).parent / f"sql/{name}.sql").read_text()
    return [statement for statement in text.split(";\n") if statement.strip()]


@dataclass(frozen=True)
class EmbeddedWarehouse:
    """A running warehouse with the dataset deployed in it."""

    process: int
    """The id of the server's process."""
    client: Client

    def ask(self, sql: str, **parameters: int | float | str | datetime) -> list[Row]:
        """Run a statement."""
        types: dict[type, str] = {int: "INT64", float: "FLOAT64", str: "STRING", datetime: "TIMESTAMP"}
        given = [ScalarQueryParameter(name, types[type(it)], it) for name, it in parameters.items()]
        job = self.client.query(sql, job_config=QueryJobConfig(query_parameters=given), retry=_RETRY)
        return list(job.result(retry=_RETRY, timeout=TIMEOUT_SECONDS))

    def fill(self, executions: int, environment: str = "prod") -> None:
        """Write so many executions, one every seven seconds back in time from now, and their related rows."""
        for statement in statements("executions"):
            self.ask(statement.replace("'prod'", f"'{environment}'"), rows=executions, now=datetime.now(UTC))

    def adapter(self) -> BigQueryWarehouse:
        """Return the warehouse's adapter that the services use."""
        return BigQueryWarehouse(PROJECT, os.environ["BIGQUERY_EMULATOR_HOST"])


@contextmanager
def embedded_warehouse() -> Iterator[EmbeddedWarehouse]:
    """Start a warehouse for the length of a block, and deploy the dataset."""
    with running("bigquery", "--project", PROJECT) as emulator:
        variable, url = emulator.variable
        os.environ[variable] = url  # the services' adapter reads it there
        client = embedded_client(url, PROJECT)
        deploy(client, SCHEMAS)
        yield EmbeddedWarehouse(emulator.process.pid, client)
