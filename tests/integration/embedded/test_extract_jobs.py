"""`bq extract` against the embedded cloud: one day of a table becomes an object of the bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from google.api_core.exceptions import BadRequest, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

from gcp_emulators.testing import running

PROJECT, TABLE = "extracts", "ds.log"
RETRY = bigquery.DEFAULT_RETRY.with_timeout(90)
AS_LINES = bigquery.ExtractJobConfig(destination_format="NEWLINE_DELIMITED_JSON")
ROWS = [
    ("before", datetime(2024, 10, 14, 23, 59, 59, tzinfo=UTC)),
    ("first", datetime(2024, 10, 15, tzinfo=UTC)),
    ("last", datetime(2024, 10, 15, 23, 59, 59, 999999, tzinfo=UTC)),
    ("after", datetime(2024, 10, 16, tzinfo=UTC)),
]


class Cloud:
    """A warehouse with the address of an object store, and clients of both."""

    def __init__(self, warehouse_url: str, storage_url: str) -> None:
        anybody = AnonymousCredentials()
        self.warehouse = bigquery.Client(
            project=PROJECT, credentials=anybody, client_options={"api_endpoint": warehouse_url}
        )
        self.storage = storage.Client(
            project=PROJECT, credentials=anybody, client_options={"api_endpoint": storage_url}
        )

    def extract(
        self, table: str, uri: str, config: bigquery.ExtractJobConfig = AS_LINES
    ) -> bigquery.ExtractJob:
        return self.warehouse.extract_table(
            bigquery.TableReference.from_string(f"{PROJECT}.{table}"), uri, job_config=config, retry=RETRY
        )

    def read(self, bucket: str, name: str) -> str:
        return str(self.storage.bucket(bucket).blob(name).download_as_bytes().decode())


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with (
        running("storage") as objects,
        running("bigquery", "--project", PROJECT, "--storage-url", objects.url) as warehouse,
    ):
        cloud = Cloud(warehouse.url, objects.url)
        cloud.storage.create_bucket("archive")
        for statement in (
            "CREATE SCHEMA ds",
            f"CREATE TABLE {TABLE} (name STRING, seen TIMESTAMP, n INT64) PARTITION BY DATE(seen)",
            "CREATE TABLE ds.days (day DATE) PARTITION BY day",
            "CREATE TABLE ds.plain (name STRING)",
            "INSERT INTO ds.days VALUES (DATE '2024-10-14'), (DATE '2024-10-15')",
            f"INSERT INTO {TABLE} VALUES "  # noqa: S608  # our own rows
            + ", ".join(f"('{name}', TIMESTAMP '{at.isoformat()}', 1)" for name, at in ROWS),
        ):
            cloud.warehouse.query(statement, retry=RETRY).result(retry=RETRY, timeout=90)
        yield cloud
        cloud.warehouse.close()


def test_day_partition_is_extracted_as_json_lines(cloud: Cloud) -> None:
    name = "logs/scraper_execution_log/2024-10-15.json"
    job = cloud.extract(f"{TABLE}$20241015", f"gs://archive/{name}")
    assert job.result(retry=RETRY, timeout=90).state == "DONE"
    assert job.destination_uri_file_counts == [1]
    lines = [json.loads(line) for line in cloud.read("archive", name).splitlines()]
    assert sorted(line["name"] for line in lines) == ["first", "last"]
    assert {line["n"] for line in lines} == {1}


def test_date_partition_and_whole_table_are_extracted(cloud: Cloud) -> None:
    cloud.extract("ds.days$20241014", "gs://archive/days.json")
    assert json.loads(cloud.read("archive", "days.json")) == {"day": "2024-10-14"}
    cloud.extract(TABLE, "gs://archive/all-*.csv", bigquery.ExtractJobConfig(destination_format="CSV"))
    assert len(cloud.read("archive", "all-000000000000.csv").splitlines()) == 1 + len(ROWS)


@pytest.mark.parametrize(
    ("table", "uri", "error", "text"),
    [
        ("ds.nowhere", "gs://archive/x", NotFound, "ds.nowhere"),
        (f"{TABLE}$20241015", "gs://no-such-bucket/x", NotFound, "no-such-bucket"),
        (f"{TABLE}$20241332", "gs://archive/x", BadRequest, "is not the partition of a day"),
        ("ds.plain$20241015", "gs://archive/x", BadRequest, "is not partitioned by the day"),
        (TABLE, "/etc/rows", BadRequest, "gs://BUCKET/OBJECT"),
    ],
)
def test_impossible_extract_fails_with_reason(
    cloud: Cloud, table: str, uri: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        cloud.extract(table, uri)


def test_extract_without_object_store_names_missing_option(warehouse_url: str) -> None:
    client = bigquery.Client(
        project=PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": warehouse_url}
    )
    with pytest.raises(BadRequest, match="--storage-url"):
        client.extract_table(
            bigquery.TableReference.from_string(f"{PROJECT}.ds.t"), "gs://archive/x", retry=RETRY
        )
    client.close()
