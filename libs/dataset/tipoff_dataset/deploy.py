"""The dataset's SQL files: their order, deploying them, and how a live dataset differs from them.

deploy_tables.sh does it with `bq` alone where there is no Python for it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

    from tipoff_dataset.migrations import Difference

DATASET = "nba_orchestration"
STATEMENT_TIMEOUT_SECONDS = 60.0
ANSWER_TIMEOUT_SECONDS = 10.0


class SchemaFilesError(RuntimeError):
    """The directory does not hold the dataset's SQL files."""


def ordered_files(schemas_dir: Path) -> list[Path]:
    """The SQL files in the order of what they need: the dataset, the tables, then functions (`fn_*.sql`) and views
    (`v_*.sql`), each after those that it names; otherwise by name. deploy_tables.sh holds the same rule.

    Raises SchemaFilesError when datasets.sql is not there, or when files name each other in a circle.
    """
    dataset = schemas_dir / "datasets.sql"
    if not dataset.is_file():
        raise SchemaFilesError(f"no datasets.sql in {schemas_dir}")
    derived = [*sorted(schemas_dir.glob("fn_*.sql")), *sorted(schemas_dir.glob("v_*.sql"))]
    tables = sorted(set(schemas_dir.glob("*.sql")) - {dataset, *derived})
    return [dataset, *tables, *_by_need({path: names_used(path) for path in derived})]


def _by_need(needs: Mapping[Path, set[str]]) -> list[Path]:
    waiting, ordered = list(needs), list[Path]()
    while waiting:
        missing = {defined_name(path) for path in waiting}
        ready = next((path for path in waiting if not needs[path] & missing - {defined_name(path)}), None)
        if ready is None:
            raise SchemaFilesError(f"in a circle: {', '.join(path.name for path in waiting)}")
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def defined_name(path: Path) -> str:
    """The name of the function or view that a file makes."""
    return path.stem.removeprefix("fn_")


def names_used(path: Path) -> set[str]:
    """The dataset's names that a file's code names, its own among them."""
    code = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
    return set(re.findall(rf"\b{DATASET}\.(\w+)", code))


def statement_for(sql: str, dataset: str) -> str:
    """The text of a file for a dataset of another name."""
    return sql if dataset == DATASET else sql.replace(DATASET, dataset)


def deploy(client: "Client", schemas_dir: Path, dataset: str = DATASET) -> list[str]:
    """Create what is not there yet in the client's project, add the columns that are not, and replace functions and
    views; running it again changes no table.

    Returns the names of the files applied, in order. Raises SchemaFilesError, MigrationRefused before anything was
    changed, and google.api_core's errors for a statement that fails.
    """
    from tipoff_dataset.migrations import require_additive

    found = table_differences(client, schemas_dir, dataset)
    require_additive(found)
    for difference in found:
        if difference.statement:
            _run(client, difference.statement)
    applied = []
    for path in ordered_files(schemas_dir):
        _run(client, statement_for(path.read_text(), dataset))
        applied.append(path.name)
    return applied


def table_differences(client: "Client", schemas_dir: Path, dataset: str = DATASET) -> "list[Difference]":
    """How the live tables differ from the files. Raises SchemaFilesError and google.api_core's errors."""
    from google.api_core.exceptions import NotFound

    from tipoff_dataset.migrations import Difference

    try:
        present = _tables(client, dataset)
    except NotFound:
        return [Difference(dataset, "the dataset is missing")]
    return _table_differences(client, schemas_dir, dataset, present)


def all_differences(client: "Client", schemas_dir: Path, dataset: str = DATASET) -> "list[Difference]":
    """As table_differences, and the functions and views that the live dataset lacks."""
    from google.api_core.exceptions import NotFound

    from tipoff_dataset.migrations import Difference

    try:
        present = _tables(client, dataset)
    except NotFound:
        return [Difference(dataset, "the dataset is missing")]
    functions = {routine.routine_id for routine in client.list_routines(f"{client.project}.{dataset}")}
    found = _table_differences(client, schemas_dir, dataset, present)
    for path in ordered_files(schemas_dir):
        if path.name.startswith("v_") and path.stem not in present:
            found.append(Difference(path.stem, "the view is missing"))
        if path.name.startswith("fn_") and defined_name(path) not in functions:
            found.append(Difference(defined_name(path), "the table function is missing"))
    return found


def _tables(client: "Client", dataset: str) -> set[str]:
    """The names of the live tables and views. Raises NotFound for the dataset."""
    from google.cloud.bigquery import DEFAULT_RETRY

    retry = DEFAULT_RETRY.with_timeout(ANSWER_TIMEOUT_SECONDS)
    listed = client.list_tables(f"{client.project}.{dataset}", retry=retry, timeout=ANSWER_TIMEOUT_SECONDS)
    return {table.table_id for table in listed}


def _table_differences(
    client: "Client", schemas_dir: Path, dataset: str, present: set[str]
) -> "list[Difference]":
    from tipoff_dataset.migrations import LiveTable, differences
    from tipoff_dev.generate.dataset_reference import declared_tables

    declared = declared_tables(schemas_dir)
    live = {}
    for name in present & declared.keys():
        table = client.get_table(f"{client.project}.{dataset}.{name}", timeout=STATEMENT_TIMEOUT_SECONDS)
        partitioning = table.time_partitioning
        live[name] = LiveTable(
            fields=table.schema,
            partitioned_by=partitioning.field if partitioning else None,
            clustered_by=tuple(table.clustering_fields or ()),
        )
    return differences(dataset, declared, live)


def broken_views(client: "Client", schemas_dir: Path, dataset: str = DATASET) -> dict[str, str]:
    """The views that cannot be read, with what BigQuery says; nothing is scanned for it."""
    from google.api_core.exceptions import BadRequest, NotFound
    from google.cloud.bigquery import QueryJobConfig

    broken = {}
    for path in ordered_files(schemas_dir):
        if not path.name.startswith("v_"):
            continue
        sql = f"SELECT * FROM {dataset}.{path.stem}"  # noqa: S608  # names of our own files
        try:
            client.query(sql, job_config=QueryJobConfig(dry_run=True), timeout=STATEMENT_TIMEOUT_SECONDS)
        except (BadRequest, NotFound) as error:
            broken[path.stem] = str(error.message)
    return broken


def _run(client: "Client", sql: str) -> None:
    from google.cloud.bigquery import DEFAULT_RETRY

    retry = DEFAULT_RETRY.with_timeout(STATEMENT_TIMEOUT_SECONDS)
    client.query(sql, retry=retry).result(retry=retry, timeout=STATEMENT_TIMEOUT_SECONDS)
