"""Settings of the monitor."""

from pathlib import Path

from pydantic import Field

from tipoff_common.settings import ServiceSettings


class MonitorSettings(ServiceSettings):
    """Settings of the monitor beyond those of every service. The URLs of channels come from separate variables, which
    the rules file names."""

    alerts_file: Path = Field(default=Path("config/alerts.yaml"), description="rules, channels and routes")
    workflows_file: Path = Field(default=Path("config/workflows.yaml"), description="file of the workflows")
    ticks_file: Path = Field(default=Path("infra/ticks.yaml"), description="when ticks fire")
    scrapers: str = Field(
        default="services/scraper-runner/scrapers",
        description="folder or importable package of <source>/<name>/scraper.yaml",
    )
    console_url: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="the console's address, for links in notifications",
    )
    # In addition to the invokers of Cloud Run, who may act: most readers of the console never act.
    viewers: tuple[str, ...] = Field(
        default=(),
        description="who may read the console without acting, a JSON list; invokers may do both",
    )
    iap_audience: str | None = Field(
        default=None,
        min_length=1,
        description="audience of Identity-Aware Proxy's assertions, when the proxy is in front of the console",
    )
    # No default: a guess could send a person's trigger to another environment.
    controller_url: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="URL of the controller for triggers and pauses from the console; without it, neither is offered",
    )
