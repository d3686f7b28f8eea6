"""State of the messages on one subscription: waiting, leased, backing off, acknowledged or out of attempts.

Pure state, driven by an injected clock; it never sleeps, sends or logs. Sources: "Subscription overview"
(https://cloud.google.com/pubsub/docs/subscription-overview) for leases, "Handle message failures"
(https://cloud.google.com/pubsub/docs/handling-failures) for retries and dead letters. One rule is stricter than the
service's: an acknowledgement that comes after its lease expired is ignored, so the message is delivered again.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A published message, shared by all its subscriptions."""

    message_id: str
    data: bytes
    attributes: Mapping[str, str]
    publish_time: datetime
    ordering_key: str = ""

    @property
    def size(self) -> int:
        """Bytes that count against a stream's outstanding bytes."""
        return len(self.data) + sum(len(key) + len(value) for key, value in self.attributes.items())


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """Leases and retries of a subscription; times in seconds."""

    ack_deadline: float = 10.0
    minimum_backoff: float = 0.0
    """0 redelivers at once, as a subscription without a retry policy does."""
    maximum_backoff: float = 0.0
    max_attempts: int | None = None
    """Maximum deliveries of a message before it is dead-lettered; None retries for ever."""

    def backoff(self, failures: int) -> float:
        """Return the seconds to wait after this many failed deliveries: doubles from the minimum to the maximum."""
        # The exponent is capped, as a message that is retried for ever would overflow a float.
        return float(min(self.maximum_backoff, self.minimum_backoff * 2 ** min(failures - 1, 40)))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One lease of a message."""

    ack_id: str
    message: Message
    attempt: int
    """Counts the message's deliveries on this subscription from 1."""


@dataclass(slots=True)
class Counters:
    """Events on a subscription since it was created."""

    delivered: int = 0
    acked: int = 0
    nacked: int = 0
    expired: int = 0
    dead_lettered: int = 0
    last_acked: float | None = None
    """The clock's reading at the last acknowledgement."""


@dataclass(slots=True)
class _Entry:
    sequence: int
    message: Message
    added_at: float
    attempts: int = 0


@dataclass(slots=True)
class _Lease:
    entry: _Entry
    expires_at: float | None
    owner: int


Exhausted = Callable[[Message, int], bool]
"""Called with a message and its attempts when these are used up; returns False when the message has to be retried."""


