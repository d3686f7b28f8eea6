"""An on-disk cache of texts that are slow to compute, for the next start and for other emulators of this machine."""

import hashlib
import logging
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

FILE = "bigquery.sqlite"
MOST_KEPT = 20_000
"""Number of texts; a dataset with its queries has a thousand, of 1 KiB on average."""
MOST_CHARACTERS = 100_000
"""Longest kept text; the translation of a dataset's largest function has half of it. Longer texts are most likely
data."""
PRUNED_AFTER = 1_000
"""Added texts between two prunings: an emulator may run for weeks."""
PATIENCE_SECONDS = 1.0
"""Longest wait for another process that is writing."""

_log = logging.getLogger(__name__)


def default_folder() -> Path | None:
    """Return this user's cache folder by the XDG Base Directory Specification; None for a user without a home."""
    named = os.environ.get("XDG_CACHE_HOME")
    if named and Path(named).is_absolute():  # the specification ignores relative paths
        return Path(named) / "gcp-emulators"
    try:
        return Path.home() / ".cache" / "gcp-emulators"
    except RuntimeError:
        return None


class TextCache:
    """Results of functions that depend only on their arguments, in a file that many processes share.

    The cache only saves time: when the file cannot be read or written, no text is kept, with one warning in the log.
    """

    def __init__(self, folder: Path, version: str) -> None:
        """Open the file; the oldest of more than MOST_KEPT texts are dropped now and then.

        version: everything else that the results depend on; texts of another version are not found.
        """
        self._version = version
        self._database: sqlite3.Connection | None = None
        self._added = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(folder / FILE, timeout=PATIENCE_SECONDS, isolation_level=None)
            _prepare(self._database)
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def get(self, function: str, *arguments: object) -> str | None:
        """Return a function's result for these arguments, which are compared by repr; None when it is not kept."""
        if self._database is None:
            return None
        try:
            row = self._database.execute(
                "SELECT text FROM texts WHERE key = ?", (self._key(function, arguments),)
            ).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        return row and str(row[0])

    def put(self, text: str, function: str, *arguments: object) -> None:
        """Keep a function's result for these arguments, unless it is longer than MOST_CHARACTERS."""
        if self._database is None or len(text) > MOST_CHARACTERS:
            return
        try:
            self._database.execute(
                "INSERT OR IGNORE INTO texts VALUES (?, ?)", (self._key(function, arguments), text)
            )
            self._added += 1
            if self._added % PRUNED_AFTER == 0:
                _drop_oldest(self._database)
        except (UnicodeEncodeError, sqlite3.OperationalError):
            pass  # an unpaired surrogate, or a database that another process keeps locked: the text is not kept
        except sqlite3.Error as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the file; later texts are not kept."""
        if self._database is not None:
            self._database.close()
        self._database = None

    def _key(self, function: str, arguments: tuple[object, ...]) -> bytes:
        return hashlib.sha256(repr((self._version, function, arguments)).encode()).digest()

    def _give_up(self, error: Exception) -> None:
        _log.warning("translations are not kept for the next start: %s", error)
        with suppress(sqlite3.Error):  # for example when called from another thread than the opening one
            self.close()
        self._database = None


def _prepare(database: sqlite3.Connection) -> None:
    """Create the table, and drop the oldest texts."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            # WAL: readers and a writer do not wait for each other, and a commit does not wait for the disk.
            database.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:
            # When two processes turn it on at once, SQLite refuses one of them without waiting.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE IF NOT EXISTS texts (key BLOB UNIQUE, text TEXT NOT NULL)")
    _drop_oldest(database)


def _drop_oldest(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM texts WHERE rowid <= (SELECT MAX(rowid) FROM texts) - ?", (MOST_KEPT,))
