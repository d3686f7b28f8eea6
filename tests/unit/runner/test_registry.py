"""Tests of the registry: the fleet's code against its descriptions (incident 36)."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.scrapers import spec_data, write_spec
from tipoff_common.catalog import Catalog, scrapers_folder
from tipoff_common.yaml_source import ConfigurationError
from tipoff_scraper_runner.registry import Registry, load_registry

CODE = """
from tipoff_scraper_runner.scraper import Parsed, Payload, ScrapeParameters

class Parameters(ScrapeParameters):
    {fields}

def fetch(parameters, http):
    return Payload(b"", "", "")

def parse(payload, parameters):
    return Parsed(records=[])
"""
HOUR = {"type": "integer", "description": "the hour"}
Write = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Provide an empty folder outside the repository for scrapers, and remove their modules afterwards."""
    folder, path = tmp_path / "made_fleet", list(sys.path)
    folder.mkdir()
    yield folder
    sys.path[:] = path
    for name in [name for name in sys.modules if name.split(".")[0] == "made_fleet"]:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def write(folder: Path) -> Write:
    def write(code: str | None, fields: str = "pass", name: str = "lines", **changes: Any) -> None:
        path = write_spec(folder, name, source_folder="made", source="made", **changes)
        if code is not None:
            (path.parent / "scraper.py").write_text(code.replace("{fields}", fields), encoding="utf-8")

    return write


def declaring(**more: Any) -> dict[str, Any]:
    return {**spec_data("lines")["parameters"], **more}


