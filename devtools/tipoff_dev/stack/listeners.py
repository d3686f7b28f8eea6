"""The processes that listen at ports, as Linux lists them in /proc; none on other systems."""

from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"
"""State of a listening socket in /proc/net/tcp."""
_COMMAND_LENGTH = 60


def listeners(ports: Collection[int]) -> list[str]:
    """Describe the processes that listen at `ports`: the ids of those with the same command and working folder.

    Leaves out processes of other users, whose sockets only root can list.
    """
    sockets = _listening_sockets(ports)
    # The processes of one stack have the same command, that of its fork server.
    found = defaultdict[tuple[str, Path], list[str]](list)
    for process in sorted(_PROC.glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):  # another user's process, or one that ended meanwhile
            if any(str(link.readlink()) in sockets for link in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found[command[:_COMMAND_LENGTH].strip(), (process / "cwd").readlink()].append(process.name)
    return [
        f"process {', '.join(processes)} ({command}) in {folder}"
        for (command, folder), processes in found.items()
    ]


def _listening_sockets(ports: Collection[int]) -> set[str]:
    """Return the sockets that listen at the ports, as the links in /proc/PID/fd name them."""
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) in ports:
                    found.add(f"socket:[{columns[9]}]")
    return found
