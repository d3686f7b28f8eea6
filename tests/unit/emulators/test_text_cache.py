"""Tests of texts cached on disk: found by the same version only, shared by processes, never blocking a caller."""

import logging
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from gcp_emulators.bigquery import text_cache
from gcp_emulators.bigquery.text_cache import FILE, TextCache, default_folder


def test_text_is_found_by_function_arguments_and_version(tmp_path: Path) -> None:
    TextCache(tmp_path, version="1.0").put("duckdb", "translate", "SELECT 1", {"a": "INT64"})

    later = TextCache(tmp_path, version="1.0")
    assert later.get("translate", "SELECT 1", {"a": "INT64"}) == "duckdb"
    assert later.get("translate", "SELECT 1", {"a": "STRING"}) is None
    assert later.get("rewrite", "SELECT 1", {"a": "INT64"}) is None
    assert TextCache(tmp_path, version="1.1").get("translate", "SELECT 1", {"a": "INT64"}) is None


def test_empty_text_is_kept(tmp_path: Path) -> None:
    kept = TextCache(tmp_path, version="")
    kept.put("", "classify", "?")
    assert kept.get("classify", "?") == ""


def test_unpaired_surrogate_is_not_kept_and_other_text_is(tmp_path: Path) -> None:
    kept = TextCache(tmp_path, version="")
    kept.put("\ud800", "f", "\ud800")
    kept.put("whole", "f", "a")
    assert (kept.get("f", "\ud800"), kept.get("f", "a")) == (None, "whole")


def test_use_from_another_thread_is_a_logged_miss(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = TextCache(tmp_path, version="")
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(kept.get, "f", 1).result() is None
    assert "not kept" in caplog.text


def test_a_text_that_must_wait_too_long_for_another_writer_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_cache, "PATIENCE_SECONDS", 0.01)
    kept = TextCache(tmp_path, version="")
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        kept.put("text", "f", 1)
        other.execute("ROLLBACK")
    kept.put("text", "f", 2)
    assert (kept.get("f", 1), kept.get("f", 2)) == (None, "text")


def test_oldest_texts_are_dropped_while_texts_are_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_cache, "MOST_KEPT", 3)
    monkeypatch.setattr(text_cache, "PRUNED_AFTER", 5)
    kept = TextCache(tmp_path, version="")
    for number in range(100):
        kept.put(f"text {number}", "f", number)
    assert [number for number in range(100) if kept.get("f", number) is not None] == [97, 98, 99]


def test_too_long_text_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_cache, "MOST_CHARACTERS", 3)
    kept = TextCache(tmp_path, version="")
    kept.put("abc", "f", 1)
    kept.put("abcd", "f", 2)
    assert (kept.get("f", 1), kept.get("f", 2)) == ("abc", None)


def test_oldest_texts_are_dropped_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_cache, "MOST_KEPT", 3)
    first = TextCache(tmp_path, version="")
    for number in range(5):
        first.put(f"text {number}", "f", number)
    later = TextCache(tmp_path, version="")
    assert [later.get("f", number) for number in range(5)] == [None, None, "text 2", "text 3", "text 4"]


def test_processes_share_a_file_during_concurrent_writes(tmp_path: Path) -> None:
    write = (
        "import sys; from pathlib import Path; from gcp_emulators.bigquery import text_cache\n"
        "text_cache.PATIENCE_SECONDS = 60.0\n"
        "kept = text_cache.TextCache(Path(sys.argv[1]), 'us')\n"
        "for n in range(200): kept.put(f'{n} of {sys.argv[2]}', 'f', n, sys.argv[2])"
    )
    writers = [subprocess.Popen([sys.executable, "-c", write, str(tmp_path), who]) for who in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    kept = TextCache(tmp_path, "us")
    assert {kept.get("f", n, who) == f"{n} of {who}" for n in range(200) for who in "abc"} == {True}


def damage(folder: Path) -> None:
    (folder / FILE).write_bytes(b"no database" * 1000)


def stand_in_the_way(folder: Path) -> None:
    folder.rmdir()
    folder.write_text("a file")


def have_other_columns(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as database:
        database.execute("CREATE TABLE texts (something INT)")
    database.close()


@pytest.mark.parametrize("spoil", [damage, stand_in_the_way, have_other_columns])
def test_unusable_cache_is_logged_once_and_never_raises(
    spoil: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    assert callable(spoil)
    spoil(folder)
    with caplog.at_level(logging.WARNING):
        kept = TextCache(folder, version="")
        for _ in range(2):
            kept.put("text", "f", 1)
            assert kept.get("f", 1) is None
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "translations are not kept for the next start"
    ]


def test_the_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "named"))
    assert default_folder() == tmp_path / "named" / "gcp-emulators"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "gcp-emulators"

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    assert default_folder() is None
