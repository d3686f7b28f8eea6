"""The two ways to append rows to BigQuery, side by side on the embedded warehouse.

    python bench/append_paths.py [--seconds 3] [--json]

tabledata.insertAll as the logger's adapter does it, and the default stream of the Storage Write API on one connection
that stays open, its rows encoded as protobuf messages made from the table's schema. Both append the same executions in
batches of 1, 50 and 500, in turn; told are rows a second, the time of one append, and the client's CPU a row. Beside
them: what importing each client costs a service in time and memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import push_load
from tipoff_common.ports import DATASET
from tipoff_common.rows import execution_row
from tipoff_dev.stack.layout import PROJECT, Layout
from tipoff_dev.stack.stack import running_stack

TABLE = "scraper_execution_log"
BATCHES = (1, 50, 500)
TURNS = 3
EPOCH = date(1970, 1, 1)
FIELD = descriptor_pb2.FieldDescriptorProto
TYPES = {
    "STRING": FIELD.TYPE_STRING,
    "JSON": FIELD.TYPE_STRING,
    "INTEGER": FIELD.TYPE_INT64,
    "FLOAT": FIELD.TYPE_DOUBLE,
    "BOOLEAN": FIELD.TYPE_BOOL,
    "DATE": FIELD.TYPE_INT32,
    "TIMESTAMP": FIELD.TYPE_INT64,
}
"""https://cloud.google.com/bigquery/docs/supported-data-types: a date is days, an instant microseconds since 1970."""
BASE = "import tipoff_common.cloud, tipoff_common.adapters.pubsub, tipoff_common.adapters.storage"
IMPORTS = {
    "insertAll": "sys.modules['google.cloud.bigquery_storage_v1'] = None; import google.cloud.bigquery",
    "Write API": "import google.cloud.bigquery, google.cloud.bigquery_storage_v1",
}
ABSENT = ("pyarrow", "pandas", "numpy")
"""Not in a service's image; the clients load them where they are installed."""


class DefaultStream:
    """Appends over one open connection."""

    def __init__(self, endpoint: str, schema: Sequence[bigquery.SchemaField]) -> None:
        proto = descriptor_pb2.DescriptorProto(name="Row")
        for number, column in enumerate(schema, start=1):
            proto.field.add(
                name=column.name, number=number, type=TYPES[column.field_type], label=FIELD.LABEL_OPTIONAL
            )
        file = descriptor_pb2.FileDescriptorProto(name="row.proto", syntax="proto2")
        file.message_type.add().CopyFrom(proto)
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self._message = message_factory.GetMessageClass(pool.FindMessageTypeByName("Row"))
        client = BigQueryWriteClient(
            transport=BigQueryWriteGrpcTransport(channel=grpc.insecure_channel(endpoint))
        )
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self._requests.put(
            types.AppendRowsRequest(
                write_stream=f"projects/{PROJECT}/datasets/{DATASET}/tables/{TABLE}/streams/_default",
                proto_rows={"writer_schema": types.ProtoSchema(proto_descriptor=proto)},
            )
        )
        # The library's AppendRowsStream polls for its answers, with pauses of a second and more.
        self._answers = iter(client.append_rows(iter(self._requests.get, None)))
        next(self._answers)

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows and wait until they are durable."""
        encoded = [
            self._message(**{name: _value(value) for name, value in row.items()}).SerializeToString()
            for row in rows
        ]
        request = types.AppendRowsRequest(proto_rows={"rows": {"serialized_rows": encoded}})
        self._requests.put(request)
        answer = next(self._answers)
        assert not answer.error.message, answer.error.message

    def close(self) -> None:
        """End the stream."""
        self._requests.put(None)


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return int(value.timestamp() * 1_000_000)
    if isinstance(value, date):
        return (value - EPOCH).days
    return json.dumps(value) if isinstance(value, dict) else value


def rows_of(count: int) -> list[dict[str, Any]]:
    """Make rows of executions, each with an id of its own."""
    at = datetime.now(UTC)
    return [dict(execution_row(push_load.execution(f"paths-{uuid4().hex}", at), at)) for _ in range(count)]


def measure(append: Callable[[list[dict[str, Any]]], None], batch: int, seconds: float) -> dict[str, float]:
    """Append for a while, one after the other."""
    times: list[float] = []
    spent = 0.0
    while sum(times) < seconds:
        rows = rows_of(batch)
        began, cpu = time.perf_counter(), time.process_time()
        append(rows)
        times.append(time.perf_counter() - began)
        spent += time.process_time() - cpu
    count = len(times) * batch
    return {
        "rows_per_second": count / sum(times),
        "append_ms": statistics.median(times) * 1000,
        "cpu_ms_a_row": spent / count * 1000,
    }


def import_cost(statement: str) -> tuple[float, float]:
    """CPU seconds and megabytes that a statement adds to a service."""
    code = f"""if True:
        import sys, time
        sys.modules.update(dict.fromkeys({ABSENT}))
        {BASE}
        resident = lambda: int(open('/proc/self/status').read().partition('VmRSS:')[2].split()[0]) / 1024
        began, before = time.process_time(), resident()
        {statement}
        print(time.process_time() - began, resident() - before)"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    seconds, megabytes = ended.stdout.split()
    return float(seconds), float(megabytes)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="of appending, for each batch size and turn"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report: dict[str, Any] = {"appends": [], "imports": {}}
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout.on_free_ports(event_time=False)
        with running_stack(layout, Path(folder), phase2=None, services=()) as stack:
            with stack.clients():
                client = bigquery.Client(project=PROJECT, credentials=AnonymousCredentials())
            schema = client.get_table(f"{DATASET}.{TABLE}").schema
            client.close()
            stream = DefaultStream(layout.address("bigquery-grpc"), schema)

            def insert_all(rows: list[dict[str, Any]]) -> None:
                stack.warehouse.append(TABLE, rows, [row["execution_id"] for row in rows])

            paths = {"insertAll": insert_all, "Write API": stream.append}
            for append in paths.values():
                measure(append, 50, 0.5)
            for batch in BATCHES:
                for turn in range(TURNS):
                    for path, append in paths.items():
                        result = measure(append, batch, options.seconds / TURNS)
                        report["appends"].append({"path": path, "batch": batch, "turn": turn, **result})
            stream.close()
    for path, statement in IMPORTS.items():
        costs = [import_cost(statement) for _ in range(TURNS)]
        report["imports"][path] = [statistics.median(values) for values in zip(*costs, strict=True)]
    if options.json:
        print(json.dumps(report, indent=2))
        return
    print("                     rows/s      an append     CPU a row   (medians of", TURNS, "turns)")
    for batch in BATCHES:
        for path in paths:
            turns = [one for one in report["appends"] if (one["path"], one["batch"]) == (path, batch)]
            rate, took, cpu = (
                statistics.median(one[key] for one in turns)
                for key in ("rows_per_second", "append_ms", "cpu_ms_a_row")
            )
            print(f"  {batch:3} {path:10} {rate:10,.0f}   {took:9.1f} ms   {cpu:8.3f} ms")
    for path, (seconds, megabytes) in report["imports"].items():
        print(f"  importing {path:10} {seconds:5.2f} s CPU   {megabytes:5.1f} MB")


if __name__ == "__main__":
    main()
