"""Tests of `tipoff init`: the written files, and no partial result after a refusal."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tipoff_cli.checkout import REPOSITORY, find_fleet, find_shared
from tipoff_cli.errors import CommandFailed
from tipoff_cli.main import app
from tipoff_common.catalog import load_catalog
from tipoff_dev.fakes.sources.hosts import fake_faults
from tipoff_dev.fleet.repository import init_fleet
from tipoff_dev.fleet.scaffold import ScaffoldRefused, write_scraper
from tipoff_planning.loading import load_workflows


def test_new_fleet_validates_and_has_no_games(tmp_path: Path) -> None:
    written = init_fleet(tmp_path / "river-levels", None, "Europe/Berlin")
    fleet = find_fleet(tmp_path / "river-levels" / "tests")
    assert fleet.folder == tmp_path / "river-levels"
    assert (fleet.scrapers.name, fleet.data_bucket) == ("river_levels", "river-levels-data")
    configuration = load_workflows(fleet.workflows, load_catalog(fleet.scrapers))
    assert configuration.file.timezone == "Europe/Berlin"
    assert not configuration.needing_games
    texts = [(fleet.folder / path).read_text().lower() for path in written]
    assert not [text for text in texts if "nba" in text or "game id" in text]


def test_dockerfile_of_new_fleet_is_valid_and_copies_existing_files(tmp_path: Path) -> None:
    init_fleet(tmp_path / "rivers", None, "UTC")
    dockerfile = tmp_path / "rivers/Dockerfile"
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run((hadolint, dockerfile), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    copied = re.findall(r"^COPY (\S+) ", dockerfile.read_text(), re.MULTILINE)
    assert copied
    assert [path for path in copied if not (dockerfile.parent / path).exists()] == []
    # A build must receive only the copied files: no virtual environment and no history of a stack.
    sent = re.findall(r"^!(\S+)$", (dockerfile.parent / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(sent) == sorted(copied)


def test_new_fleet_names_its_dataset_and_time_zone(tmp_path: Path) -> None:
    init_fleet(tmp_path / "rivers", None, "Asia/Tokyo")
    fleet = find_fleet(tmp_path / "rivers")
    assert (fleet.dataset, fleet.timezone) == ("rivers_orchestration", "Asia/Tokyo")
    (tmp_path / "rivers/tipoff.toml").write_text('name = "rivers"\ndataset = "not a name"\n')
    with pytest.raises(CommandFailed, match="dataset is not the name of a dataset"):
        find_fleet(tmp_path / "rivers")


def test_another_scraper_goes_beside_the_first(tmp_path: Path) -> None:
    init_fleet(tmp_path / "rivers", None, "UTC")
    written = write_scraper(tmp_path / "rivers", "rivers_gauges", "example")
    assert Path("rivers/example/rivers_gauges/scraper.py") in written
    assert Path("tests/test_rivers_gauges.py") in written
    assert len(load_catalog(tmp_path / "rivers/rivers")) == 2


def test_new_page_scraper_passes_its_generated_tests(tmp_path: Path) -> None:
    fleet = tmp_path / "rivers"
    init_fleet(fleet, None, "UTC")
    write_scraper(fleet, "river_levels", "gauges", page=True)
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_river_levels.py")
    # A fleet's repository only has pytest; this repository's pytest plugins take longer to import.
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=fleet, env=environ, capture_output=True, text=True, check=False)
    assert "15 passed" in done.stdout, done.stdout
    assert not fake_faults(fleet / "rivers")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("taken",), "exists and is not empty"),
        (("file",), "exists and is not empty"),
        (("new", "--name", "2fast"), "and a letter first; choose another with --name"),
        (
            ("my-tides 2",),
            "the name of the folder 'my-tides 2': 'my_tides 2' is not a valid name; write small letters, digits"
            " and _, and a letter first; choose another with --name",
        ),
        (("json",), "the name of the folder 'json': 'json' is Python's own; choose another with --name"),
        (("new", "--name", "class"), "is Python's own"),
        (("new", "--name", "json"), "is Python's own"),
        (("new", "--name", "pydantic"), "is a package that is installed here"),
        (("new", "--time-zone", "Europe/Berlim"), "did you mean"),
        (("new", "--time-zone", "Sydney"), "did you mean 'Australia/Sydney'?"),
        (("new", "--time-zone", "Nowhere"), "not a known zone"),
    ],
)
def test_refused_init_writes_nothing(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/mine.txt").write_text("mine\n")
    (tmp_path / "file").write_text("mine\n")
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(app, ["init", *arguments])
    assert (result.exit_code, message in result.output) == (1, True), result.output
    assert sorted(tmp_path.rglob("*")) == before


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> list[Path]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tipoff_dev.fleet.repository.write_scraper", fail)
    with pytest.raises(ScaffoldRefused, match="No space left"):
        init_fleet(tmp_path / "rivers", None, "UTC")
    assert list(tmp_path.iterdir()) == []


def test_init_accepts_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "rivers").mkdir()
    assert init_fleet(tmp_path / "rivers", None, "UTC")
    assert [path.name for path in tmp_path.iterdir()] == ["rivers"]


def test_folder_outside_a_fleet_uses_the_checkouts_fleet(tmp_path: Path) -> None:
    assert find_fleet(tmp_path).folder == REPOSITORY


@pytest.mark.parametrize("text", ["", "name = 1\n", 'name = "not a name"\n', "name =\n"])
def test_a_marker_without_a_name_is_refused_with_its_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "tipoff.toml").write_text(text)
    with pytest.raises(CommandFailed, match=r"tipoff\.toml: "):
        find_fleet(tmp_path)


@pytest.mark.parametrize("name", ["config/alerts.yaml", "infra/ticks.yaml"])
def test_file_of_a_fleet_replaces_tipoffs_own(tmp_path: Path, name: str) -> None:
    assert find_shared(name, tmp_path) == REPOSITORY / name
    own = tmp_path / name
    own.parent.mkdir()
    own.write_text("")
    assert find_shared(name, tmp_path) == own


def test_wheel_includes_exactly_the_files_a_fleet_may_replace() -> None:
    """Outside a checkout only the copies in the wheel exist."""
    project = tomllib.loads((REPOSITORY / "cli/pyproject.toml").read_text(encoding="utf-8"))
    brought = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    asked = re.findall(
        r'find_shared\("([^"]+)"', (REPOSITORY / "cli/tipoff_cli/checkout.py").read_text(encoding="utf-8")
    )
    replaceable = {path.removeprefix("tipoff_cli/") for path in brought.values() if "terraform" not in path}
    assert replaceable == set(asked)
    assert all((REPOSITORY / "cli" / path).resolve().exists() for path in brought)
