"""Which hosts are not to be asked, and until when: what `Retry-After` said beyond the scrape that heard it."""

import threading
from datetime import datetime


class HostPauses:
    """The pauses that hosts asked for, shared by all executions of this process.

    Processes share nothing: another instance learns of a pause by asking once itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pauses: dict[str, tuple[datetime, datetime]] = {}

    def pause(self, host: str, since: datetime, until: datetime) -> None:
        """Note that `host` is not to be asked between two instants; a shorter pause never replaces a longer one."""
        with self._lock:
            known = self._pauses.get(host)
            # Of several answers to calls that were under way together the longest pause is meant.
            if known is None or known[1] < until:
                self._pauses[host] = (since, until)

    def until(self, host: str, now: datetime) -> datetime | None:
        """Return when the pause ends in which `now` lies; None when the host may be asked.

        The beginning counts too, because in a replay the days do not come in order.
        """
        with self._lock:
            since, until = self._pauses.get(host, (now, now))
            return until if since <= now < until else None
