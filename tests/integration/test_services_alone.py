"""Each service, installed and run alone with its own pins.

No module comes from a sibling or the developer's tools. The wrong image, and a missing dependency, were incidents 26
and 27.
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tipoff_cli.checkout import REPOSITORY
from tipoff_dev.images.build import InstalledService, install_service, service_folder
from tipoff_dev.images.probe import probe
from tipoff_dev.stack.layout import SERVICES
from tipoff_dev.stack.stack import Stack

SLOW = ("pdfplumber", "pandas", "pyarrow", "numpy")
"""Dependencies of some work only: imported there, or not installed at all; never at start."""
LATE = "scrapers.nbacom.pdf_drawing"
"""Imported by the PDF reader at its first PDF, as it imports slow libraries itself."""
COMMON = REPOSITORY / "libs/common"
IMPORT_ALL = """
import importlib, json, pkgutil, sys
late, *packages = sys.argv[1:]
imported = []
for package in packages:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, package + "."):
        imported.append(found.name)
        if found.name != late:
            importlib.import_module(found.name)
loaded = list(sys.modules)
if late in imported:
    importlib.import_module(late)
print(json.dumps({"imported": imported, "loaded": loaded}))
"""
PRESENT = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name)]))
"""


def packages_of(project: Path) -> list[str]:
    """Return the import packages of the project's wheel."""
    description = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    packages: list[str] = description["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return packages


def needed(root: str, requirements: Mapping[str, Sequence[Requirement]]) -> set[str]:
    """Return a package with its direct and indirect dependencies, by the requirements of each."""
    found, left = set[tuple[str, str]](), [(root, "")]
    while left:
        name, extra = item = left.pop()
        if item not in found:
            found.add(item)
            for requirement in requirements.get(name, ()):
                if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                    further = ("", *requirement.extras)
                    left.extend((canonicalize_name(requirement.name), chosen) for chosen in further)
    return {name for name, _ in found}


@pytest.fixture(scope="module", params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def image(service: str, wheels: Path, install_root: Path, bytecode: Path) -> InstalledService:
    return install_service(service, install_root, wheels, bytecode=bytecode)


def run(image: InstalledService, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run isolated (-I) in another folder, so that neither this folder nor PYTHONPATH adds a module; no settings."""
    return subprocess.run(
        [str(image.python), "-I", "-X", f"pycache_prefix={image.bytecode}", *arguments],
        cwd=image.python.parent,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


@pytest.fixture(scope="module")
def modules(service: str, image: InstalledService) -> dict[str, list[str]]:
    done = run(image, "-c", IMPORT_ALL, LATE, *packages_of(COMMON), *packages_of(service_folder(service)))
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_every_module_can_be_imported(service: str, modules: dict[str, list[str]]) -> None:
    packages = {*packages_of(COMMON), *packages_of(service_folder(service))}
    assert {name.partition(".")[0] for name in modules["imported"]} == packages


def test_no_slow_dependency_is_imported_at_start(modules: dict[str, list[str]]) -> None:
    assert [name for name in SLOW if name in modules["loaded"]] == []


def test_every_installed_package_is_a_dependency(service: str, image: InstalledService) -> None:
    """A pin of an undeclared dependency would hide the missing declaration."""
    (site_packages,) = (image.root / "venv/lib").glob("python*/site-packages")
    requirements = {
        canonicalize_name(found.metadata["Name"]): [Requirement(line) for line in found.requires or ()]
        for found in distributions(path=[str(site_packages)])
    }
    assert requirements.keys() - needed(f"tipoff-{service}", requirements) == set()


def test_no_sibling_package_is_installed(service: str, image: InstalledService) -> None:
    own = packages_of(service_folder(service))
    projects = [REPOSITORY / "cli", REPOSITORY / "devtools", *(service_folder(name) for name in SERVICES)]
    others = [package for project in projects for package in packages_of(project) if package not in own]
    done = run(image, "-c", PRESENT, *others)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_service_starts_and_stops_as_its_image_does(
    service: str, image: InstalledService, cloud: Stack
) -> None:
    """Without settings it lists the missing ones; with them it is healthy and answers a push; SIGTERM stops it."""
    probe(image, service, cloud)
