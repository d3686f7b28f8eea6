"""Tests of the SQL check with Google's own analyzer; skipped where npm cannot fetch it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from tipoff_cli.checkout import REPOSITORY
from tipoff_dev.checks.sql import zetasql
from tipoff_dev.checks.sql.__main__ import check, main, pieces, validation_queries
from tipoff_dev.checks.sql.zetasql import Analyzer, AnalyzerUnavailableError, SqlFault, running_analyzer
from tipoff_dev.stack.layout import PROJECT


@pytest.fixture(scope="module")
def analyzer() -> Iterator[Analyzer]:
    try:
        with running_analyzer(PROJECT) as running:
            check(running, pieces(REPOSITORY))
            yield running
    except AnalyzerUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the repository's SQL for the test to change."""
    for folder in ("schemas", "queries"):
        copytree(REPOSITORY / folder, tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT scraper_nme FROM nba_orchestration.v_executions", "Did you mean scraper_name"),
        ("SELECT status FROM `nba-props-platform.nba_orchestration.v_heartbeats`", "Unrecognized name: status"),
        ("SELECT * FROM nba_orchestration.executions(1, 2)", "No matching signature"),
        ("SELECT * FROM nba_orchestration.nothing", "Table not found"),
        ("SELECT status FROM nba_orchestration.v_executions GROUP BY source", "neither grouped nor aggregated"),
        ("SELECT MEDIAN(duration_seconds) FROM nba_orchestration.v_executions", "Function not found: MEDIAN"),
        ("SELECT missing_files.gcs_path FROM nba_orchestration.cleanup_operations", "Cannot access field gcs_path"),
        ("SELECT FROM WHERE", "Syntax error"),
    ],
)  # fmt: skip
def test_sql_invalid_in_bigquery_is_found(analyzer: Analyzer, sql: str, message: str) -> None:
    with pytest.raises(SqlFault, match=message):
        analyzer.analyze(sql)


def test_parameter_types_are_checked(analyzer: Analyzer) -> None:
    sql = "SELECT * FROM nba_orchestration.heartbeats(@at)"
    assert analyzer.analyze(sql, {"at": "TIMESTAMP"}) == 1
    for types, sentence in (({"at": "INT64"}, "No matching signature"), ({}, "parameter 'at' not found")):
        with pytest.raises(SqlFault, match=sentence):
            analyzer.analyze(sql, types)


def test_view_may_be_replaced(analyzer: Analyzer) -> None:
    count = analyzer.analyze(
        "CREATE VIEW d.v AS SELECT 1 AS a; CREATE OR REPLACE VIEW d.v AS SELECT 2 AS b; SELECT b FROM d.v;"
    )
    assert count == 3
    with pytest.raises(SqlFault, match="Unrecognized name: a"):
        analyzer.analyze("SELECT a FROM d.v")


def test_every_statement_passes_and_a_wrong_column_is_named_with_its_file(
    analyzer: Analyzer, copy: Path
) -> None:
    path = copy / "queries/why_skipped.sql"
    path.write_text(path.read_text().replace("d.reason_code", "d.reason_cod"))

    statements, faults = check(analyzer, pieces(copy))

    assert statements > 50
    (fault,) = faults
    assert fault.startswith("queries/why_skipped.sql: Name reason_cod not found inside d")


def test_validation_queries_and_documentation_are_checked_too(copy: Path) -> None:
    (copy / "docs").mkdir()
    (copy / "docs/page.md").write_text("Text\n\n```sql\nSELECT 1;\n```\n")
    found = {piece.where: piece for piece in pieces(copy)}
    assert found["docs/page.md:3"].sql == "SELECT 1;\n"
    where = "schemas/bigquery/nba_orchestration/dead_letters.sql, validation query 2"
    assert found[where].sql.startswith("SELECT event_id, reason, message_id\n")
    assert found["queries/success_rates.sql"].parameters == {
        "as_of": "TIMESTAMP",
        "days": "INT64",
        "environment": "STRING",
    }


def test_a_file_without_validation_queries_has_none() -> None:
    assert list(validation_queries("t.sql", "CREATE TABLE t (a STRING);\n-- SELECT a FROM t;")) == []


def test_missing_analyzer_is_reported_and_fails_only_if_required(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(zetasql, "which", lambda _: None)
    assert main([]) == 0
    assert "SQL is not analyzed: npm is not installed" in capsys.readouterr().out
    assert main(["--require"]) == 1


@pytest.mark.usefixtures("analyzer")
def test_sql_fault_sets_the_exit_code(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], copy) == 0
    (copy / "queries/bad.sql").write_text("-- Bad?\n\nSELECT nothing FROM nba_orchestration.v_decisions;\n")
    assert main([], copy) == 1
    assert "queries/bad.sql: Unrecognized name: nothing [at 3:8]" in capsys.readouterr().out
