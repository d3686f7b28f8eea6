"""The emulator's store with proper generations and a journal instead of a rewritten index."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.storage import RESUMABLE_DIR, Storage

_INDEX = ".meta"  # the emulator's name for it
_INDEXED = ("buckets", "objects", "resumable", "bucket_iam_policies", "soft_deleted")
_JOURNAL = ".journal"


class ObjectStore(Storage):  # type: ignore[misc]
    """Objects in memory, or below `data_dir`.

    Not thread-safe: the server checks and carries out each request in one step of its event loop. With a directory, a
    change is written (to the operating system's cache) before the response: objects as one line of a journal, which is
    merged into the index at the next start, buckets and upload sessions in the index.
    """

    def __init__(self, data_dir: Path | None = None) -> None:
        self._last_generation = 0
        self._defer_index = False
        self._journal: Any = None
        super().__init__(
            use_memory_fs=data_dir is None, data_dir=str(data_dir.resolve()) if data_dir is not None else None
        )
        if data_dir is not None:
            self._open_journal(self._store._root / _JOURNAL)

    def generation_of(self, bucket: str, name: str) -> tuple[int, int]:
        """Return generation and metageneration of the live object, (0, 0) when there is none."""
        found = self.objects.get(bucket, {}).get(name)
        return (int(found["generation"]), int(found["metageneration"])) if found else (0, 0)

    def create_file(
        self, bucket_name: str, file_name: str, content: Any, file_obj: Any, file_id: Any = None
    ) -> None:
        """Store an object as a new generation; the emulator's own is set at the start of the upload session.

        Raises NotFound when the bucket does not exist.
        """
        if bucket_name not in self.buckets:
            raise NotFound
        before = self.generation_of(bucket_name, file_name)[0]
        self._stamp(file_obj, bucket_name, file_name)
        # The new content is a second file until the journal entry makes it live: a process that is killed in between
        # loses no acknowledged change, and leaves no partial one.
        self._store.write_bytes(_content_path(bucket_name, file_obj["generation"]), content or b"")
        with self._journalled(bucket_name, file_name):
            self.objects.setdefault(bucket_name, {})[file_name] = file_obj
            if file_id:
                self.delete_resumable_file_obj(file_id)
                self._delete_file(RESUMABLE_DIR, self.safe_id(file_id))
        self._forget_content(bucket_name, before)

    def patch_object(self, bucket_name: str, file_name: str, file_obj: Any) -> None:
        """Store changed metadata and set `updated`, which the emulator does not."""
        file_obj["updated"] = _now()
        with self._journalled(bucket_name, file_name):
            super().patch_object(bucket_name, file_name, file_obj)

    def _hard_delete_file(self, bucket_name: str, file_name: str) -> None:
        generation = self.generation_of(bucket_name, file_name)[0]
        if not generation:
            raise NotFound(f"Object with name '{file_name}' does not exist in bucket '{bucket_name}'")
        with self._journalled(bucket_name, file_name):
            del self.objects[bucket_name][file_name]
        self._forget_content(bucket_name, generation)

    def _object_path(self, bucket_name: str, file_name: str) -> str:
        """Return the path of the live object's content: a file named after its generation, so that any object name is
        possible."""
        if bucket_name == RESUMABLE_DIR:
            return f"{RESUMABLE_DIR}/{file_name}"
        return _content_path(bucket_name, self.generation_of(bucket_name, file_name)[0])

    def _forget_content(self, bucket: str, generation: int | str) -> None:
        with suppress(FileNotFoundError):
            self._store.remove_file(_content_path(bucket, generation))

    def _bucket_soft_delete_retention_seconds(self, bucket_name: str) -> int:
        """Return the bucket's own retention; 0 by default, so that an embedded store keeps no deleted objects."""
        policy = (self.buckets.get(bucket_name) or {}).get("softDeletePolicy") or {}
        return int(policy.get("retentionDurationSeconds") or 0)

    def _stamp(self, resource: dict[str, Any], bucket: str, name: str) -> None:
        """Give the resource a generation greater than any before, in microseconds since 1970 as in the real service."""
        self._last_generation = max(self._last_generation + 1, time.time_ns() // 1000)
        now = _now()
        link = str(resource.get("mediaLink") or "").partition("?")[0]
        resource.update(
            id=f"{bucket}/{name}/{self._last_generation}",
            generation=str(self._last_generation),
            metageneration="1",
            timeCreated=now,
            updated=now,
            mediaLink=f"{link}?generation={self._last_generation}&alt=media",
        )

    @contextmanager
    def _journalled(self, bucket: str, name: str) -> Iterator[None]:
        """Suspend writes of the index during the block; append the object's state to the journal when the block
        succeeds."""
        self._defer_index = True
        try:
            yield
        finally:
            self._defer_index = False
        self._append(bucket, name)

    def _write_config_to_file(self) -> None:
        """Write the index atomically; it then includes all entries of the journal, which is emptied."""
        if self._use_memory_fs or self._defer_index:
            return
        index = self._store._root / _INDEX
        fresh = index.with_name(f"{_INDEX}.new")
        fresh.write_text(json.dumps({name: getattr(self, name) for name in _INDEXED}))
        fresh.replace(index)
        if self._journal is not None:
            self._journal.truncate(0)

    def _remove_orphans(self) -> None:
        """Remove content that a previous process wrote without a journal entry."""
        for bucket in self.buckets:
            counted = {found["generation"] for found in self.objects.get(bucket, {}).values()}
            for generation in set(self._store.listdir(bucket)) - counted:
                self._forget_content(bucket, generation)

    def _append(self, bucket: str, name: str) -> None:
        if self._journal is None:
            return
        entry = [bucket, name, self.objects.get(bucket, {}).get(name)]
        self._journal.write(json.dumps(entry) + "\n")
        self._journal.flush()

    def _open_journal(self, path: Path) -> None:
        """Apply a previous process's journal (a torn last line was never acknowledged)."""
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        for line in lines:
            bucket, name, resource = json.loads(line)
            objects = self.objects.setdefault(bucket, {})
            if resource is None:
                objects.pop(name, None)
            else:
                objects[name] = resource
        generations = [int(found["generation"]) for held in self.objects.values() for found in held.values()]
        self._last_generation = max(generations, default=0)
        self._remove_orphans()
        self._journal = path.open("a")
        self._write_config_to_file()


def _content_path(bucket: str, generation: int | str) -> str:
    return f"{bucket}/{generation}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