def faults(folder: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        load_registry(folder)
    return [fault.removeprefix(f"{folder}/made/") for fault in error.value.faults]


def test_scraper_is_found_by_its_name(folder: Path, write: Write) -> None:
    write(CODE, "hour: int | None = None", parameters=declaring(hour=HOUR))
    registry = load_registry(folder)
    assert list(registry) == ["lines"]
    assert registry["lines"].spec.name == "lines"
    assert registry["lines"].module.Parameters.__module__ == "made_fleet.made.lines.scraper"


def test_parameter_missing_from_scraper_yaml_is_refused(folder: Path, write: Write) -> None:
    write(CODE, "hour: int | None = None")
    assert faults(folder) == ["lines/scraper.py: parameter 'hour' is not in scraper.yaml; declare it in both"]


def test_parameter_missing_from_code_is_refused(folder: Path, write: Write) -> None:
    write(CODE, parameters=declaring(hour=HOUR))
    assert faults(folder) == ["lines/scraper.py: parameter 'hour' is not in Parameters; declare it in both"]


@pytest.mark.parametrize(("field", "required"), [("hour: int", False), ("hour: int = 1", True)])
def test_parameter_required_only_in_yaml_or_code_is_refused(
    folder: Path, write: Write, field: str, required: bool
) -> None:
    write(CODE, field, parameters=declaring(hour={**HOUR, "required": required}))
    (fault,) = faults(folder)
    assert "'hour' is required in only one of scraper.yaml and Parameters" in fault


@pytest.mark.parametrize("missing", ["Parameters", "fetch", "parse"])
def test_scraper_module_missing_a_required_name_is_refused(folder: Path, write: Write, missing: str) -> None:
    write(CODE + f"\ndel {missing}\n")
    (fault,) = faults(folder)
    assert fault == f"lines/scraper.py: '{missing}' is missing; a scraper defines Parameters, fetch and parse"


def test_scraper_yaml_without_code_is_refused(folder: Path, write: Write) -> None:
    write(None)
    (fault,) = faults(folder)
    assert fault.startswith("lines/scraper.py: cannot be imported")


def test_missing_dependency_is_named(folder: Path, write: Write) -> None:
    """An image lacked a dependency (incident 27)."""
    write("import a_package_that_nobody_installed")
    (fault,) = faults(folder)
    assert fault == (
        "lines/scraper.py:1: cannot be imported: No module named 'a_package_that_nobody_installed'"
    )


def test_faults_of_all_scrapers_are_reported_at_once(folder: Path, write: Write) -> None:
    write(None, name="first")
    write(CODE + "\ndel parse\n", name="second")
    assert len(faults(folder)) == 2


def test_a_minimum_of_zero_is_refused(folder: Path, write: Write) -> None:
    """A minimum of zero asserts nothing."""
    write(CODE, assertions={"min": 0, "max": 9})
    (fault,) = faults(folder)
    assert "assertions.min = 0" in fault


def test_a_name_other_than_the_folders_is_refused(folder: Path) -> None:
    write_spec(folder, "lines", source_folder="made", source="made", name="rows")
    (fault,) = faults(folder)
    assert "name = 'rows' but the folder is 'lines'" in fault


def test_a_registry_is_a_catalog_with_code(registry: Registry) -> None:
    assert isinstance(registry.catalog, Catalog)
    assert list(registry.catalog) == list(registry) == ["lines"]
    assert len(registry) == 1


def test_a_fleet_is_found_by_the_name_of_its_package(folder: Path, write: Write) -> None:
    write(CODE)
    sys.path.insert(0, str(folder.parent))
    assert list(load_registry("made_fleet")) == ["lines"]
    assert scrapers_folder("made_fleet") == folder


def test_fleet_within_a_package_can_import_sibling_modules(folder: Path) -> None:
    for package in (folder, folder / "scrapers"):
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
    (folder / "helpers.py").write_text("ANSWER = 42", encoding="utf-8")
    path = write_spec(folder / "scrapers", "lines", source_folder="made", source="made")
    (path.parent / "scraper.py").write_text(
        CODE.replace("{fields}", "pass") + "\nfrom made_fleet.helpers import ANSWER\n", encoding="utf-8"
    )
    registry = load_registry(folder / "scrapers")
    assert registry["lines"].module_name == "made_fleet.scrapers.made.lines.scraper"


def test_undeclared_secret_is_found_in_fleet_of_any_name(folder: Path, write: Write) -> None:
    write(CODE.replace('Payload(b""', 'http.secret("SOME_KEY") and Payload(b""'))
    (fault,) = faults(folder)
    assert "the code uses secret SOME_KEY" in fault


def test_fleet_folder_with_already_imported_name_is_refused(tmp_path: Path) -> None:
    """The installed fleet of the same name would run instead and fetch unrequested data."""
    import scrapers.nbacom.season  # noqa: F401  # the installed fleet is in use

    path = write_spec(tmp_path / "scrapers", "lines", source_folder="nbacom", source="nbacom")
    (path.parent / "scraper.py").write_text(CODE.replace("{fields}", "pass"), encoding="utf-8")
    (fault,) = faults(tmp_path / "scrapers")
    assert "'scrapers' is already imported from" in fault
    assert "rename the folder" in fault
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize("name", ["my-fleet", "2025"])
def test_fleet_folder_with_unimportable_name_is_refused(tmp_path: Path, name: str) -> None:
    write_spec(tmp_path / name, "lines", source_folder="made", source="made")
    (fault,) = faults(tmp_path / name)
    assert f"Python cannot import the name '{name}'; rename the folder" in fault


@pytest.mark.parametrize("source", ["no_such_package", "no/such/folder", "json.decoder", ""])
def test_fleet_without_folder_or_scrapers_is_refused_with_setting_name(source: str) -> None:
    with pytest.raises(ConfigurationError, match="TIPOFF_SCRAPERS") as error:
        load_registry(source)
    assert "nor an importable package" in error.value.faults[0] or "no <source>" in error.value.faults[0]


def test_shipped_fleet_loads() -> None:
    shipped = load_registry(Path(__file__).parents[3] / "services/scraper-runner/scrapers")
    assert {"nbac_schedule", "nbac_injury_report"} <= set(shipped)
