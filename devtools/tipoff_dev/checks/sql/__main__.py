"""`python -m tipoff_dev.checks.sql [--require]`: analysis of every SQL statement as BigQuery would do it.

The dataset's own files build the catalogue. The check analyzes against it the named queries with the types of their
parameters, the validation queries at the end of each table's file, Grafana's queries, and the SQL in the documentation.
Other tests execute the SQL on the embedded warehouse, whose engine accepts statements that BigQuery refuses.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tipoff_cli.checkout import REPOSITORY
from tipoff_common.ports import DATASET
from tipoff_dataset.files import ordered_files
from tipoff_dataset.queries import NamedQuery
from tipoff_dev.checks.sql.zetasql import Analyzer, AnalyzerUnavailableError, SqlFault, running_analyzer
from tipoff_dev.grafana.alerting import rule_queries
from tipoff_dev.grafana.macros import expand
from tipoff_dev.grafana.panels import DASHBOARDS
from tipoff_dev.stack.layout import PROJECT

SCHEMAS = f"schemas/bigquery/{DATASET}"
_DOCUMENTS = ("README.md", f"{SCHEMAS}/*.md", "docs/**/*.md")
_CATALOGUE = f"CREATE TABLE {DATASET}.INFORMATION_SCHEMA.TABLES (table_name STRING, table_type STRING)"
_FENCED = re.compile(r"^ *```sql\n(?P<sql>.*?)^ *```", re.DOTALL | re.MULTILINE)
_ANY_INSTANT = datetime(2026, 1, 15, 16, tzinfo=UTC)
_VALIDATION = "-- Validation queries."


@dataclass(frozen=True)
class Piece:
    """A piece of SQL to check, and its place in the repository."""

    where: str
    sql: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def pieces(root: Path) -> Iterator[Piece]:
    """Yield all SQL below `root`, each piece after the pieces that it depends on."""
    files = ordered_files(root / SCHEMAS)
    yield Piece("INFORMATION_SCHEMA", _CATALOGUE)
    for path in files:
        yield Piece(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
    for path in files:
        where = path.relative_to(root).as_posix()
        yield from validation_queries(where, path.read_text(encoding="utf-8"))
    for path in sorted((root / "queries").glob("*.sql")):
        query = NamedQuery.read(path)
        types = {parameter.name: parameter.type for parameter in query.parameters}
        yield Piece(path.relative_to(root).as_posix(), query.sql, types)
    yield from _grafana_pieces()
    for pattern in _DOCUMENTS:
        for path in sorted(root.glob(pattern)):
            yield from _fenced(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))


def _grafana_pieces() -> Iterator[Piece]:
    """Yield the panels' SQL as Grafana would send it for an hour, and the SQL of Grafana's alert rules."""
    for board in DASHBOARDS:
        for panel in board.panels:
            sql = expand(
                panel.sql,
                start=_ANY_INSTANT,
                end=_ANY_INSTANT + timedelta(hours=1),
                variables={"environment": "prod"},
            )
            yield Piece(f"{board.name}, {panel.title}", sql)
    for name, sql in rule_queries().items():
        yield Piece(f"Grafana's rule {name}", sql)


def validation_queries(where: str, text: str) -> Iterator[Piece]:
    """Yield the commented-out queries at the end of a table's file."""
    _, found, comments = text.partition(_VALIDATION)
    if not found:
        return
    lines = [line.removeprefix("--").removeprefix(" ") for line in comments.splitlines()]
    statements = re.findall(r"^(?:SELECT|WITH)\b.*?;$", "\n".join(lines), re.DOTALL | re.MULTILINE)
    for number, sql in enumerate(statements, start=1):
        yield Piece(f"{where}, validation query {number}", sql)


def _fenced(where: str, text: str) -> Iterator[Piece]:
    for match in _FENCED.finditer(text):
        yield Piece(f"{where}:{text[: match.start()].count(chr(10)) + 1}", match["sql"])


def check(analyzer: Analyzer, checked: Iterator[Piece]) -> tuple[int, list[str]]:
    """Return the number of statements that were analyzed, and a line for each fault."""
    statements, faults = 0, []
    for piece in checked:
        try:
            statements += analyzer.analyze(piece.sql, piece.parameters)
        except SqlFault as fault:
            faults.append(f"{piece.where}: {fault}")
    return statements, faults


def main(arguments: Sequence[str] | None = None, root: Path = REPOSITORY) -> int:
    """Analyze the repository's SQL; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tipoff_dev.checks.sql", description="Analyzes the SQL as BigQuery would."
    )
    parser.add_argument("--require", action="store_true", help="fail where the analyzer cannot be had")
    required = parser.parse_args(arguments).require
    try:
        with running_analyzer(PROJECT) as analyzer:
            statements, faults = check(analyzer, pieces(root))
    except AnalyzerUnavailableError as error:
        sys.stdout.write(f"SQL is not analyzed: {error}\n")
        return 1 if required else 0
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    sys.stdout.write(f"{statements} SQL statements analyzed, {len(faults)} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
