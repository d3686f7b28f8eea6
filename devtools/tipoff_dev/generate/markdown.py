"""Common parts of the Markdown documents."""

from collections.abc import Iterable, Sequence


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what would be markup in a cell is made harmless."""
    return "\n".join(_line(row) for row in (heading, ["---"] * len(heading), *rows))


def generated_from(what: str) -> str:
    """Write the comment that says where a file comes from."""
    return f"<!-- Generated from {what} by `make generate`; change it there. -->"


def whole_sentence(line: str, where: str) -> str:
    """Return the line that a table shows alone. Raises ValueError when it stops in mid-sentence."""
    if not line.endswith((".", "?")):
        raise ValueError(f"{where}: {line!r} stops in mid-sentence; end the sentence on the first line")
    return line


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_harmless(cell) for cell in cells)} |"


def _harmless(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|").replace("<", "\\<")
