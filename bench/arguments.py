"""The command line that every benchmark has."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter


def bench_parser(about: str | None) -> ArgumentParser:
    """Begin a benchmark's command line: `about`, its docstring, as its help, and `--json`."""
    # Docstrings have their own lines, usage examples among them, so they are not wrapped anew.
    parser = ArgumentParser(description=about, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser
