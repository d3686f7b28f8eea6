"""What all tests of the simulation use."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def _nothing_is_logged() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Nothing is logged: services in trouble have much to say, and it costs more than the run itself."""
    with _nothing_is_logged():
        yield


@pytest.fixture(scope="module")
def quiet_module() -> Iterator[None]:
    """As quiet, for properties, whose examples share a fixture."""
    with _nothing_is_logged():
        yield
