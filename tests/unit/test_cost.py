"""The arithmetic of the cost model, and that its counts are those of the topic map."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tipoff_common.topics import load_topics

REPOSITORY = Path(__file__).parents[2]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_cost", REPOSITORY / "bench/cost.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their module up
    spec.loader.exec_module(module)
    return module


cost = _load()


def test_what_is_free_costs_nothing_and_the_rest_is_paid_by_the_unit() -> None:
    price = cost.Price(0.10, free=3)
    assert [price.of(amount) for amount in (0, 3, 4, 13)] == pytest.approx([0, 0, 0.10, 1.00])


def test_messages_are_delivered_as_often_as_the_topic_map_says() -> None:
    topics = load_topics(REPOSITORY / "infra/topics.yaml")
    for name, deliveries in cost.DELIVERIES.items():
        event = f"tipoff.{name}.v1"
        subscriptions = topics.topics[topics.topic_of(event)].subscriptions
        outside = not subscriptions  # Phase 2's
        assert deliveries == len(subscriptions) + outside, event


def test_a_million_executions_by_hand() -> None:
    """Five events published and six deliveries of 1,300 bytes each; ten operations of class A."""
    assert cost.pubsub_bytes(1e6) == pytest.approx(1e6 * 11 * 1_300)
    listed = 2 * math.ceil(1e6 / 30.4 * 2 / 1_000)
    assert cost.class_a(1e6, ticks=100) == pytest.approx(10e6 + 100 * listed)


def test_a_tick_lists_each_day_however_little_there_is() -> None:
    assert cost.class_a(0, ticks=100) == 200


def test_seldom_requests_share_no_instance_and_many_keep_it_busy() -> None:
    service = cost.Service(requests=1, seconds=2.0, concurrency=10, gib=1)
    assert service.active_seconds(1_000) == pytest.approx(2_000, rel=0.001)
    full = cost.MONTH_SECONDS / 2.0 * 6  # a load of six is 60% of ten
    assert service.active_seconds(full) == pytest.approx(cost.MONTH_SECONDS, rel=0.01)


@given(st.floats(1, 1e7), st.floats(1.1, 10))
def test_more_executions_never_cost_less(executions: float, factor: float) -> None:
    few, many = cost.month(executions), cost.month(executions * factor)
    assert many.pubsub >= few.pubsub
    assert many.storage >= few.storage
    assert many.bigquery >= few.bigquery
    assert many.cloud_run >= few.cloud_run - 1e-9


def test_the_total_is_the_sum_and_a_small_fleet_costs_less_than_composer_alone() -> None:
    small = cost.month(20_000)
    parts = (small.pubsub, small.cloud_run, small.storage, small.bigquery)
    rest = (small.scheduler, small.logging, small.registry)
    assert small.total == pytest.approx(sum(parts) + sum(rest))
    assert small.total < cost.COMPOSER_USD[0] / 10
