"""The fleet as code and description: every scraper.yaml with the module beside it, checked against each other."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tipoff_common.catalog import Catalog, ScraperSpec, load_catalog
from tipoff_common.yaml_source import ConfigurationError
from tipoff_scraper_runner.scraper import ScrapeParameters, Scraper
from tipoff_scraper_runner.secret_use import secret_faults


@dataclass(frozen=True)
class Registered:
    """One scraper: what it says of itself and what it does."""

    spec: ScraperSpec
    module: Scraper[Any]


class Registry(Mapping[str, Registered]):
    """All scrapers by their registered name, the only name."""

    def __init__(self, scrapers: Mapping[str, Registered]) -> None:
        self._scrapers = dict(scrapers)

    def __getitem__(self, name: str) -> Registered:
        return self._scrapers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scrapers)

    def __len__(self) -> int:
        return len(self._scrapers)

    @property
    def catalog(self) -> Catalog:
        return Catalog({name: scraper.spec for name, scraper in self._scrapers.items()})


def load_registry(scrapers_dir: Path) -> Registry:
    """Raises ConfigurationError for an invalid YAML, or one whose module differs from what it declares."""
    catalog = load_catalog(scrapers_dir)
    registered: dict[str, Registered] = {}
    faults: list[str] = []
    for name, spec in catalog.items():
        try:
            module = importlib.import_module(f"scrapers.{spec.source}.{name}.scraper")
        except ImportError as error:
            faults.append(f"{scrapers_dir / spec.source / name / 'scraper.py'}: cannot be imported: {error}")
            continue
        faults.extend(f"{module.__file__}: {fault}" for fault in _faults(module, spec))
        registered[name] = Registered(spec, module)
    if faults:
        raise ConfigurationError(faults)
    return Registry(registered)


def _faults(module: Any, spec: ScraperSpec) -> Iterator[str]:
    for name in ("Parameters", "fetch", "parse"):
        if not hasattr(module, name):
            yield f"'{name}' is missing; a scraper offers Parameters, fetch and parse"
            return
    model: type[ScrapeParameters] = module.Parameters
    yield from secret_faults(module, spec)
    declared, taken = set(spec.parameters), set(model.model_fields)
    for name in sorted(declared ^ taken):
        where = "scraper.yaml" if name in taken else "Parameters"
        yield f"parameter '{name}' is not in {where}; declare it in both"
    for name in sorted(declared & taken):
        if spec.parameters[name].required != model.model_fields[name].is_required():
            yield f"parameter '{name}' is required in one of scraper.yaml and Parameters only; make them equal"
