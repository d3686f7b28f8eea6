"""Threads that meet where they must not."""

import threading
from contextlib import suppress
from typing import Any


class MeetingDict(dict[Any, Any]):
    """A dict in which two threads that delete at once wait for each other; one that is alone goes on."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._both = threading.Barrier(2)

    def __delitem__(self, key: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            self._both.wait(timeout=0.5)
        super().__delitem__(key)
