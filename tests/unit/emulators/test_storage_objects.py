"""Tests of the embedded store's files: a kill at any instant leaves every acknowledged object whole."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gcp_emulators.storage.objects import ObjectStore


class Killed(BaseException):
    """The end of the process."""


def resource() -> dict[str, Any]:
    return {"name": "state", "metageneration": "1"}


Open = Callable[[], ObjectStore]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens the test folder's store as a new process does after a kill."""
    stores: list[ObjectStore] = []

    def open_store() -> ObjectStore:
        stores.append(ObjectStore(tmp_path))
        return stores[-1]

    yield open_store
    for store in stores:
        store._journal.close()


@pytest.fixture
def store(opened: Open) -> ObjectStore:
    store = opened()
    store.create_bucket("b", {})
    store.create_file("b", "state", b"old", resource())
    return store


@pytest.mark.parametrize("step", ["write_bytes", "_append", "_forget_content"])
def test_kill_during_overwrite_leaves_the_old_or_new_object_whole(
    store: ObjectStore, opened: Open, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = store.generation_of("b", "state")

    def killed(*arguments: Any) -> None:
        if step == "write_bytes":  # interrupted after one byte
            store._store._disk_path(arguments[0]).write_bytes(arguments[1][:1])
        raise Killed

    monkeypatch.setattr(store._store if step == "write_bytes" else store, step, killed)
    with pytest.raises(Killed):
        store.create_file("b", "state", b"new content", resource())

    again = opened()
    journalled = step == "_forget_content"
    assert again.get_file("b", "state") == (b"new content" if journalled else b"old")
    assert (again.generation_of("b", "state") == before) is not journalled
    assert len(again._store.listdir("b")) == 1  # the uncommitted content is removed


@pytest.mark.parametrize("step", ["_append", "_forget_content"])
def test_a_kill_during_a_deletion_leaves_the_object_whole_or_gone(
    store: ObjectStore, opened: Open, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    monkeypatch.setattr(store, step, killed)
    with pytest.raises(Killed):
        store.delete_file("b", "state")

    again = opened()
    if step == "_append":
        assert again.get_file("b", "state") == b"old"
    else:
        assert again.generation_of("b", "state") == (0, 0)
        assert again._store.listdir("b") == []


def test_torn_last_journal_line_is_ignored(store: ObjectStore, opened: Open) -> None:
    with (store._store._root / ".journal").open("a") as journal:
        journal.write('["b", "state", {"gener')
    again = opened()
    assert again.get_file("b", "state") == b"old"
    again.create_file("b", "other", b"1", resource())
    assert opened().get_file("b", "other") == b"1"


def test_generations_go_on_after_a_restart(store: ObjectStore, opened: Open) -> None:
    before = store.generation_of("b", "state")[0]
    again = opened()
    again.create_file("b", "state", b"newer", resource())
    assert again.generation_of("b", "state")[0] > before
