"""Tests of a scraper's command line, with the exit codes 0 success, 3 not published yet, 1 failed, 2 wrong usage."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import httpx
import pytest

from tests.support.scrapers import FLEET
from tests.unit.runner.bench import Bench
from tipoff_common.clock import business_date
from tipoff_common.events import ScrapeExecuted, Source
from tipoff_common.wall_clock import wall_now
from tipoff_dataset.files import declared_tables
from tipoff_scraper_runner import cli

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _nothing_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("TIPOFF_"):
            monkeypatch.delenv(name)


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    path = tmp_path / "payload.txt"
    path.write_text("a\nb\nc\n")
    return path


def run(*arguments: str, name: str = "lines", scrapers: Path = FLEET) -> int:
    """Run the command line and return its exit code."""
    try:
        return cli.main(name, arguments, scrapers=scrapers, stack=Path("stack.env"))
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("a\nb\nc\n", 0, "lines 2025-01-15: success, 3 records in "),
        ("a\nodd: x\nodd: y\nb\nc\n", 0, "lines 2025-01-15: success, 3 records, 2 set aside in "),
        ("empty: nobody has submitted\n", 3, "lines 2025-01-15: no_data, nobody has submitted"),
        ("", 1, "lines 2025-01-15: failed (source_changed), 0 records; between 2 and 4 are expected"),
        (
            "about: 2025-01-14\na\nb\n",
            3,
            "no_data, requested 2025-01-15, but the document is still that of 2025-01-14",
        ),
        ("about: 2025-01-16\na\nb\n", 1, "requested 2025-01-15, but the document is about 2025-01-16"),
    ],
    ids=["got it", "got a part", "not yet", "failed", "an earlier day", "a later day"],
)
def test_exit_code_reflects_outcome(
    payload: Path, capsys: Captured, content: str, code: int, message: str
) -> None:
    payload.write_text(content)
    assert run("--date", "2025-01-15", "--from-file", str(payload)) == code
    printed = capsys.readouterr()
    assert message in printed.out
    assert printed.err == "not logged: parsed from a file\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--date", "soon"], "'soon' is not a date; write 2025-01-15 or 20250115, or today"),
        (["--date", "1850-01-15"], "1850-01-15 is out of range; dates are from 1946-11-01 to 2100-01-01"),
        (["--colour", "red"], "unrecognized arguments: --colour red"),
        (["--gamedat", "2025-01-15"], "unrecognized arguments: --gamedat 2025-01-15"),
        (
            ["--from-file", "nowhere.txt"],
            "--from-file: nowhere.txt cannot be read: No such file or directory",
        ),
    ],
)
def test_wrong_usage_exits_2_with_the_fault(capsys: Captured, arguments: list[str], message: str) -> None:
    assert run(*arguments) == cli.EXIT_USAGE
    assert message in capsys.readouterr().err


def test_unknown_scraper_is_wrong_usage_with_known_scrapers(capsys: Captured) -> None:
    assert run(name="rows") == cli.EXIT_USAGE
    assert capsys.readouterr().err == "no scraper 'rows'; there are lines\n"


def test_invalid_fleet_is_wrong_usage(tmp_path: Path, capsys: Captured) -> None:
    assert run(scrapers=tmp_path) == cli.EXIT_USAGE
    assert "no <source>/<name>/scraper.yaml below it" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--game-date", "--game_date", "--gamedate", "--date"])
@pytest.mark.parametrize("day", ["2025-01-15", "20250115"])
def test_date_option_has_aliases_and_two_formats(
    payload: Path, capsys: Captured, flag: str, day: str
) -> None:
    """Only the command line has aliases of the date's name (see "One date had three names" in
    docs/explanation/incidents.md)."""
    assert run(flag, day, "--from-file", str(payload), "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["game_date"], row["opts"]) == ("2025-01-15", {"game_date": "2025-01-15"})


def test_date_defaults_to_business_day(payload: Path, capsys: Captured) -> None:
    before = business_date(wall_now())
    run("--from-file", str(payload), "--json")
    after = business_date(wall_now())
    assert json.loads(capsys.readouterr().out)["game_date"] in {before.isoformat(), after.isoformat()}


def test_json_output_is_the_execution_log_row(payload: Path, capsys: Captured) -> None:
    assert run("--date", "2025-01-15", "--dry-run", "--from-file", str(payload), "--json") == 0
    printed = capsys.readouterr()
    row = json.loads(printed.out)
    assert list(row) == [field.name for field in declared_tables()["scraper_execution_log"].fields]
    assert (row["scraper_name"], row["status"], row["source"]) == ("lines", "success", "LOCAL")
    assert row["data_summary"]["record_count"] == 3
    assert printed.err == "not logged: dry run\n"


@pytest.mark.parametrize(("raises", "code"), [("not_published", 3), ("blocked", 1), ("surprise", 1)])
def test_run_without_bus_is_reported_as_not_logged(capsys: Captured, raises: str, code: int) -> None:
    assert run("--date", "2025-01-15", "--raises", raises) == code
    output = capsys.readouterr().err
    assert output.startswith("not logged: no bus is reachable (")
    assert "`tipoff up` starts one" in output


def test_unusable_configured_stack_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    """With a stack's environment in another folder, the command must not fetch from the real source."""
    for name in ("PROJECT", "DATA_BUCKET", "STATE_BUCKET", "DEVELOPMENT_KEY"):
        monkeypatch.setenv(f"TIPOFF_{name}", "x")
    monkeypatch.setenv("TIPOFF_ENVIRONMENT", "local")
    assert run("--date", "2025-01-15", "--raises", "not_published") == cli.EXIT_USAGE
    output = capsys.readouterr().err
    assert "infra/topics.yaml: cannot be read" in output
    assert "--dry-run" in output


