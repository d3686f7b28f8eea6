"""Combination of several named queries in one statement, hence in one job."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tipoff_common.ports import Parameter, Warehouse
from tipoff_dataset.queries import NamedQuery

SHARED = ("as_of", "environment")
"""Parameters with the same meaning in every query; all others get their query's number as a prefix."""


@dataclass(frozen=True)
class Part:
    """One query of a batch and the values of its parameters."""

    query: NamedQuery
    arguments: Mapping[str, Parameter]


def run_batch(warehouse: Warehouse, parts: Mapping[str, Part]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each part, without an order, as a union has none. Rows come as JSON, so instants are text.

    Raises:
        Unavailable
    """
    statements: list[str] = []
    parameters: dict[str, Parameter] = {}
    for number, (name, part) in enumerate(parts.items()):
        inner = bare_statement(part.query, f"r{number}_")
        statements.append(
            f"SELECT '{name}' AS part, TO_JSON_STRING(t) AS content FROM (\n{inner}\n) AS t"  # noqa: S608  # our own files
        )
        for key, value in part.arguments.items():
            parameters[key if key in SHARED else f"r{number}_{key}"] = value
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in parts}
    for row in warehouse.query("\nUNION ALL\n".join(statements), parameters):
        found[row["part"]].append(json.loads(row["content"]))
    return found


def bare_statement(query: NamedQuery, prefix: str) -> str:
    """Return a query's statement as a subquery: without comments, and with its own parameters renamed."""
    code = "\n".join(line for line in query.sql.splitlines() if not line.lstrip().startswith("--"))
    names = [it.name for it in query.parameters if it.name not in SHARED]
    if names:
        code = re.sub(rf"@({'|'.join(names)})\b", rf"@{prefix}\1", code)
    return code.strip().removesuffix(";")
