"""All figures of docs/explanation/scaling.md in one run, written into it between its two marks.

    python -m bench.figures [--sizes 50 500 5000] [--print]

Runs `fan_out`, `tick_to_row`, `evaluation` and `cost` one after the other, and fills scaling.md.jinja with their
figures.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.command import bench_parser
from tipoff_cli.checkout import REPOSITORY

DOCUMENT = REPOSITORY / "docs/explanation/scaling.md"
BEGIN = "<!-- Written by bench/figures.py from here -->"
END = "<!-- Written by bench/figures.py to here -->"
EXECUTIONS = (20_000, 1_000_000, 10_000_000)


def figures_of(program: str, *arguments: str) -> Any:
    """Return the JSON that a bench prints as its last line. A bench that misses its aim still reports."""
    print(f"running {program}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", f"bench.{program}", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    return json.loads(done.stdout.splitlines()[-1])


def fill_page(template: str, **figures: Any) -> str:
    """Fill a template of this folder. A missing figure raises UndefinedError."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Markdown
    )
    return environment.get_template(template).render(figures, thousands=lambda number: f"{int(number):,}")


def section(sizes: Sequence[int]) -> str:
    """Run the benches; return everything between the marks."""
    return fill_page(
        "scaling.md.jinja",
        today=datetime.now(UTC).date(),
        fan_out=figures_of("fan_out", "--sizes", *map(str, sizes)),
        largest=str(max(sizes)),
        hops=figures_of("tick_to_row")["measured"],
        evaluations=figures_of("evaluation")["evaluations"],
        cost=figures_of("cost", "--executions", *map(str, EXECUTIONS))["USD a month"],
    )


def main() -> None:
    """Run the benches and print their figures, or write them into the document."""
    parser = bench_parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 500, 5_000])
    parser.add_argument("--print", action="store_true", help="leave the document as it is")
    arguments = parser.parse_args()
    made = f"{BEGIN}\n\n{section(arguments.sizes)}{END}"
    if arguments.print:
        print(made)
        return
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(before + made + after)


if __name__ == "__main__":
    main()
