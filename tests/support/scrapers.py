"""Descriptions of scrapers for tests, as YAML and as values."""

from pathlib import Path
from typing import Any

import yaml

from tipoff_common.catalog import ScraperSpec

FLEET = Path(__file__).parents[1] / "fixtures/fleet"
"""A small fleet of its own; `lines` counts the lines of its payload and can be made to fail."""


def spec(**fields: Any) -> ScraperSpec:
    """Return the description of a scraper without code, with a timeout of a second."""
    return ScraperSpec.model_validate(
        {
            "name": "sample",
            "description": "a sample",
            "source": "samples",
            "parameters": {"game_date": {"type": "date", "required": True, "description": "the day"}},
            "output": "samples",
            "timeout_seconds": 1.0,
            "rate_limit": {"per_second": 50},
            "retry": {"attempts": 2},
            "assertions": {"min": 1, "max": 10},
            "not_published": "never",
            "needs_games": False,
            **fields,
        }
    )


def spec_data(folder: str, **changes: Any) -> dict[str, Any]:
    """Return the content of a scraper.yaml."""
    sample = {
        "name": folder,
        "description": "Counts lines",
        "source": "fixtures",
        "parameters": {"game_date": {"type": "date", "required": True, "description": "the day"}},
        "output": f"fixtures/{folder}",
        "timeout_seconds": 30,
        "rate_limit": {"per_second": 10},
        "retry": {"attempts": 3},
        "assertions": {"min": 1, "max": 5},
        "not_published": "404",
        "needs_games": False,
    }
    return {**sample, **changes}


def write_spec(fleet: Path, folder: str, *, source_folder: str = "fixtures", **changes: Any) -> Path:
    """Write `<source_folder>/<folder>/scraper.yaml` below `fleet`."""
    path = fleet / source_folder / folder / "scraper.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(spec_data(folder, **changes), sort_keys=False), encoding="utf-8")
    return path
