"""A subscription while it runs: its settings, its queue, and the event loop's timer and waiters around them.

Everything here runs on one event loop and, `changed` apart, without awaiting: publishing, settling and dead-lettering
are atomic, so no message is ever between two counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from gcp_emulators.pubsub import errors, filters, resources
from gcp_emulators.pubsub.delivery import Delivery, DeliveryQueue, Message
from gcp_emulators.pubsub.messages import Pb

Forward = Callable[["LiveSubscription", Message, int], bool]
"""Passes on a message that used up its attempts; False when the dead-letter topic does not exist."""


class LiveSubscription:
    """One subscription. Must be created on the running event loop."""

    def __init__(self, config: Pb, forward: Forward) -> None:
        self._loop = asyncio.get_running_loop()
        self.config = config
        self._matches = filters.parse(config.filter)
        self.queue = DeliveryQueue(
            resources.delivery_policy(config),
            self._loop.time,
            lambda message, attempts: forward(self, message, attempts),
        )
        self._timer: asyncio.Handle | None = None
        self._timer_due = 0.0
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed: errors.PubsubError | None = None

    @property
    def name(self) -> str:
        """`projects/P/subscriptions/S`."""
        return str(self.config.name)

    @property
    def push_endpoint(self) -> str:
        """Where messages are pushed to; empty for a pull subscription."""
        return str(self.config.push_config.push_endpoint)

    @property
    def tells_attempts(self) -> bool:
        """Deliveries say which attempt they are only where a dead-letter policy exists."""
        return bool(self.config.HasField("dead_letter_policy"))

    def reconfigure(self, config: Pb) -> None:
        """Put checked settings in force; leases keep the deadline they have."""
        self.config = config
        self.queue.policy = resources.delivery_policy(config)
        self.notify()

    def offer(self, message: Message) -> None:
        """Queue a message if the filter lets it through; otherwise it counts as acknowledged without a trace."""
        if self._matches(message.attributes):
            self.queue.add(message)
            self.notify()

    def lease(
        self,
        limit: int,
        *,
        owner: int = 0,
        seconds: float | None = None,
        forever: bool = False,
        max_bytes: int | None = None,
    ) -> list[Delivery]:
        """Lease messages as DeliveryQueue.lease. Raises the reason when the subscription was deleted or
        detached."""
        if self._closed is not None:
            raise self._closed
        taken = self.queue.lease(limit, owner=owner, seconds=seconds, forever=forever, max_bytes=max_bytes)
        self._set_timer()
        return taken

    def acknowledge(self, ack_ids: Iterable[str]) -> None:
        """Settle leases; the unknown and the expired are ignored, as the service does without exactly-once delivery."""
        for ack_id in ack_ids:
            self.queue.ack(ack_id)
        self.notify()

    def modify_deadline(self, ack_id: str, seconds: float) -> None:
        """Extend a lease, or give it back when `seconds` is 0."""
        if seconds > 0:
            self.queue.extend(ack_id, seconds)
        else:
            self.queue.nack(ack_id)
        self.notify()

    def close(self, reason: errors.PubsubError) -> None:
        """Forget all messages and refuse further leases with this reason."""
        self._closed = reason
        self.queue.purge()
        self.notify()

    async def changed(self) -> None:
        """Wait for the next change of any kind; a caller that saw nothing to do misses none if it awaits this next."""
        waiter = self._loop.create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)

    def notify(self) -> None:
        """Wake everyone in `changed`, and aim the timer at the queue's next event."""
        for waiter in self._waiting:
            if not waiter.done():  # one that is being cancelled is done
                waiter.set_result(None)
        self._waiting.clear()
        self._set_timer()

    def _set_timer(self) -> None:
        due = self.queue.next_event()
        if self._timer is not None:
            # The handle is not asked: what is due within half a millisecond, uvloop gives one without a time.
            if due is not None and self._timer_due <= due:
                return
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer, self._timer_due = self._loop.call_at(due, self._on_timer), due

    def _on_timer(self) -> None:
        self._timer = None
        self.queue.advance()
        self.notify()
