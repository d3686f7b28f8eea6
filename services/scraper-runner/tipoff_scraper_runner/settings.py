"""Settings of the scraper-runner."""

from pathlib import Path

from pydantic import Field, SecretStr, model_validator

from tipoff_common.settings import ServiceSettings

SCRAPERS = Path("services/scraper-runner/scrapers")


class RunnerSettings(ServiceSettings):
    """What the runner needs beyond what every service needs."""

    scrapers_dir: Path = Field(default=SCRAPERS, description="folder of <source>/<name>/scraper.yaml")
    upstream_url: str | None = Field(
        default=None, description="stand-in for every source, local environment only: <url>/<host>/<path>"
    )

    max_instances: int = Field(
        default=1,
        ge=1,
        description="how many runners there are at most: each takes that part of a source's rate limit",
    )
    proxy_url: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="HTTP proxy towards the sources, with its password if it has one",
    )

    @model_validator(mode="after")
    def _sources_are_real(self) -> "RunnerSettings":
        if self.upstream_url and self.environment != "local":
            raise ValueError("TIPOFF_UPSTREAM_URL is for the local environment only; unset it")
        return self
