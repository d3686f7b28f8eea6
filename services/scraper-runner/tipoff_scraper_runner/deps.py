"""Dependencies of the runner's handlers."""

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from tipoff_common.ports import Objects
from tipoff_common.publisher import Publisher
from tipoff_scraper_runner.execution import OpenHttp
from tipoff_scraper_runner.parser import Parse, parse_in_process
from tipoff_scraper_runner.registry import Registry
from tipoff_scraper_runner.request_memory import RequestMemory


@dataclass(frozen=True)
class Deps:
    """The runner's connections and its fleet; made once, by `bootstrap` or by the command line."""

    environment: str
    """Stands in every row."""
    registry: Registry
    memory: RequestMemory
    data: Objects
    """The bucket for payloads and records."""
    publisher: Publisher
    open_http: OpenHttp
    parse: Parse = parse_in_process
    """How payloads are parsed; in the service, in a process that may die."""
    writes: Executor | None = None
    """Runs the write of a payload while it is parsed; None writes first and parses then."""
    monotonic: Callable[[], float] = time.monotonic
    """Measures how long an execution took."""
