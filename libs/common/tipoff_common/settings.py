"""Settings from TIPOFF_* environment variables, checked once at start.

A missing, malformed or unknown variable ends the process with the variable's name before it serves a request.
"""

import os
import sys
from pathlib import Path
from typing import Literal, NoReturn, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableVariable

from tipoff_common.clock import EASTERN, ZoneKey
from tipoff_common.faults import describe
from tipoff_common.ports import DATASET

PREFIX = "TIPOFF_"
_COMMAND_VARIABLES = frozenset(
    {"TIPOFF_PUBSUB", "TIPOFF_PHASE2", "TIPOFF_CONTROLLER_URL", "TIPOFF_MONITOR_URL", "TIPOFF_IMPERSONATE"}
)
"""Variables for the local stack and the command line; no service has such a setting."""
_EMULATORS = ("pubsub_emulator_host", "bigquery_emulator_host", "storage_emulator_host")
S = TypeVar("S", bound="ServiceSettings")


class SettingsError(Exception):
    """The environment does not configure this service; the message names each variable and its fault."""


class ServiceSettings(BaseSettings):
    """Settings that every service needs."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", populate_by_name=True)

    environment: Literal["local", "dev", "staging", "prod"] = Field(
        description="deployment, written to every row"
    )
    project: str = Field(min_length=1, description="Google Cloud project")
    data_bucket: str = Field(min_length=1, description="bucket for fetched data")
    state_bucket: str = Field(min_length=1, description="bucket for the services' state")
    dataset: str = Field(
        default=DATASET, pattern=r"^[A-Za-z0-9_]{1,1024}$", description="BigQuery dataset of the fleet"
    )
    timezone: ZoneKey = Field(
        default=EASTERN.key,
        description="zone of the fleet's days and of times for people, an IANA name; that of workflows.yaml",
    )
    topics_file: Path = Field(default=Path("infra/topics.yaml"), description="the topic map")
    host: str = Field(default="0.0.0.0", description="address to listen on; all addresses by default")  # noqa: S104
    port: int = Field(
        default=8080, ge=1, le=65_535, validation_alias="PORT", description="HTTP port; Cloud Run sets PORT"
    )

    concurrency: int = Field(
        default=40,
        ge=1,
        le=1000,
        description="requests handled at the same time; determines the threads and connections to the bucket",
    )

    audience: str | None = Field(
        default=None, min_length=1, description="audience of Google OIDC tokens: the service's URI"
    )
    extra_audiences: tuple[str, ...] = Field(
        default=(), description="further audiences that are accepted, such as a domain's URL, a JSON list"
    )
    push_service_account: str | None = Field(
        default=None, min_length=1, description="account whose tokens Pub/Sub pushes with"
    )
    invokers: tuple[str, ...] = Field(
        default=(),
        description="service accounts and people who may call the routes for manual use, a JSON list",
    )
    scheduler_service_account: str | None = Field(
        default=None, min_length=1, description="Cloud Scheduler's identity"
    )
    cloud_run_checks_signatures: bool = Field(
        default=False,
        description="Cloud Run's invoker check is on: it verifies each token's signature and removes it",
    )
    cloud_run_service: str | None = Field(
        default=None, validation_alias="K_SERVICE", description="set by Cloud Run, and nowhere else"
    )
    cloud_run_revision: str | None = Field(
        default=None, validation_alias="K_REVISION", description="set by Cloud Run: the service and a number"
    )
    cloud_run_configuration: str | None = Field(
        default=None, validation_alias="K_CONFIGURATION", description="set by Cloud Run: the service again"
    )
    commit: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{0,128}$",
        description="git commit that the image was built from, which the image sets",
    )
    calls_per_minute: int = Field(
        default=120,
        ge=1,
        le=6000,
        description="manual calls of one caller, per minute and per burst; each instance counts its own",
    )
    development_key: SecretStr | None = Field(
        default=None, min_length=1, description="replaces OIDC, local environment only"
    )

    otlp_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="base URL of an OpenTelemetry collector (OTLP over HTTP); without it nothing is exported",
    )

    event_time: bool = Field(
        default=False, description="replay a day: ticks state the time; embedded cloud only"
    )
    pubsub_emulator_host: str | None = Field(
        default=None,
        validation_alias="PUBSUB_EMULATOR_HOST",
        description="host:port of an embedded Pub/Sub; Google's variable",
    )
    bigquery_emulator_host: str | None = Field(
        default=None,
        validation_alias="BIGQUERY_EMULATOR_HOST",
        description="URL of an embedded BigQuery; Google's variable",
    )
    storage_emulator_host: str | None = Field(
        default=None,
        validation_alias="STORAGE_EMULATOR_HOST",
        description="URL of an embedded Cloud Storage; Google's variable",
    )

    @model_validator(mode="after")
    def _authentication_is_on(self) -> "ServiceSettings":
        # The only environment without Google's identities, hence with a key.
        if self.environment == "local":
            if self.development_key is None:
                raise ValueError(f"{PREFIX}DEVELOPMENT_KEY is missing; set it for the local environment")
            return self
        if self.development_key is not None:
            raise ValueError(f"{PREFIX}DEVELOPMENT_KEY is for the local environment only; unset it")
        # Both: another account's token for this service would pass the check of the audience.
        for name in ("audience", "push_service_account"):
            if getattr(self, name) is None:
                raise ValueError(f"{PREFIX}{name.upper()} is missing; set it to verify pushes")
        return self

    @model_validator(mode="after")
    def _event_time_is_embedded(self) -> "ServiceSettings":
        # All three: with one real endpoint a replayed day would mix with real data.
        embedded = self.pubsub_emulator_host and self.bigquery_emulator_host and self.storage_emulator_host
        if self.event_time and (self.environment != "local" or not embedded):
            raise ValueError(
                f"{PREFIX}EVENT_TIME is for the local environment on embedded endpoints only; unset it"
            )
        return self

    @model_validator(mode="after")
    def _local_is_local(self) -> "ServiceSettings":
        """Refuse the local environment on Cloud Run, and emulators in any other environment."""
        cloud_run = (self.cloud_run_service, self.cloud_run_revision, self.cloud_run_configuration)
        if self.environment == "local" and any(cloud_run):
            raise ValueError(
                f"{PREFIX}ENVIRONMENT=local is for a developer's machine, but K_SERVICE is set, as on Cloud Run;"
                " set it to dev, staging or prod"
            )
        emulators = [
            variable(name, type(self))
            for name in _EMULATORS
            if getattr(self, name) and self.environment != "local"
        ]
        if emulators:
            raise ValueError(f"{', '.join(emulators)}: for the local environment only; unset them")
        return self

    @model_validator(mode="after")
    def _only_cloud_run_checks_for_us(self) -> "ServiceSettings":
        service, revision = self.cloud_run_service, self.cloud_run_revision or ""
        # https://cloud.google.com/run/docs/container-contract#services-env-vars; a single variable may have been set
        # for another reason. cloud_run.py verifies at the first token that Cloud Run does check.
        on_cloud_run = (
            service and revision.startswith(f"{service}-") and self.cloud_run_configuration == service
        )
        if self.cloud_run_checks_signatures and not on_cloud_run:
            raise ValueError(
                f"{PREFIX}CLOUD_RUN_CHECKS_SIGNATURES is for Cloud Run, which sets K_SERVICE, K_REVISION and"
                " K_CONFIGURATION; unset it"
            )
        if self.cloud_run_checks_signatures and not (self.audience or "").startswith("https://"):
            raise ValueError(
                f"{PREFIX}AUDIENCE has to be the service's https address where"
                f" {PREFIX}CLOUD_RUN_CHECKS_SIGNATURES is set: the service calls it to verify the check"
            )
        return self


def require_settings(service: str, model: type[S]) -> S:
    """Read a service's settings from the environment. Exits with 2 and a message about faulty variables."""
    try:
        return load_settings(model)
    except SettingsError as error:
        refuse_start(service, error)


