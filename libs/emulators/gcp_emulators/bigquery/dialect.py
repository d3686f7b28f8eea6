"""Repairs of the translation from BigQuery SQL to DuckDB's."""

import functools
from collections.abc import Callable
from typing import Any

import bqemulator.api.routes.jobs as job_routes
from bqemulator.jobs import executor
from bqemulator.sql.rules.datetime_semantics import ApproxQuantilesDiscreteRule
from sqlglot import exp, tokenize
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import TokenError
from sqlglot.expressions.core import POSITION_META_KEYS
from sqlglot.optimizer.annotate_types import annotate_types

from gcp_emulators.bigquery.patches import replace
from gcp_emulators.bigquery.trees import copied

Trees = list[exp.Expression | None]

_POSITIONS = set(POSITION_META_KEYS)
_MOST_REMEMBERED = 512
"""Number of texts: a dataset's statements and their intermediate forms are 128."""


def parse_a_text_once() -> None:
    """Fault: the emulator parses a statement some eighteen times, which is half of its work."""
    replace(Dialect, "parse", remembering)


def remembering(parse: Callable[..., Trees]) -> Callable[..., Trees]:
    """Return `Dialect.parse` with a cache; each caller gets a copy, as callers modify the trees."""

    @functools.lru_cache(maxsize=_MOST_REMEMBERED)
    def parsed(dialect: type[Dialect], sql: str, options: tuple[tuple[str, Any], ...]) -> Trees:
        trees = parse(dialect(), sql, **dict(options))
        for tree in filter(None, trees):
            _forget_positions(tree)
        return trees

    @functools.wraps(parse)
    def parsed_once(self: Dialect, sql: str, **options: Any) -> Trees:
        return [tree and tree.copy() for tree in parsed(type(self), sql, tuple(sorted(options.items())))]

    return parsed_once


def _forget_positions(tree: exp.Expression) -> None:
    """Remove each name's position in the text: it is most of the cost of a copy, and not used after parsing."""
    for node in tree.walk():
        if node._meta and node._meta.keys() <= _POSITIONS:
            node._meta = None


def copy_trees_quickly() -> None:
    """Fault: a quarter of the time to translate a statement is spent on copies of its tree."""
    replace(exp.Expression, "__deepcopy__", lambda _: copied)


def count_whole_units() -> None:
    """Fault: TIMESTAMP_DIFF counts the boundaries between two instants; BigQuery counts whole units."""

    def whole_units(generator: Any, difference: Any) -> str:
        unit = difference.args.get("unit")
        name = unit.name if unit else "DAY"
        return str(
            generator.func("DATE_SUB", exp.Literal.string(name), difference.expression, difference.this)
        )

    replace(DuckDB.Generator, "TRANSFORMS", lambda known: {**known, exp.TimestampDiff: whole_units})


def write_null_as_json() -> None:
    """Fault: TO_JSON_STRING of NULL is NULL; BigQuery writes the word null, which a query then joins to other text."""

    def with_null(known: dict[type[exp.Expression], Any]) -> dict[type[exp.Expression], Any]:
        write = known[exp.JSONFormat]

        def text(generator: Any, node: Any) -> str:
            written = write(generator, node)
            return written if node.args.get("to_json") else f"COALESCE({written}, 'null')"

        return {**known, exp.JSONFormat: text}

    replace(DuckDB.Generator, "TRANSFORMS", with_null)


def read_quantiles_by_place() -> None:
    """Fault: `APPROX_QUANTILES(x, 2)[OFFSET(1)]` is the maximum and not the median.

    SQLGlot types DuckDB's function as a number, whose index it does not change when it reads the translated text. The
    emulator replaces the function by one without a known type, so the index is incremented a second time.
    """

    def with_type(rewrite: Any) -> Any:
        @functools.wraps(rewrite)
        def rewritten(rule: Any, node: exp.Expression) -> exp.Expression:
            made: exp.Expression = rewrite(rule, node)
            if node.type is None:
                annotate_types(node, dialect="duckdb")
            made.type = node.type
            return made

        return rewritten

    replace(ApproxQuantilesDiscreteRule, "rewrite", with_type)


@functools.lru_cache(maxsize=_MOST_REMEMBERED)
def statement_text(sql: str) -> str:
    """Return a query without surrounding comments and closing semicolons; inner comments stay.

    Text that cannot be tokenized is returned unchanged; the emulator reports it.
    """
    try:
        tokens = list(tokenize(sql, read="bigquery"))
    except TokenError:
        return sql
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    return sql[tokens[0].start : tokens[-1].end + 1] if tokens else sql


def accept_comments_around_statements() -> None:
    """Fault: the emulator runs a statement with a comment after it, but does not register the created resource."""

    def trimmed(execute: Any) -> Any:
        @functools.wraps(execute)
        async def execute_query_job(project_id: str, job_id: str, sql: str, *args: Any, **kwargs: Any) -> Any:
            return await execute(project_id, job_id, statement_text(sql), *args, **kwargs)

        return execute_query_job

    for module in (executor, job_routes):
        replace(module, "execute_query_job", trimmed)
