"""Deployment of the dataset's SQL files, and comparison of a live dataset with them.

deploy_tables.sh does the same with only `bq`, for machines without Python.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tipoff_common.clock import fleet_zone
from tipoff_common.fleet_sql import for_fleet
from tipoff_common.ports import DATASET
from tipoff_dataset.files import declared_tables, defined_name, ordered_files

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

    from tipoff_dataset.migrations import Difference

STATEMENT_TIMEOUT_SECONDS = 60.0
ANSWER_TIMEOUT_SECONDS = 10.0


def deploy(
    client: "Client", schemas_dir: Path, dataset: str = DATASET, *, keep_columns: bool = False
) -> list[str]:
    """Create missing tables in the client's project, add missing columns, and replace functions and views; a second run
    changes no table.

    keep_columns: for older files; keep live columns that these files lack, or that they declare NOT NULL. Returns the
    names of the files applied, in order. Raises SchemaFilesError, MigrationRefused before any change, and
    google.api_core's errors for a statement that fails.
    """
    from tipoff_dataset.migrations import require_additive

    found = table_differences(client, schemas_dir, dataset)
    # Before the first statement: a partial migration is worse than none.
    require_additive(found, keep_columns=keep_columns)
    for difference in found:
        if difference.statement:
            _run(client, difference.statement)
    # Bootstrap creates the dataset on Google Cloud with a chosen location, which may differ from the file's.
    is_there = _is_there(client, dataset)
    applied = []
    for path in ordered_files(schemas_dir):
        if is_there and path.stem == "datasets":
            continue
        _run(client, for_fleet(path.read_text(), dataset))
        applied.append(path.name)
    return applied


def table_differences(client: "Client", schemas_dir: Path, dataset: str = DATASET) -> "list[Difference]":
    """Return the differences of the live tables from the files. Raises SchemaFilesError and google.api_core's
    errors."""
    from google.api_core.exceptions import NotFound

    from tipoff_dataset.migrations import Difference

    try:
        present = _tables(client, dataset)
    except NotFound:
        return [Difference(dataset, "the dataset is missing")]
    return _table_differences(client, schemas_dir, dataset, present)


def all_differences(client: "Client", schemas_dir: Path, dataset: str = DATASET) -> "list[Difference]":
    """Compare as `table_differences` does, and add the functions and views that the live dataset lacks, or that use
    another zone than the fleet's."""
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
    lacking = {item.where for item in found}
    for path in ordered_files(schemas_dir):
        derived = path.name.startswith(("fn_", "v_")) and defined_name(path) not in lacking
        if derived and not _has_zone(client, dataset, path):
            what = f"it uses another time zone than {fleet_zone().key}; `tipoff tables deploy` replaces it"
            found.append(Difference(defined_name(path), what))
    return found


def _has_zone(client: "Client", dataset: str, path: Path) -> bool:
    """Return whether a live function or view has the fleet's zone; True when its file names no zone."""
    literal = f"'{fleet_zone().key}'"
    code = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
    if literal not in for_fleet(code, dataset):
        return True
    name = f"{client.project}.{dataset}.{defined_name(path)}"
    if path.name.startswith("v_"):
        return literal in (client.get_table(name, timeout=ANSWER_TIMEOUT_SECONDS).view_query or "")
    return literal in (client.get_routine(name, timeout=ANSWER_TIMEOUT_SECONDS).body or "")


def _is_there(client: "Client", dataset: str) -> bool:
    from google.api_core.exceptions import NotFound

    try:
        client.get_dataset(f"{client.project}.{dataset}", timeout=ANSWER_TIMEOUT_SECONDS)
    except NotFound:
        return False
    return True


def _tables(client: "Client", dataset: str) -> set[str]:
    """Return the names of the live tables and views. Raises NotFound without a dataset."""
    from google.cloud.bigquery import DEFAULT_RETRY

    retry = DEFAULT_RETRY.with_timeout(ANSWER_TIMEOUT_SECONDS)
    listed = client.list_tables(f"{client.project}.{dataset}", retry=retry, timeout=ANSWER_TIMEOUT_SECONDS)
    return {table.table_id for table in listed}


def _table_differences(
    client: "Client", schemas_dir: Path, dataset: str, present: set[str]
) -> "list[Difference]":
    from tipoff_dataset.migrations import LiveTable, differences

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
    """Return BigQuery's errors by view, for views that cannot be queried; dry runs, so no data is scanned."""
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
