"""Logs as one JSON object per line, with the fields that Cloud Logging reads.

Source: https://cloud.google.com/logging/docs/structured-logging
"""

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from tipoff_common.trace import span_id, trace_id

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


@dataclass(frozen=True)
class _LogContext:
    fields: Mapping[str, object]
    redact: Callable[[str], str] | None


_context: ContextVar[_LogContext | None] = ContextVar("log_context", default=None)


@contextmanager
def log_context(redact: Callable[[str], str] | None = None, **fields: object) -> Iterator[None]:
    """Add fields to every line that any logger writes in this context within the block, and redact secrets.

    redact: applied to all texts of a line; a scraper's own lines may quote its secrets.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    token = _context.set(_LogContext(given, redact))
    try:
        yield
    finally:
        _context.reset(token)


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {str(name): _redacted(item, redact) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_redacted(item, redact) for item in value]
    return redact(str(value))


class JsonFormatter(logging.Formatter):
    """Formats each record as JSON: every `extra` becomes a field, and exceptions keep their traceback."""

    def __init__(self, service: str, version: str, project: str) -> None:
        super().__init__()
        self._fields = {"service": service, "version": version}
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as one line of JSON for Cloud Logging."""
        entry: dict[str, object] = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "message": record.getMessage(),
            "logger": record.name,
            **self._fields,
        }
        if (trace := trace_id()) is not None:
            entry["logging.googleapis.com/trace"] = f"projects/{self._project}/traces/{trace}"
            entry["logging.googleapis.com/spanId"] = span_id()
        context = _context.get()
        entry.update(context.fields if context else {})
        entry.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if context is not None and context.redact is not None:
            entry = {name: _redacted(value, context.redact) for name, value in entry.items()}
        line = json.dumps(entry, default=str, ensure_ascii=False)
        # An exception may quote an unpaired surrogate, which UTF-8 cannot encode: the line would be lost.
        return line if line.isascii() else line.encode("utf-8", "backslashreplace").decode()


def configure_logs(service: str, version: str, project: str, stream: TextIO = sys.stdout) -> None:
    """Send every logger's output to `stream`, uvicorn's too; access lines and client chatter are left out."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(service, version, project))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        # uvicorn.Config(log_level=...) would set the level of these loggers; the root's level decides instead.
        logger.setLevel(logging.NOTSET)
    for name in ("uvicorn.access", "urllib3", "google", "httpx", "pdfminer"):
        logging.getLogger(name).setLevel(logging.WARNING)
