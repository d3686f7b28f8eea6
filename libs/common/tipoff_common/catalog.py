"""The catalogue of scrapers, read from each `scrapers/<source>/<name>/scraper.yaml`.

The controller reads from it the scrapers and their parameters, the runner how to run them. The registered name is the
only name of a scraper.
"""

import importlib.util
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from tipoff_common.faults import describe
from tipoff_common.files import RESERVED, is_segment
from tipoff_common.yaml_source import ConfigurationError, ConfigurationNode, YamlSource

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Host = Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d+)?$", max_length=200)]
SecretName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]

GAME_DATE = "game_date"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_TYPES: Mapping[str, TypeAdapter[Any]] = {
    "date": TypeAdapter(date),
    "instant": TypeAdapter(AwareDatetime),
    "integer": TypeAdapter(int),
    "string": TypeAdapter(str),
}


class ParameterSpec(ConfigurationNode):
    """One declared parameter. Only declared parameters are accepted, and only they are logged."""

    type: Literal["date", "instant", "integer", "string"]
    required: bool = False
    description: str = Field(min_length=1)


class RateLimit(ConfigurationNode):
    """Pacing per host and runner process."""

    per_second: float = Field(gt=0, le=50)


class RetryPolicy(ConfigurationNode):
    """Transport retries inside one execution; they are counted in `retry_count`."""

    attempts: int = Field(default=3, ge=1, le=6)


