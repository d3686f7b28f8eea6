"""Documents that are generated from the code: `python -m tipoff_dev.generate [--check]`.

To add a document, write a function that returns its text and a line in `documents`.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tipoff_cli.checkout import REPOSITORY
from tipoff_common.events import EVENTS
from tipoff_dev.generate.cli_reference import commands
from tipoff_dev.generate.compose import compose
from tipoff_dev.generate.dataset_reference import dataset
from tipoff_dev.generate.json_schemas import (
    alerts_schema,
    event_schema,
    events_index,
    services_schema,
    workflows_schema,
)
from tipoff_dev.generate.scraper_reference import scrapers
from tipoff_dev.generate.settings_reference import configuration
from tipoff_dev.generate.workflows_reference import workflows
from tipoff_dev.grafana.files import grafana_files

Render = Callable[[], str]
_EVENTS_DIR = "docs/reference/events"
_GRAFANA = "infra/grafana"


def documents() -> Mapping[str, Render]:
    """Return the render function of each generated file, by path relative to the repository."""
    schemas = {
        f"{_EVENTS_DIR}/{name}.schema.json": partial(event_schema, model) for name, model in EVENTS.items()
    }
    return {
        **schemas,
        f"{_EVENTS_DIR}/README.md": events_index,
        "docs/reference/cli.md": commands,
        "docs/reference/configuration.md": configuration,
        "docs/reference/dataset.md": dataset,
        "docs/reference/scrapers.md": scrapers,
        "docs/reference/workflows.md": workflows,
        "config/alerts.schema.json": alerts_schema,
        "config/workflows.schema.json": workflows_schema,
        "infra/services.schema.json": services_schema,
        "docker-compose.yaml": compose,
        **{f"{_GRAFANA}/{name}": render for name, render in grafana_files().items()},
    }


def stale(root: Path, rendered: Mapping[str, str]) -> list[str]:
    """Return the files below `root` that are missing, out of date, or no longer generated."""
    differing = [name for name, text in rendered.items() if _text(root / name) != text]
    return sorted(differing + _leftovers(root, rendered))


def write(root: Path, rendered: Mapping[str, str]) -> list[str]:
    """Write the stale files below `root` and remove those no longer generated; return both."""
    changed = stale(root, rendered)
    for name in changed:
        path = root / name
        if name not in rendered:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rendered[name], encoding="utf-8")
    return changed


def main(arguments: Sequence[str] | None = None, root: Path = REPOSITORY) -> int:
    """Write or check the generated files; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tipoff_dev.generate", description="Writes generated files."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    check = parser.parse_args(arguments).check
    rendered = {name: render() for name, render in documents().items()}
    changed = stale(root, rendered) if check else write(root, rendered)
    for name in changed:
        sys.stdout.write(f"{name}: {'stale' if check else 'written' if name in rendered else 'removed'}\n")
    if check and changed:
        sys.stdout.write("remedy: make generate\n")
        return 1
    return 0


def _leftovers(root: Path, rendered: Mapping[str, str]) -> list[str]:
    generated = [*(root / _EVENTS_DIR).glob("*.schema.json"), *(root / _GRAFANA).glob("*/*.json")]
    found = (path.relative_to(root).as_posix() for path in generated)
    return [name for name in found if name not in rendered]


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
