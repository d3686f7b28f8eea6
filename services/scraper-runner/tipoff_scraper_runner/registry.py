"""The fleet's registry: every scraper.yaml and its scraper.py, checked against each other."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from tipoff_common.catalog import Catalog, ScraperSpec, load_catalog, scrapers_folder
from tipoff_common.yaml_source import ConfigurationError
from tipoff_scraper_runner.fleet_package import importable_package, line_of_failure
from tipoff_scraper_runner.scraper import ScrapeParameters, Scraper
from tipoff_scraper_runner.secret_use import secret_faults


@dataclass(frozen=True)
class RegisteredScraper:
    """One scraper."""

    spec: ScraperSpec
    """Declarations of its scraper.yaml."""
    module: Scraper[Any]
    """Functions of its scraper.py."""

    @property
    def module_name(self) -> str:
        """The import name of the scraper's module, for other processes."""
        # The protocol does not state that the object is a module with a name.
        return cast(ModuleType, self.module).__name__


class Registry(Mapping[str, RegisteredScraper]):
    """All scrapers by registered name."""

    def __init__(self, scrapers: Mapping[str, RegisteredScraper]) -> None:
        self._scrapers = dict(scrapers)

    def __getitem__(self, name: str) -> RegisteredScraper:
        return self._scrapers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scrapers)

    def __len__(self) -> int:
        return len(self._scrapers)

    @property
    def catalog(self) -> Catalog:
        """The descriptions without the code, as in the controller."""
        return Catalog({name: scraper.spec for name, scraper in self._scrapers.items()})


def load_registry(source: str | Path) -> Registry:
    """Load a fleet: `source` is its folder in any location, or the name of an importable package.

    Raises ConfigurationError for an invalid YAML file, a module that differs from its declarations, and a folder that
    cannot be imported.
    """
    folder = scrapers_folder(source)
    catalog = load_catalog(folder)
    package = importable_package(folder)
    registered: dict[str, RegisteredScraper] = {}
    faults: list[str] = []
    for name, spec in catalog.items():
        try:
            module = importlib.import_module(f"{package}.{spec.source}.{name}.scraper")
        except Exception as error:  # noqa: BLE001  # a fleet's code may raise any error; check the others too
            detail = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
            where = line_of_failure(error, folder) or folder / spec.source / name / "scraper.py"
            faults.append(f"{where}: cannot be imported: {detail}")
            continue
        # Check all modules before failing: the faults of a fleet are fixed together, not one per start.
        faults.extend(f"{module.__file__}: {fault}" for fault in _faults(module, spec))
        registered[name] = RegisteredScraper(spec, cast(Scraper[Any], module))
    if faults:
        raise ConfigurationError(faults)
    return Registry(registered)


def _faults(module: Any, spec: ScraperSpec) -> Iterator[str]:
    """Yield each difference between a module and its description."""
    for name in ("Parameters", "fetch", "parse"):
        if not hasattr(module, name):
            yield f"'{name}' is missing; a scraper defines Parameters, fetch and parse"
            return  # the rest cannot be checked
    model: type[ScrapeParameters] = module.Parameters
    yield from secret_faults(module, spec)
    # A parameter that only one of them declares would be refused, or ignored, on the first night it is needed.
    declared, accepted = set(spec.parameters), set(model.model_fields)
    for name in sorted(declared ^ accepted):
        where = "scraper.yaml" if name in accepted else "Parameters"
        yield f"parameter '{name}' is not in {where}; declare it in both"
    for name in sorted(declared & accepted):
        if spec.parameters[name].required != model.model_fields[name].is_required():
            yield f"parameter '{name}' is required in only one of scraper.yaml and Parameters; make them equal"
