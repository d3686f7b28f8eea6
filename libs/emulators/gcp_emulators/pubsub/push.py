"""Push delivery: each message of a subscription as one POST, within a window that grows while the endpoint
acknowledges.

Source: "Push subscriptions", https://cloud.google.com/pubsub/docs/push: 102, 200, 201, 202 and 204 acknowledge,
any other status does not; the ack deadline is the timeout of a response. Without a retry policy the whole
subscription backs off, from 100 ms to 60 s, while the endpoint refuses; with one, each message backs off by itself.

The window follows the service's slow start: a few messages at first, more with each acknowledgement within a second,
half with each refusal. The service derives an endpoint's capacity from its load balancer's 429s. On one machine there
is no load balancer, so a subscription may state the capacity in a label. Its messages then wait here instead of in the
endpoint, where their deadlines would expire.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gcp_emulators.pubsub.delivery import Delivery
from gcp_emulators.pubsub.errors import PubsubError
from gcp_emulators.pubsub.messages import rfc3339
from gcp_emulators.pubsub.push_client import PushClient, PushError
from gcp_emulators.pubsub.subscription import LiveSubscription

ACKNOWLEDGING = frozenset({102, 200, 201, 202, 204})

MAX_OUTSTANDING_LABEL = "push-max-outstanding"
"""Label of a subscription: maximum number of its messages in flight. The service stores the label and ignores it."""

FIRST_WINDOW = 8
LARGEST_WINDOW = 100
"""Enough to keep one process on the same machine busy; the service allows thousands, for fleets of instances."""

PROMPT_SECONDS = 1.0
"""A faster response opens the window; for a slower endpoint a larger window would not help."""

_SHORTEST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Flow:
    """The limit of pushes in flight: slow start, halving and pausing while the endpoint refuses."""

    def __init__(
        self, clock: Callable[[], float], *, initial: int = FIRST_WINDOW, maximum: int = LARGEST_WINDOW
    ) -> None:
        self.window = initial
        self._clock = clock
        self._maximum = maximum
        self._pause = 0.0
        self._paused_until = 0.0

    def limit(self, maximum: int) -> None:
        """Bound the current and all later windows."""
        self._maximum = maximum
        self.window = min(self.window, maximum)

    def succeeded(self, after_seconds: float = 0.0) -> None:
        """Record an acknowledgement: end the pause, and open the window by one when it came promptly."""
        if after_seconds < PROMPT_SECONDS:
            self.window = min(self._maximum, self.window + 1)
        self._pause = self._paused_until = 0.0

    def failed(self) -> None:
        """Record a push that was refused or got no response. Failures during a pause do not lengthen the next one."""
        self.window = max(1, self.window // 2)
        if self.pause_seconds() == 0:
            self._pause = min(_LONGEST_PAUSE_SECONDS, max(_SHORTEST_PAUSE_SECONDS, self._pause * 2))
            self._paused_until = self._clock() + self._pause

    def pause_seconds(self) -> float:
        """Return the remaining seconds of the pause."""
        return max(0.0, self._paused_until - self._clock())


def max_outstanding(labels: Mapping[str, str]) -> int:
    """Return the maximum number of messages in flight by the labels; LARGEST_WINDOW without a number."""
    stated = labels.get(MAX_OUTSTANDING_LABEL, "")
    return max(1, int(stated)) if stated.isdecimal() else LARGEST_WINDOW


class PushDispatcher:
    """Sends one subscription's messages until stopped. Starts at once on the running event loop."""

    def __init__(self, subscription: LiveSubscription, client: PushClient) -> None:
        self.endpoint = subscription.push_endpoint
        self._subscription = subscription
        self._client = client
        self._clock = asyncio.get_running_loop().time
        self._flow = Flow(self._clock)
        self._in_flight: set[asyncio.Task[bool]] = set()
        self._task = asyncio.create_task(self._run(), name=f"push {subscription.name}")
        self._task.add_done_callback(_report_fault)

    def stop(self) -> None:
        """Stop at once; messages in flight count as not acknowledged."""
        self._task.cancel()
        for task in self._in_flight:
            task.cancel()

    async def _run(self) -> None:
        subscription = self._subscription
        while True:
            pause = 0.0 if subscription.config.HasField("retry_policy") else self._flow.pause_seconds()
            if pause > 0:
                await asyncio.sleep(pause)
            # Read in each round: an update of the subscription may change the label.
            self._flow.limit(max_outstanding(subscription.config.labels))
            room = self._flow.window - len(self._in_flight)
            deliveries = subscription.lease(room, forever=True) if room > 0 else []
            if not deliveries:
                await subscription.changed()
                continue
            for delivery in deliveries:
                task = asyncio.create_task(self._push(delivery))
                self._in_flight.add(task)
                # A callback, because a task that is cancelled before its first step runs none of its own code, and its
                # lease would never end.
                task.add_done_callback(partial(self._settle, delivery, self._clock()))

    async def _push(self, delivery: Delivery) -> bool:
        deadline = float(self._subscription.config.ack_deadline_seconds)
        try:
            status = await self._client.post(self.endpoint, self._body(delivery), deadline)
        except PushError as error:
            problem = str(error)
        else:
            if status in ACKNOWLEDGING:
                return True
            problem = f"status {status}"
        message_id = delivery.message.message_id
        _log.info("push of %s, attempt %d, to %s: %s", message_id, delivery.attempt, self.endpoint, problem)
        return False

    def _settle(self, delivery: Delivery, pushed_at: float, task: asyncio.Task[bool]) -> None:
        self._in_flight.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            _log.error("push of %s failed", delivery.message.message_id, exc_info=failure)
        if not task.cancelled() and failure is None and task.result():
            self._flow.succeeded(self._clock() - pushed_at)
            self._subscription.acknowledge([delivery.ack_id])
        else:
            self._flow.failed()
            self._subscription.modify_deadline(delivery.ack_id, 0)

    def _body(self, delivery: Delivery) -> bytes:
        message = delivery.message
        published = rfc3339(message.publish_time)
        wrapped: dict[str, Any] = {
            "data": base64.b64encode(message.data).decode(),
            "messageId": message.message_id,
            "message_id": message.message_id,
            "publishTime": published,
            "publish_time": published,
        }
        if message.attributes:
            wrapped["attributes"] = message.attributes
        if message.ordering_key:
            wrapped["orderingKey"] = message.ordering_key
        envelope: dict[str, Any] = {"message": wrapped, "subscription": self._subscription.name}
        if self._subscription.tells_attempts:
            envelope["deliveryAttempt"] = delivery.attempt
        return json.dumps(envelope, separators=(",", ":")).encode()


def _report_fault(task: asyncio.Task[None]) -> None:
    """Log the error that ended a dispatcher and all its pushes; not when it was stopped or its subscription deleted."""
    if task.cancelled() or isinstance(task.exception(), PubsubError):
        return
    _log.error("%s ended", task.get_name(), exc_info=task.exception())
