"""A new scraper: working files to start from. The templates are `*.txt`, with $name placeholders."""

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tipoff_cli.checkout import find_fleet
from tipoff_common.fleet_root import MARKER

TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
FLEET, TESTS = Path("services/scraper-runner/scrapers"), Path("tests/unit/scrapers")


class ScaffoldRefused(Exception):
    """The files could not be written and none was; the message gives the reason."""


@dataclass(frozen=True)
class Places:
    """Folders of a repository's scrapers and their tests, relative to its root."""

    scrapers: Path
    tests: Path
    own: bool
    """Whether this is a fleet in its own repository; its scrapers run by `tipoff scrape` only."""

    @classmethod
    def of(cls, root: Path) -> "Places":
        """Read a repository's layout."""
        if not (root / MARKER).is_file():
            return cls(FLEET, TESTS, own=False)
        fleet = find_fleet(root)
        return cls(fleet.scrapers.relative_to(root), fleet.tests.relative_to(root), own=True)


def require_name(text: str) -> None:
    """Raise ScaffoldRefused for a text that cannot be the name of a scraper, a source or a fleet."""
    if not _NAME.fullmatch(text):
        raise ScaffoldRefused(
            f"'{text}' is not a valid name; write small letters, digits and _, and a letter first"
        )


def write_scraper(root: Path, name: str, source: str, *, page: bool = False) -> list[Path]:
    """Write the scraper, its fake and its test below the repository `root`; return the files, relative to it.

    page: for a source that is an HTML page with a table, not JSON.

    Raises:
        ScaffoldRefused: no such repository, a name that is invalid or taken, or a file that would be replaced.
    """
    require_name(name)
    require_name(source)
    places = Places.of(root)
    if not (root / places.scrapers).is_dir() or not (root / places.tests).is_dir():
        raise ScaffoldRefused(
            f"{root} has no {places.scrapers} and {places.tests}; name the repository's folder with --folder"
        )
    taken = [path.parent.relative_to(root) for path in (root / places.scrapers).glob(f"*/{name}/*")]
    if taken:
        raise ScaffoldRefused(f"scraper '{name}' exists already, in {taken[0]}; choose another name")
    texts = _texts(places, name, source, page=page)
    folder = places.scrapers / source
    if not (root / folder / "__init__.py").exists():
        texts[folder / "__init__.py"] = fill("source.txt", **_values(name, source))
    # A host has one fake, and all scrapers of a source share its host.
    if (root / folder / "fake.py").exists():
        del texts[folder / "fake.py"]
    if there := [path for path in texts if (root / path).exists()]:
        raise ScaffoldRefused(f"{there[0]} exists already; move it or choose another name")
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return sorted(texts)


def _texts(places: Places, name: str, source: str, *, page: bool) -> dict[Path, str]:
    folder, kind = places.scrapers / source / name, "_page" if page else ""
    files = {
        folder / "__init__.py": "init.txt",
        folder / "scraper.py": f"scraper{kind}.txt",
        folder / "scraper.yaml": "description.txt",
        folder.parent / "fake.py": f"fake{kind}.txt",
        places.tests / f"test_{name}.py": f"test{kind}.txt",
    }
    if not places.own:
        files[folder / "__main__.py"] = "main.txt"
    values = {**_values(name, source), "format": "HTML" if page else "JSON"}
    return {path: fill(template, **values) for path, template in files.items()}


def _values(name: str, source: str) -> dict[str, str]:
    return {
        "name": name,
        "source": source,
        "host": f"api.{source.replace('_', '-')}.example",
        "output": f"{source}/{name}".replace("_", "-"),
    }


def fill(template: str, **values: str) -> str:
    """Fill in a template."""
    return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)
