"""The embedded warehouse, through Google's own clients: one test for each fault that the launcher repairs."""
# ruff: noqa: S608 - the names in these queries are made here

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import BadRequest, GoogleAPICallError, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.exceptions import StreamClosedError
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from google.cloud.bigquery_storage_v1.writer import AppendRowsStream
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.duckdb import DuckDB

from gcp_emulators.bigquery.dialect import remembering, statement_text
from gcp_emulators.bigquery.engine import RecentResults
from gcp_emulators.bigquery.translations import (
    CatalogueVersion,
    remembering_plain_translation,
    remembering_translation,
)
from gcp_emulators.testing import Emulator, free_port, running
from tipoff_dataset.deploy import deploy
from tipoff_dataset.files import ordered_files

MODULE = "gcp_emulators.bigquery"
PROJECT = "test-project"
SCHEMAS = Path(__file__).parents[3] / "schemas/bigquery/nba_orchestration"
RETRY = bigquery.DEFAULT_RETRY.with_timeout(5)
FIELD = descriptor_pb2.FieldDescriptorProto


class Warehouse:
    """A client of one emulator, with one dataset of its own."""

    def __init__(self, rest_port: int, grpc_port: int) -> None:
        self.client = bigquery.Client(
            project=PROJECT,
            credentials=AnonymousCredentials(),
            client_options=ClientOptions(api_endpoint=f"http://127.0.0.1:{rest_port}"),
        )
        self.channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}")
        self.writer = BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=self.channel))

    def query(self, sql: str) -> list[dict[str, Any]]:
        rows = self.client.query(sql, retry=RETRY).result(retry=RETRY, timeout=90)
        return [dict(row) for row in rows]

    def insert(self, table: str, rows: list[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
        errors = self.client.insert_rows_json(f"{PROJECT}.{table}", rows, retry=None, timeout=90, **options)
        return list(errors)

    def table(self, columns: str, extra: str = "") -> str:
        """Create a table `ds.name` with these columns."""
        name = f"ds.t_{uuid4().hex}"
        self.query(f"CREATE TABLE {name} ({columns}) {extra}")
        return name

    def count(self, table: str) -> int:
        return int(self.query(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"])

    def close(self) -> None:
        self.client.close()
        self.channel.close()


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running("bigquery", "--project", PROJECT) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def ports(emulator: Emulator) -> tuple[int, int]:
    return _ports(emulator)


def _ports(emulator: Emulator) -> tuple[int, int]:
    assert emulator.second_port is not None
    return emulator.port, emulator.second_port


@pytest.fixture(scope="module")
def warehouse(ports: tuple[int, int]) -> Iterator[Warehouse]:
    warehouse = Warehouse(*ports)
    warehouse.query("CREATE SCHEMA IF NOT EXISTS ds")
    yield warehouse
    warehouse.close()


@pytest.fixture(scope="module")
def deployed(warehouse: Warehouse) -> Warehouse:
    deploy(warehouse.client, SCHEMAS)
    return warehouse


# The Storage Write interface


def row_message(*fields: tuple[str, int], nested: dict[str, list[tuple[str, int]]] | None = None) -> Any:
    """Return a protobuf message class with optional scalar fields and repeated nested records."""
    proto = descriptor_pb2.DescriptorProto(name="Row")
    for number, (name, kind) in enumerate(fields, start=1):
        proto.field.add(name=name, number=number, type=kind, label=FIELD.LABEL_OPTIONAL)
    for offset, (name, inner) in enumerate((nested or {}).items(), start=len(fields) + 1):
        kind_name = f"{name.title().replace('_', '')}Item"
        child = proto.nested_type.add(name=kind_name)
        for number, (inner_name, kind) in enumerate(inner, start=1):
            child.field.add(name=inner_name, number=number, type=kind, label=FIELD.LABEL_OPTIONAL)
        proto.field.add(
            name=name, number=offset, type=FIELD.TYPE_MESSAGE, label=FIELD.LABEL_REPEATED, type_name=kind_name
        )
    file = descriptor_pb2.FileDescriptorProto(name="row.proto", syntax="proto2")
    file.message_type.add().CopyFrom(proto)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Row"))


def append_request(message: Any, stream: str, rows: list[Any], offset: int | None = None) -> Any:
    descriptor = descriptor_pb2.DescriptorProto()
    message.DESCRIPTOR.CopyToProto(descriptor)
    request = types.AppendRowsRequest(write_stream=stream)
    request.proto_rows = types.AppendRowsRequest.ProtoData(
        writer_schema=types.ProtoSchema(proto_descriptor=descriptor),
        rows=types.ProtoRows(serialized_rows=[row.SerializeToString() for row in rows]),
    )
    if offset is not None:
        request.offset = offset
    return request


def append(warehouse: Warehouse, request: Any) -> Any:
    return next(iter(warehouse.writer.append_rows(iter([request]), timeout=90)))


def default_stream(table: str) -> str:
    dataset, name = table.split(".")
    return f"projects/{PROJECT}/datasets/{dataset}/tables/{name}/streams/_default"


# Start and stop


def test_starts_without_internet_access(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    env = {"HOME": str(tmp_path), "http_proxy": nowhere, "https_proxy": nowhere, "HTTP_PROXY": nowhere}
    with running("bigquery", env=env):
        pass


def test_sigterm_with_open_stream_exits_cleanly_without_output() -> None:
    with running("bigquery", "--project", PROJECT) as emulator:
        warehouse = Warehouse(*_ports(emulator))
        warehouse.query("CREATE SCHEMA ds")
        table = warehouse.table("a STRING")
        message = row_message(("a", FIELD.TYPE_STRING))
        template = append_request(message, default_stream(table), [])
        stream = AppendRowsStream(warehouse.writer, template)
        rows = types.AppendRowsRequest(
            proto_rows={"rows": {"serialized_rows": [message(a="x").SerializeToString()]}}
        )
        assert not stream.send(rows).result(timeout=90).error.message
        emulator.process.terminate()
        assert emulator.process.wait(timeout=90) == 0
        assert emulator.output() == b""
        with contextlib.suppress(StreamClosedError):  # the client may have closed the stream already
            stream.close()
        warehouse.close()


def test_taken_port_is_reported(ports: tuple[int, int]) -> None:
    for rest, storage in ((ports[0], free_port()), (free_port(), ports[1])):
        command = [sys.executable, "-m", MODULE, "--port", str(rest), "--grpc-port", str(storage)]
        ended = subprocess.run(command, capture_output=True, timeout=90, check=False)
        assert ended.returncode != 0
        assert b"is taken" in ended.stderr


def test_acknowledged_rows_and_metadata_survive_kill_and_restart(tmp_path: Path) -> None:
    """`tipoff up` keeps its history in such a folder, and a laptop's processes are often killed."""
    for end in ("kill", "terminate", None):
        with running("bigquery", "--project", PROJECT, "--data-dir", str(tmp_path)) as emulator:
            warehouse = Warehouse(*_ports(emulator))
            if end == "kill":
                warehouse.query("CREATE SCHEMA ds")
                warehouse.query(
                    "CREATE TABLE ds.t (a STRING, j JSON) CLUSTER BY a OPTIONS(description='kept')"
                )
                assert warehouse.insert("ds.t", [{"a": "x", "j": '{"n": 1}'}]) == []
                warehouse.query("CREATE OR REPLACE VIEW ds.v AS SELECT a FROM ds.t")
            table = warehouse.client.get_table("ds.t")
            assert (table.description, table.clustering_fields) == ("kept", ["a"])
            assert warehouse.query("SELECT JSON_VALUE(j, '$.n') AS n FROM ds.t") == [{"n": "1"}]
            assert warehouse.query("SELECT a FROM ds.v") == [{"a": "x"}]
            warehouse.close()
            if end == "kill":
                emulator.kill()


# The engine


def test_concurrent_rest_and_grpc_neither_deadlock_nor_lose_rows(
    ports: tuple[int, int], warehouse: Warehouse
) -> None:
    table = warehouse.table("a STRING, n INT64")
    message = row_message(("a", FIELD.TYPE_STRING), ("n", FIELD.TYPE_INT64))

    def work(number: int) -> int:
        own, acknowledged = Warehouse(*ports), 0
        for _ in range(15):
            if number % 3 == 0:
                own.query(f"SELECT COUNT(*) AS n FROM {table} WHERE a = 'x'")
            elif number % 3 == 1:
                assert own.insert(table, [{"a": "x", "n": 1}] * 5) == []
                acknowledged += 5
            else:
                request = append_request(message, default_stream(table), [message(a="x", n=1)] * 5)
                assert not append(own, request).error.message
                acknowledged += 5
        own.close()
        return acknowledged

    with ThreadPoolExecutor(9) as pool:
        acknowledged = sum(pool.map(work, range(9), timeout=90))

    assert warehouse.count(table) == acknowledged == 6 * 15 * 5


def test_writes_create_no_table_snapshot(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING")
    for _ in range(5):
        warehouse.insert(table, [{"a": "x"}])
    warehouse.query(f"UPDATE {table} SET a = 'y' WHERE TRUE")

    copies = warehouse.query(
        "SELECT COUNT(*) AS n FROM duckdb_tables() WHERE schema_name = '_bqemulator_snapshots'"
    )
    assert copies == [{"n": 0}]


def test_only_recent_results_are_kept() -> None:
    class Table:
        nbytes = 10

    schemas: dict[str, Any] = {str(number): [] for number in range(6)}
    results = RecentResults(schemas, most=4, most_bytes=30)
    for number in range(6):
        results[str(number)] = Table()

    assert list(results) == list(schemas) == ["3", "4", "5"]
    results["5"] = Table()
    assert list(results) == ["3", "4", "5"]


def test_results_of_old_jobs_are_discarded(warehouse: Warehouse) -> None:
    first = warehouse.client.query("SELECT 1 AS n", retry=RETRY)
    first.result(retry=RETRY)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: warehouse.query("SELECT 2 AS n"), range(260)))

    with pytest.raises(GoogleAPICallError):
        warehouse.client._get_query_results(first.job_id, None, project=PROJECT, timeout_ms=10)


# The Storage Write interface and loads


def test_failed_append_does_not_advance_offset(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING NOT NULL, n INT64")
    message = row_message(("a", FIELD.TYPE_STRING), ("n", FIELD.TYPE_INT64))
    parent = default_stream(table).removesuffix("/streams/_default")
    stream = warehouse.writer.create_write_stream(
        parent=parent, write_stream=types.WriteStream(type_=types.WriteStream.Type.COMMITTED)
    ).name

    assert append(warehouse, append_request(message, stream, [message(n=1)], offset=0)).error.message
    good = append(warehouse, append_request(message, stream, [message(a="x", n=1)], offset=0))

    assert not good.error.message
    assert good.append_result.offset == 0
    assert warehouse.count(table) == 1


def test_later_append_requests_may_omit_stream_and_schema(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING")
    message = row_message(("a", FIELD.TYPE_STRING))
    first = append_request(message, default_stream(table), [message(a="x")])
    second = types.AppendRowsRequest()
    second.proto_rows = types.AppendRowsRequest.ProtoData(
        rows=types.ProtoRows(serialized_rows=[message(a="y").SerializeToString()])
    )

    answers = list(warehouse.writer.append_rows(iter([first, second]), timeout=90))

    assert [answer.error.message for answer in answers] == ["", ""]
    assert warehouse.count(table) == 2


def test_array_of_struct_is_appended(deployed: Warehouse) -> None:
    message = row_message(
        ("cleanup_id", FIELD.TYPE_STRING),
        ("cleanup_time", FIELD.TYPE_INT64),
        ("environment", FIELD.TYPE_STRING),
        ("created_at", FIELD.TYPE_INT64),
        ("event_id", FIELD.TYPE_STRING),
        nested={"missing_files": [("gcs_path", FIELD.TYPE_STRING), ("age_minutes", FIELD.TYPE_INT64)]},
    )
    micros = 1_768_492_800_000_000
    row = message(cleanup_id="c", cleanup_time=micros, environment="prod", created_at=micros, event_id="e")
    row.missing_files.add(gcs_path="gs://b/o", age_minutes=7)
    request = append_request(message, default_stream("nba_orchestration.cleanup_operations"), [row])

    assert not append(deployed, request).error.message
    found = deployed.query(
        "SELECT c.cleanup_time, mf.gcs_path, mf.age_minutes, mf.republished "
        "FROM nba_orchestration.cleanup_operations AS c, UNNEST(c.missing_files) AS mf"
    )
    assert found == [
        {
            "cleanup_time": datetime(2026, 1, 15, 16, tzinfo=UTC),
            "gcs_path": "gs://b/o",
            "age_minutes": 7,
            "republished": None,
        }
    ]


def test_omitted_arrays_are_empty_after_append(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING, tags ARRAY<STRING>")
    message = row_message(("a", FIELD.TYPE_STRING))

    assert not append(
        warehouse, append_request(message, default_stream(table), [message(a="x")])
    ).error.message
    assert warehouse.query(f"SELECT ARRAY_LENGTH(tags) AS n FROM {table}") == [{"n": 0}]


def test_rows_load_from_json(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING, n INT64")
    config = bigquery.LoadJobConfig(schema=warehouse.client.get_table(table).schema)

    warehouse.client.load_table_from_json([{"a": "x", "n": 1}], table, job_config=config).result(timeout=90)

    assert warehouse.query(f"SELECT a, n FROM {table}") == [{"a": "x", "n": 1}]


# SQL


@pytest.mark.parametrize(
    ("earlier", "later", "unit", "whole"),
    [
        ("10:59:59", "11:00:01", "HOUR", 0),
        ("10:00:00", "12:59:59", "HOUR", 2),
        ("10:00:30", "10:01:29", "MINUTE", 0),
        ("10:00:00.9", "10:00:02.1", "SECOND", 1),
    ],
)
def test_timestamp_diff_counts_whole_units(
    warehouse: Warehouse, earlier: str, later: str, unit: str, whole: int
) -> None:
    instants = f"TIMESTAMP '2026-01-15 {later}+00', TIMESTAMP '2026-01-15 {earlier}+00'"
    assert warehouse.query(f"SELECT TIMESTAMP_DIFF({instants}, {unit}) AS n") == [{"n": whole}]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("OFFSET(0)", 1.0),
        ("OFFSET(1)", 2.0),
        ("SAFE_OFFSET(2)", 9.0),
        ("ORDINAL(2)", 2.0),
        ("SAFE_OFFSET(3)", None),
    ],
)
def test_approx_quantiles_returns_value_at_offset(
    warehouse: Warehouse, place: str, value: float | None
) -> None:
    """Regression: the median was the maximum, and the maximum NULL."""
    sql = f"SELECT APPROX_QUANTILES(x, 2)[{place}] AS found FROM UNNEST([9.0, 1.0, 2.0]) AS x"
    assert list(warehouse.query(sql)) == [{"found": value}]


def test_to_json_string_of_null_is_the_text_null(warehouse: Warehouse) -> None:
    sql = """SELECT TO_JSON_STRING(JSON_QUERY(JSON '{"a": 1}', '$.b')) AS absent, TO_JSON_STRING(JSON '[1]') AS there"""
    assert warehouse.query(sql) == [{"absent": "null", "there": "[1]"}]


def test_comments_around_statement_are_ignored(warehouse: Warehouse) -> None:
    name = f"t_{uuid4().hex}"
    warehouse.query(f"-- before\n/* and; so */ CREATE TABLE ds.{name} (a STRING);\n-- after; and more\n")

    assert warehouse.client.get_table(f"ds.{name}").schema[0].name == "a"
    assert statement_text("SELECT '--;' -- in\n, 1 ;;\n-- out") == "SELECT '--;' -- in\n, 1"
    assert statement_text("-- nothing") == "-- nothing"


def test_cached_parse_returns_separate_trees() -> None:
    parsed: list[str] = []

    def counted(self: Dialect, sql: str, **options: Any) -> Any:
        parsed.append(sql)
        return Dialect.parse(self, sql, **options)

    parse = remembering(counted)
    changed = parse(BigQuery(), "SELECT 1 AS a")[0]
    assert changed is not None
    changed.set("expressions", [])
    untouched = parse(BigQuery(), "SELECT 1 AS a")[0]

    assert untouched is not None
    assert untouched.sql("bigquery") == "SELECT 1 AS a"
    assert [tree and tree.sql() for tree in parse(DuckDB(), "SELECT 1 AS a;;")] == ["SELECT 1 AS a", None]
    assert parsed == ["SELECT 1 AS a", "SELECT 1 AS a;;"]


def test_translation_is_cached_only_without_context() -> None:
    translated: list[tuple[str, dict[str, Any]]] = []

    def translate(_: object, sql: str, **context: Any) -> str:
        translated.append((sql, context))
        return f"duckdb: {sql}"

    ask, translator = remembering_plain_translation(translate), object()
    assert {ask(translator, "SELECT 1"), ask(translator, "SELECT 1")} == {"duckdb: SELECT 1"}
    assert translated == [("SELECT 1", {})]
    for _ in range(2):
        ask(translator, "SELECT 1", schema={"t": {}})
    assert translated[1:] == [("SELECT 1", {"schema": {"t": {}}})] * 2


def test_rows_are_converted_without_pandas(emulator: Emulator, warehouse: Warehouse) -> None:
    """pandas is installed here, and takes a third of a second to import."""
    assert warehouse.insert(warehouse.table("a STRING, b ARRAY<INT64>"), [{"a": "x", "b": [1]}]) == []
    assert "/pandas/" not in Path(f"/proc/{emulator.process.pid}/maps").read_text()


def test_query_translation_is_cached_until_catalogue_changes() -> None:
    class Catalog:
        policies: tuple[str, ...] = ()

        def list_all_row_access_policies(self) -> tuple[str, ...]:
            return self.policies

        def list_all_materialized_views(self) -> tuple[str, ...]:
            return ()

    translated: list[str] = []

    async def translate(sql: str, **_: Any) -> str:
        translated.append(sql)
        return f"duckdb: {sql}"

    version, context = CatalogueVersion(), SimpleNamespace(catalog=Catalog())
    remembered = remembering_translation(translate, version)

    def ask(sql: str) -> int:
        """Translate the text; return how often it was translated so far."""
        own = {"project_id": "p", "ctx": context, "caller": None, "translator": None}
        assert asyncio.run(remembered(sql, **own)) == f"duckdb: {sql}"  # type: ignore[arg-type]
        return translated.count(sql)

    assert [ask("SELECT 1"), ask("SELECT 1"), ask("-- a\nWITH a AS (SELECT 1) SELECT 2")] == [1, 1, 1]
    version.number += 1
    assert [ask("SELECT 1"), ask("SELECT 1")] == [2, 2]
    for text in ("INSERT INTO t VALUES (1)", "SELECT * FROM ds.INFORMATION_SCHEMA.TABLES"):
        assert [ask(text), ask(text)] == [1, 2]
    context.catalog.policies = ("who sees which rows",)
    assert ask("SELECT 1") == 3


def test_repeated_query_reflects_changed_rows_and_schema(warehouse: Warehouse) -> None:
    table, function = warehouse.table("a INT64"), f"ds.f_{uuid4().hex}"
    warehouse.insert(table, [{"a": 1}])
    warehouse.query(
        f"CREATE OR REPLACE TABLE FUNCTION {function}(n INT64) AS (SELECT a + n AS b FROM {table})"
    )
    ask, call = f"SELECT * FROM {table}", f"SELECT b FROM {function}(1)"
    assert (warehouse.query(ask), warehouse.query(call)) == ([{"a": 1}], [{"b": 2}])

    warehouse.insert(table, [{"a": 2}])
    assert len(warehouse.query(ask)) == 2
    warehouse.query(f"ALTER TABLE {table} ADD COLUMN c STRING")
    warehouse.query(
        f"CREATE OR REPLACE TABLE FUNCTION {function}(n INT64) AS (SELECT a * 10 + n AS b FROM {table})"
    )
    assert {"a": 1, "c": None} in warehouse.query(ask)
    assert sorted(row["b"] for row in warehouse.query(call)) == [11, 21]
    warehouse.query(f"DROP TABLE {table}")
    with pytest.raises(NotFound):
        warehouse.query(ask)


def test_checks_skipped_for_queries_run_for_other_statements(warehouse: Warehouse) -> None:
    """The emulator examines a text once, and skips for queries the checks that only changes need."""
    table = warehouse.table("a INT64")
    for text in (
        f"SELECT a FROM {table}",
        f"-- a comment\nWITH b AS (SELECT a FROM {table}) SELECT a FROM b",
    ):
        assert [warehouse.query(text), warehouse.query(text)] == [[], []]
    for number in (1, 2):
        warehouse.query(f"INSERT INTO {table} VALUES (1)")
        assert len(warehouse.query(f"SELECT a FROM {table}")) == number
    # A script may begin like a query.
    warehouse.query(
        f"SELECT 1; INSERT INTO {table} VALUES (2); CREATE TABLE {table}_2 AS SELECT a FROM {table}"
    )
    assert sorted(row["a"] for row in warehouse.query(f"SELECT a FROM {table}_2")) == [1, 1, 2]
    with pytest.raises(BadRequest, match="still in use"):
        warehouse.query("DROP SCHEMA ds")


def test_table_can_be_named_function(warehouse: Warehouse) -> None:
    """`CREATE TABLE function` begins like `CREATE TABLE FUNCTION`, which creates no table."""
    warehouse.query("CREATE TABLE ds.function (a INT64)")
    assert [field.name for field in warehouse.client.get_table("ds.function").schema] == ["a"]
    warehouse.query("CREATE TABLE FUNCTION ds.doubled(n INT64) AS (SELECT 2 * n AS a)")
    assert warehouse.query("SELECT a FROM ds.doubled(2)") == [{"a": 4}]
    assert "doubled" not in {table.table_id for table in warehouse.client.list_tables("ds")}


@pytest.mark.parametrize(
    ("sql", "error", "reason"),
    [
        ("SELECT * FROM ds.not_there", NotFound, "notFound"),
        ("SELECT not_there FROM (SELECT 1 AS a)", BadRequest, "invalidQuery"),
        ("SELECT FROM WHERE", BadRequest, "invalidQuery"),
    ],
)
def test_failed_query_is_an_error_not_an_empty_result(
    warehouse: Warehouse, sql: str, error: type[GoogleAPICallError], reason: str
) -> None:
    """Regression (incident 15): an error was treated as the empty set."""
    with pytest.raises(error) as failed:
        warehouse.client.query_and_wait(sql, retry=RETRY, job_retry=None)
    assert [item["reason"] for item in failed.value.errors] == [reason]
    assert failed.value.message


def test_unqualified_table_is_resolved_in_default_dataset(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING")
    assert warehouse.insert(table, [{"a": "x"}]) == []
    config = bigquery.QueryJobConfig(default_dataset=f"{PROJECT}.ds")
    sql = f"SELECT a FROM {table.removeprefix('ds.')}"
    rows = warehouse.client.query_and_wait(sql, job_config=config, retry=RETRY, job_retry=None)
    assert [row["a"] for row in rows] == ["x"]


# The catalogue


def test_tables_read_back_as_declared(warehouse: Warehouse) -> None:
    table = warehouse.client.get_table(
        warehouse.table(
            "seen TIMESTAMP NOT NULL OPTIONS(description='when'), j JSON, tags ARRAY<STRING>, n NUMERIC, f FLOAT64, "
            "files ARRAY<STRUCT<path STRING OPTIONS(description='where'), size INT64>>",
            "PARTITION BY DATE(seen) CLUSTER BY n, f "
            "OPTIONS(partition_expiration_days=90, description='it''s one')".replace("''", "\\'"),
        )
    )

    assert [(field.name, field.field_type, field.mode) for field in table.schema] == [
        ("seen", "TIMESTAMP", "REQUIRED"),
        ("j", "JSON", "NULLABLE"),
        ("tags", "STRING", "REPEATED"),
        ("n", "NUMERIC", "NULLABLE"),
        ("f", "FLOAT", "NULLABLE"),
        ("files", "RECORD", "REPEATED"),
    ]
    assert table.schema[0].description == "when"
    assert table.schema[5].fields[0].description == "where"
    assert table.description == "it's one"
    assert table.clustering_fields == ["n", "f"]
    assert table.time_partitioning.field == "seen"
    assert table.time_partitioning.type_ == "DAY"
    assert int(table.time_partitioning.expiration_ms) == 90 * 86_400_000


def test_monthly_partitions_read_back(warehouse: Warehouse) -> None:
    table = warehouse.client.get_table(
        warehouse.table("seen TIMESTAMP", "PARTITION BY TIMESTAMP_TRUNC(seen, MONTH)")
    )

    assert (table.time_partitioning.field, table.time_partitioning.type_) == ("seen", "MONTH")


def test_creating_if_not_exists_keeps_the_table(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING", "OPTIONS(description='first')")
    created = warehouse.client.get_table(table).created

    warehouse.query(f"CREATE TABLE IF NOT EXISTS {table} (b INT64) OPTIONS(description='second')")

    kept = warehouse.client.get_table(table)
    assert (kept.description, kept.created, kept.schema[0].name) == ("first", created, "a")


def test_added_columns_read_back(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING")

    warehouse.query(f"ALTER TABLE {table} ADD COLUMN j JSON OPTIONS(description='new')")

    added = warehouse.client.get_table(table).schema[1]
    assert (added.name, added.field_type, added.description) == ("j", "JSON", "new")
    assert warehouse.insert(table, [{"a": "x", "j": "{}"}]) == []


def test_views_read_back_with_query_and_description(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING")
    view = f"ds.v_{uuid4().hex}"

    warehouse.query(f"CREATE OR REPLACE VIEW {view} OPTIONS(description='seen') AS SELECT a FROM {table}")

    read = warehouse.client.get_table(view)
    assert (read.table_type, read.description) == ("VIEW", "seen")
    assert table.split(".")[1] in read.view_query


def test_datasets_read_back_as_declared(warehouse: Warehouse) -> None:
    name = f"d_{uuid4().hex}"

    warehouse.query(f"CREATE SCHEMA {name} OPTIONS(location='EU', description='first')")
    warehouse.query(f"CREATE SCHEMA IF NOT EXISTS {name} OPTIONS(description='second')")

    dataset = warehouse.client.get_dataset(name)
    assert (dataset.location, dataset.description) == ("EU", "first")


def test_deploying_twice_changes_nothing(deployed: Warehouse) -> None:
    def state() -> dict[str, Any]:
        items = deployed.client.list_tables("nba_orchestration")
        tables = [deployed.client.get_table(item.reference) for item in items]
        return {
            table.table_id: (
                table.created if table.table_type == "TABLE" else None,
                table.description,
                [field.to_api_repr() for field in table.schema] if table.table_type == "TABLE" else None,
                table.clustering_fields,
            )
            for table in tables
        }

    before = state()
    applied = deploy(deployed.client, SCHEMAS)

    assert state() == before
    assert applied == [path.name for path in ordered_files(SCHEMAS) if path.stem != "datasets"]
    assert all(description for _, description, _, _ in before.values())


# insertAll, as the reference of tabledata.insertAll documents it


def test_bad_rows_are_invalid_and_stop_other_rows(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING NOT NULL, n INT64")

    errors = warehouse.insert(table, [{"a": "x", "n": 1}, {"a": "y", "n": "many"}, {"n": 3}])

    reasons = {error["index"]: error["errors"][0] for error in errors}
    assert {index: reason["reason"] for index, reason in reasons.items()} == {
        0: "stopped",
        1: "invalid",
        2: "invalid",
    }
    assert (reasons[1]["location"], reasons[2]["location"]) == ("n", "a")
    assert warehouse.count(table) == 0


def test_bad_rows_can_be_skipped(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING NOT NULL, n INT64")

    errors = warehouse.insert(table, [{"a": "x", "n": "1"}, {"n": 2}], skip_invalid_rows=True)

    assert [error["index"] for error in errors] == [1]
    assert warehouse.query(f"SELECT a, n FROM {table}") == [{"a": "x", "n": 1}]


def test_unknown_fields_are_errors_unless_ignored(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING, s STRUCT<b INT64>")

    errors = warehouse.insert(table, [{"a": "x", "z": 1}, {"s": {"b": 1, "c": 2}}])
    assert [error["errors"][0]["location"] for error in errors] == ["z", "s.c"]
    assert "no such field" in errors[0]["errors"][0]["message"]

    rows = [{"a": "x", "z": 1}, {"s": {"b": 1, "c": 2}}]
    assert warehouse.insert(table, rows, ignore_unknown_values=True) == []
    assert warehouse.count(table) == 2


def test_single_and_batched_rows_are_stored_alike(warehouse: Warehouse) -> None:
    """DuckDB receives few rows as parameters, and many as an Arrow table."""
    table = warehouse.table(
        "i INT64, f FLOAT64, s STRING, b BOOL, t TIMESTAMP, c DATETIME, d DATE, n NUMERIC, j JSON,"
        " l ARRAY<STRING>, k ARRAY<INT64>, z STRING, r ARRAY<STRUCT<a STRING, e ARRAY<STRING>>>"
    )
    flat = warehouse.table(
        "i INT64, f FLOAT64, s STRING, b BOOL, t TIMESTAMP, c DATETIME, d DATE, n NUMERIC, j JSON,"
        " l ARRAY<STRING>, k ARRAY<INT64>, z STRING"
    )
    row = {
        "i": -(2**62), "f": 0.1, "s": "It's \"one\" \N{BASKETBALL AND HOOP}", "b": False,
        "t": "2025-01-15T12:00:00.123456Z", "c": "2025-01-15T12:00:00", "d": "2025-01-15", "n": "1.25",
        "j": '{"a": [1, null]}', "l": ["", "x"], "k": [],
    }  # fmt: skip
    for name, more in ((flat, {}), (table, {"r": [{"a": "x", "e": ["y"]}]})):
        for number in (1, 4, 7):
            warehouse.insert(name, [{**row, **more}] * number)
        found = warehouse.query(f"SELECT * FROM {name}")
        assert len(found) == 12
        assert all(other == found[0] for other in found)
        assert (found[0]["s"], found[0]["l"], found[0]["k"], found[0]["z"]) == (row["s"], ["", "x"], [], None)
        assert found[0]["t"].microsecond == 123456


def test_json_columns_accept_only_json_text(warehouse: Warehouse) -> None:
    table = warehouse.table("j JSON")

    assert warehouse.insert(table, [{"j": json.dumps({"n": [1, 2]})}, {"j": None}]) == []
    assert warehouse.query(f"SELECT JSON_VALUE(j, '$.n[1]') AS n FROM {table} WHERE j IS NOT NULL") == [
        {"n": "2"}
    ]
    for bad in ("{", {"n": 1}):
        assert warehouse.insert(table, [{"j": bad}])[0]["errors"][0]["location"] == "j"


def test_timestamp_formats_are_stored_as_same_instant(warehouse: Warehouse) -> None:
    table = warehouse.table("seen TIMESTAMP, d DATE")
    instant = datetime(2026, 1, 15, 16, 30, tzinfo=UTC)
    forms = [
        "2026-01-15T11:30:00-05:00",
        "2026-01-15 16:30:00 UTC",
        "2026-01-15T16:30:00Z",
        int(instant.timestamp()),
    ]

    assert warehouse.insert(table, [{"seen": form, "d": "2026-01-15"} for form in forms]) == []
    assert warehouse.query(f"SELECT DISTINCT seen FROM {table}") == [{"seen": instant}]
    bad = warehouse.insert(table, [{"seen": "yesterday"}, {"d": "15/01/2026"}])
    assert [error["errors"][0]["location"] for error in bad] == ["seen", "d"]


def test_omitted_arrays_are_empty_after_insert(warehouse: Warehouse) -> None:
    table = warehouse.table("a STRING, tags ARRAY<STRING>, files ARRAY<STRUCT<path STRING, age INT64>>")

    rows = [{"a": "x"}, {"a": "y", "tags": ["1", "2"], "files": [{"path": "p", "age": "3"}]}]
    assert warehouse.insert(table, rows) == []

    found = warehouse.query(f"SELECT a, ARRAY_LENGTH(tags) AS n, files FROM {table} ORDER BY a")
    assert found[0] == {"a": "x", "n": 0, "files": []}
    assert found[1] == {"a": "y", "n": 2, "files": [{"path": "p", "age": 3}]}


def test_insert_into_missing_table_is_404(warehouse: Warehouse) -> None:
    with pytest.raises(NotFound):
        warehouse.insert("ds.nowhere", [{"a": "x"}])
