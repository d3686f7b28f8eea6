"""The processes that listen at ports, as Linux lists them in /proc; none on other systems."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"
"""State of a listening socket in /proc/net/tcp."""
_COMMAND_LENGTH = 60


def listeners(ports: Collection[int]) -> list[str]:
    """Describe the processes that listen at `ports`: id, command and working folder of each.

    Leaves out processes of other users, whose sockets only root can list.
    """
    sockets = _listening_sockets(ports)
    found = []
    for process in sorted(_PROC.glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):  # another user's process, or one that ended meanwhile
            if not any(str(link.readlink()) in sockets for link in (process / "fd").iterdir()):
                continue
            command = (process / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
            shown = command.decode(errors="replace")[:_COMMAND_LENGTH]
            found.append(f"process {process.name} ({shown}) in {(process / 'cwd').readlink()}")
    return found


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
