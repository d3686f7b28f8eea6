"""The partition filters of every statement; without a filter BigQuery reads all partitions.

The embedded warehouse would not show a missing filter.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlglot import exp, parse
from sqlglot.tokens import Tokenizer, TokenType

from tipoff_cli.checkout import REPOSITORY
from tipoff_common.ports import DATASET
from tipoff_dataset.files import QUERIES, SCHEMAS, declared_tables
from tipoff_dev.checks.sql.__main__ import Piece, pieces
from tipoff_dev.grafana.macros import expand

CODE = ("cli/tipoff_*", "devtools/tipoff_*", "libs/*/tipoff_*", "services/*/tipoff_*")
NOON = datetime(2026, 1, 15, 17, tzinfo=UTC)
PARTITIONED_BY = {
    **{name: table.partitioning.field for name, table in declared_tables().items() if table.partitioning},
    "v_executions": "triggered_at",
    "v_decisions": "decision_time",
    "v_expected_schedule": "date",
}
"""The partition column of the tables, and of the views that span all days. Other views and the table functions choose
their partitions themselves."""
SPANNING_ALL = frozenset(f"schemas/bigquery/{DATASET}/{name}.sql" for name in PARTITIONED_BY)


def unfiltered(sql: str) -> list[str]:
    """Return the tables that a SELECT reads without a condition on their partition, except in documented bad ones."""
    found = []
    for statement in parse(sql, read="bigquery"):
        if statement and any(comment.strip().startswith("BAD") for comment in statement.comments or ()):
            continue
        for table in statement.find_all(exp.Table) if statement else ():
            column = PARTITIONED_BY.get(table.name) if table.db == DATASET else None
            select = table.find_ancestor(exp.Select)
            if column and select and not _is_filtered(select, table, column):
                found.append(table.name)
    return found


def _is_filtered(select: exp.Select, table: exp.Table, column: str) -> bool:
    """Return whether a mandatory condition, of WHERE or of the table's join, bounds the column."""
    where, join = select.args.get("where"), table.find_ancestor(exp.Join)
    conditions = [where.this if where else None, join.args.get("on") if join else None]
    return any(
        isinstance(part, exp.Between | exp.EQ | exp.In | exp.LT | exp.LTE | exp.GT | exp.GTE)
        and any(
            name.name == column and name.table in ("", table.alias_or_name)
            for name in _compared(part).find_all(exp.Column)
        )
        for condition in conditions
        if condition is not None
        for part in (condition.flatten() if isinstance(condition, exp.And) else [condition])
    )


def _compared(part: exp.Expression) -> exp.Expression:
    """Return the bounded side of a condition: the left one."""
    side: exp.Expression = part.this
    return side