class DeliveryQueue:
    """The messages of one subscription that are not acknowledged yet."""

    def __init__(self, policy: DeliveryPolicy, clock: Callable[[], float], exhausted: Exhausted) -> None:
        self.policy = policy
        self.counters = Counters()
        self._clock = clock
        self._exhausted = exhausted
        self._sequence = 0
        self._entries: dict[int, _Entry] = {}
        self._ready: deque[_Entry] = deque()
        self._delayed: list[tuple[float, int]] = []
        self._leases: dict[str, _Lease] = {}
        self._expiries: list[tuple[float, str]] = []
        self._held: dict[int, tuple[int, int]] = {}

    def add(self, message: Message) -> None:
        """Queue a message; it counts as unacknowledged from here on."""
        self._sequence += 1
        entry = _Entry(self._sequence, message, self._clock())
        self._entries[entry.sequence] = entry
        self._ready.append(entry)

    def lease(
        self,
        limit: int,
        *,
        owner: int = 0,
        seconds: float | None = None,
        forever: bool = False,
        max_bytes: int | None = None,
    ) -> list[Delivery]:
        """Lease up to `limit` due messages, each invisible to others for `seconds`, by default the ack deadline.

        `forever` leases have no deadline: their owner always settles them. Only a single first message may exceed
        `max_bytes`.
        """
        self.advance()
        expires_at = None if forever else self._clock() + (seconds or self.policy.ack_deadline)
        taken: list[Delivery] = []
        size = 0
        while self._ready and len(taken) < limit:
            entry = self._ready[0]
            size += entry.message.size
            # The first message is taken at any size, or a large one would block the queue for ever.
            if taken and max_bytes is not None and size > max_bytes:
                break
            self._ready.popleft()
            entry.attempts += 1
            # Unique for each delivery, so that an acknowledgement of an expired lease cannot settle the next one.
            ack_id = f"{entry.sequence:x}-{entry.attempts}"
            self._leases[ack_id] = _Lease(entry, expires_at, owner)
            if expires_at is not None:
                heapq.heappush(self._expiries, (expires_at, ack_id))
            count, held = self._held.get(owner, (0, 0))
            self._held[owner] = (count + 1, held + entry.message.size)
            taken.append(Delivery(ack_id, entry.message, entry.attempts))
        self.counters.delivered += len(taken)
        return taken

    def ack(self, ack_id: str) -> bool:
        """Acknowledge the message of a lease; return False when the lease expired or was settled before."""
        self.advance()
        lease = self._release(ack_id)
        if lease is None:
            return False
        del self._entries[lease.entry.sequence]
        self.counters.acked += 1
        self.counters.last_acked = self._clock()
        return True

    def nack(self, ack_id: str) -> bool:
        """Release a lease: the message is delivered again after its back-off. Return False as `ack` does."""
        self.advance()
        lease = self._release(ack_id)
        if lease is None:
            return False
        self.counters.nacked += 1
        self._retry(lease.entry)
        return True

    def extend(self, ack_id: str, seconds: float) -> bool:
        """Set the end of a lease to `seconds` from now; return False when it expired or was settled before."""
        self.advance()
        lease = self._leases.get(ack_id)
        if lease is None:
            return False
        lease.expires_at = self._clock() + seconds
        heapq.heappush(self._expiries, (lease.expires_at, ack_id))
        return True

    def advance(self) -> bool:
        """Expire leases and end back-offs that are due; return whether any message became due."""
        now = self._clock()
        before = len(self._ready)
        while self._expiries and self._expiries[0][0] <= now:
            expires_at, ack_id = heapq.heappop(self._expiries)
            lease = self._leases.get(ack_id)
            # A heap has no update operation: settled and extended leases leave stale entries, which are skipped here.
            if lease is not None and lease.expires_at == expires_at:
                self._release(ack_id)
                self.counters.expired += 1
                self._retry(lease.entry)
        while self._delayed and self._delayed[0][0] <= now:
            _, sequence = heapq.heappop(self._delayed)
            if sequence in self._entries:
                self._ready.append(self._entries[sequence])
        return len(self._ready) > before

    def next_event(self) -> float | None:
        """Return the clock reading of the next event for `advance`, None when there is none."""
        while self._expiries:
            expires_at, ack_id = self._expiries[0]
            lease = self._leases.get(ack_id)
            if lease is not None and lease.expires_at == expires_at:
                break
            heapq.heappop(self._expiries)
        due = [heap[0][0] for heap in (self._expiries, self._delayed) if heap]
        return min(due, default=None)

    def purge(self) -> None:
        """Remove every message; its leases become unknown."""
        self._entries.clear()
        self._ready.clear()
        self._delayed.clear()
        self._leases.clear()
        self._expiries.clear()
        self._held.clear()

    @property
    def unacked(self) -> int:
        """Number of messages not acknowledged: waiting, leased or backing off."""
        return len(self._entries)

    @property
    def outstanding(self) -> int:
        """Number of leased messages."""
        return len(self._leases)

    def held_by(self, owner: int) -> tuple[int, int]:
        """Return the number and the bytes of this owner's leased messages."""
        return self._held.get(owner, (0, 0))

    def oldest_unacked_seconds(self) -> float:
        """Return the age of the oldest message not acknowledged, 0 when there is none."""
        # Entries are in the order of publication; a retry does not move them.
        oldest = next(iter(self._entries.values()), None)
        return self._clock() - oldest.added_at if oldest else 0.0

    def _release(self, ack_id: str) -> _Lease | None:
        lease = self._leases.pop(ack_id, None)
        if lease is not None:
            count, held = self._held[lease.owner]
            if count == 1:
                del self._held[lease.owner]
            else:
                self._held[lease.owner] = (count - 1, held - lease.entry.message.size)
        return lease

    def _retry(self, entry: _Entry) -> None:
        limit = self.policy.max_attempts
        if limit is not None and entry.attempts >= limit and self._exhausted(entry.message, entry.attempts):
            del self._entries[entry.sequence]
            self.counters.dead_lettered += 1
            return
        wait = self.policy.backoff(entry.attempts)
        if wait > 0:
            heapq.heappush(self._delayed, (self._clock() + wait, entry.sequence))
        else:
            self._ready.append(entry)
