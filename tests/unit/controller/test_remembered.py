"""Tests of the look-ups of an id in the controller's records."""

from collections.abc import Callable

import pytest

from tests.support.controller import DAY, World, at, at_times, configured, slate, workflow
from tipoff_common.events import ScrapeRequested
from tipoff_common.identity import event_id
from tipoff_controller.remembered import find_occurrences


def world() -> World:
    """Return a world in which one request was decided."""
    made = World(configured(one=workflow(at_times("06:00"), "bulletin", max_retries=1)))
    made.land(slate(1), at("05:00"))
    made.tick(at("06:00"))
    return made


def request_of(made: World) -> ScrapeRequested:
    request: ScrapeRequested = made.take(ScrapeRequested)[0]
    return request


@pytest.mark.parametrize(
    "id_of", [str, lambda name: event_id(ScrapeRequested.TYPE, name)], ids=["id", "event"]
)
@pytest.mark.parametrize(("length", "is_found"), [(36, True), (20, True), (8, True), (7, False)])
def test_request_without_execution_is_found_by_the_beginning_of_its_id(
    id_of: Callable[[str], str], length: int, is_found: bool
) -> None:
    """`tipoff trace` prints eight characters of the id, which it did not find."""
    made = world()
    request = request_of(made)
    found = find_occurrences(id_of(request.request_id)[:length], [DAY], made.deps)
    assert [item.occurrence_id for item in found] == ([request.occurrence_id] if is_found else [])


def test_text_that_no_id_begins_with_is_not_found() -> None:
    made = world()
    name = request_of(made).request_id
    for identifier in (f"{name[:8]}x", name[1:9], f"{name}0", "zzzzzzzz"):
        assert find_occurrences(identifier, [DAY], made.deps) == []
