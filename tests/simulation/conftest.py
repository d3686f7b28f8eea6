"""Fixtures of the simulation's tests."""

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
    """Disable logging: failing services log much, which costs more time than the run itself."""
    with _nothing_is_logged():
        yield


@pytest.fixture(scope="module")
def quiet_module() -> Iterator[None]:
    """Disable logging as `quiet` does, for properties, whose examples share a fixture."""
    with _nothing_is_logged():
        yield
