"""Tests of `tipoff logs`: the lines of one run, from files or from Cloud Logging."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.commands.harness import Run
from tipoff_cli.commands import logs

RUN = "0193f6aa-0000-7000-8000-000000000001"


def entry(**fields: Any) -> dict[str, Any]:
    sample = {
        "severity": "INFO",
        "time": "2025-01-15T17:00:00+00:00",
        "message": "scrape ended",
        "service": "scraper-runner",
        "logger": "tipoff_scraper_runner.execution",
        "request_id": RUN,
        "logging.googleapis.com/spanId": "75194bcc1194d769",
        "status": "failed",
    }
    return {**sample, **fields}


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> Run:
    """Return the command in the folder of a stopped stack, whose files are in `logs`."""
    monkeypatch.setattr(logs, "_FOLDER", tmp_path / "logs")
    return partial(run, "logs")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    raised = entry(
        time="2025-01-15T16:59:59+00:00",
        severity="ERROR",
        message="scraper raised an unexpected error",
        exception="Traceback (most recent call last):\n  ...\nKeyError: 'games'",
    )
    other = entry(request_id="0193f6ff-0000-7000-8000-000000000009", message="another run")
    text = "\n".join([json.dumps(entry()), json.dumps(raised), json.dumps(other), "no JSON", '{"cut'])
    (folder / "scraper-runner.log").write_text(text)
    heard = entry(service="controller", time="2025-01-15T17:00:01+00:00", message="execution noted")
    (folder / "controller.log").write_text(json.dumps(heard))
    return folder


TRACE = """Traceback (most recent call last):
  File "/env/lib/python3.11/site-packages/httpx/_client.py", line 1, in get
    raise mapped
httpx.ConnectError: refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/services/tipoff_scraper_runner/execution.py", line 208, in _read
    parsed = job.parse(job.scraper, payload.body, parameters)
             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/app/rivers/gauges/river_levels/scraper.py", line 63, in parse
    level = float(row[7])
                  ~~~^^^
  File "/env/lib/python3.11/site-packages/tipoff_scraper_runner/parsing/json_document.py", line 9, in text
    return row
IndexError: list index out of range
  in row 3
"""


def test_traceback_shows_only_scraper_frames_and_last_error(invoke: Run, files: Path) -> None:
    (files / "scraper-runner.log").write_text(json.dumps(entry(message="failed", exception=TRACE)))
    shown = [it.strip() for it in invoke(RUN).stdout.splitlines()]
    assert shown[1:-1][:5] == [
        'File "/app/rivers/gauges/river_levels/scraper.py", line 63, in parse',
        "level = float(row[7])",
        "~~~^^^",
        "IndexError: list index out of range",
        "in row 3",
    ]
    assert "lines of Tipoff and libraries left out: --full" in " ".join(shown)
    whole = invoke(RUN, "--full").stdout
    assert all(line.strip() in whole for line in TRACE.splitlines())


def test_traceback_without_scraper_frames_is_shown_whole(invoke: Run, files: Path) -> None:
    trace = TRACE.replace("/app/rivers/", "/env/lib/python3.11/site-packages/")
    (files / "scraper-runner.log").write_text(json.dumps(entry(message="failed", exception=trace)))
    assert "httpx.ConnectError: refused" in invoke(RUN).stdout


def test_log_lines_are_sorted_by_time_with_traceback(invoke: Run, files: Path) -> None:
    raised, *trace, ended, noted, where = invoke(RUN).stdout.splitlines()
    assert raised.startswith("2025-01-15 11:59:59 ERROR")
    assert [it.strip() for it in trace] == ["Traceback (most recent call last):", "...", "KeyError: 'games'"]
    assert ended.endswith("scraper-runner scrape ended status=failed"), (
        "without what is for Cloud Logging alone"
    )
    assert "controller execution noted" in noted
    assert str(files) in where


@pytest.mark.usefixtures("files")
def test_id_prefix_selects_run_from_8_characters(invoke: Run) -> None:
    result = json.loads(invoke(RUN[:12], "--json").stdout)
    assert {it["request_id"] for it in result} == {RUN}
    assert "at least 8" in invoke("0193", code=2).stderr


def test_run_without_log_lines_is_reported_with_searched_folder(invoke: Run, files: Path) -> None:
    assert str(files) in invoke("nobody-knows-this", code=1).stderr.replace("\n", "")


def test_missing_stack_is_refused_with_start_command(invoke: Run) -> None:
    assert "tipoff up" in invoke(RUN, code=1).stderr


def test_cloud_logging_is_queried_with_gcloud(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    payload = {name: value for name, value in entry().items() if name not in ("time", "severity", "service")}
    answer = [
        {
            "timestamp": "2025-01-15T17:00:00.123456789Z",
            "severity": "WARNING",
            "resource": {"labels": {"service_name": "scraper-runner"}},
            "jsonPayload": payload,
        }
    ]
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\n/bin/cat {tmp_path}/answer.json\n')
    gcloud.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TIPOFF_PROJECT", "my-project")
    monkeypatch.setenv("TIPOFF_ENVIRONMENT", "prod")
    shown = invoke(RUN, "--days", "3").stdout
    assert "2025-01-15 12:00:00 WARNING scraper-runner scrape ended status=failed" in shown
    arguments = (tmp_path / "arguments").read_text()
    assert f'jsonPayload.request_id:"{RUN}"' in arguments
    assert "--project=my-project --freshness=3d" in arguments


def test_without_gcloud_cloud_logging_cannot_be_read(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TIPOFF_PROJECT", "my-project")
    assert "gcloud is not installed" in invoke(RUN, code=1).stderr


def test_id_is_escaped_in_cloud_logging_filter() -> None:
    assert logs.cloud_filter('x" OR "').count('x\\" OR \\"') == len(logs._IDS)
