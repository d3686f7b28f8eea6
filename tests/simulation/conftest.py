"""What all tests of the simulation use."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def quiet() -> Iterator[None]:
    """Nothing is logged: services in trouble have much to say, and it costs more than the run itself."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
