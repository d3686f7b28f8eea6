"""The embedded warehouse compared with Google's reference implementation of SQL, function by function.

Other tests of this folder compare whole queries (`tests/support/second_opinion.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from tests.support.dataset_rows import ELEVEN, executed
from tests.support.reference_engine import ReferenceEngine
from tests.support.second_opinion import comparable

from conftest import Dataset

REPOSITORY = Path(__file__).parents[3]

INSTANTS = (
    "TIMESTAMP '2026-01-15 16:00:00+00'",
    "TIMESTAMP '2026-03-08 06:59:59.999999+00'",  # the last moment before New York's clocks go forward
    "TIMESTAMP '2026-03-08 07:00:00+00'",
    "TIMESTAMP '2026-11-01 05:30:00+00'",  # half past one in New York, for the first time that night
    "TIMESTAMP '2026-11-01 06:30:00+00'",
    "TIMESTAMP '1969-12-31 23:59:59+00'",
    "TIMESTAMP '2999-12-31 23:59:59.999999+00'",
    "CAST(NULL AS TIMESTAMP)",
)
DAYS = ("DATE '2024-02-29'", "DATE '2026-01-31'", "DATE '2025-12-31'", "CAST(NULL AS DATE)")
NUMBERS = (
    "0.5",
    "1.5",
    "2.5",
    "-0.5",
    "2.675",
    "1e300",
    "0.0",
    "CAST(NULL AS FLOAT64)",
    "CAST('nan' AS FLOAT64)",
)
DOCUMENTS = (
    '{"a": {"b": [1, "two", null, {"c": true}]}, "n": 7, "f": 1.5, "t": "text", "e": ""}',
    "{}",
    "null",
    "[]",
    '"text"',
    None,
)
PATHS = ("$.a.b[1]", "$.a.b[2]", "$.a.b[9]", "$.a", "$.n", "$.f", "$.t", "$.e", "$.x.y")
TEXTS = ("''", "'a,b,,c'", "'7'", "' 7'", "'7.5'", "'x'", "'é☃'", "CAST(NULL AS STRING)")
SETS = ("[1, 2, 2, 3, 10]", "[7]", "CAST([] AS ARRAY<INT64>)", "[1, NULL, 3]")


def each(template: str, *values: tuple[str, ...]) -> list[str]:
    return [template.format(*given) for given in product(*values)]


def over(aggregate: str) -> list[str]:
    return each(f"(SELECT {aggregate} FROM UNNEST({{}}) AS x)", SETS)  # noqa: S608  # expressions of this file


EXPRESSIONS = {
    "ANY_VALUE": each("(SELECT ANY_VALUE(x HAVING MAX x) FROM UNNEST({}) AS x)", SETS[:3]),
    "ARRAY_AGG": over("ARRAY_AGG(x ORDER BY x DESC LIMIT 1)[SAFE_OFFSET(0)]"),
    "ARRAY_LENGTH": each("ARRAY_LENGTH({})", SETS),
    "AVG": over("AVG(x)"),
    "CASE": [
        "CASE WHEN NULL THEN 1 WHEN TRUE THEN 2 END",
        "CASE WHEN FALSE THEN 1 END",
        "CASE 1 WHEN 1 THEN 'a' END",
    ],
    "CAST": [
        *each("CAST({} AS STRING)", INSTANTS[:1] + DAYS),
        *each("SAFE_CAST({} AS INT64)", TEXTS),
        *each("SAFE_CAST({} AS FLOAT64)", TEXTS),
        *each("CAST({} AS INT64)", NUMBERS[:5]),
    ],
    "COALESCE": ["COALESCE(NULL, 2, 3)", "COALESCE(CAST(NULL AS STRING), '')"],
    "CONCAT": each("CONCAT({}, '-', {})", TEXTS, TEXTS),
    "COUNT": [*over("COUNT(x)"), *over("COUNT(*)"), *over("COUNT(DISTINCT x)")],
    "COUNTIF": [*over("COUNTIF(x > 1)"), *over("COUNTIF(NULL)")],
    "DATE": [*each("DATE({})", INSTANTS), *each("DATE({}, 'America/New_York')", INSTANTS)],
    "DATETIME": each("CAST(DATETIME({}, 'America/New_York') AS STRING)", INSTANTS[:5]),
    "DATETIME_ADD": each(
        "TIMESTAMP(DATETIME_ADD(DATETIME({}), INTERVAL {} MINUTE), 'America/New_York')",
        ("DATE '2026-03-08'", "DATE '2026-11-01'", "DATE '2026-01-15'"),
        ("90", "150", "330"),
    ),
    "DATE_ADD": each("DATE_ADD({}, INTERVAL {} {})", DAYS, ("1", "-31"), ("DAY", "MONTH")),
    "DATE_DIFF": each("DATE_DIFF({}, {}, DAY)", DAYS, DAYS),
    "DATE_SUB": each("DATE_SUB({}, INTERVAL {} DAY)", DAYS, ("1", "366")),
    "EXTRACT": each(
        "EXTRACT({} FROM {} AT TIME ZONE 'America/New_York')", ("HOUR", "DAYOFWEEK", "MINUTE"), INSTANTS
    ),
    "FORMAT_TIMESTAMP": each(
        "FORMAT_TIMESTAMP('{}', {}, 'America/New_York')",
        ("%H:%M", "%Y-%m-%d %H:%M", "%a %d %b", "%F %T"),
        INSTANTS,
    ),
    "GREATEST": ["GREATEST(1, 2)", "GREATEST(1, NULL)", "GREATEST('a', 'B')"],
    "IF": ["IF(NULL, 1, 2)", "IF(TRUE, 1, NULL)"],
    "LEAST": ["LEAST(1, 2)", "LEAST(1, NULL)"],
    "LOGICAL_AND, LOGICAL_OR": each(
        "(SELECT {}(x) FROM UNNEST({}) AS x)",
        ("LOGICAL_AND", "LOGICAL_OR"),
        ("[TRUE, FALSE]", "[TRUE]", "[FALSE]", "CAST([] AS ARRAY<BOOL>)", "[TRUE, NULL]", "[FALSE, NULL]"),
    ),
    "MAX": over("MAX(x)"),
    "MIN": over("MIN(x)"),
    "REGEXP_CONTAINS": each("REGEXP_CONTAINS({}, r'^[a-z]+,')", TEXTS),
    "ROUND": [*each("ROUND({})", NUMBERS), *each("ROUND({}, 1)", NUMBERS), *each("ROUND({}, 2)", NUMBERS)],
    "ROW_NUMBER": each(
        "(SELECT STRING_AGG(CAST(x AS STRING), '/' ORDER BY n) "
        "FROM (SELECT x, ROW_NUMBER() OVER (ORDER BY x DESC) AS n FROM UNNEST({}) AS x))",
        SETS,
    ),
    "SAFE_DIVIDE": each("SAFE_DIVIDE({}, {})", NUMBERS[:7], NUMBERS[:8]),
    "SPLIT": each("ARRAY_TO_STRING(SPLIT({}, ','), '|')", TEXTS),
    "STARTS_WITH": each("STARTS_WITH({}, {})", TEXTS, ("''", "'a,'", "'é'", "CAST(NULL AS STRING)")),
    "SUM": over("SUM(x)"),
    "TIMESTAMP": [*each("TIMESTAMP({})", DAYS), *each("TIMESTAMP({}, 'America/New_York')", DAYS)],
    "TIMESTAMP_ADD": each(
        "TIMESTAMP_ADD({}, INTERVAL {} {})", INSTANTS[:6], ("1", "-90"), ("MINUTE", "DAY", "HOUR")
    ),
    "TIMESTAMP_DIFF": each(
        "TIMESTAMP_DIFF({}, {}, {})", INSTANTS[:6], INSTANTS[:6], ("SECOND", "MINUTE", "HOUR", "DAY")
    ),
    "TIMESTAMP_SUB": each("TIMESTAMP_SUB({}, INTERVAL {} {})", INSTANTS[:6], ("1", "48"), ("MINUTE", "HOUR")),
    "three-valued logic": each(
        "{} {} {}", ("TRUE", "FALSE", "CAST(NULL AS BOOL)"), ("AND", "OR"), ("TRUE", "FALSE", "NULL")
    ),
    "comparison with NULL": [
        *(
            "1 = CAST(NULL AS INT64)",
            "NULL IS NULL",
            "1 IN (2, NULL)",
            "1 NOT IN (2, NULL)",
            "1 IN UNNEST([1, NULL])",
        )
    ],
}
"""Test expressions of each function, at the edges where engines differ."""
FIRST, SECOND = (datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (5, 6))
DIFFERENCES = {
    "TIMESTAMP(DATETIME_ADD(DATETIME(DATE '2026-11-01'), INTERVAL 90 MINUTE), 'America/New_York')": (
        SECOND,
        FIRST,
    ),
    "CAST(0.5 AS INT64)": (0, 1),
    "CAST(2.5 AS INT64)": (2, 3),
    "CAST(-0.5 AS INT64)": (0, -1),
    "SAFE_CAST('7.5' AS INT64)": (8, None),
    "ROUND(2.675, 2)": (2.68, 2.67),
}
"""Known differences of the embedded warehouse: its answer and Google's. docs/explanation/embedded-cloud.md lists them;
no query of the dataset meets one."""


@pytest.mark.parametrize("function", EXPRESSIONS)
def test_function_matches_google_except_known_differences(
    function: str, dataset: Dataset, reference: ReferenceEngine
) -> None:
    expressions = EXPRESSIONS[function]
    sql = "SELECT " + ",\n".join(f"{text} AS c{number}" for number, text in enumerate(expressions))
    (ours,), (theirs,) = dataset.query(sql), reference.evaluate(sql, {})
    differing = {
        text: (ours[name], theirs[name])
        for text, name in zip(expressions, theirs, strict=True)
        if comparable([{"": ours[name]}]) != comparable([{"": theirs[name]}])
    }
    assert differing == {text: DIFFERENCES[text] for text in expressions if text in DIFFERENCES}


@pytest.mark.usefixtures("reference")
def test_json_paths_on_stored_documents_match_google(dataset: Dataset) -> None:
    dataset.insert(
        "scraper_execution_log",
        *(
            executed(f"e{number}", ELEVEN, "success", data_summary=text)
            for number, text in enumerate(DOCUMENTS)
        ),
    )
    columns = [
        f"{template.format(path=path)} AS c{number}_{place}"
        for number, path in enumerate(PATHS)
        for place, template in enumerate(
            (
                "JSON_VALUE(data_summary, '{path}')",
                "JSON_QUERY(data_summary, '{path}') IS NULL",
                "TO_JSON_STRING(JSON_QUERY(data_summary, '{path}'))",
            )
        )
    ]
    sql = f"SELECT execution_id, {', '.join(columns)} FROM nba_orchestration.scraper_execution_log"  # noqa: S608
    assert len(dataset.query(sql)) == len(DOCUMENTS)  # the dataset fixture compares the rows


WITHOUT_ARGUMENTS = {exp.CurrentDate, exp.CurrentTimestamp}
"""Their result depends on the clock."""
NOT_EVALUATED = {exp.ApproxQuantiles}
"""Functions that Google's reference implementation does not evaluate."""
JSON = {exp.ParseJSON, exp.JSONExtract, exp.JSONExtractScalar, exp.JSONFormat}
"""Compared on stored documents."""


def functions(sql: str) -> set[type[exp.Expression]]:
    """Return the functions that BigQuery statements call, without the dataset's own."""
    trees = [tree for tree in sqlglot.parse(sql, read="bigquery") if tree]
    found = {type(node) for tree in trees for node in tree.find_all(exp.Func)}
    return {kind for kind in found if not issubclass(kind, exp.Anonymous | exp.Connector)}


def test_every_called_sql_function_is_compared() -> None:
    files = [*(REPOSITORY / "queries").glob("*.sql"), *(REPOSITORY / "schemas/bigquery").rglob("*.sql")]
    called = set.union(*(functions(path.read_text(encoding="utf-8")) for path in files))
    compared = set.union(*(functions(f"SELECT {text}") for texts in EXPRESSIONS.values() for text in texts))
    assert called - compared == WITHOUT_ARGUMENTS | NOT_EVALUATED | JSON
