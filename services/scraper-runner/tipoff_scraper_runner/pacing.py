"""A rate limit per host: each call reserves the next free instant and waits for it."""

import threading
import time
from collections.abc import Callable


class Pacer:
    """Spaces calls to one host at least 1 / `per_second` seconds apart, across threads of this process.

    Across processes nothing is shared: N instances make at most N times the rate.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._monotonic, self._sleep = monotonic, sleep
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def wait(self, host: str, per_second: float) -> None:
        with self._lock:
            now = self._monotonic()
            at = max(now, self._next.get(host, now))
            self._next[host] = at + 1.0 / per_second
        if at > now:
            self._sleep(at - now)
