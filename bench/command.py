"""The command line and the report of every bench."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

Figures = Mapping[str, Any]
"""Figures by name: numbers, rows (a list of mappings, or a mapping of them), and `aims`, true where met."""


def bench_parser(about: str | None) -> ArgumentParser:
    """Return a parser with `--json`, and with `about`, the bench's docstring, as its help."""
    # Do not wrap the docstring: it has lines of usage examples.
    parser = ArgumentParser(description=about, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def run(bench: Callable[..., Figures]) -> None:
    """Run a bench as a program, print its figures, as JSON or for people, and exit with 1 when an aim is missed.

    bench: each parameter is an option, whose default selects the kind: False a switch, None the path of a file, a tuple
    one or more values.
    """
    parser = bench_parser(sys.modules["__main__"].__doc__)
    for name, parameter in signature(bench).parameters.items():
        option, default = f"--{name.replace('_', '-')}", parameter.default
        if default is False:
            parser.add_argument(option, action="store_true")
        elif default is None:
            parser.add_argument(option, type=Path, metavar="FILE")
        elif isinstance(default, tuple):
            parser.add_argument(option, type=type(default[0]), nargs="+", default=default)
        else:
            parser.add_argument(option, type=type(default), default=default)
    options = vars(parser.parse_args())
    as_json = options.pop("json")
    figures = bench(**options)
    aims = figures.get("aims", {})
    if as_json:
        print(json.dumps(figures))
    else:
        for line in _lines({name: value for name, value in figures.items() if name != "aims"}):
            print(line)
        for aim, is_met in aims.items():
            print(f"{'met' if is_met else 'MISSED':<8}{aim}")
    sys.exit(not all(aims.values()))


def _lines(figures: Figures, indent: str = "") -> Iterator[str]:
    """Yield one line for each figure, a table for rows, and a block for nested figures."""
    for name, value in figures.items():
        rows = _rows(name, value)
        if rows:
            yield from ("", *(f"{indent}{line}" for line in table(rows)), "")
        elif isinstance(value, Mapping):
            yield f"{indent}{name}"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{name:<32} {_cell(value)}"


def _rows(name: str, value: Any) -> list[Figures]:
    """Return the rows of a table, those of a mapping with their key first; empty when the value is no table."""
    rows = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        return []
    if any(isinstance(cell, Mapping) for row in rows for cell in row.values()):
        return []  # nested figures
    return [{name: key, **row} for key, row in value.items()] if isinstance(value, Mapping) else rows


def table(rows: Sequence[Figures]) -> Iterator[str]:
    """Yield the lines of a table: the first column left-aligned, the others right-aligned."""
    heads = list(dict.fromkeys(head for row in rows for head in row))
    cells = [heads, *([_cell(row.get(head)) for head in heads] for row in rows)]
    first, *widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for name, *values in cells:
        yield f"{name:<{first}}" + "".join(
            f"  {value:>{width}}" for value, width in zip(values, widths, strict=True)
        )


def _cell(value: Any) -> str:
    """Format a value for people."""
    if value is None:
        return "-"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(one)}" for name, one in value.items())
    return str(value)
