"""Tests of the cost model: its arithmetic, and the agreement of its counts with the topic map."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import cost, operations, scans
from tipoff_common.topics import load_topics
from tipoff_dataset.files import declared_tables

REPOSITORY = Path(__file__).parents[2]
COUNTED = operations.Operations(
    ticks=100,
    executions=50,
    calls=Counter({("runner", "create"): 150, ("cleanup", "list"): 1_000, ("cleanup", "get"): 200}),
    quiet=Counter({("cleanup", "list"): 10, ("cleanup", "get"): 2}),
    listed=300,
    scans=Counter({"scraper_execution_log": 200, "cleanup_operations": 100}),
)


def test_price_applies_only_beyond_the_free_amount() -> None:
    price = cost.Price(0.10, free=3)
    assert [price.of(amount) for amount in (0, 3, 4, 13)] == pytest.approx([0, 0, 0.10, 1.00])


def test_delivery_counts_match_the_topic_map() -> None:
    topics = load_topics(REPOSITORY / "infra/topics.yaml")
    for name, deliveries in cost.DELIVERIES.items():
        event = f"tipoff.{name}.v1"
        subscriptions = topics.topics[topics.topic_of(event)].subscriptions
        outside = not subscriptions  # Phase 2's
        always = [item for item in subscriptions.values() if not item.filter]
        assert deliveries == len(always) + outside, event


def test_volumes_of_a_million_executions_match_hand_calculation() -> None:
    """Each execution has five published events and six deliveries of 1,300 bytes, three operations of class A, and six
    names in the lists of each tick of its day; each tick has ten operations."""
    assert cost.pubsub_bytes(1e6) == pytest.approx(1e6 * 11 * 1_300)
    assert cost.class_a(1e6, 100, COUNTED) == pytest.approx(3e6 + 100 * (10 + 1e6 / 30.4 * 6 / 1_000))


def test_query_is_billed_per_referenced_table() -> None:
    """At 3,040,000 executions a month, two days of 300 bytes each are 60 MB; the minimum is 10 MB."""
    scans = {"scraper_execution_log": 3, "file_receipts": 1, "cleanup_operations": 2}
    assert cost.scanned(scans, 100, days=2) == pytest.approx(6 * 10e6)
    assert cost.scanned(scans, 3_040_000, days=2) == pytest.approx(4 * 60e6 + 2 * 10e6)


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        (
            "SELECT * FROM nba_orchestration.dead_letters AS d -- nba_orchestration.pause_events",
            {"dead_letters"},
        ),
        ("SELECT * FROM nba_orchestration.standing_pauses(@as_of)", {"pause_events"}),
        (
            "SELECT * FROM nba_orchestration.v_decisions JOIN nba_orchestration.workflow_decisions",
            {"workflow_decisions"},
        ),
        (
            "SELECT * FROM nba_orchestration.expected_vs_actual(@as_of, @day)",
            {"daily_expected_schedule", "workflow_decisions", "scraper_execution_log"},
        ),
    ],
)
def test_tables_are_found_through_views_and_functions(sql: str, tables: set[str]) -> None:
    assert scans.tables_read(sql) == tables


def test_a_watch_is_two_jobs_that_read_each_of_their_tables_once() -> None:
    assert set(scans.scans_of_a_watch()) <= set(declared_tables())
    assert max(scans.scans_of_a_watch().values()) == 2


def test_watches_cost_only_beyond_the_free_amount() -> None:
    """8,755 watches read 11 tables of at least 10 MB, which is 0.88 TiB; the free amount covers ticks first."""
    small, large = cost.month(20_000, COUNTED), cost.month(1_000_000, COUNTED)
    assert small.monitor == 0
    assert large.monitor > 5
    assert large.bigquery == pytest.approx(cost.rows(1_000_000))


def test_payload_storage_cost_matches_terraform() -> None:
    """304,000 executions a month write 1 GB a day: 90 GB in Standard, 5 of them free, and 275 in Nearline."""
    (data,) = re.findall(
        r'^module "data" {$(.*?)^}$',
        (REPOSITORY / "infra/terraform/platform/storage.tf").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert re.findall(r"storage_class_after_days *= {(.*)}", data) == [f" NEARLINE = {cost.STANDARD_DAYS} "]
    assert re.findall(r"delete_after_days *= {(.*)}", data) == [' "journal/" = 60 '], "payloads are kept"
    moved = 304_000 * 2 * 0.01 / 1_000
    assert cost.payloads(304_000) == pytest.approx((90 - 5) * 0.020 + 275 * 0.010 + moved)


def test_operations_of_ticks_are_not_counted_for_executions() -> None:
    assert COUNTED.by_caller(operations.CLASS_A) == {"runner": 3}
    assert COUNTED.of_an_execution(operations.CLASS_B) == 0
    assert COUNTED.of_a_tick(operations.CLASS_A) == 10


def test_operations_are_counted_by_service() -> None:
    """For each execution the runner writes claim, payload, journal, records and outcome, and reads nothing. The
    controller writes an entry for each execution that arrives alone, and sometimes a plan, a marker and a list."""
    counted = operations.count_operations(days=1, every=timedelta(hours=1))
    written = counted.by_caller(operations.CLASS_A)
    assert counted.executions > 100
    assert 4 < written["runner"] <= 5, "fewer where content stays the same"
    assert 0.8 < written["follow-up"] < 1.1
    assert "runner" not in counted.by_caller(operations.CLASS_B)
    assert set(counted.scans) >= {"scraper_execution_log", "file_receipts"}, (
        "of the evaluation and the cleanup"
    )


def test_rare_requests_share_no_instance_and_many_keep_an_instance_busy() -> None:
    service = cost.PricedService(requests=1, seconds=2.0, concurrency=10, gib=1)
    assert service.active_seconds(1_000) == pytest.approx(2_000, rel=0.001)
    full = cost.MONTH_SECONDS / 2.0 * 6  # a load of six is 60% of ten
    assert service.active_seconds(full) == pytest.approx(cost.MONTH_SECONDS, rel=0.01)


@given(st.floats(1, 1e7), st.floats(1.1, 10))
def test_more_executions_never_cost_less(executions: float, factor: float) -> None:
    few, many = cost.month(executions, COUNTED), cost.month(executions * factor, COUNTED)
    assert many.pubsub >= few.pubsub
    assert many.storage >= few.storage
    assert many.bigquery >= few.bigquery
    assert many.bigquery + many.monitor >= few.bigquery + few.monitor
    assert many.cloud_run >= few.cloud_run - 1e-9


def test_total_is_the_sum_and_a_small_fleet_is_cheaper_than_composer() -> None:
    small = cost.month(20_000, COUNTED)
    parts = (small.pubsub, small.cloud_run, small.storage, small.bigquery, small.monitor)
    rest = (small.scheduler, small.logging, small.registry)
    assert small.total == pytest.approx(sum(parts) + sum(rest))
    assert small.total < cost.COMPOSER_USD[0] / 10