def in_code(path: Path) -> Iterator[str]:
    """Yield the texts of a module with a table of the dataset in a FROM; each placeholder becomes a neutral name."""
    source = path.read_text(encoding="utf-8")
    if "FROM" not in source:
        return
    tree = ast.parse(source)
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(value) for node in joined for value in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(_part(value) for value in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        else:
            continue
        if f"FROM {DATASET}." in text and "SELECT" in text:
            yield _completed(_as_grafana_sends(text))


def _as_grafana_sends(text: str) -> str:
    """Expand the macros of a panel; other texts stay as they are. Raises UnknownMacro."""
    if "$__" not in text:
        return text
    return expand(text, start=NOON - timedelta(hours=1), end=NOON, variables={"environment": "prod"})


def _completed(text: str) -> str:
    """Complete a WITH clause without a SELECT, which several statements share: alone it does not parse."""
    tokens = Tokenizer(dialect="bigquery").tokenize(text)
    if tokens[0].token_type is not TokenType.WITH:
        return text
    depth = 0
    for token in tokens:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth == 0 and token.token_type is TokenType.SELECT:
            return text
    return f"{text}\nSELECT 1"


def _part(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    assert isinstance(value, ast.FormattedValue)
    name = value.value.id if isinstance(value.value, ast.Name) else ""
    if name.startswith("MOST_"):
        return "1"  # a limit
    return DATASET if name == "DATASET" else "put_in"


def of_code() -> Iterator[Piece]:
    for pattern in CODE:
        for package in sorted(REPOSITORY.glob(pattern)):
            for path in sorted(package.rglob("*.py")):
                for number, text in enumerate(in_code(path), start=1):
                    yield Piece(f"{path.relative_to(REPOSITORY)}, statement {number}", text)


STATEMENTS = [piece for piece in [*pieces(REPOSITORY), *of_code()] if piece.where not in SPANNING_ALL]


@pytest.mark.parametrize("piece", STATEMENTS, ids=lambda piece: piece.where)
def test_every_statement_filters_its_partitions(piece: Piece) -> None:
    assert unfiltered(piece.sql) == []


def test_statements_of_queries_and_code_are_collected() -> None:
    """Statements of the services and of the command line, however they are built."""
    where = {piece.where.partition(",")[0] for piece in STATEMENTS}
    assert {
        "queries/discovery_check.sql",
        f"schemas/bigquery/{DATASET}/fn_executions.sql",
        "libs/planning/tipoff_planning/execution_log.py",
        "libs/planning/tipoff_planning/expectations.py",
        "services/cleanup/tipoff_cleanup/dataset.py",
        "services/logger/tipoff_logger/archive.py",
        "libs/planning/tipoff_planning/trace/dataset.py",
        "libs/dataset/tipoff_dataset/dead_letters.py",
        "devtools/tipoff_dev/grafana/panels.py",
        "cli/tipoff_cli/commands/diagnose/command.py",
    } <= where


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("", ["dead_letters"]),
        ("WHERE reason = @reason", ["dead_letters"]),
        ("WHERE reason = @reason OR DATE(rejected_at) = @day", ["dead_letters"]),
        ("WHERE reason = CAST(rejected_at AS STRING)", ["dead_letters"]),
        ("WHERE DATE(rejected_at) = @day", []),
        ("WHERE reason = @reason AND rejected_at >= @since", []),
    ],
)
def test_unbounded_statement_is_reported(where: str, found: list[str]) -> None:
    assert unfiltered(f"SELECT * FROM {DATASET}.dead_letters {where}") == found  # noqa: S608


@pytest.mark.parametrize(
    ("column", "found"), [("triggered_at", []), ("created_at", ["scraper_execution_log"])]
)
@pytest.mark.parametrize(
    "shape",
    [
        "SELECT $__timeGroup(triggered_at, 1h) AS time FROM {table} WHERE $__timeFilter({column}) AND TRUE",
        "WITH runs AS (SELECT status FROM {table} WHERE $__timeFilter({column}))",
    ],
    ids=["panel", "clause"],
)
def test_grafana_time_filter_bounds_only_partition_column(
    shape: str, column: str, found: list[str], tmp_path: Path
) -> None:
    module = tmp_path / "panels.py"
    sql = shape.format(table=f"{DATASET}.scraper_execution_log", column=column)
    module.write_text(f"SQL = {sql!r}\n", encoding="utf-8")
    assert [unfiltered(text) for text in in_code(module)] == [found]


def test_each_joined_table_needs_its_own_bound() -> None:
    joined = f"""
        SELECT * FROM {DATASET}.v_executions AS e LEFT JOIN {DATASET}.file_receipts AS r ON r.gcs_path = e.gcs_path
        WHERE DATE(e.triggered_at) = @day
    """  # noqa: S608
    assert unfiltered(joined) == ["file_receipts"]


_LOG = re.compile(r"\.(?:executions|decisions)\(\s*((?:[^(),]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))+),")
"""A call of a function that reads a log, with the first partition to read."""


@pytest.mark.parametrize(
    "path", sorted([*QUERIES.glob("*.sql"), *SCHEMAS.glob("*.sql")]), ids=lambda path: path.stem
)
def test_utc_partition_before_local_day_is_read(path: Path) -> None:
    """East of Greenwich a day begins in the UTC day before it. Regression: a morning in Sydney had no rows."""
    for first in _LOG.findall(re.sub(r"--.*", "", path.read_text(encoding="utf-8"))):
        if "America/New_York" in first or re.match(r"(DATE_SUB\()?\w*(for|first)_date", first):
            assert first.startswith("DATE_SUB("), f"{first.strip()}: reads no day before"
            assert not re.search(r"INTERVAL \(@?\w+ - 1\) DAY", first), f"{first.strip()}: one day short"
