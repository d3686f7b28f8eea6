"""The cache of translated SQL: the next start reads it, and never uses the translation of another text."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from gcp_emulators.bigquery.text_cache import FILE
from gcp_emulators.testing import running

PROJECT = "kept"
STATEMENTS = (
    "CREATE SCHEMA ds",
    "CREATE TABLE ds.t (a INT64)",
    "CREATE TABLE FUNCTION ds.from_t(least INT64) AS (SELECT SAFE_DIVIDE(a, 2) AS half FROM ds.t WHERE a >= least)",
    "CREATE VIEW ds.v AS SELECT COUNTIF(a > 1) AS n FROM ds.t",
    "INSERT INTO ds.t VALUES (1), (3)",
)
QUESTIONS = ("SELECT half FROM ds.from_t(2)", "SELECT n FROM ds.v", "SELECT AVG(a) AS mean FROM ds.t")
ANSWERS = [[{"half": 1.5}], [{"n": 1}], [{"mean": 2.0}]]


@contextmanager
def warehouse(*options: str) -> Iterator[bigquery.Client]:
    with running("bigquery", "--project", PROJECT, *options) as emulator:
        client = bigquery.Client(
            project=PROJECT,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": emulator.url},
        )
        with closing(client):
            yield client


def ask(client: bigquery.Client, sql: str) -> list[dict[str, Any]]:
    return [dict(row) for row in client.query_and_wait(sql)]


def kept_in(folder: Path) -> int:
    with closing(sqlite3.connect(folder / FILE)) as database:
        (number,) = database.execute("SELECT COUNT(*) FROM texts").fetchone()
    return int(number)


def test_second_start_reuses_cached_translations(tmp_path: Path) -> None:
    kept = []
    for _ in range(2):
        with warehouse("--cache-dir", str(tmp_path)) as client:
            for statement in STATEMENTS:
                ask(client, statement)
            assert [ask(client, question) for question in QUESTIONS] == ANSWERS
        kept.append(kept_in(tmp_path))
    assert kept[0] == kept[1] > len(STATEMENTS)


def test_translation_cache_distinguishes_column_types(tmp_path: Path) -> None:
    """The mean of NUMERIC is NUMERIC, that of INT64 is FLOAT64: one text has two translations."""
    found = []
    for type_ in ("INT64", "NUMERIC", "INT64"):
        with warehouse("--cache-dir", str(tmp_path)) as client:
            ask(client, "CREATE SCHEMA ds")
            ask(client, f"CREATE TABLE ds.t (a {type_})")
            found.append([field.field_type for field in client.query_and_wait(QUESTIONS[2]).schema])
    assert found == [["FLOAT"], ["NUMERIC"], ["FLOAT"]]


def test_no_cache_option_writes_no_file(tmp_path: Path) -> None:
    with warehouse("--cache-dir", str(tmp_path), "--no-cache") as client:
        ask(client, "SELECT 1")
    assert list(tmp_path.iterdir()) == []