class Assertions(ConfigurationNode):
    """Expected volume of a success. A minimum of zero would assert nothing and is refused."""

    min: int = Field(ge=1)
    max: int = Field(ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> "Assertions":
        if self.max < self.min:
            raise ValueError(f"max {self.max} is below min {self.min}; swap them")
        return self


class ScraperSpec(ConfigurationNode):
    """The content of a scraper.yaml: source, parameters, output, limits and assertions of one scraper."""

    name: Name
    description: str = Field(min_length=1)
    source: Name
    parameters: Mapping[str, ParameterSpec]
    output: str = Field(
        pattern=r"^[a-z0-9_-]+(/[a-z0-9_{}-]+)*$",
        description="folder in the data bucket, in which {parameter} stands for a required parameter's value; the "
        "game date comes last unless {game_date} is in it",
    )
    timeout_seconds: float = Field(gt=0, le=540)
    rate_limit: RateLimit
    hosts: tuple[Host, ...] = Field(
        default=(),
        description="the hosts that the scraper cannot do without; while one of them has asked for a pause, the scraper"
        " is not requested. Hosts with a substitute are left out",
    )
    retry: RetryPolicy = RetryPolicy()
    assertions: Assertions
    not_published: str = Field(min_length=1, description="how this source answers before it has published")
    needs_games: bool = Field(description="whether a day without games has nothing to fetch")
    has_past: bool = Field(
        default=True,
        description="whether the source still has the data of past dates; if not, nothing is backfilled",
    )
    secrets: tuple[SecretName, ...] = Field(
        default=(),
        description="secrets that the source needs; each is read from the environment variable of that name",
    )
    fan_out_keys: tuple[Name, ...] = Field(
        default=(), description="keys whose values each success lists, for steps that run once per value"
    )

    @model_validator(mode="after")
    def _game_date_declared(self) -> "ScraperSpec":
        game_date = self.parameters.get(GAME_DATE)
        if game_date is None or game_date.type != "date" or not game_date.required:
            raise ValueError("parameters: declare game_date with type date and required true")
        return self

    @model_validator(mode="after")
    def _output_can_be_filled(self) -> "ScraperSpec":
        # The pattern of the field allows braces anywhere, pairs or not.
        if set("{}") & set(_PLACEHOLDER.sub("", self.output)):
            raise ValueError(f"output: a brace of '{self.output}' is unpaired; write {{parameter}}")
        # Records in these folders would be mistaken for raw payloads or journal entries.
        if self.output.partition("/")[0] in RESERVED:
            raise ValueError(f"output: '{self.output}' begins with a reserved folder; choose another")
        names = _PLACEHOLDER.findall(self.output)
        for name in names:
            declared = self.parameters.get(name)
            if declared is None or not declared.required:
                raise ValueError(
                    f"output: {{{name}}} is not a required parameter; declare it, or leave it out"
                )
        if names and names[0] != GAME_DATE:
            raise ValueError(
                f"output: {{{GAME_DATE}}} has to come before {{{names[0]}}}, so that a day is one listing"
            )
        return self

    def misfit(self, name: str, value: str) -> str | None:
        """Describe the fault of `value` for the declared parameter `name`; None when it fits."""
        kind = self.parameters[name].type
        try:
            _TYPES[kind].validate_python(value)
        except ValidationError as error:
            return f"'{value}' is {describe(error.errors()[0])}"
        # A slash in a value would move the file to another folder.
        if name in self.output_parameters and not is_segment(value):
            return f"'{value}' is not allowed in a path; use letters, digits, '_', '.' and '-'"
        return None

    @property
    def output_template(self) -> str:
        """The folder with a placeholder for each parameter that it depends on; {game_date} always."""
        return self.output if f"{{{GAME_DATE}}}" in self.output else f"{self.output}/{{{GAME_DATE}}}"

    @property
    def output_parameters(self) -> tuple[str, ...]:
        """The parameters whose values stand in the folder."""
        return tuple(_PLACEHOLDER.findall(self.output_template))

    @property
    def output_root(self) -> str:
        """The folder above the game dates."""
        return self.output_template.partition(f"/{{{GAME_DATE}}}")[0]


class Catalog(Mapping[str, ScraperSpec]):
    """All scrapers by name."""

    def __init__(self, specs: Mapping[str, ScraperSpec]) -> None:
        self._specs = dict(sorted(specs.items()))

    def __getitem__(self, name: str) -> ScraperSpec:
        return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    @cached_property
    def sources(self) -> Mapping[str, str]:
        """The source of each scraper."""
        return {name: spec.source for name, spec in self._specs.items()}


def scrapers_folder(source: str | Path) -> Path:
    """Find the folder of a fleet: `source` is that folder, or the name of an importable package.

    Imports only the parents of the package. Raises ConfigurationError when `source` is neither.
    """
    if (folder := Path(source)).is_dir():
        return folder
    # find_spec would import the part of a mistyped path before its first dot, hence the check.
    if all(part.isidentifier() for part in str(source).split(".")):
        try:
            found = importlib.util.find_spec(str(source))
        except ImportError:
            found = None
        if found is not None and found.submodule_search_locations:
            return Path(next(iter(found.submodule_search_locations)))
    raise ConfigurationError(
        [
            f"{source}: neither a folder nor an importable package; set TIPOFF_SCRAPERS to a folder or a package"
        ]
    )


def load_catalog(scrapers: Path) -> Catalog:
    """Read every `<source>/<name>/scraper.yaml` below `scrapers`.

    Raises:
        ConfigurationError: naming file and line, for an invalid file, a name or source that differs from its
            folder, a duplicate name, or when there is no scraper at all.
    """
    specs: dict[str, ScraperSpec] = {}
    faults: list[str] = []
    try:
        files = sorted(scrapers.glob("*/*/scraper.yaml"))
    except OSError as error:
        raise ConfigurationError(
            [f"{scrapers}: cannot be read: {error.strerror}; name a fleet's folder (TIPOFF_SCRAPERS)"]
        ) from error
    for path in files:
        try:
            source = YamlSource.read(path)
            spec = source.validate(ScraperSpec)
        except ConfigurationError as error:
            # Collect the faults, so that the operator sees those of all files at once.
            faults.extend(error.faults)
            continue
        if spec.name != path.parent.name:
            faults.append(
                source.fault(
                    ("name",), f"name = '{spec.name}' but the folder is '{path.parent.name}'; make them equal"
                )
            )
        if spec.source != path.parent.parent.name:
            faults.append(
                source.fault(
                    ("source",),
                    f"source = '{spec.source}' but the folder is '{path.parent.parent.name}'; make them equal",
                )
            )
        if spec.name in specs:
            faults.append(
                source.fault(("name",), f"name = '{spec.name}' is used by two scrapers; rename one")
            )
        specs[spec.name] = spec
    if faults:
        raise ConfigurationError(faults)
    if not specs:
        raise ConfigurationError(
            [f"{scrapers}: no <source>/<name>/scraper.yaml below it; name a fleet's folder (TIPOFF_SCRAPERS)"]
        )
    return Catalog(specs)
