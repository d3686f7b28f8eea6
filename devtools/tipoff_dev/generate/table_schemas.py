"""`infra/terraform/schemas/<table>.json`: each table's columns as Terraform's BigQuery resource takes them."""

import json
from collections.abc import Iterable
from typing import Any

from bigquery_ddl.declared import DeclaredField, DeclaredTable


def table_schema(declared: DeclaredTable) -> str:
    """Every column with its mode written out: BigQuery answers with it, and a plan would show a change for ever."""
    return json.dumps(_columns(declared.fields), indent=2, ensure_ascii=False) + "\n"


def _columns(fields: Iterable[DeclaredField]) -> list[dict[str, Any]]:
    return [
        {
            "name": field.name,
            "type": field.type,
            "mode": field.mode,
            "description": field.description or "",
            **({"fields": _columns(field.fields)} if field.fields else {}),
        }
        for field in fields
    ]
