"""Tests of the comparison of editions: for any rows of the previous edition, a scraper reports the loss."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import REGISTRY
from tests.support.examples import examples

from tipoff_dev.fuzz.payloads import parameters_of, payload_of
from tipoff_scraper_runner.scraper import Parsed

COMPARING = sorted(name for name, scraper in REGISTRY.items() if hasattr(scraper.module, "lost"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module", params=COMPARING)
def edition(request: pytest.FixtureRequest) -> tuple[Any, Parsed]:
    """Return a module that compares editions, and the parsed document of the fake source."""
    scraper = REGISTRY[request.param]
    parameters = scraper.module.Parameters.model_validate(parameters_of(scraper))
    payload = payload_of(scraper, parameters)
    return scraper.module, scraper.module.parse(payload, parameters)


@settings(max_examples=examples(50), deadline=None)
@given(data=st.data())
def test_any_rows_of_previous_edition_can_be_compared(
    edition: tuple[Any, Parsed], data: st.DataObject
) -> None:
    module, parsed = edition
    names = sorted(type(parsed.records[0]).model_fields)
    rows = data.draw(st.lists(st.dictionaries(st.sampled_from(names), JSON, min_size=1), max_size=4))

    assert isinstance(module.lost(parsed, rows), str)


def test_edition_loses_nothing_against_itself_and_malformed_rows(edition: tuple[Any, Parsed]) -> None:
    module, parsed = edition
    itself = [record.model_dump(mode="json") for record in parsed.records]
    odd = [{name: ["x"] for name in itself[0]}]

    assert module.lost(parsed, [*itself, *odd]) == ""
