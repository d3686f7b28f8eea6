"""A live subscription: its settings, its queue, and its timer and waiters on the event loop.

All methods run on one event loop and, except `changed`, without awaiting: publishing, settling and dead-lettering are
atomic, so every message is in exactly one count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from gcp_emulators.pubsub import errors, filters, resources
from gcp_emulators.pubsub.delivery import Delivery, DeliveryQueue, Message
from gcp_emulators.pubsub.messages import Pb

Forward = Callable[["LiveSubscription", Message, int], bool]
"""Forwards a message that used up its attempts; returns False when the dead-letter topic does not exist."""


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
        """The URL that messages are pushed to; empty for a pull subscription."""
        return str(self.config.push_config.push_endpoint)

    @property
    def tells_attempts(self) -> bool:
        """Whether deliveries include their attempt: only with a dead-letter policy."""
        return bool(self.config.HasField("dead_letter_policy"))

    def reconfigure(self, config: Pb) -> None:
        """Apply validated settings; existing leases keep their deadline."""
        self.config = config
        self.queue.policy = resources.delivery_policy(config)
        self.notify()

    def offer(self, message: Message) -> None:
        """Queue a message if the filter matches; otherwise drop it as if acknowledged."""
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
        """Acknowledge leases; unknown and expired ones are ignored, as in the service without exactly-once delivery."""
        for ack_id in ack_ids:
            self.queue.ack(ack_id)
        self.notify()

    def modify_deadline(self, ack_id: str, seconds: float) -> None:
        """Extend a lease, or release it when `seconds` is 0."""
        if seconds > 0:
            self.queue.extend(ack_id, seconds)
        else:
            self.queue.nack(ack_id)
        self.notify()

    def close(self, reason: errors.PubsubError) -> None:
        """Remove all messages and refuse further leases with this reason."""
        self._closed = reason
        self.queue.purge()
        self.notify()

    async def changed(self) -> None:
        """Wait for the next change; a caller misses none if it awaits this directly after its check."""
        waiter = self._loop.create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)

    def notify(self) -> None:
        """Wake all waiters in `changed`, and set the timer to the queue's next event."""
        for waiter in self._waiting:
            if not waiter.done():  # a waiter that is being cancelled is done
                waiter.set_result(None)
        self._waiting.clear()
        self._set_timer()

    def _set_timer(self) -> None:
        due = self.queue.next_event()
        if self._timer is not None:
            # `_timer_due` and not `_timer.when()`: for events within half a millisecond uvloop returns a handle without
            # a time.
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
