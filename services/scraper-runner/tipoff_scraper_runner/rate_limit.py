"""A rate limit per host: each call reserves the next free instant and waits for it."""

import math
import threading
import time
from collections.abc import Callable


class Pacer:
    """Spaces calls to one host at least `sharers` / `per_second` seconds apart, across threads of this process.

    Processes share no state. At most `sharers` of them together stay within the rate, except for the first call of
    each: in any T seconds at most rate * T + `sharers` calls.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        *,
        sharers: int = 1,
    ) -> None:
        self._monotonic, self._sleep, self._sharers = monotonic, sleep, sharers
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def wait(self, host: str, per_second: float, *, within: float = math.inf) -> bool:
        """Wait for this call's turn. Return false, at once, when that is more than `within` seconds away."""
        with self._lock:
            now = self._monotonic()
            # Never in the past: an idle host accumulates no credit for a burst.
            at = max(now, self._next.get(host, now))
            # Reserve nothing for a call that gives up; it would delay all later calls.
            if at - now > within:
                return False
            self._next[host] = at + self._sharers / per_second
        # The turn is reserved, so the lock is free while this call sleeps.
        if at > now:
            self._sleep(at - now)
        return True
