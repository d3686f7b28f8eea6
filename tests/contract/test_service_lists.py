"""Lists of services in the formats of other tools: each names every service of infra/services.yaml."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from tipoff_common.service_map import load_services, package_of

REPOSITORY = Path(__file__).parents[2]
SERVICES = list(load_services(REPOSITORY / "infra/services.yaml"))
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]


def made(variable: str) -> list[str]:
    """Return the value of a variable of the Makefile."""
    shown = subprocess.run(
        ["make", "--no-print-directory", f"--eval=show: ; @echo $({variable})", "show"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return shown.stdout.split()


def test_makefile_lists_every_service() -> None:
    assert made("SERVICES") == SERVICES
    assert {f"services/{name}" for name in SERVICES} <= set(made("PACKAGES"))


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_in_mypy_and_import_linter_configuration(service: str) -> None:
    package = package_of(service)
    assert f"services/{service}" in PYPROJECT["mypy"]["mypy_path"].split(":"), (
        "add it to [tool.mypy] mypy_path"
    )
    assert package in PYPROJECT["mypy"]["packages"], "add it to [tool.mypy] packages"
    contracts = PYPROJECT["importlinter"]["contracts"]
    assert package in PYPROJECT["importlinter"]["root_packages"], (
        "add it to [tool.importlinter] root_packages"
    )
    (independence,) = (it for it in contracts if it["name"] == "Services know each other only by Pub/Sub")
    assert package in independence["modules"], "add it to the contract of the services' independence"
    clock, google = (
        next(it for it in contracts if it["name"] == name)
        for name in (
            "The clock is read at the edge only",
            "Google's clients are imported in the adapters only",
        )
    )
    assert package in clock["source_modules"], "add it to the contract on the clock"
    assert package in google["source_modules"], "add it to the contract on Google's clients"
