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
    """Written to every row."""
    registry: Registry
    memory: RequestMemory
    data: Objects
    """The bucket for payloads and records."""
    publisher: Publisher
    open_http: OpenHttp
    parse: Parse = parse_in_process
    """Parses payloads; in the service, large or non-JSON ones in a separate process."""
    writes: Executor | None = None
    """Writes a payload while it is parsed; None writes it before parsing."""
    monotonic: Callable[[], float] = time.monotonic
    """Measures the duration of an execution, and its wait for the parser."""
