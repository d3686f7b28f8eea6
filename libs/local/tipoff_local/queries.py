"""The named queries of `queries/`: their text and how they are asked."""

from typing import Any

from tipoff_common.ports import Parameter, Warehouse
from tipoff_local.stack.layout import REPOSITORY

FOLDER = REPOSITORY / "queries"


def ask(warehouse: Warehouse, name: str, **parameters: Parameter) -> list[dict[str, Any]]:
    """The rows of `queries/<name>.sql`. Raises Unavailable."""
    return warehouse.query((FOLDER / f"{name}.sql").read_text(encoding="utf-8"), parameters)
