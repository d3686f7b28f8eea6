"""Tests of refusals: the text states what to write instead."""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings

import tipoff_common
import tipoff_monitor
import tipoff_planning
from tipoff_common.faults import PATTERNS, describe
from tipoff_common.settings import ServiceSettings
from tipoff_common.yaml_source import ConfigurationNode


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Circle(BaseModel):
    kind: Literal["circle"]


class Square(BaseModel):
    kind: Literal["square"]


Shape = Annotated[Circle | Square, Field(discriminator="kind")]


def fault_of(kind: Any, value: object) -> str:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(kind).validate_python(value)
    return describe(error.value.errors()[0])


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (date, "15.1.2025", "not a date; write 2025-01-15"),
        (AwareDatetime, "2025-01-15T10:00", "not an instant; write it with its zone"),
        (int, "seven", "not a whole number; write digits alone"),
        (float, "abc", "not a number; write digits without a unit"),
        (bool, "perhaps", "not a boolean; write true or false"),
        (str, 5, "not text; put it in quotes"),
        (tuple[str, ...], {}, "not a list"),
        (dict[str, str], [], "not a mapping"),
        (Circle, "circle", "not a mapping"),
        (Size, "smal", "unknown value; use one of small, large; did you mean 'small'?"),
        (Size, "red", "unknown value; use one of small, large"),
        (Literal["game", "team"], "games", "unknown value; use one of game, team; did you mean 'game'?"),
        (Literal[1], 2, "write 1"),
        (Shape, {"kind": "Squar"}, "unknown value; use one of circle, square; did you mean 'square'?"),
        (Annotated[str, Field(min_length=1)], "", "empty; write a value"),
        (Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], "Box-Scores", "such as box_scores"),
    ],
)
def test_fault_states_the_expected_form(kind: Any, value: object, words: str) -> None:
    fault = fault_of(kind, value)
    assert words in fault
    assert "Input should" not in fault


def _models() -> Iterator[type[BaseModel]]:
    for package in (tipoff_common, tipoff_planning, tipoff_monitor):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    waiting: list[type[BaseModel]] = [ConfigurationNode, ServiceSettings]
    while waiting:
        model = waiting.pop()
        yield model
        waiting += model.__subclasses__()


def test_every_configuration_pattern_has_a_description() -> None:
    wanted: set[str] = set()
    for model in _models():
        if issubclass(model, ConfigurationNode | BaseSettings) and model.__module__.startswith("tipoff_"):
            schema = json.loads(json.dumps(model.model_json_schema(), default=str))
            wanted |= set(_patterns(schema))
    assert wanted and wanted <= PATTERNS.keys()


def _patterns(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        # The pattern of a mapping's keys is itself a key of patternProperties.
        yield from (
            schema.get("patternProperties", {}) if isinstance(schema.get("patternProperties"), dict) else ()
        )
        schema = list(schema.values())
    if isinstance(schema, list):
        for item in schema:
            yield from _patterns(item)
