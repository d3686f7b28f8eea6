"""Settings of the controller."""

from pathlib import Path

from pydantic import Field

from tipoff_common.settings import ServiceSettings


class ControllerSettings(ServiceSettings):
    """Settings of the controller beyond those of every service."""

    workflows_file: Path = Field(default=Path("config/workflows.yaml"), description="file of the workflows")
    ticks_file: Path = Field(default=Path("infra/ticks.yaml"), description="when ticks fire")
    scrapers: str = Field(
        default="services/scraper-runner/scrapers",
        description="folder or importable package of <source>/<name>/scraper.yaml",
    )
