"""The services' pinned requirements are the developer's, and say nothing of where packages come from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in REPOSITORY.glob("services/*/requirements.txt"))
PINNED = [*(f"services/{service}/requirements.txt" for service in SERVICES), "requirements-audit.txt"]
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
PLACES = re.compile(
    r"^\s*(-i|-f|--(index-url|extra-index-url|find-links|trusted-host|no-index))\b|\w+://|\s@\s", re.MULTILINE
)


def pins(requirements: Path) -> dict[str, str]:
    return dict(PIN.findall(requirements.read_text(encoding="utf-8")))


def requirements_of(service: str) -> Path:
    return REPOSITORY / "services" / service / "requirements.txt"


def test_every_service_has_them() -> None:
    assert sorted(path.parent.name for path in REPOSITORY.glob("services/*/pyproject.toml")) == SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_they_are_among_the_developers_at_the_same_versions(service: str) -> None:
    developers = pins(REPOSITORY / "requirements-dev.txt")
    own = pins(requirements_of(service))
    assert own
    assert {name: (version, developers.get(name)) for name, version in own.items()} == {
        name: (version, version) for name, version in own.items()
    }


@pytest.mark.parametrize("file", PINNED)
def test_they_name_no_index_and_no_host(file: str) -> None:
    assert PLACES.search((REPOSITORY / file).read_text(encoding="utf-8")) is None


@pytest.mark.parametrize("file", PINNED)
def test_every_line_is_a_pin_with_hashes(file: str) -> None:
    text = (REPOSITORY / file).read_text(encoding="utf-8").replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert [line for line in entries if not PIN.match(line) or "--hash=sha256:" not in line] == []


def test_the_version_stands_in_one_place() -> None:
    """Each package reads it where the services read it."""
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
