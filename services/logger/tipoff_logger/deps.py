"""Dependencies of the logger's handlers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from tipoff_common.ports import Objects
from tipoff_common.publisher import Publisher
from tipoff_logger.row_commit import RowCommit


@dataclass(frozen=True)
class Deps:
    """Dependencies of the logger's handlers."""

    environment: str
    commit: RowCommit
    publisher: Publisher
    state: Objects
    """The bucket for the payloads of rejected messages."""
    run: Callable[..., Awaitable[None]] = run_in_threadpool
    """Runs blocking functions off the event loop."""
