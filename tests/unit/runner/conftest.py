from pathlib import Path

import pytest

from tests.support.scrapers import FLEET
from tests.unit.runner.bench import Bench
from tipoff_common.testing import MemoryObjects, RecordingBus
from tipoff_scraper_runner.registry import Registry, load_registry


@pytest.fixture
def fleet() -> Path:
    """Return the folder of the fixture scrapers, which is outside every package."""
    return FLEET


@pytest.fixture
def registry(fleet: Path) -> Registry:
    return load_registry(fleet)


@pytest.fixture
def bench(registry: Registry) -> Bench:
    return Bench(registry, bus=RecordingBus(), state=MemoryObjects("state"), data=MemoryObjects("data"))
