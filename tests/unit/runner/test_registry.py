"""The fleet's code against its descriptions (incident 36)."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import scrapers
from tests.support.scrapers import spec_data, write_spec
from tipoff_common.catalog import Catalog
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
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder from which scrapers are imported, and forgotten afterwards."""
    monkeypatch.setattr(scrapers, "__path__", [str(tmp_path)])
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("scrapers.made")]:
        del sys.modules[name]
    if hasattr(scrapers, "made"):
        del scrapers.made


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


def test_a_scraper_is_found_by_the_name_it_is_registered_under(folder: Path, write: Write) -> None:
    write(CODE, "hour: int | None = None", parameters=declaring(hour=HOUR))
    registry = load_registry(folder)
    assert list(registry) == ["lines"]
    assert registry["lines"].spec.name == "lines"
    assert registry["lines"].module.Parameters.__module__ == "scrapers.made.lines.scraper"


def test_a_parameter_that_only_the_code_knows_is_refused(folder: Path, write: Write) -> None:
    write(CODE, "hour: int | None = None")
    assert faults(folder) == ["lines/scraper.py: parameter 'hour' is not in scraper.yaml; declare it in both"]


def test_a_parameter_that_only_the_description_knows_is_refused(folder: Path, write: Write) -> None:
    write(CODE, parameters=declaring(hour=HOUR))
    assert faults(folder) == ["lines/scraper.py: parameter 'hour' is not in Parameters; declare it in both"]


@pytest.mark.parametrize(("field", "required"), [("hour: int", False), ("hour: int = 1", True)])
def test_a_parameter_is_required_in_both_or_neither(
    folder: Path, write: Write, field: str, required: bool
) -> None:
    write(CODE, field, parameters=declaring(hour={**HOUR, "required": required}))
    (fault,) = faults(folder)
    assert "'hour' is required in one of scraper.yaml and Parameters only" in fault


@pytest.mark.parametrize("missing", ["Parameters", "fetch", "parse"])
def test_a_scraper_offers_its_three_names(folder: Path, write: Write, missing: str) -> None:
    write(CODE + f"\ndel {missing}\n")
    (fault,) = faults(folder)
    assert fault == f"lines/scraper.py: '{missing}' is missing; a scraper offers Parameters, fetch and parse"


def test_a_description_without_code_is_refused(folder: Path, write: Write) -> None:
    write(None)
    (fault,) = faults(folder)
    assert fault.startswith("lines/scraper.py: cannot be imported")


def test_a_dependency_that_is_missing_is_named(folder: Path, write: Write) -> None:
    """An image lacked a dependency (incident 27)."""
    write("import a_package_that_nobody_installed")
    (fault,) = faults(folder)
    assert "a_package_that_nobody_installed" in fault


def test_all_scrapers_faults_are_told_at_once(folder: Path, write: Write) -> None:
    write(None, name="first")
    write(CODE + "\ndel parse\n", name="second")
    assert len(faults(folder)) == 2


def test_a_minimum_of_zero_is_refused(folder: Path, write: Write) -> None:
    """It asserts nothing."""
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


def test_the_fleet_as_shipped_is_sound() -> None:
    shipped = load_registry(Path(__file__).parents[3] / "services/scraper-runner/scrapers")
    assert {"nbac_schedule", "nbac_injury_report"} <= set(shipped)
