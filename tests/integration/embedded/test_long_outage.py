"""An outage of the warehouse for half an hour: its views count each event once.

Pub/Sub's queue with its back-off runs on a simulated clock, with the logger's group commit and the embedded warehouse.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.samples import executed

from gcp_emulators.pubsub.delivery import Delivery as Leased
from gcp_emulators.pubsub.delivery import DeliveryPolicy, DeliveryQueue, Message
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_common.binding import Envelope, encode
from tipoff_common.binding import Message as Received
from tipoff_common.ports import Row, Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.push import Delivery
from tipoff_common.testing import MemoryObjects, RecordingBus
from tipoff_common.topics import load_topics
from tipoff_logger.deps import Deps
from tipoff_logger.handlers import record_event
from tipoff_logger.row_commit import Bounds, RowCommit

if TYPE_CHECKING:
    from conftest import Dataset

TOPICS = load_topics(Path(__file__).parents[3] / "infra/topics.yaml")
BEGUN = datetime(2026, 1, 15, 17, tzinfo=UTC)
EVERY = 10.0
GONE, BACK = 120.0, 120.0 + 30 * 60
ANSWERS_LOST = 30.0
"""Seconds in which appends are stored and only their responses are lost: the logger retries rows that are there."""
ENDED = BACK + 300.0


@dataclass
class World:
    """The simulated clock, in seconds since BEGUN, and the queue, the logger and the warehouse that depend on it."""

    warehouse: BigQueryWarehouse
    now: float = 0.0
    attempts: dict[str, int] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        retry = TOPICS.retry
        policy = DeliveryPolicy(
            60, retry.minimum_seconds, retry.maximum_seconds, TOPICS.max_delivery_attempts
        )
        self.queue = DeliveryQueue(policy, lambda: self.now, self._give_up)

    def _give_up(self, message: Message, _attempts: int) -> bool:
        self.given_up.append(message.message_id)
        return True

    def publish(self, name: str) -> None:
        at = BEGUN + timedelta(seconds=self.now)
        event = executed(execution_id=name, request_id=name, triggered_at=at, completed_at=at)
        self.queue.add(Message(name, *encode(Envelope(event, event.id, "/tipoff/test", at)), at))

    async def push_due_messages(self) -> None:
        """Push all due messages at once, as Pub/Sub does; each failed message backs off by itself."""
        commit = RowCommit(self._append, Bounds(500, 4_000_000, 0.05, 2_000, 4_000_000, 15.0), lambda: 0.0)
        deps = Deps("local", commit, Publisher("logger", RecordingBus()), MemoryObjects())

        async def push(leased: Leased) -> None:
            self.attempts[leased.message.message_id] = leased.attempt
            try:
                await record_event(_delivery(leased.message), deps, BEGUN + timedelta(seconds=self.now))
            except Unavailable:
                self.queue.nack(leased.ack_id)
            else:
                self.queue.ack(leased.ack_id)

        await asyncio.gather(*map(push, self.queue.lease(1_000, forever=True)))

    async def _append(self, table: str, rows: Sequence[Row], row_ids: Sequence[str]) -> None:
        gone = GONE <= self.now < BACK
        if not gone or self.now < GONE + ANSWERS_LOST:
            self.warehouse.append(table, rows, row_ids)
        if gone:
            raise Unavailable("the warehouse is gone")

    async def run(self) -> int:
        """Run until no message is unacknowledged; return how many were published."""
        published = 0
        while self.now < ENDED or self.queue.unacked:
            if self.now >= published * EVERY and self.now < ENDED:
                self.publish(f"e{published:03}")
                published += 1
            await self.push_due_messages()
            next_publication = published * EVERY if published * EVERY < ENDED else None
            coming = [at for at in (next_publication, self.queue.next_event()) if at is not None]
            self.now = min(coming, default=ENDED)
        return published


def _delivery(message: Message) -> Delivery:
    attributes = dict(message.attributes)
    event = executed().model_validate_json(message.data)
    received = Received(message.data, attributes, message.message_id, message.publish_time, "s-1")
    return Delivery(event, Envelope(event, event.id, "/tipoff/test", message.publish_time), received)


def test_half_hour_warehouse_outage_loses_and_doubles_no_event(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)
    world = World(BigQueryWarehouse(dataset.project, dataset.url))
    published = asyncio.run(world.run())

    def count(table: str) -> tuple[int, int]:
        sql = f"SELECT COUNT(*) AS n, COUNT(DISTINCT execution_id) AS ids FROM nba_orchestration.{table}"  # noqa: S608
        (row,) = dataset.query(sql)
        return row["n"], row["ids"]

    assert published == ENDED / EVERY
    assert count("v_executions") == (published, published)
    rows, ids = count("scraper_execution_log")
    assert rows > ids == published, "copies there are, of rows whose answer was lost"
    assert world.given_up == []
    assert max(world.attempts.values()) <= 9, "10 s, doubled to 600 s: far from the 100 of a dead letter"
    assert world.now <= BACK + TOPICS.retry.maximum_seconds, "the longest wait after the warehouse is back"
