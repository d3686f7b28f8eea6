"""Tests of copies of parsed statements: equal to sqlglot's own, and independent of the original."""

from copy import deepcopy

import pytest
from sqlglot import exp, parse_one

from gcp_emulators.bigquery.trees import copied

TEXTS = (
    "SELECT 1",
    "WITH a AS (SELECT x, /* why */ y FROM d.t, UNNEST(z) AS z WITH OFFSET AS n WHERE x IN (1, NULL)) -- so\n"
    "SELECT AS STRUCT a.*, STRUCT(1 AS p, ['q'] AS r) AS s FROM a LEFT JOIN d.f(@x, DATE '2026-01-01') USING (x)"
    " UNION ALL SELECT ARRAY_AGG(x ORDER BY y LIMIT 1)[OFFSET(0)], CAST(y AS INT64) FROM a GROUP BY 2",
    "CREATE TABLE d.t (a STRING NOT NULL OPTIONS (description = 'b'), c ARRAY<STRUCT<e JSON>>) PARTITION BY DATE(f)",
)


def everything_of(tree: exp.Expression) -> list[tuple[object, ...]]:
    """Return every property of a tree's nodes, in the tree's order."""
    places = {id(node): place for place, node in enumerate(tree.walk())}
    return [
        (
            type(node),
            node.arg_key,
            node.index,
            places.get(id(node.parent)),
            node.comments,
            node._type,
            node._meta,
            [(name, value) for name, value in node.args.items() if not isinstance(value, exp.Expr | list)],
        )
        for node in tree.walk()
    ]


@pytest.mark.parametrize("text", TEXTS)
def test_copy_equals_sqlglots_deep_copy(text: str) -> None:
    tree = parse_one(text, dialect="bigquery")
    tree.type = exp.DataType.build("STRUCT<a INT64>", dialect="bigquery")
    tree.meta["nested"] = {"names": ["a"]}
    found = copied(tree)
    assert everything_of(found) == everything_of(deepcopy(tree))
    assert found == tree
    assert found.sql("duckdb") == tree.sql("duckdb")


@pytest.mark.parametrize("text", TEXTS)
def test_changes_to_a_copy_leave_the_original_unchanged(text: str) -> None:
    tree = parse_one(text, dialect="bigquery")
    tree.meta["nested"] = {"names": ["a"]}
    hash(tree)
    before = everything_of(tree.copy()), tree.sql("bigquery")
    found = copied(tree)
    found.meta["nested"]["names"].append("b")
    for node in list(found.walk()):
        node.add_comments(["changed"])
        if isinstance(node, exp.Literal | exp.Identifier) and node.parent:
            node.replace(exp.Null())
    assert found != tree
    assert (everything_of(tree.copy()), tree.sql("bigquery")) == before
