"""Settings of the monitor."""

from pathlib import Path

from pydantic import Field

from tipoff_common.settings import ServiceSettings


class MonitorSettings(ServiceSettings):
    """Settings of the monitor beyond those of every service. Channels' URLs come from variables of their own, named in
    the rules file."""

    alerts_file: Path = Field(default=Path("config/alerts.yaml"), description="rules, channels and routes")
    workflows_file: Path = Field(default=Path("config/workflows.yaml"), description="what should run when")
    scrapers: str = Field(
        default="services/scraper-runner/scrapers",
        description="folder or importable package of <source>/<name>/scraper.yaml",
    )
    console_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="where people look; stands in notifications"
    )
    # Beside the invokers of Cloud Run, which may act: most who look at a page of today only want to know.
    viewers: tuple[str, ...] = Field(
        default=(),
        description="who may look at the console and change nothing, a JSON list; invokers may do both",
    )
    iap_audience: str | None = Field(
        default=None,
        min_length=1,
        description="audience of Identity-Aware Proxy's assertions, where it stands before the console",
    )
    # Without a default: a guess would send a person's trigger to another environment.
    controller_url: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="the controller that the console triggers and pauses workflows at; without, it offers neither",
    )
