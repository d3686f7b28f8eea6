"""Tests of the delivery state machine and the push flow control, on a clock that only the test moves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gcp_emulators.pubsub.delivery import Delivery, DeliveryPolicy, DeliveryQueue, Message
from gcp_emulators.pubsub.push import PROMPT_SECONDS, Flow


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A queue, its clock and its dead letters."""

    def __init__(self, *, dead_letter_topic_exists: bool = True, **policy: float | int | None) -> None:
        self.clock = Clock()
        self.dead: list[tuple[str, int]] = []
        self._exists = dead_letter_topic_exists
        self.queue = DeliveryQueue(DeliveryPolicy(**policy), self.clock, self._exhausted)  # type: ignore[arg-type]

    def _exhausted(self, message: Message, attempts: int) -> bool:
        if self._exists:
            self.dead.append((message.message_id, attempts))
        return self._exists

    def add(self, *names: str) -> None:
        for name in names:
            self.queue.add(Message(name, b"data", {}, datetime(2026, 1, 1, tzinfo=UTC)))

    def take(self, limit: int = 10, **options: int) -> list[Delivery]:
        return self.queue.lease(limit, **options)  # type: ignore[arg-type]

    def names(self, limit: int = 10) -> list[str]:
        return [delivery.message.message_id for delivery in self.take(limit)]


def test_a_message_is_delivered_once_and_gone_when_acknowledged() -> None:
    bench = Bench()
    bench.add("m")
    (delivery,) = bench.take()
    assert bench.names() == []
    assert (bench.queue.unacked, bench.queue.outstanding) == (1, 1)
    assert bench.queue.counters.last_acked is None
    assert bench.queue.ack(delivery.ack_id)
    acked = bench.queue.counters.last_acked
    assert (acked, bench.queue.unacked, bench.queue.outstanding) == (bench.clock.now, 0, 0)
    assert not bench.queue.ack(delivery.ack_id)


def test_messages_come_in_the_order_of_their_publication() -> None:
    bench = Bench()
    bench.add("1", "2", "3")
    assert bench.names(2) == ["1", "2"]
    assert bench.names() == ["3"]


def test_a_lease_expires_at_its_deadline_and_not_before() -> None:
    bench = Bench(ack_deadline=10)
    bench.add("m")
    (first,) = bench.take()
    bench.clock.now += 9.9
    assert bench.names() == []
    bench.clock.now += 0.1
    (second,) = bench.take()
    assert (first.attempt, second.attempt) == (1, 2)
    assert not bench.queue.ack(first.ack_id)
    assert bench.queue.ack(second.ack_id)
    assert bench.queue.counters.expired == 1


def test_an_extended_lease_ends_at_the_new_deadline() -> None:
    bench = Bench(ack_deadline=10)
    bench.add("m")
    (delivery,) = bench.take()
    bench.clock.now += 5
    bench.queue.extend(delivery.ack_id, 60)
    bench.clock.now += 59
    assert bench.names() == []
    bench.queue.extend(delivery.ack_id, 2)
    bench.clock.now += 2
    assert bench.names() == ["m"]


def test_a_lease_without_deadline_never_expires() -> None:
    bench = Bench()
    bench.add("m")
    bench.queue.lease(1, forever=True)
    assert bench.queue.next_event() is None
    bench.clock.now += 1e6
    assert bench.names() == []


def test_without_retry_policy_a_nack_redelivers_at_once() -> None:
    bench = Bench()
    bench.add("m")
    bench.queue.nack(bench.take()[0].ack_id)
    assert bench.take()[0].attempt == 2


def test_back_off_doubles_up_to_the_maximum() -> None:
    bench = Bench(minimum_backoff=1, maximum_backoff=5)
    bench.add("m")
    waits = []
    for _ in range(5):
        bench.queue.nack(bench.take()[0].ack_id)
        due = bench.queue.next_event()
        assert due is not None
        waits.append(due - bench.clock.now)
        bench.clock.now = due - 0.01
        assert bench.names() == []
        bench.clock.now = due
    assert waits == [1, 2, 4, 5, 5]


def test_an_expired_lease_backs_off_as_a_nack_does() -> None:
    bench = Bench(ack_deadline=10, minimum_backoff=3, maximum_backoff=3)
    bench.add("m")
    bench.take()
    bench.clock.now += 10
    assert bench.names() == []
    bench.clock.now += 3
    assert bench.names() == ["m"]


def test_message_in_back_off_does_not_delay_others() -> None:
    bench = Bench(minimum_backoff=60, maximum_backoff=60)
    bench.add("bad")
    bench.queue.nack(bench.take()[0].ack_id)
    bench.add("good")
    assert bench.names() == ["good"]


def test_message_is_dead_lettered_after_the_last_attempt() -> None:
    bench = Bench(max_attempts=5)
    bench.add("m")
    for attempt in range(1, 6):
        assert bench.dead == []
        (delivery,) = bench.take()
        assert delivery.attempt == attempt
        bench.queue.nack(delivery.ack_id)
    assert bench.dead == [("m", 5)]
    assert (bench.queue.unacked, bench.queue.counters.dead_lettered) == (0, 1)


def test_an_expiry_counts_as_an_attempt() -> None:
    bench = Bench(ack_deadline=10, max_attempts=5)
    bench.add("m")
    for _ in range(5):
        bench.take()
        bench.clock.now += 10
    bench.queue.advance()
    assert bench.dead == [("m", 5)]


