"""Each package is built, installed alone into an empty environment, and imported: it declares what it needs.

A dependency that one image lacked was a real failure, number 27 of docs/explanation/incidents.md. The services are
installed with what each pins, by test_services_alone.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tipoff_cli.checkout import REPOSITORY
from tipoff_dev.images.build import package_folders, service_folder
from tipoff_dev.stack.layout import SERVICES

PROJECTS: Mapping[str, Path] = {
    tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]: folder
    for folder in package_folders()
}
SERVICE_FOLDERS = [service_folder(service) for service in SERVICES]
UV = Path(sys.executable).with_name("uv")
OTHER_INTERPRETER = ("tipoff_dev.checks.terraform.command", "tipoff_dev.checks.terraform.provider")
"""Run by the interpreter of infra/terraform/checks, which has Terraform as a library."""
IMPORT_ALL = """
import importlib, json, pkgutil, sys
from importlib.metadata import distributions
skipped, *packages = sys.argv[1:]
imported = []
for package in packages:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, package + "."):
        if not found.name.endswith("__main__") and not found.name.startswith(tuple(skipped.split(","))):
            importlib.import_module(found.name)
            imported.append(found.name)
print(json.dumps({"imported": imported, "installed": [found.metadata["Name"] for found in distributions()]}))
"""


def description(name: str) -> dict[str, object]:
    text = (PROJECTS[name] / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def import_packages(name: str) -> list[str]:
    packages: list[str] = description(name)["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]  # type: ignore[index]
    return packages


def own_dependencies(name: str) -> set[str]:
    """The packages of this repository that a package needs, those that they need included."""
    declared: list[str] = description(name)["project"]["dependencies"]  # type: ignore[index]
    direct = {item for item in declared if item in PROJECTS}
    return direct | {further for item in direct for further in own_dependencies(item)}


def run(*command: str | Path, cwd: Path | None = None) -> str:
    index = os.environ.get("PIP_INDEX_URL")
    done = subprocess.run(
        command,
        cwd=cwd,
        # uv does not read pip's settings.
        env={**({"UV_DEFAULT_INDEX": index} if index else {}), **os.environ, "UV_LINK_MODE": "hardlink"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("name", [name for name, folder in PROJECTS.items() if folder not in SERVICE_FOLDERS])
def test_it_installs_alone_and_imports(
    name: str, wheels: Path, alone: Path, bytecode: Path, tmp_path: Path
) -> None:
    python = alone / "venv/bin/python"
    run(UV, "venv", "--quiet", "--clear", "--python", sys.executable, alone / "venv")
    pins = ("--constraints", REPOSITORY / "requirements-dev.txt")
    run(UV, "pip", "install", "--quiet", "--python", python, "--find-links", wheels, *pins, name)

    skipped, kept = ",".join(OTHER_INTERPRETER), ("-X", f"pycache_prefix={bytecode}")
    printed = run(python, *kept, "-c", IMPORT_ALL, skipped, *import_packages(name), cwd=tmp_path)
    found = json.loads(printed.splitlines()[-1])  # some libraries greet on stdout when they are imported
    assert found["imported"]
    assert set(found["installed"]) & PROJECTS.keys() == {name, *own_dependencies(name)}
