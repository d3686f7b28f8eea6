"""Threads that meet inside a race."""

import threading
from contextlib import suppress
from typing import Any


class MeetingDict(dict[Any, Any]):
    """A dict in which two concurrent deletes wait for each other; a single delete continues after a timeout."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._both = threading.Barrier(2)

    def __delitem__(self, key: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            self._both.wait(timeout=0.5)
        super().__delitem__(key)