def refuse_start(service: str, reason: Exception) -> NoReturn:
    """Write the reason to stderr, and exit with 2."""
    sys.stderr.write(f"tipoff {service}: cannot start\n{reason}\n")
    sys.exit(2)


def load_settings(model: type[S]) -> S:
    """Read `model` from the environment.

    Raises:
        SettingsError: naming every missing, malformed or unknown TIPOFF_* variable.
    """
    # A misspelt variable would silently leave its default in force.
    known = {variable(name, model) for name in model.model_fields} | _COMMAND_VARIABLES
    faults = [
        f"{name}: unknown variable; unset it or correct its spelling"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in known
    ]
    try:
        settings = model()
    except ValidationError as error:
        for item in error.errors():
            if not item["loc"]:
                faults.append(item["msg"].removeprefix("Value error, "))
                continue
            # pydantic names the field, or its alias if there is one; the operator needs the variable.
            name = str(item["loc"][0])
            where = name if name.isupper() else variable(name, model)
            faults.append(f"{where}: {'missing; set it' if item['type'] == 'missing' else describe(item)}")
        raise SettingsError("\n".join(faults)) from error
    except UnreadableVariable as error:
        name = next((name for name in model.model_fields if f'"{name}"' in str(error)), "")
        faults.append(f"{variable(name, model)}: {error}; write a JSON list")
        raise SettingsError("\n".join(faults)) from error
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def variable(name: str, model: type[ServiceSettings]) -> str:
    """Return the environment variable that sets the field `name` of `model`."""
    alias = model.model_fields[name].validation_alias if name in model.model_fields else None
    return alias if isinstance(alias, str) else f"{PREFIX}{name.upper()}"