def test_run_with_bus_is_logged_with_source_local(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(cli, "connect", lambda _registry, _stack: bench.deps())
    assert run("--date", "2025-01-15") == 0
    (executed,) = bench.bus.of(ScrapeExecuted)
    assert executed.source is Source.LOCAL
    printed = capsys.readouterr()
    assert printed.err == f"logged with source LOCAL as {executed.execution_id}\n"
    assert "3 records" in printed.out
    assert "gs://data/fixtures/lines/2025-01-15/" in printed.out


@pytest.mark.parametrize("part", ["bus", "bucket"])
def test_outage_after_fetch_is_reported_without_second_fetch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: Captured, part: str
) -> None:
    def source(_request: httpx.Request) -> httpx.Response:
        if part == "bus":
            bench.bus.capacity = 0
        else:
            bench.data.down = True
        return httpx.Response(200, text="a\nb\nc\n")

    bench.source = source
    monkeypatch.setattr(cli, "connect", lambda _registry, _stack: bench.deps())
    # Another fetch would use this client.
    monkeypatch.setattr(cli, "http_opener", lambda: bench.open_http)
    assert run("--date", "2025-01-15") == cli.EXIT_FAILED
    assert len(bench.requested_urls) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"the {part} is down" in printed.err or f"{part} data is down" in printed.err
    assert "tipoff up" not in printed.err, "there is a stack"


def test_user_without_name_is_recorded_by_uid(
    payload: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """A container with an arbitrary user id has no entry for it in /etc/passwd."""
    monkeypatch.setattr("getpass.getuser", Mock(side_effect=KeyError("getpwuid(): uid not found: 4711")))
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert run("--date", "2025-01-15", "--from-file", str(payload), "--json") == 0
    assert json.loads(capsys.readouterr().out)["triggered_by"] == "uid 4711"


def test_module_finds_stack_of_its_fleet_from_subfolder(tmp_path: Path) -> None:
    """The stack there is unusable, so the command reports it and requests no source."""
    (tmp_path / "tipoff.toml").write_text('name = "scrapers"\n')
    (tmp_path / ".tipoff").mkdir()
    (tmp_path / ".tipoff/stack.env").write_text("TIPOFF_PROJECT=somewhere\n")
    below = tmp_path / "config/below"
    below.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "scrapers.espn.espn_scoreboard", "--date", "2025-01-15"],
        cwd=below,
        env={name: value for name, value in os.environ.items() if not name.startswith("TIPOFF_")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == cli.EXIT_USAGE, done.stderr
    assert "TIPOFF_DATA_BUCKET: missing" in done.stderr


@pytest.fixture
def rivers(tmp_path: Path) -> Path:
    """Return the root of a separate repository with a fleet called rivers."""
    root = tmp_path / "repository"
    shutil.copytree(FLEET, root / "rivers")
    (root / "rivers/fixtures/lines/__main__.py").write_text(
        'from tipoff_scraper_runner.cli import run_module\n\nrun_module("lines")\n'
    )
    return root


def run_rivers(root: Path, cwd: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TIPOFF_")}
    return subprocess.run(
        [sys.executable, "-m", "rivers.fixtures.lines", *arguments],
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(root), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_module_of_fleet_in_separate_repository_is_found(rivers: Path) -> None:
    done = run_rivers(rivers, rivers, "--help")
    assert done.returncode == 0, done.stderr
    assert "--raises STRING" in done.stdout


def test_fleet_uses_its_own_stack_within_another_fleets_folder(rivers: Path, tmp_path: Path) -> None:
    """Otherwise the scrape would be written to the bus, bucket and dataset of another fleet."""
    for root, project in ((rivers, "ours"), (tmp_path / "theirs", "theirs")):
        (root / ".tipoff").mkdir(parents=True)
        (root / "tipoff.toml").write_text('name = "rivers"\n')
        # Both are unusable, and the error names their variables, so no source is requested.
        (root / ".tipoff/stack.env").write_text(
            "TIPOFF_PROJECT=p\n" if project == "ours" else "TIPOFF_DATA_BUCKET=b\n"
        )
    done = run_rivers(rivers, tmp_path / "theirs", "--date", "2025-01-15")
    assert done.returncode == cli.EXIT_USAGE, done.stderr
    assert "TIPOFF_DATA_BUCKET: missing" in done.stderr
    assert "TIPOFF_PROJECT: missing" not in done.stderr


def test_an_unknown_zone_is_wrong_usage(rivers: Path) -> None:
    done = run_rivers(rivers, rivers, "--date", "2025-01-15", TIPOFF_TIMEZONE="Amerika/New_York")
    assert done.returncode == cli.EXIT_USAGE, done.stderr
    assert "'Amerika/New_York' is not a known zone" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_parameters_and_exit_codes(capsys: Captured) -> None:
    assert run("--help") == 0
    output = capsys.readouterr().out
    assert "--raises STRING" in output
    assert "0 success, 3 not published yet, 1 failed, 2 wrong usage" in " ".join(output.split())
