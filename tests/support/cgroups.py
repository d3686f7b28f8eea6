"""A memory limit on a process that the kernel enforces, as Cloud Run's is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryBound:
    """A control group with a limit; the kernel kills a process in it that needs more."""

    folder: Path

    def add(self, pid: int) -> None:
        """Bind a process, and its later children."""
        (self.folder / "cgroup.procs").write_text(str(pid))

    def kills(self) -> int:
        """Return how many processes the kernel has killed for their memory."""
        for name in ("memory.events", "memory.oom_control"):
            with suppress(OSError):
                counts = dict(line.split() for line in (self.folder / name).read_text().splitlines())
                return int(counts["oom_kill"])
        raise OSError(f"{self.folder} counts no kills")


@contextmanager
def memory_bound(limit: int) -> Iterator[MemoryBound | None]:
    """Create a control group with so many bytes for the length of a block; None where this user may create none."""
    # Version 2 has one tree for everything, version 1 one tree for each resource.
    parent, bound = (ROOT, "memory.max") if _is_version_2() else (ROOT / "memory", "memory.limit_in_bytes")
    folder = parent / f"tipoff-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / bound).write_text(str(limit))
    except OSError:
        with suppress(OSError):
            folder.rmdir()
        yield None
        return
    try:
        yield MemoryBound(folder)
    finally:
        for pid in (folder / "cgroup.procs").read_text().split():
            with suppress(OSError):  # the process has ended
                (parent / "cgroup.procs").write_text(pid)
        folder.rmdir()


def _is_version_2() -> bool:
    """Return whether one tree bounds memory."""
    try:
        return "memory" in (ROOT / "cgroup.subtree_control").read_text().split()
    except OSError:
        return False
