"""A new scraper: files that work at once, to be changed piece by piece. `*.txt` are its files, with $name in them."""

import re
from pathlib import Path
from string import Template

_HERE = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
FLEET, TESTS = Path("services/scraper-runner/scrapers"), Path("tests/unit/scrapers")


class Refused(Exception):
    """Nothing was written; the message says why."""


def write_scraper(root: Path, name: str, source: str) -> list[Path]:
    """Writes the scraper and its test below the repository `root`; the files, relative to it.

    Raises:
        Refused: no such repository, a name that cannot be one or is taken, or a file that would be replaced.
    """
    for what in (name, source):
        if not _NAME.fullmatch(what):
            raise Refused(f"'{what}' is no name; write small letters, digits and _, and a letter first")
    if not (root / FLEET).is_dir() or not (root / TESTS).is_dir():
        raise Refused(f"{root} has no {FLEET} and {TESTS}; name the repository's folder with --folder")
    taken = [path.parent.relative_to(root) for path in (root / FLEET).glob(f"*/{name}/*")]
    if taken:
        raise Refused(
            f"scraper '{name}' is there already, in {taken[0]}; a name is the only name of a scraper"
        )
    texts = _texts(name, source)
    if not (root / FLEET / source / "__init__.py").exists():
        texts[FLEET / source / "__init__.py"] = _filled("source.txt", name, source)
    if there := [path for path in texts if (root / path).exists()]:
        raise Refused(f"{there[0]} is there already; move it or choose another name")
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return sorted(texts)


def _texts(name: str, source: str) -> dict[Path, str]:
    folder = FLEET / source / name
    files = {
        folder / "__init__.py": "init.txt",
        folder / "__main__.py": "main.txt",
        folder / "scraper.py": "scraper.txt",
        folder / "scraper.yaml": "description.txt",
        TESTS / f"test_{name}.py": "test.txt",
    }
    return {path: _filled(template, name, source) for path, template in files.items()}


def _filled(template: str, name: str, source: str) -> str:
    values = {
        "name": name,
        "source": source,
        "host": f"api.{source.replace('_', '-')}.example",
        "output": f"{source}/{name}".replace("_", "-"),
    }
    return Template((_HERE / template).read_text(encoding="utf-8")).substitute(values)
