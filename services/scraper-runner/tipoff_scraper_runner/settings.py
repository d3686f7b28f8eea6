"""Settings of the scraper-runner."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from tipoff_common.settings import ServiceSettings
from tipoff_scraper_runner.secret_redactor import MIN_LENGTH, proxy_credential


class RunnerSettings(ServiceSettings):
    """Settings of the runner beyond those of every service."""

    scrapers: str = Field(
        default="scrapers",
        description="folder or importable package of <source>/<name>/scraper.yaml with a scraper.py beside each",
    )
    fake_sources: dict[str, str] = Field(
        default_factory=dict,
        description=(
            "JSON map from a source's host to the fake that answers for it, local environment only;"
            " requests to every other host go to the host itself"
        ),
    )

    concurrency: int = Field(
        default=8,
        ge=1,
        le=1000,
        description="requests handled at the same time; infra/services.yaml gives an instance as many",
    )
    max_instances: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="maximum number of runner instances: each takes an equal part of a source's rate limit",
    )
    proxy_url: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="HTTP proxy towards the sources, with its password if it has one",
    )

    @field_validator("proxy_url")
    @classmethod
    def _proxy_is_an_address(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse a malformed address at start: the HTTP client's own message would repeat the password."""
        if value is None:
            return None
        try:
            parts = urlsplit(value.get_secret_value())
            # `port` raises ValueError when it is no number, hence within the try.
            good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
            credential = proxy_credential(value.get_secret_value())
        except ValueError:
            good, credential = None, ""
        if not good:
            raise ValueError(
                "not an address; write http://USER:PASSWORD@HOST:PORT, escaping / : @ in the password"
            )
        if credential and len(credential.rpartition(":")[2]) < MIN_LENGTH:
            raise ValueError(
                f"the password has fewer than {MIN_LENGTH} characters, too few to redact it in logs; use a longer one"
            )
        return value

    @model_validator(mode="after")
    def _sources_are_real(self) -> "RunnerSettings":
        # In production a fake's response would be landed as the source's.
        if self.fake_sources and self.environment != "local":
            raise ValueError("TIPOFF_FAKE_SOURCES is for the local environment only; unset it")
        return self
