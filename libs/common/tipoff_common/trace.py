"""W3C trace context (https://www.w3.org/TR/trace-context/): one trace from the tick to the row.

A context variable holds the current traceparent. It is set when a message or request arrives, and read when an event is
published or a line is logged.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

TRACEPARENT = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")
_current: ContextVar[str] = ContextVar("traceparent", default="")


def continue_trace(traceparent: str | None) -> None:
    """Continue the given trace, or start one when it is missing or malformed."""
    match = TRACEPARENT.match(traceparent or "")
    trace_id = match.group(1) if match else secrets.token_hex(16)
    _current.set(f"00-{trace_id}-{secrets.token_hex(8)}-01")


def enter_span(traceparent: str) -> None:
    """Make the span of a traceparent the current one."""
    _current.set(traceparent)


def is_under_way() -> bool:
    """Return whether a trace is under way."""
    return bool(_current.get())


@contextmanager
def apart() -> Iterator[None]:
    """Restore the current trace at the end of the block."""
    token = _current.set(_current.get())
    try:
        yield
    finally:
        _current.reset(token)


def traceparent() -> str:
    """Return the traceparent to send on; start a trace when none is under way."""
    if not _current.get():
        continue_trace(None)
    return _current.get()


def trace_id() -> str | None:
    """Return the id of the current trace, 32 hexadecimal digits, or None."""
    match = TRACEPARENT.match(_current.get())
    return match.group(1) if match else None


def span_id() -> str | None:
    """Return the id of the current span, 16 hexadecimal digits, or None."""
    match = TRACEPARENT.match(_current.get())
    return match.group(2) if match else None
