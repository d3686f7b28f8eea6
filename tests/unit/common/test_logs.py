"""Tests of log lines in Cloud Logging's format."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import uvicorn

from tipoff_common.logs import JsonFormatter, configure_logs, log_context
from tipoff_common.trace import continue_trace

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CONFIGURED = (
    "",
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "uvicorn.asgi",
    "urllib3",
    "google",
    "httpx",
    "pdfminer",
)


@pytest.fixture
def root_logging() -> Iterator[None]:
    """Restore the root logger and every logger that `configure_logs` or uvicorn changes."""
    loggers = [logging.getLogger(name) for name in CONFIGURED]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


def line(**record: Any) -> dict[str, Any]:
    made = logging.makeLogRecord({"name": "tipoff", "levelname": "INFO", "msg": "hello", **record})
    entry: dict[str, Any] = json.loads(JsonFormatter("logger", "1.2.3", "p").format(made))
    return entry


def test_text_with_unpaired_surrogate_is_logged() -> None:
    made = logging.makeLogRecord({"msg": "team '%s'", "args": ("\ud83d",), "exception": "KeyError: '\udcff'"})
    written = JsonFormatter("logger", "1.2.3", "p").format(made)
    assert json.loads(written.encode())["message"] == "team '\ud83d'"


def test_log_line_has_service_time_message_and_severity() -> None:
    entry = line(levelname="WARNING", msg="%d rows", args=(3,), created=1736960400.0)
    assert {
        name: entry[name] for name in ("severity", "message", "logger", "service", "version", "time")
    } == {
        "severity": "WARNING",
        "message": "3 rows",
        "logger": "tipoff",
        "service": "logger",
        "version": "1.2.3",
        "time": "2025-01-15T17:00:00+00:00",
    }


def test_extras_become_log_fields() -> None:
    entry = line(scraper="lines", day=date(2025, 1, 15), names=["\u0160ari\u0107"])
    assert (entry["scraper"], entry["day"], entry["names"]) == ("lines", "2025-01-15", ["\u0160ari\u0107"])


def test_line_breaks_are_escaped_in_log_line() -> None:
    made = logging.makeLogRecord({"msg": "two\nlines", "detail": "a\nb"})
    assert "\n" not in JsonFormatter("logger", "1", "p").format(made)


def test_log_line_has_whole_traceback() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        entry = line(exc_info=(ValueError, error, error.__traceback__))
    assert "Traceback" in entry["exception"]
    assert entry["exception"].endswith("ValueError: broken")


def test_log_line_has_current_trace() -> None:
    continue_trace(f"00-{TRACE_ID}-b7ad6b7169203331-01")
    assert line()["logging.googleapis.com/trace"] == f"projects/p/traces/{TRACE_ID}"


@pytest.mark.usefixtures("root_logging")
def test_all_loggers_share_one_stream_without_library_chatter() -> None:
    stream = io.StringIO()
    configure_logs("logger", "1.2.3", "p", stream)
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger("uvicorn.access").info("GET /events")
    logging.getLogger("urllib3.connectionpool").info("connection")
    logging.getLogger("tipoff_logger").info("appended", extra={"rows": 3})
    entries = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert [(entry["message"], entry.get("rows")) for entry in entries] == [
        ("started", None),
        ("appended", 3),
    ]


@pytest.mark.usefixtures("root_logging")
def test_configure_logs_resets_level_set_by_uvicorn() -> None:
    uvicorn.Config("never:loaded", log_level="critical")
    assert logging.getLogger("uvicorn.error").level == logging.CRITICAL
    stream = io.StringIO()
    configure_logs("logger", "1.2.3", "p", stream)
    logging.getLogger("uvicorn.error").info("started")
    assert [json.loads(text)["message"] for text in stream.getvalue().splitlines()] == ["started"]


def test_log_context_adds_its_fields_to_lines_within() -> None:
    with log_context(request_id="r-1", decision_id=None):
        entry = line(records=3)
    assert (entry["request_id"], entry["records"]) == ("r-1", 3)
    assert "decision_id" not in entry
    assert "request_id" not in line()


def test_log_context_redacts_every_part_of_a_line() -> None:
    def hide(text: str) -> str:
        return text.replace("s3cret", "***")

    with log_context(hide, request_id="r-1"):
        entry = line(msg="asked with s3cret", urls=["https://x/?key=s3cret"], told={"key": "s3cret", "n": 1})
    assert "s3cret" not in json.dumps(entry)
    assert entry["told"] == {"key": "***", "n": 1}
