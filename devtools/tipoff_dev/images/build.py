"""A service as its image has it: the Dockerfile's own instructions carried out in a folder, without Docker.

The stage `build` is run as it stands, with uv and hatchling from requirements-dev.in at the pins of
services/build-requirements.txt; of the final stage, what is copied, set and started. What the Dockerfile does to the
base image is left out, and an instruction that is not known here is refused. uv keeps what it has fetched, so only the
first time takes long.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import IO

from dockerfile_parse import DockerfileParser

from tipoff_cli.checkout import REPOSITORY

COMMON = REPOSITORY / "libs/common"
DOCKERFILE = REPOSITORY / "Dockerfile"
_FINAL = ""
"""The last stage, which has no name."""
_PATH = "/usr/local/bin:/usr/bin:/bin"
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.egg-info")


class InstallError(Exception):
    """The service cannot be installed alone; the message is the tool's own, or names the instruction."""


@dataclass(frozen=True)
class Image:
    """What would be in the image: `root` stands for /, paths in `environment` are below it."""

    root: Path
    environment: Mapping[str, str]
    workdir: Path
    user: int
    group: int
    port: int
    command: tuple[str, ...]
    healthcheck: tuple[str, ...]

    @property
    def python(self) -> Path:
        return Path(str(shutil.which("python", path=self.environment["PATH"])))

    def start(
        self,
        settings: Mapping[str, str],
        *,
        confined: bool,
        stdout: int | IO[bytes] = subprocess.PIPE,
        stderr: int | IO[bytes] = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """The command, with the image's environment and `settings` and nothing else.

        confined: as on a read-only file system, no file can be written to (so stdout and stderr must be pipes), and
        as the image's user where we may become it.
        """
        prefix = self._confinement() if confined else ()
        return subprocess.Popen(  # noqa: S603  # what the Dockerfile says
            (*prefix, *self.command),
            env={**self.environment, **settings},
            cwd=self.workdir,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )

    def _confinement(self) -> tuple[str, ...]:
        """The command's prefix, of util-linux. The user may read everything, as our interpreter can be below root's
        home, and do nothing else. (A preexec_fn would fork, which a process with gRPC's threads does not survive.)"""
        limits = (_tool("prlimit"), "--fsize=0")
        if os.geteuid() != 0:
            return limits
        capabilities = "-all,+dac_read_search"
        user = (f"--reuid={self.user}", f"--regid={self.group}", "--clear-groups")
        may = (f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}")
        return (*limits, _tool("setpriv"), *user, *may, "--")

    def is_healthy(self, port: int) -> bool:
        """What the healthcheck says of the service at `port`."""
        done = subprocess.run(  # noqa: S603  # what the Dockerfile says
            self.healthcheck,
            env={**self.environment, "PORT": str(port)},
            cwd=self.workdir,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0


def service_folder(service: str) -> Path:
    return REPOSITORY / "services" / service


def packages_of(project: Path) -> list[str]:
    """The import packages that the project's wheel carries."""
    description = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    packages: list[str] = description["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return packages


def install_alone(service: str, folder: Path, *, compiled: bool = False) -> Image:
    """Makes the image's content below `folder`.

    compiled: with bytecode, as the image has it, and not at the first import.

    Raises:
        InstallError: a hash differs, a pin cannot be had, a project does not build, an instruction is not known.
    """
    stages = read_stages(DOCKERFILE)
    build = _Stage(folder, service, f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    for instruction, value in stages["build"]:
        build.carry_out(instruction, value, compiled)
    final = _Stage(folder, service, _PATH)
    for instruction, value in stages[_FINAL]:
        if instruction != "RUN":  # what it does to the base image
            final.carry_out(instruction, value, compiled)
    return final.image()


def read_stages(dockerfile: Path) -> Mapping[str, list[tuple[str, str]]]:
    """The instructions of each stage by its name, without FROM; of the nameless last one under ""."""
    stages: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []  # ARG before the first FROM belongs to no stage
    for item in DockerfileParser(path=str(dockerfile), env_replace=False).structure:
        if item["instruction"] == "FROM":
            _, _, name = item["value"].partition(" AS ")
            current = stages.setdefault(name, [])
        elif item["instruction"] != "COMMENT":
            current.append((item["instruction"], item["value"]))
    return stages


class _Stage:
    """Carries instructions out, one after the other. `path` is the base image's PATH."""

    def __init__(self, root: Path, service: str, path: str) -> None:
        self._root, self._service = root, service
        self._environment = {"PATH": path}
        self._arguments: dict[str, str] = {}
        self._workdir = root
        self._said: dict[str, str] = {}

    def carry_out(self, instruction: str, value: str, compiled: bool) -> None:
        match instruction:
            case "ARG":
                name, _, default = value.partition("=")
                self._arguments[name] = self._service if name == "SERVICE" else default
            case "ENV":
                for item in shlex.split(value):
                    name, _, text = item.partition("=")
                    self._environment[name] = self._below_root(self._filled(text))
            case "WORKDIR":
                self._workdir = Path(self._below_root(value))
                self._workdir.mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(shlex.split(self._filled(value)))
            case "RUN":
                self._run(value, compiled)
            case "USER" | "EXPOSE" | "HEALTHCHECK" | "CMD":
                self._said[instruction] = value
            case _:
                raise InstallError(f"{DOCKERFILE.name}: {instruction} {value}: not known to {__name__}")

    def image(self) -> Image:
        user, _, group = self._said["USER"].partition(":")
        return Image(
            root=self._root,
            environment=self._environment,
            workdir=self._workdir,
            user=int(user),
            group=int(group),
            port=int(self._said["EXPOSE"]),
            command=tuple(json.loads(self._said["CMD"])),
            healthcheck=tuple(json.loads(self._said["HEALTHCHECK"].partition(" CMD ")[2])),
        )

    def _filled(self, text: str) -> str:
        return Template(text).substitute({**self._arguments, **self._environment})

    def _below_root(self, path: str) -> str:
        return (
            f"{self._root}{path}" if path.startswith("/") and not path.startswith(str(self._root)) else path
        )

    def _copy(self, words: list[str]) -> None:
        if words[0].startswith("--from="):
            if words[1] != words[2]:
                raise InstallError(
                    f"{DOCKERFILE.name}: COPY {words}: from a stage to another path is not known"
                )
            return  # all stages have the same folder
        *sources, place = words
        target = self._workdir / place
        for source in sources:
            path = REPOSITORY / source
            if path.is_dir():
                shutil.copytree(path, target, ignore=_NOT_COPIED, dirs_exist_ok=True)
            else:
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)

    def _run(self, command: str, compiled: bool) -> None:
        ours = {"UV_LINK_MODE": "hardlink", "UV_COMPILE_BYTECODE": str(int(compiled)), "UV_SYSTEM_CERTS": "1"}
        done = subprocess.run(  # noqa: S603  # what the Dockerfile says
            ["/bin/sh", "-e", "-c", command],
            cwd=self._workdir,
            env={**_with_pips_index(), **self._arguments, **self._environment, **ours},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise InstallError(f"{command}:\n{done.stderr.strip() or done.stdout.strip()}")


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise InstallError(
            f"{name} of util-linux is not installed, which confines a service as its image does"
        )
    return found


def _with_pips_index() -> dict[str, str]:
    """uv does not read pip's settings; the index that pip is told of is uv's too."""
    index = os.environ.get("PIP_INDEX_URL")
    return {**({"UV_DEFAULT_INDEX": index} if index else {}), **os.environ}
