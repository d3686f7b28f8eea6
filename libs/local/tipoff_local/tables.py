"""Deploying the dataset from its SQL files, for the embedded warehouse; deploy_tables.sh does it with `bq`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

DATASET = "nba_orchestration"
STATEMENT_TIMEOUT_SECONDS = 60.0


class SchemaFilesError(RuntimeError):
    """The directory does not hold the dataset's SQL files."""


def ordered_files(schemas_dir: Path) -> list[Path]:
    """The SQL files in the order of what they need: dataset, tables, table functions, views.

    Table functions (`fn_*.sql`) read tables only; views (`v_*.sql`) may call them.
    Raises SchemaFilesError when datasets.sql is not there.
    """
    dataset = schemas_dir / "datasets.sql"
    if not dataset.is_file():
        raise SchemaFilesError(f"no datasets.sql in {schemas_dir}")
    functions = sorted(schemas_dir.glob("fn_*.sql"))
    views = sorted(schemas_dir.glob("v_*.sql"))
    tables = sorted(set(schemas_dir.glob("*.sql")) - {dataset, *functions, *views})
    return [dataset, *tables, *functions, *views]


def statement_for(sql: str, dataset: str) -> str:
    """The text of a file for a dataset of another name."""
    return sql if dataset == DATASET else sql.replace(DATASET, dataset)


def deploy(client: "Client", schemas_dir: Path, dataset: str = DATASET) -> list[str]:
    """Create what is not there yet in the client's project; running it again changes no table.

    Returns the names of the files applied, in order. Raises SchemaFilesError, and google.api_core's errors for
    a statement that fails.
    """
    from google.cloud.bigquery import DEFAULT_RETRY

    retry = DEFAULT_RETRY.with_timeout(STATEMENT_TIMEOUT_SECONDS)
    applied = []
    for path in ordered_files(schemas_dir):
        job = client.query(statement_for(path.read_text(), dataset), retry=retry)
        job.result(retry=retry, timeout=STATEMENT_TIMEOUT_SECONDS)
        applied.append(path.name)
    return applied


def main(arguments: list[str] | None = None) -> int:
    """Deploy to an embedded warehouse from the command line; deploy_tables.sh calls it where there is no `bq`."""
    parser = argparse.ArgumentParser(prog="python -m tipoff_local.tables", description=main.__doc__)
    parser.add_argument("--url", required=True, help="REST endpoint of the embedded warehouse")
    parser.add_argument("--project", required=True, help="project to deploy to")
    parser.add_argument("--dataset", default=DATASET, help="name of the dataset (%(default)s)")
    parser.add_argument("--schemas", required=True, type=Path, help="directory of the SQL files")
    options = parser.parse_args(arguments)

    from google.auth.credentials import AnonymousCredentials
    from google.cloud.bigquery import Client

    client = Client(
        project=options.project,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": options.url},
    )
    for name in deploy(client, options.schemas, options.dataset):
        sys.stdout.write(f"applied {name}\n")
    client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
