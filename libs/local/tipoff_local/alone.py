"""A service as its image has it: a virtual environment with what it pins, the common language and itself.

uv and hatchling do it; both stand in requirements-dev.in. uv keeps what it has fetched, so only the first time
takes long.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tipoff_local.stack.layout import REPOSITORY

COMMON = REPOSITORY / "libs/common"


class InstallError(Exception):
    """The service cannot be installed alone; the message is the tool's own."""


def service_folder(service: str) -> Path:
    return REPOSITORY / "services" / service


def packages_of(project: Path) -> list[str]:
    """The import packages that the project's wheel carries."""
    description = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    packages: list[str] = description["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return packages


def install_alone(service: str, folder: Path, *, compiled: bool = False) -> Path:
    """Installs `service` into a new environment below `folder` and returns its interpreter.

    compiled: byte-compile at once, as an image's build does, and not at the first import.

    Raises:
        InstallError: a hash differs, a pin cannot be had, or a project does not build.
    """
    project, wheels = service_folder(service), folder / "wheels"
    for source in (COMMON, project):
        _run("hatchling", "build", "-t", "wheel", "-d", str(wheels), cwd=source)
    environment = folder / "venv"
    _run("uv", "venv", "--quiet", "--python", sys.executable, str(environment))
    python = environment / "bin" / "python"
    install = ("uv", "pip", "install", "--quiet", "--system-certs", "--python", str(python))
    compiling = ("--compile-bytecode",) if compiled else ()
    _run(*install, *compiling, "--require-hashes", "-r", str(project / "requirements.txt"))
    _run(*install, *compiling, "--no-index", "--no-deps", *map(str, sorted(wheels.glob("*.whl"))))
    return python


def _run(module: str, *arguments: str, cwd: Path | None = None) -> None:
    done = subprocess.run(  # noqa: S603  # our own interpreter and tools
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env=_with_pips_index(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InstallError(f"{module} {' '.join(arguments)}:\n{done.stderr.strip()}")


def _with_pips_index() -> dict[str, str]:
    """uv does not read pip's settings; the index that pip is told of is uv's too."""
    index = os.environ.get("PIP_INDEX_URL")
    return {**({"UV_DEFAULT_INDEX": index} if index else {}), **os.environ}
