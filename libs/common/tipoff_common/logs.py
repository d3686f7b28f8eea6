"""Logs as one JSON object a line, in the fields that Cloud Logging reads.

Source: https://cloud.google.com/logging/docs/structured-logging
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from tipoff_common.trace import trace_id

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonFormatter(logging.Formatter):
    """Every `extra` of a record becomes a field; exceptions are kept whole."""

    def __init__(self, service: str, version: str, project: str) -> None:
        super().__init__()
        self._fields = {"service": service, "version": version}
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "message": record.getMessage(),
            "logger": record.name,
            **self._fields,
        }
        if (trace := trace_id()) is not None:
            entry["logging.googleapis.com/trace"] = f"projects/{self._project}/traces/{trace}"
        entry.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def configure_logs(service: str, version: str, project: str, stream: TextIO = sys.stdout) -> None:
    """Sends every logger's output to `stream`, uvicorn's too; access lines and client chatter are left out."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(service, version, project))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("uvicorn.access", "urllib3", "google", "httpx", "pdfminer"):
        logging.getLogger(name).setLevel(logging.WARNING)
