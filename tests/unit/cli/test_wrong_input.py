"""Tests of mistyped options and variables: the error names the input and the remedy."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from tipoff_cli import service_client
from tipoff_cli.main import app
from tipoff_common.clock import fleet_zone

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Name a deployment in the environment; its bucket accepts connections, its other services do not."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as bucket:
        values = {
            "TIPOFF_PROJECT": "p",
            "TIPOFF_CONTROLLER_URL": NOWHERE,
            "TIPOFF_MONITOR_URL": NOWHERE,
            "TIPOFF_DEVELOPMENT_KEY": "key",
            "BIGQUERY_EMULATOR_HOST": NOWHERE,
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{bucket.getsockname()[1]}",
            "COLUMNS": "500",
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        fleet_zone.cache_clear()
        yield
        fleet_zone.cache_clear()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ("trigger", "w", "--idempotency-key", "schlüssel"),
            2,
            "'schlüssel' has characters that a header",
        ),
        (
            ("query", "heartbeats", "--param", "as_of=0001-01-01T00:00:00+05:00"),
            2,
            "is not a valid TIMESTAMP for 'as_of': 0001-01-01T00:00:00+05:00 is outside the years 2000 to 2100",
        ),
        (("query", "heartbeats", "--param", "as_of=2025-01-15"), 2, "add Z or an offset such as -05:00"),
        (("files", "cat", "gs://bucket/.."), 2, "'gs://bucket/..' cannot be a file"),
        (("files", "cat", "gs://-/x"), 2, "'-' is not the name of a bucket"),
        (("trace", "\udcff"), 2, r"'\udcff' is not UTF-8 text"),
        (("schedule", "--scrapers", "a" * 300), 1, "cannot be read: File name too long"),
        (("status", "--watch", "99999999999"), 2, "--watch"),
        (("init", "a" * 300), 1, "File name too long"),
        (("scrapers", "new", "x", "--source", "s", "--folder", "a" * 300), 1, "File name too long"),
    ],
)
def test_unusable_argument_is_named(words: tuple[str, ...], code: int, message: str) -> None:
    refused(words, code, message)


ZONE = "Amerika/New_York' is not a known zone; did you mean 'America/New_York'"


@pytest.mark.parametrize(
    ("words", "variable", "value", "code", "message"),
    [
        (("query", "heartbeats"), "BIGQUERY_EMULATOR_HOST", "localhost:abc", 1, "write one such as localhost:9050"),
        (("query", "heartbeats"), "BIGQUERY_EMULATOR_HOST", "http://[::1", 1, "write one such as localhost:9050"),
        (("query", "heartbeats"), "BIGQUERY_EMULATOR_HOST", f"{'a' * 70}.example", 1, "is not an address"),
        (("trigger", "w"), "TIPOFF_CONTROLLER_URL", "http://localhost:abc", 1, "is not a usable URL"),
        (("trigger", "w"), "TIPOFF_CONTROLLER_URL", "localhost:8081", 1, "is not a usable URL"),
        (("alerts", "list"), "TIPOFF_MONITOR_URL", f"http://{'a' * 70}.example", 1, "is not a usable URL"),
        (("alerts", "list"), "TIPOFF_DEVELOPMENT_KEY", "schlüssel", 1, "has characters that a header cannot carry"),
        (("status",), "TIPOFF_TIMEZONE", "Amerika/New_York", 1, ZONE),
        (("trace", "x"), "TIPOFF_TIMEZONE", "Amerika/New_York", 1, ZONE),
        (("trigger", "w"), "TIPOFF_TIMEZONE", "Amerika/New_York", 1, ZONE),
        (("status", "--as-of", "today 13:00"), "TIPOFF_TIMEZONE", "Amerika/New_York", 1, ZONE),
    ],
)  # fmt: skip
def test_unusable_variable_is_named(
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    variable: str,
    value: str,
    code: int,
    message: str,
) -> None:
    monkeypatch.setenv(variable, value)
    assert variable in refused(words, code, message)


def test_web_page_is_refused_as_controller_response(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy may return its sign-in page, or another server may run at a mistyped address."""
    page = httpx.MockTransport(lambda _: httpx.Response(200, html="<html>Sign in</html>"))
    monkeypatch.setattr(service_client, "client", lambda: httpx.Client(transport=page))
    assert "TIPOFF_CONTROLLER_URL" in refused(("trigger", "w"), 1, "serves a web page, not the controller")


@pytest.mark.parametrize("address", ["foo", "ftp://127.0.0.1", NOWHERE, "http://localhost:9"])
def test_no_identity_token_is_requested_for_local_or_invalid_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str
) -> None:
    """gcloud's error about the token did not mention the mistyped variable."""
    monkeypatch.delenv("TIPOFF_DEVELOPMENT_KEY")
    monkeypatch.setenv("PATH", str(tmp_path))  # no gcloud there
    monkeypatch.setenv("TIPOFF_CONTROLLER_URL", address)
    remedy = "cannot connect to the controller" if "http" in address else "neither http:// nor https://"
    for words in (("trigger", "w"), ("pauses",)):
        assert "TIPOFF_CONTROLLER_URL of the environment" in refused(words, 1, remedy)
    refused(("status",), 3, remedy)


OTHER = {"status": "ok"}


@pytest.mark.parametrize(
    ("words", "code", "service"),
    [
        (("status",), 3, "CONTROLLER"),
        (("trigger", "w"), 1, "CONTROLLER"),
        (("pause", "w", "--why", "x"), 1, "CONTROLLER"),
        (("resume", "w"), 1, "CONTROLLER"),
        (("pauses",), 1, "CONTROLLER"),
        (("alerts", "list"), 1, "MONITOR"),
        (("alerts", "routes"), 1, "MONITOR"),
        (("alerts", "ack", "a/b"), 1, "MONITOR"),
    ],
)
@pytest.mark.parametrize("body", [OTHER, [OTHER], [1], "text"])
def test_response_of_other_server_is_refused(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, service: str, body: object
) -> None:
    """A server at a mistyped address may return JSON of another shape."""
    other = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    monkeypatch.setattr(service_client, "client", lambda: httpx.Client(transport=other))
    message = f"{NOWHERE} is not a Tipoff {service.lower()}"
    assert f"correct TIPOFF_{service}_URL" in refused(words, code, message)


def refused(words: tuple[str, ...], code: int, message: str) -> str:
    """Run a command that exits with this code and prints `message`; return its output."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code == code, (result.output, result.exception)
    # Usage errors are wrapped within a frame.
    printed = " ".join(result.output.replace("│", " ").split())
    assert message in printed
    return printed


@pytest.mark.parametrize("words", [("status",), ("trace", "x"), ("validate",)])
def test_mistyped_fleet_zone_is_reported_without_traceback(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "tipoff.toml").write_text('name = "rivers"\n')
    (tmp_path / "config").mkdir()
    (tmp_path / "config/workflows.yaml").write_text("timezone: Amerika/New_York\nworkflows: {}\n")
    done = subprocess.run(
        [sys.executable, "-m", "tipoff_cli", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "not a known zone; did you mean 'America/New_York'" in done.stdout + done.stderr
    assert "workflows.yaml" in done.stdout + done.stderr
