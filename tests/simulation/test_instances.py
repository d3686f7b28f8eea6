"""Four controllers, runners and loggers share the work: nothing is lost and nothing is done twice.

The same on real processes, with a fan-out behind a balancer, is tests/integration/test_many_instances.py (`make soak`).
"""

from collections import Counter

import pytest

from tests.simulation.checker import REQUESTED, check
from tests.simulation.fleet import Shape
from tests.simulation.world import simulate
from tests.support.examples import examples

pytestmark = pytest.mark.usefixtures("quiet")
FOUR = Shape(instances=4, events=12)
"""Enough requests to give each of four instances work."""
SHARED = ("controller", "scraper-runner", "logger")
SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
def test_faultless_run_publishes_fetches_and_logs_each_request_once(seed: int) -> None:
    log = simulate(seed, (), shape=FOUR).log
    assert check(log) == []
    requests = Counter(entry["id"] for entry in log.of("publish") if entry["type"] == REQUESTED)
    fetches = Counter(entry["request"] for entry in log.of("fetch"))
    rows = Counter(entry["row_id"] for entry in log.of("row") if entry["table"] == "scraper_execution_log")
    for counted in (requests, fetches, rows):
        assert counted
        assert set(counted.values()) == {1}
    assert len(requests) == len(fetches) == len(rows)
    worked = {entry.by for entry in log.of("ack")}
    assert worked >= {f"{service}-{number}" for service in SHARED for number in range(FOUR.instances)}


def test_every_law_holds_with_four_instances_under_drawn_faults() -> None:
    breaches = {seed: check(simulate(seed, None, shape=FOUR).log) for seed in range(examples(12))}
    assert not {seed: found[0] for seed, found in breaches.items() if found}
