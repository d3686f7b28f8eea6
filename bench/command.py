"""The command line that every bench has, and how it reports."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]
"""Figures by name: numbers, rows (a list of mappings, or a mapping of them), and `aims`, true where met."""


def bench_parser(about: str | None) -> ArgumentParser:
    """Begin a bench's command line: `about`, its docstring, as its help, and `--json`."""
    # Docstrings have their own lines, usage examples among them, so they are not wrapped anew.
    parser = ArgumentParser(description=about, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def report(figures: Figures, arguments: Namespace) -> int:
    """Print the figures, as JSON or for people; return the exit code, which is 1 when an aim is missed."""
    aims = figures.get("aims", {})
    if arguments.json:
        print(json.dumps(figures))
    else:
        for line in _lines({name: value for name, value in figures.items() if name != "aims"}):
            print(line)
        for aim, is_met in aims.items():
            print(f"{'met' if is_met else 'MISSED':<8}{aim}")
    return int(not all(aims.values()))


def _lines(figures: Figures, indent: str = "") -> Iterator[str]:
    """Yield a line a figure, a table for rows, and a block for figures within figures."""
    for name, value in figures.items():
        rows = _rows(name, value)
        if rows:
            yield from ("", *table(rows), "")
        elif isinstance(value, Mapping):
            yield f"{indent}{name}"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{name:<32} {_cell(value)}"


def _rows(name: str, value: Any) -> list[Figures]:
    """Return the rows of a table, those of a mapping with their key first; none when a table cannot hold it."""
    rows = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        return []
    if any(isinstance(cell, Mapping) for row in rows for cell in row.values()):
        return []  # figures within figures
    return [{name: key, **row} for key, row in value.items()] if isinstance(value, Mapping) else rows


def table(rows: Sequence[Figures]) -> Iterator[str]:
    """Yield the lines of a table: its first column to the left, the others to the right."""
    heads = list(rows[0])
    cells = [heads, *([_cell(row.get(head)) for head in heads] for row in rows)]
    first, *widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for name, *values in cells:
        yield f"{name:<{first}}" + "".join(
            f"  {value:>{width}}" for value, width in zip(values, widths, strict=True)
        )


def _cell(value: Any) -> str:
    """Return a value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(one)}" for name, one in value.items())
    return str(value)
