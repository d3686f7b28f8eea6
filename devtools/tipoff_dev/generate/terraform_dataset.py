"""`infra/terraform/dataset.json`: what Terraform has to know of the dataset beside the columns and the SQL itself.

Resources of one `for_each` cannot wait for each other, so functions that call functions come in levels: those of
level 0 call none, those of level 1 only such, and so on.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlglot import exp

from bigquery_ddl.declared import MS_PER_DAY, DeclaredTable, declared_options, parsed_create
from tipoff_dataset.files import (
    SCHEMAS,
    declared_tables,
    defined_name,
    function_heading,
    names_used,
    ordered_files,
)


def terraform_dataset() -> str:
    (schema,) = [_parsed(path, "SCHEMA") for path in ordered_files(SCHEMAS) if path.stem == "datasets"]
    options = declared_options(schema)
    functions = {defined_name(path): path for path in sorted(SCHEMAS.glob("fn_*.sql"))}
    views = {path.stem: path for path in sorted(SCHEMAS.glob("v_*.sql"))}
    document = {
        "description": options["description"],
        "location": options["location"],
        "tables": {name: _table(declared) for name, declared in sorted(declared_tables().items())},
        "functions": {name: _function(name, functions) for name in functions},
        "views": {
            name: {"description": declared_options(_parsed(path, "VIEW")).get("description", "")}
            for name, path in views.items()
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _table(declared: DeclaredTable) -> dict[str, Any]:
    partitioning = declared.partitioning
    if partitioning is None or partitioning.expiration_ms is None:
        raise ValueError(
            "a table has no partitions that expire; declare PARTITION BY and partition_expiration_days"
        )
    return {
        "description": declared.options.get("description", ""),
        "partition_field": partitioning.field,
        "partition_days": partitioning.expiration_ms // MS_PER_DAY,
        "clustering": list(declared.clustering),
    }


def _function(name: str, functions: Mapping[str, Path]) -> dict[str, Any]:
    create = _parsed(functions[name], "FUNCTION")
    arguments = [item for item in create.this.expressions if isinstance(item, exp.ColumnDef)]
    return {
        "description": function_heading(functions[name])[1],
        "level": _level(name, functions),
        "arguments": [
            {"name": item.name, "type": item.args["kind"].sql(dialect="bigquery")} for item in arguments
        ],
    }


def _level(name: str, functions: Mapping[str, Path]) -> int:
    called = (names_used(functions[name]) & functions.keys()) - {name}
    return 1 + max((_level(other, functions) for other in called), default=-1)


def _parsed(path: Path, kind: str) -> exp.Create:
    create = parsed_create(path.read_text(encoding="utf-8"), kind)
    if create is None:
        raise ValueError(f"{path.name}: not one CREATE {kind} statement")
    return create
