"""Common parts of the Markdown documents."""

from collections.abc import Iterable, Sequence


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; `|` and `<` in the cells are escaped."""
    return "\n".join(_line(row) for row in (heading, ["---"] * len(heading), *rows))


def generated_from(source: str) -> str:
    """Write the comment that names the origin of a file."""
    return f"<!-- Generated from {source} by `make generate`; change it there. -->"


def whole_sentence(line: str, where: str) -> str:
    """Return the line, which a table shows alone. Raises ValueError when the line is not a whole sentence."""
    if not line.endswith((".", "?")):
        raise ValueError(f"{where}: {line!r} stops in mid-sentence; end the sentence on the first line")
    return line


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|").replace("<", "\\<")
