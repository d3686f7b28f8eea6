"""Tests of the command line's start: imports of each command and texts of its help."""

import errno
import inspect
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import typer
from typer.testing import CliRunner

from tipoff_cli.commands import CommandSpec, all_commands
from tipoff_cli.errors import CommandFailed
from tipoff_cli.main import app
from tipoff_cli.version import version_line
from tipoff_common import __version__
from tipoff_common.ports import PermanentRefusal, Unavailable
from tipoff_common.yaml_source import ConfigurationError

_NEVER_FOR_HELP = {
    "google",
    "grpc",
    "httpx",
    "requests",
    "sqlglot",
    "fastapi",
    "pyarrow",
    "yaml",
    "tipoff_common.events",
}


def imported(*arguments: str) -> set[str]:
    """Run a command in a separate process and return the modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tipoff_cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",)])
def test_help_and_version_import_no_heavy_modules(arguments: tuple[str, ...]) -> None:
    modules = imported(*arguments)
    assert not modules & {"pydantic", "rich", *_NEVER_FOR_HELP}
    assert not {name for name in modules if name.startswith(("tipoff_planning", "tipoff_dataset"))}


@pytest.mark.parametrize("command", ["query", "status", "files list", "dead-letters list", "tables diff"])
def test_a_commands_own_help_imports_no_client(command: str) -> None:
    assert not imported(*command.split(), "--help") & _NEVER_FOR_HELP


def first_line(spec: CommandSpec) -> str:
    """Return the first line of a command's or a group's own help."""
    loaded = spec.load()
    result = loaded.info.help if isinstance(loaded, typer.Typer) else inspect.getdoc(loaded)
    return str(result).splitlines()[0]


@pytest.mark.parametrize("spec", all_commands(), ids=lambda spec: spec.name)
def test_listed_help_is_first_line_of_command_help(spec: CommandSpec) -> None:
    assert spec.help == first_line(spec)


def test_the_version_names_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIPOFF_COMMIT", "0123456789abcdef0123456789abcdef01234567")
    assert version_line() == f"tipoff {__version__} (0123456789ab)"
    assert CliRunner().invoke(app, ["--version"]).stdout.strip() == version_line()


def test_without_a_variable_git_names_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIPOFF_COMMIT", raising=False)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    assert version_line() == f"tipoff {__version__} ({head[:12]})"


def test_unknown_command_is_refused_with_suggestion() -> None:
    result = CliRunner().invoke(app, ["staus"])
    assert result.exit_code == 2
    assert "Did you mean 'status'" in result.output


def test_mistyped_fleet_key_exits_1_without_traceback(tmp_path: Path) -> None:
    (tmp_path / "tipoff.toml").write_text("nme = 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "tipoff_cli", "status"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path / 'tipoff.toml'}: unknown key 'nme'; did you mean 'name'?")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "failure",
    [
        CommandFailed("say why"),
        Unavailable("say why"),
        PermanentRefusal("say why"),
        ConfigurationError(["say why"]),
    ],
)
def test_expected_failure_exits_1_with_reason_only(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tipoff_cli.commands.pause.find_connection", Mock(side_effect=failure))
    result = CliRunner().invoke(app, ["pauses"])
    assert (result.exit_code, result.stderr) == (1, "say why\n")


def test_os_error_exits_1_with_file_and_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "a.json")
    monkeypatch.setattr("tipoff_cli.commands.pause.find_connection", Mock(side_effect=full))
    result = CliRunner().invoke(app, ["pauses"])
    assert (result.exit_code, result.stderr) == (1, "a.json: No space left on device\n")


def test_an_unforeseen_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tipoff_cli.commands.pause.find_connection", Mock(side_effect=LookupError("a bug")))
    result = CliRunner().invoke(app, ["pauses"])
    assert isinstance(result.exception, LookupError)