def test_message_without_dead_letter_topic_is_kept() -> None:
    bench = Bench(dead_letter_topic_exists=False, max_attempts=5)
    bench.add("m")
    for _ in range(7):
        bench.queue.nack(bench.take()[0].ack_id)
    assert (bench.queue.unacked, bench.queue.counters.dead_lettered) == (1, 0)


def test_held_messages_are_counted_until_settled_or_expired() -> None:
    bench = Bench(ack_deadline=10)
    bench.add("1", "2", "3")
    held = bench.take(owner=7)
    assert bench.queue.held_by(7) == (3, 12)
    bench.queue.ack(held[0].ack_id)
    bench.queue.nack(held[1].ack_id)
    assert bench.queue.held_by(7) == (1, 4)
    bench.clock.now += 10
    bench.queue.advance()
    assert bench.queue.held_by(7) == (0, 0)


def test_a_byte_limit_is_kept_but_never_starves() -> None:
    bench = Bench()
    bench.add("1", "2", "3")
    assert len(bench.take(max_bytes=9)) == 2
    assert len(bench.take(max_bytes=1)) == 1


def test_oldest_age_follows_unacknowledged_messages() -> None:
    bench = Bench()
    assert bench.queue.oldest_unacked_seconds() == 0
    bench.add("old")
    bench.clock.now += 5
    bench.add("new")
    old = bench.take(1)[0]
    assert bench.queue.oldest_unacked_seconds() == 5
    bench.queue.ack(old.ack_id)
    assert bench.queue.oldest_unacked_seconds() == 0


def test_purging_forgets_everything() -> None:
    bench = Bench(minimum_backoff=1, maximum_backoff=1)
    bench.add("1", "2", "3")
    bench.queue.nack(bench.take(1)[0].ack_id)
    bench.take(1)
    bench.queue.purge()
    bench.clock.now += 100
    assert (bench.queue.unacked, bench.names(), bench.queue.next_event()) == (0, [], None)


class Deliveries(RuleBasedStateMachine):
    """Law: every message is in exactly one state: acknowledged, dead or unacknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(ack_deadline=10, minimum_backoff=1, maximum_backoff=4, max_attempts=5)
        self.published = 0
        self.acknowledged: set[str] = set()
        self.leased: dict[str, str] = {}

    @rule()
    def publish(self) -> None:
        self.published += 1
        self.bench.add(str(self.published))

    @rule(limit=st.integers(1, 3))
    def lease(self, limit: int) -> None:
        for delivery in self.bench.take(limit):
            name = delivery.message.message_id
            assert name not in self.acknowledged
            assert delivery.attempt <= 5
            self.leased[delivery.ack_id] = name

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), how=st.sampled_from(["ack", "nack", "extend"]))
    def settle(self, data: st.DataObject, how: str) -> None:
        ack_id = data.draw(st.sampled_from(sorted(self.leased)))
        if how == "extend":
            self.bench.queue.extend(ack_id, 20)
        elif how == "nack":
            self.bench.queue.nack(ack_id)
        elif self.bench.queue.ack(ack_id):
            self.acknowledged.add(self.leased[ack_id])

    @rule(seconds=st.sampled_from([0.5, 1, 5, 10]))
    def wait(self, seconds: float) -> None:
        self.bench.clock.now += seconds
        self.bench.queue.advance()

    @invariant()
    def nothing_is_lost(self) -> None:
        queue = self.bench.queue
        assert queue.unacked + len(self.acknowledged) + len(self.bench.dead) == self.published
        assert queue.outstanding <= queue.unacked
        assert not self.acknowledged & {name for name, _ in self.bench.dead}

    @invariant()
    def nothing_is_forgotten(self) -> None:
        queue = self.bench.queue
        waiting = queue.unacked - queue.outstanding
        due = queue.next_event()
        assert due is None or due > self.bench.clock.now or waiting
        if queue.outstanding:
            assert due is not None


TestDeliveries = Deliveries.TestCase


def test_the_push_window_grows_by_answers_and_halves_at_a_refusal() -> None:
    flow = Flow(Clock(), initial=4, maximum=6)
    for _ in range(5):
        flow.succeeded()
    assert flow.window == 6
    flow.failed()
    assert flow.window == 3
    for _ in range(5):
        flow.failed()
    assert flow.window == 1


def test_slow_answers_do_not_widen_the_push_window_and_a_limit_narrows_the_window() -> None:
    flow = Flow(Clock(), initial=4, maximum=6)
    flow.succeeded(PROMPT_SECONDS)
    assert flow.window == 4
    flow.succeeded(PROMPT_SECONDS / 2)
    assert flow.window == 5
    flow.limit(2)
    flow.succeeded()
    assert flow.window == 2


def test_push_pauses_double_to_a_minute_and_end_with_an_answer() -> None:
    clock = Clock()
    flow = Flow(clock)
    pauses = []
    for _ in range(12):
        flow.failed()
        flow.failed()
        pauses.append(flow.pause_seconds())
        clock.now += flow.pause_seconds() + 0.001
    assert pauses[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert pauses[-1] == pytest.approx(60)
    flow.failed()
    flow.succeeded()
    assert flow.pause_seconds() == 0
