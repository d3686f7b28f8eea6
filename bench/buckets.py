"""A bucket that counts the calls that Cloud Storage would get."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from tipoff_common.limits import check_object
from tipoff_common.ports import ObjectInfo, Versioned
from tipoff_common.testing import WRITTEN_AT

PAGE = 1_000
"""Objects in one answer to a list call, https://cloud.google.com/storage/docs/json_api/v1/objects/list"""
NO_METADATA: Mapping[str, str] = {}
Calls = Counter[tuple[str, str]]
"""Number of calls by caller and method, such as `("runner", "create")`."""


class CountedObjects:
    """`Objects` of one bucket that counts the calls.

    The objects are in SQLite, in a file if a path is given. In this process's own heap, 20,000 of them would cost a
    measured tick half of its CPU time in cache misses, and no controller has such a heap.
    """

    def __init__(self, bucket: str = "state", path: Path | None = None) -> None:
        self.bucket, self.now, self.who = bucket, WRITTEN_AT, ""
        self._path, self._lock = path or ":memory:", Lock()
        self.reset()
        self.ask(
            "CREATE TABLE IF NOT EXISTS objects (name TEXT PRIMARY KEY, body BLOB, generation INTEGER, metadata TEXT,"
            " updated REAL) WITHOUT ROWID"
        )

    def reset(self) -> None:
        """Reset the counts."""
        self.calls: Calls = Counter()
        self.listed: Counter[str] = Counter()
        """Names in the answers to list calls, by caller."""
        self.moved = 0
        """Bytes of bodies and listed names."""

    def ask(self, sql: str, *values: object) -> list[Any]:
        """Run a statement on the objects, without counting it."""
        with self._lock:
            # Open one connection for each process: a fork must not share its parent's.
            if getattr(self, "_owner", None) != os.getpid():
                self._owner = os.getpid()
                self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
                self._connection.execute("PRAGMA synchronous = OFF")
            return self._connection.execute(sql, values).fetchall()

    def create(
        self, name: str, body: bytes, *, content_type: str = "", metadata: Mapping[str, str] = NO_METADATA
    ) -> bool:
        """See `Objects.create`."""
        check_object(name, metadata)
        self._count("create", body)
        insert = "INSERT INTO objects VALUES (?, ?, 1, ?, ?) ON CONFLICT DO NOTHING RETURNING name"
        return bool(self.ask(insert, name, body, json.dumps(dict(metadata)), self.now.timestamp()))

    def put(
        self, name: str, body: bytes, *, content_type: str, metadata: Mapping[str, str] = NO_METADATA
    ) -> None:
        """See `Objects.put`."""
        check_object(name, metadata)
        self._count("put", body)
        written = (name, body, json.dumps(dict(metadata)), self.now.timestamp())
        self.ask(
            "INSERT INTO objects VALUES (?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body,"
            " metadata = excluded.metadata, updated = excluded.updated, generation = generation + 1",
            *written,
        )

    def put_chunks(
        self,
        name: str,
        chunks: Iterable[bytes],
        *,
        content_type: str,
        metadata: Mapping[str, str] = NO_METADATA,
    ) -> None:
        """See `Objects.put_chunks`."""
        self.put(name, b"".join(chunks), content_type=content_type, metadata=metadata)

    def replace(self, name: str, body: bytes, *, generation: int) -> bool:
        """See `Objects.replace`."""
        self._count("replace", body)
        change = (
            "UPDATE objects SET body = ?, updated = ?, generation = generation + 1 WHERE name = ? AND generation = ?"
            " RETURNING name"
        )
        return bool(self.ask(change, body, self.now.timestamp(), name, generation))

    def annotate(self, name: str, metadata: Mapping[str, str]) -> Mapping[str, str] | None:
        """See `Objects.annotate`."""
        self._count("annotate")
        patch = "UPDATE objects SET metadata = json_patch(metadata, ?), updated = ? WHERE name = ? RETURNING metadata"
        found = self.ask(patch, json.dumps(dict(metadata)), self.now.timestamp(), name)
        return json.loads(found[0][0]) if found else None

    def delete(self, name: str, *, generation: int | None = None) -> None:
        """See `Objects.delete`."""
        self._count("delete")
        self.ask(
            "DELETE FROM objects WHERE name = ? AND generation = COALESCE(?, generation)", name, generation
        )

    def read(self, name: str) -> Versioned | None:
        """See `Objects.read`."""
        return self._read("read", name)

    def get(self, name: str) -> bytes | None:
        """See `Objects.get`."""
        found = self._read("get", name)
        return found.body if found else None

    def info(self, name: str) -> ObjectInfo | None:
        """See `Objects.info`."""
        self._count("info")
        found = self.ask(
            "SELECT name, LENGTH(body), updated, metadata, generation FROM objects WHERE name = ?", name
        )
        return _info(*found[0]) if found else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Objects.list`."""
        # U+10FFFF sorts after every character of a name.
        select = (
            "SELECT name, LENGTH(body), updated, metadata, generation FROM objects WHERE name >= ? AND name < ?"
            " ORDER BY name LIMIT ?"
        )
        begin, end = prefix, prefix + "\U0010ffff"
        while True:
            page = self.ask(select, begin, end, PAGE)
            self._count("list", *(row[0].encode() for row in page))
            self.listed[self.who] += len(page)
            yield from (_info(*row) for row in page)
            if len(page) < PAGE:
                return
            begin = page[-1][0] + "\0"

    def check(self) -> None:
        """Do nothing: the bucket is always available."""

    def _read(self, call: str, name: str) -> Versioned | None:
        found = self.ask("SELECT body, generation FROM objects WHERE name = ?", name)
        self._count(call, *(body for body, _ in found))
        return Versioned(*found[0]) if found else None

    def _count(self, call: str, *moved: bytes) -> None:
        self.calls[self.who, call] += 1
        self.moved += sum(map(len, moved))


def _info(name: str, size: int, updated: float, metadata: str, generation: int) -> ObjectInfo:
    return ObjectInfo(name, size, datetime.fromtimestamp(updated, UTC), json.loads(metadata), generation)
