"""The guide `docs/how-to/add-a-scraper.md`, followed command by command in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tipoff_cli.checkout import REPOSITORY
from tipoff_common.catalog import RetryPolicy
from tipoff_planning.workflows import Workflow
from tipoff_scraper_runner.errors import SourceChanged, Undecodable

PAGE = REPOSITORY / "docs/how-to/add-a-scraper.md"
PARTS = (
    "libs",
    "cli",
    "devtools",
    "services",
    "tests",
    "config",
    "infra",
    "queries",
    "schemas",
    "docs",
    "docker-compose.yaml",
    "pyproject.toml",
)
PACKAGES = tuple(
    path.parent.relative_to(REPOSITORY)
    for pattern in ("*/pyproject.toml", "libs/*/pyproject.toml", "services/*/pyproject.toml")
    for path in REPOSITORY.glob(pattern)
)
UNUSED = ("-p", "no:schemathesis")
"""A pytest plugin that the page does not need: importing it takes half of pytest's time here."""
PROGRAMS = {
    "tipoff": [sys.executable, "-m", "tipoff_cli"],
    "pytest": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *UNUSED],
    "make generate": [sys.executable, "-m", "tipoff_dev.generate"],
}
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    # Copy the bytecode as well, which is valid at another place, except files that a process is writing.
    leave = shutil.ignore_patterns("*.pyc.*", "*.egg-info")
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=leave)
        else:
            shutil.copy(source, root / part)
    return root


def command(line: str) -> list[str]:
    for name, program in PROGRAMS.items():
        if line == name or line.startswith(f"{name} "):
            return [*program, *line.removeprefix(name).split()]
    raise AssertionError(f"the test does not know how to run {line!r}")


def run(line: str, root: Path) -> str:
    """Run a command that has to succeed; return its output."""
    paths = os.pathsep.join(str(root / package) for package in PACKAGES)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIPOFF_")}
    done = subprocess.run(
        command(line),
        cwd=root,
        env={**kept, "PYTHONPATH": paths, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tried_as_written(text: str) -> None:
    """Define the page's scraper of a page of HTML, and parse with it."""
    names: dict[str, Any] = {"__name__": "levels"}
    exec(compile(text, str(PAGE), "exec"), names)  # noqa: S102  # the documentation's own lines
    head = '<table class="levels" data-date="2025-01-15"><tr><th>Place</th><th>Metres</th></tr>'
    (record,) = names["parse"](f"{head}<tr><td>Lisbon</td><td>1.5</td></tr></table>".encode(), None).records
    assert (record.place, record.metres) == ("Lisbon", 1.5)
    assert names["parse"](f"{head}</table>".encode(), None).empty_reason
    with pytest.raises(SourceChanged):
        names["parse"](b"<p>no table</p>", None)
    with pytest.raises(Undecodable):
        names["parse"](head.encode(), None)


def test_the_page_can_be_followed(copy: Path) -> None:
    """Follow the page in its order, and write the files that it shows."""
    output: dict[str, str] = {}
    for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        match language:
            case "sh":
                output.update((line, run(line, copy)) for line in text.splitlines())
            case "yaml":
                with (copy / "config/workflows.yaml").open("a", encoding="utf-8") as workflows:
                    workflows.write(f"\n{text}")
            case "json":
                (copy / "payload.json").write_text(text, encoding="utf-8")
            case "python":
                tried_as_written(text)
            case _:
                raise AssertionError(f"the test does not know what to do with {language}")
    assert "passed" in output["pytest tests/unit/scrapers/test_acme_items.py"]
    scraped = output["tipoff scrape acme_items --date 2025-01-15 --from-file payload.json --dry-run"]
    assert "acme_items 2025-01-15: success, 2 records" in scraped
    assert re.search(r"^acme_items +acme +- +acme_items ", output["tipoff scrapers list"], re.MULTILINE)
    assert "docs/reference/scrapers.md: written" in output["make generate"]
    assert "## acme_items" in (copy / "docs/reference/scrapers.md").read_text(encoding="utf-8")


def test_paths_named_on_page_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for path in re.findall(r"`(scrapers/[\w/]+\.py)`", text):
        assert (REPOSITORY / "services/scraper-runner" / path).exists(), path
    for path in re.findall(r"`((?:libs|tests|config)/[\w./]+)`", text):
        assert (REPOSITORY / path).exists() or "acme_items" in path, path


def test_page_states_the_default_numbers_of_tries() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    tries, attempts = RetryPolicy().attempts, 1 + Workflow.model_fields["max_retries"].default
    assert f"sent up to {tries} times in one attempt (`retry: {{ attempts: {tries} }}`)" in text
    assert f"gets up to {attempts} attempts" in text
    assert f"`max_retries`, {attempts - 1} by default" in text
    assert f"gets up to {tries * attempts} requests" in text
