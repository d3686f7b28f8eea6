"""Each service installs and runs with what it pins itself; nothing comes from a sibling or the developer's tools."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tipoff_local.alone import COMMON, install_alone, packages_of, service_folder
from tipoff_local.stack.layout import REPOSITORY, SERVICES

REQUIRED = ("TIPOFF_ENVIRONMENT", "TIPOFF_PROJECT", "TIPOFF_DATA_BUCKET", "TIPOFF_STATE_BUCKET")
SLOW = ("pdfplumber", "pandas", "pyarrow", "numpy")
"""What only some work needs: imported there, or not installed at all; never at start."""
IMPORT_ALL = """
import importlib, json, pkgutil, sys
imported = []
for package in sys.argv[1:]:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, package + "."):
        importlib.import_module(found.name)
        imported.append(found.name)
print(json.dumps({"imported": imported, "loaded": list(sys.modules)}))
"""
PRESENT = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name)]))
"""


@pytest.fixture(scope="module", params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def python(service: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_alone(service, tmp_path_factory.mktemp(service))


def run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Isolated (-I) and elsewhere, so that neither this folder nor PYTHONPATH lends a module; no settings."""
    return subprocess.run(
        [str(python), "-I", *arguments],
        cwd=python.parent,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def modules(service: str, python: Path) -> dict[str, list[str]]:
    done = run(python, "-c", IMPORT_ALL, *packages_of(COMMON), *packages_of(service_folder(service)))
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_every_module_can_be_imported(service: str, modules: dict[str, list[str]]) -> None:
    packages = {*packages_of(COMMON), *packages_of(service_folder(service))}
    assert {name.partition(".")[0] for name in modules["imported"]} == packages


def test_nothing_slow_is_imported_at_start(modules: dict[str, list[str]]) -> None:
    assert [name for name in SLOW if name in modules["loaded"]] == []


def test_no_sibling_is_there(service: str, python: Path) -> None:
    own = packages_of(service_folder(service))
    projects = [REPOSITORY / "libs/local", *(service_folder(name) for name in SERVICES)]
    others = [package for project in projects for package in packages_of(project) if package not in own]
    done = run(python, "-c", PRESENT, *others)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_it_says_which_settings_are_missing(service: str, python: Path) -> None:
    done = run(python, "-m", SERVICES[service])
    assert done.returncode == 2, done.stderr
    assert [name for name in REQUIRED if name not in done.stderr] == []
