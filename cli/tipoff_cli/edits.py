"""Changes to the files that a running stack has read."""

import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from tipoff_cli.checkout import ALERTS, FLEET, SCRAPERS, TICKS, WORKFLOWS, has_workflow
from tipoff_cli.connection import STACK_ENVIRONMENT, names_deployment

_SUFFIXES = frozenset({".py", ".yaml"})

Seen = Mapping[Path, str]
"""Files with the hash of their content."""


def look(workflows: Path = WORKFLOWS, scrapers: Path = SCRAPERS, alerts: Path = ALERTS) -> Seen:
    """Return the files that the stack reads when it starts."""
    fleet = (path for path in scrapers.rglob("*") if path.suffix in _SUFFIXES)
    files = (path for path in (workflows, alerts, TICKS, *fleet) if path.is_file())
    return {path: _content(path, path.stat().st_mtime_ns) for path in files}


# Cached, as `tipoff up --watch` looks once a second.
@lru_cache(maxsize=4096)
def _content(path: Path, changed_at: int) -> str:
    """Return the hash of a file's content.

    changed_at: time of the file's last change, in nanoseconds.
    """
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:  # a file without the right to read it, which no service reads either
        return f"unreadable, of {changed_at}"


def changed_since(before: Seen, now: Seen) -> list[str]:
    """Return the files that were changed, added or removed, relative to the fleet's folder where possible."""
    paths = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
    return [
        str(path.relative_to(FLEET.folder) if path.is_relative_to(FLEET.folder) else path) for path in paths
    ]


def note_read(environment: Path, read: Seen, *, watching: bool = False) -> None:
    """Write the list of files that a stack has read beside its `environment`, for `unread`.

    read: the result of `look` before the stack read the files, so that a file saved meanwhile counts as unread.
    watching: whether the stack reads edits by itself.
    """
    files = {str(path): content for path, content in read.items()}
    _list_of(environment).write_text(json.dumps({"watching": watching, "files": files}))
    _refusal_of(environment).unlink(missing_ok=True)  # it was about edits that are read now


def note_refused(environment: Path, faults: str) -> None:
    """Write the faults for which a stack refused edits beside its `environment`, for `unread`."""
    _refusal_of(environment).write_text(faults)


def unread() -> str | None:
    """Return a message that names the files changed since the local stack read them, and the remedy. None without such
    files, or when the environment names a deployment, which reads no files of this folder.

    The stack reads them when it starts, and when `tipoff up --watch` takes edits up.
    """
    listed = _list_of(STACK_ENVIRONMENT)
    # The list remains after a stack was killed.
    if names_deployment() or not (STACK_ENVIRONMENT.exists() and listed.exists()):
        return None
    read = json.loads(listed.read_text())
    changed = changed_since({Path(path): content for path, content in read["files"].items()}, look())
    if not changed:
        return None
    refusal = _refusal_of(STACK_ENVIRONMENT)
    if refusal.exists():
        return (
            f"the running stack refused these changes: {', '.join(changed)}; it keeps the files as it read them before,"
            f" and reads the changes once this is fixed:\n{refusal.read_text()}"
        )
    remedy = (
        "The stack watches the folder and reads them within about a minute"
        if read["watching"]
        else "Run tipoff validate, then tipoff down and tipoff up; tipoff up --watch reads edits automatically"
    )
    return (
        f"the running stack has not read these changes yet: {', '.join(changed)}; runs under way continue unchanged."
        f" {remedy}"
    )


def unread_workflow(name: str) -> str:
    """Return a hint that the controller has not read this folder's workflows.yaml; empty if the file lacks the
    workflow."""
    if not has_workflow(WORKFLOWS, name):
        return ""
    return (
        f"\n{WORKFLOWS} has it, but the controller has not read it yet: restart the stack with"
        " `tipoff down` and `tipoff up` (with --watch it picks up edits); on Google Cloud, deploy it"
    )


def _refusal_of(environment: Path) -> Path:
    return environment.with_suffix(".refused.txt")


def _list_of(environment: Path) -> Path:
    return environment.with_suffix(".files.json")
