"""Each package, installed alone into an empty environment and imported: it declares its dependencies.

A missing dependency of one image was a real failure, number 27 of docs/explanation/incidents.md. test_services_alone.py
installs the services with their pins.
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tipoff_dev.images.build import package_folders
from tipoff_dev.stack.layout import SERVICES

PROJECTS: Mapping[str, Path] = {
    tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]: folder
    for folder in package_folders()
}
SERVICE_NAMES = {f"tipoff-{service}" for service in SERVICES}
OTHER_INTERPRETER = ("tipoff_dev.checks.terraform.command", "tipoff_dev.checks.terraform.provider")
"""Modules that run on the interpreter of infra/terraform/checks, which has Terraform as a library."""
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
    """Return the packages of this repository that a package depends on, directly or indirectly."""
    declared: list[str] = description(name)["project"]["dependencies"]  # type: ignore[index]
    direct = {item for item in declared if item in PROJECTS}
    return direct | {further for item in direct for further in own_dependencies(item)}


PACKAGES = [name for name in PROJECTS if name not in SERVICE_NAMES]


@pytest.mark.parametrize("name", PACKAGES)
def test_package_installs_alone_and_imports(
    name: str, install: Callable[..., Path], bytecode: Path, tmp_path: Path
) -> None:
    python = install(name) / "python"
    skipped, kept = ",".join(OTHER_INTERPRETER), ("-X", f"pycache_prefix={bytecode}")
    done = subprocess.run(
        (python, *kept, "-c", IMPORT_ALL, skipped, *import_packages(name)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])  # some libraries print to stdout when they are imported
    assert found["imported"]
    assert set(found["installed"]) & PROJECTS.keys() == {name, *own_dependencies(name)}
