"""Tests of a subscription's timer, on each event loop that the server runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import uvloop

from gcp_emulators.pubsub import messages
from gcp_emulators.pubsub.delivery import Message
from gcp_emulators.pubsub.subscription import LiveSubscription


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_lease_that_expires_at_once_is_redelivered(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """uvloop creates no timer for a delay below half a millisecond; reading that timer's time ended the pushes."""

    async def leased_again() -> int:
        config = messages.Subscription(name="projects/p/subscriptions/s", ack_deadline_seconds=10)
        subscription = LiveSubscription(config, lambda *_: False)
        subscription.offer(Message("1", b"", {}, datetime(2025, 1, 15, tzinfo=UTC)))
        assert subscription.lease(1, seconds=0.0002)
        subscription.notify()
        async with asyncio.timeout(5):
            while not (deliveries := subscription.lease(1)):
                await subscription.changed()
        return deliveries[0].attempt

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(leased_again()) == 2
