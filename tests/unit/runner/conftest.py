from pathlib import Path

import pytest

import scrapers
from tests.support.scrapers import FLEET
from tests.unit.runner.bench import Bench
from tipoff_common.testing import MemoryObjects, RecordingBus
from tipoff_scraper_runner.registry import Registry, load_registry


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the fixture scrapers, importable as the runner imports its own."""
    monkeypatch.setattr(scrapers, "__path__", [*scrapers.__path__, str(FLEET)])
    return FLEET


@pytest.fixture
def registry(fleet: Path) -> Registry:
    return load_registry(fleet)


@pytest.fixture
def bench(registry: Registry) -> Bench:
    return Bench(registry, bus=RecordingBus(), state=MemoryObjects("state"), data=MemoryObjects("data"))
