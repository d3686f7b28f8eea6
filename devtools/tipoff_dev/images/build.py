"""Installation of a service as in its image: its own pins and the wheels of this repository, and nothing else.

infra/build_images.sh builds the image itself where Docker is available; so does CI, which also starts
docker-compose.yaml. This module checks on any machine that each service's wheels install and start without a sibling
or a developer's tool.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tipoff_cli.checkout import REPOSITORY
from tipoff_common.service_map import package_of

FILES = ("infra/topics.yaml", "infra/ticks.yaml", "config", "services/scraper-runner/scrapers")
"""Paths that the Dockerfile copies unchanged beside the installed packages."""
_BUILD = """
import sys
from hatchling.builders.wheel import WheelBuilder
folder, *projects = sys.argv[1:]
for project in projects:
    list(WheelBuilder(project).build(directory=folder))
"""


class InstallError(Exception):
    """The service cannot be installed alone; the message contains the tool's output."""


@dataclass(frozen=True)
class InstalledService:
    """A service in its own virtual environment."""

    service: str
    root: Path
    """Its working directory."""
    bytecode: Path | None = None
    """The folder from which its processes read bytecode, and to which they write it; None to use the bytecode beside
    the sources and to write none."""

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.root / "venv/bin/python"

    def start(
        self,
        settings: Mapping[str, str],
        *,
        stdout: int | IO[bytes] = subprocess.PIPE,
        stderr: int | IO[bytes] = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start the service as its image's CMD does, with `settings` and no other variable of the caller."""
        bytecode = (
            {"PYTHONPYCACHEPREFIX": str(self.bytecode)} if self.bytecode else {"PYTHONDONTWRITEBYTECODE": "1"}
        )
        return subprocess.Popen(  # noqa: S603  # the interpreter that was just installed
            [self.python, "-m", package_of(self.service)],
            env={
                "PATH": "/usr/bin:/bin",
                "PYTHONUNBUFFERED": "1",
                **bytecode,
                **settings,
            },
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )


def service_folder(service: str) -> Path:
    """Return the folder of a service's package."""
    return REPOSITORY / "services" / service


def package_folders() -> list[Path]:
    """Return the folder of each package of this repository."""
    patterns = ("*/pyproject.toml", "libs/*/pyproject.toml", "services/*/pyproject.toml")
    return [path.parent for pattern in patterns for path in sorted(REPOSITORY.glob(pattern))]


def build_wheels(folder: Path) -> Path:
    """Build the wheel of every package of this repository into `folder` and return it.

    Raises:
        InstallError: a project does not build.
    """
    # Build all in one process, as starting hatchling takes longer than building a wheel.
    _run(sys.executable, "-c", _BUILD, folder, *package_folders())
    return folder


def install_service(
    service: str, folder: Path, wheels: Path, *, compiled: bool = False, bytecode: Path | None = None
) -> InstalledService:
    """Install the service below `folder`, with hashes for its pins and without an index for this repository's wheels.

    The environment is emptied first, because uv does not check the hashes of installed packages.

    wheels: the folder of `build_wheels`.
    compiled: compile bytecode at the installation, as the image does, and not at the first import.
    bytecode: see `InstalledService`. Python finds bytecode by the path of its source, so services that are installed
        below the same folder, one after another, share the bytecode of their common packages.

    Raises:
        InstallError: a hash differs, or a pinned package is not available.
    """
    installed = InstalledService(service, folder, bytecode)
    tools = Path(sys.executable).parent
    install = (tools / "uv", "pip", "install", "--quiet", "--python", installed.python)
    _run(
        tools / "uv",
        "venv",
        "--quiet",
        "--python",
        sys.executable,
        "--clear",
        folder / "venv",
        compiled=compiled,
    )
    requirements = service_folder(service) / "requirements.txt"
    hashed = ("--require-hashes", "--only-binary", ":all:", "-r", requirements)
    _run(*install, *hashed, compiled=compiled)
    # Without an index uv cannot add a package that is neither pinned nor among these wheels.
    _run(*install, "--no-index", "--find-links", wheels, f"tipoff-{service}", compiled=compiled)
    for name in FILES:
        source, target = REPOSITORY / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
    return installed


def _run(*command: str | Path, compiled: bool = False) -> None:
    """Run a tool of the build. Raises InstallError."""
    # uv does not read pip's settings, so pass pip's index on to uv.
    index = os.environ.get("PIP_INDEX_URL")
    ours = {
        "UV_LINK_MODE": "hardlink",
        "UV_COMPILE_BYTECODE": str(int(compiled)),
        "UV_SYSTEM_CERTS": "1",
        **({"UV_DEFAULT_INDEX": index} if index else {}),
    }
    done = subprocess.run(  # noqa: S603  # the tools of the developer's environment
        [str(word) for word in command],
        cwd=REPOSITORY,
        env={**ours, **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        output = done.stderr.strip() or done.stdout.strip()
        raise InstallError(f"{' '.join(str(word) for word in command)}:\n{output}")
