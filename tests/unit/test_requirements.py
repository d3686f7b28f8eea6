"""Tests of the pinned requirements: services use the developer's versions, and no file names a package index."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in REPOSITORY.glob("services/*/requirements.txt"))
COMMITTED = sorted(
    str(path.relative_to(REPOSITORY))
    for pattern in ("*requirements*.txt", "[bdis]*/**/*requirements*.txt", "bench/peers/requirements/*.txt")
    for path in REPOSITORY.glob(pattern)
    if not {"build", "templates"} & set(path.relative_to(REPOSITORY).parts)
)
"""Every file of pins: in the root, bench, docs, devtools, infra and services. A fleet's own file only has Tipoff."""
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
ENTRY = re.compile(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[^\s;@/]+( ; [^#@/]+?)?( +--hash=sha256:[0-9a-f]{64})+\s*")
COMMENT = re.compile(r"\s*#[\w .,()\[\]/-]*:?")
"""The origin of a package, or a heading. No URL matches, as a colon is only allowed at the end."""


def test_the_audit_covers_every_file_of_pins_but_the_peers() -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "audit"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    (loop,) = re.findall(r"for file in (.+?); do", shown.stdout)
    assert sorted(loop.split()) == [file for file in COMMITTED if not file.startswith("bench/peers/")]


def pins(requirements: Path) -> dict[str, str]:
    return dict(PIN.findall(requirements.read_text(encoding="utf-8")))


def requirements_of(service: str) -> Path:
    return REPOSITORY / "services" / service / "requirements.txt"


def test_every_service_has_pinned_requirements() -> None:
    assert sorted(path.parent.name for path in REPOSITORY.glob("services/*/pyproject.toml")) == SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_service_pins_match_the_developers_pins(service: str) -> None:
    developers = pins(REPOSITORY / "requirements-dev.txt")
    own = pins(requirements_of(service))
    assert own
    assert {name: (version, developers.get(name)) for name, version in own.items()} == {
        name: (version, version) for name, version in own.items()
    }


@pytest.mark.parametrize("file", COMMITTED)
def test_every_line_is_a_pin_with_hashes_and_names_no_index_and_no_host(file: str) -> None:
    text = (REPOSITORY / file).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    assert [line for line in lines if not ENTRY.fullmatch(line) and not COMMENT.fullmatch(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        "-i here",
        "-f /wheels",
        "a @ there",
        "a==1",
        "a==1 --hash=sha256:12",
        "# via host:port/a",
    ],
)
def test_line_with_a_location_or_without_a_hash_is_found(line: str) -> None:
    assert not ENTRY.fullmatch(line) and not COMMENT.fullmatch(line)


def test_all_packages_read_the_version_from_tipoff_common() -> None:
    """Each package reads the version from the same place as the services."""
    source = REPOSITORY / "libs/common/tipoff_common/__init__.py"
    projects = [
        path
        for pattern in ("*", "libs/*", "services/*")
        for path in REPOSITORY.glob(f"{pattern}/pyproject.toml")
    ]
    assert projects
    for project in projects:
        described = tomllib.loads(project.read_text(encoding="utf-8"))
        assert "version" not in described["project"], project
        assert (project.parent / described["tool"]["hatch"]["version"]["path"]).resolve() == source, project
