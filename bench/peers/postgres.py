"""A PostgreSQL server of Debian's for the length of a block, with its default settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gcp_emulators.testing import free_port

_PLACES = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/local/bin")]


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    url: str
    """postgresql://... of an empty database."""
    process_id: int
    version: str


def binaries() -> Path | None:
    """Return the folder of `initdb` and `postgres`; None where there is none (`apt-get install postgresql`)."""
    return next((place for place in _PLACES if (place / "initdb").exists()), None)


@contextmanager
def running() -> Iterator[Postgres]:
    """Initialize and start a server on a free port. Raises CalledProcessError when it does not start."""
    found = binaries()
    if found is None:
        raise FileNotFoundError("no PostgreSQL; install Debian's: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="tipoff-bench-postgres-"))
    # The server refuses to run as root, the user in containers and CI.
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres")
    port, data = free_port(), folder / "data"
    options: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder}
    subprocess.run([*user, found / "initdb", "-D", data, "-U", "bench", "--auth", "trust"], **options)
    control: list[str | Path] = [*user, found / "pg_ctl", "-D", data]
    started: list[str | Path] = ["-w", "-l", folder / "log", "-o", f"-p {port} -k {folder}", "start"]
    subprocess.run([*control, *started], **options)
    try:
        process_id = int((data / "postmaster.pid").read_text().splitlines()[0])
        version = subprocess.run(
            [found / "postgres", "--version"], check=True, capture_output=True, text=True
        ).stdout.split()[2]
        yield Postgres(f"postgresql://bench@127.0.0.1:{port}/postgres", process_id, version)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **options)
        time.sleep(0.2)
        shutil.rmtree(folder, ignore_errors=True)
