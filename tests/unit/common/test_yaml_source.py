"""Tests of YAML faults: each names file, line, value and remedy."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from tipoff_common.yaml_source import ConfigurationError, YamlSource


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = Field(ge=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    items: tuple[Inner, ...] = ()

    @field_validator("name")
    @classmethod
    def _polite(cls, value: str) -> str:
        if value == "rude":
            raise ValueError("rude; be polite")
        return value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.yaml"


def faults(file: Path, text: str) -> list[str]:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        YamlSource.read(file).validate(Outer)
    assert str(error.value) == "\n".join(error.value.faults)
    return [fault.removeprefix(str(file)) for fault in error.value.faults]


def test_valid_file_is_read_as_its_model(file: Path) -> None:
    file.write_text("name: a\nitems:\n  - size: 2\n", encoding="utf-8")
    assert YamlSource.read(file).validate(Outer) == Outer(name="a", items=(Inner(size=2),))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name: a\ncolour: red\n", ":2: unknown key 'colour'; remove it or correct its spelling"),
        ("name: a\nitems:\n  - size: -1:30\n", ":3: items.0.size = -1:30: Input should be greater"),
        ("name: &a [*a]\n", ":1: an alias contains itself"),
        ("items: []\n", ":1: key 'name' is missing; add it"),
        (
            "name: a\nitems:\n  - size: 1\n  - size: 0\n",
            ":4: items.1.size = 0: Input should be greater than or equal to 1",
        ),
        ("name: a\nitems:\n  - size: 1\n    depth: 2\n", ":4: unknown key 'items.0.depth'"),
        ("name: rude\n", ":1: name = 'rude': rude; be polite"),
        ("name: a\nitems: [\n", ":3: not YAML"),
        ("name: a\nname: b\n", ":2: key 'name' is duplicated; keep one"),
        ("name: a\nitems:\n  - size: 1\n    size: 2\n", ":4: key 'size' is duplicated"),
        ("", ":1: the file is empty"),
        ("name: a\nitems: 2025-02-30\n", ": not YAML: day is out of range for month"),
        ("name: \x07\n", ": not YAML: unacceptable character"),
    ],
)
def test_a_fault_names_its_line(file: Path, text: str, fault: str) -> None:
    """An unknown key is an error, as alert settings were read by nothing (incident 37)."""
    (found,) = faults(file, text)
    assert found.startswith(fault)


def test_all_faults_are_named_at_once(file: Path) -> None:
    assert len(faults(file, "colour: red\nitems:\n  - size: none\n")) == 3


def test_a_long_value_is_cut(file: Path) -> None:
    (found,) = faults(file, f"name: a\nitems: {'x' * 200}\n")
    assert "..." in found
    assert len(found) < 200


def test_missing_file_is_named(file: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"file\.yaml: cannot be read: No such file.*; name an existing"
    ):
        YamlSource.read(file)


def test_a_file_in_another_encoding_is_named(file: Path) -> None:
    file.write_bytes("name: caf\u00e9".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"file\.yaml: not UTF-8"):
        YamlSource.read(file)


def test_later_fault_is_given_file_and_line(file: Path) -> None:
    file.write_text("name: a\nitems:\n  - size: 1\n", encoding="utf-8")
    assert YamlSource.read(file).fault(("items", 0, "size"), "too small") == f"{file}:3: too small"


def test_misspelt_key_is_reported_with_the_missing_key(file: Path) -> None:
    missing, unknown = faults(file, "nam: a\n")
    assert missing == ":1: key 'name' is missing; add it"
    assert unknown == ":1: unknown key 'nam'; did you mean 'name'?"


@pytest.mark.parametrize(("value", "shown"), [("{slot}", "{slot}"), ("5", "5"), ("2025-01-15", "2025-01-15")])
def test_non_text_value_is_refused_with_quoting_remedy(file: Path, value: str, shown: str) -> None:
    assert faults(file, f"name: {value}\n") == [f":1: name = {shown}: not text; put it in quotes"]


class TestUnionKinds:
    """Unions: pydantic lists the faults of every kind, but the author meant one kind."""

    class Drawn(BaseModel):
        shape: Literal["dot", "line"] | Inner | Outer

    def faults(self, file: Path, text: str) -> list[str]:
        file.write_text(f"shape: {text}\n", encoding="utf-8")
        with pytest.raises(ConfigurationError) as error:
            YamlSource.read(file).validate(self.Drawn)
        return [fault.removeprefix(f"{file}:1: ") for fault in error.value.faults]

    def test_word_is_compared_with_allowed_words(self, file: Path) -> None:
        assert self.faults(file, "dots") == [
            "shape = 'dots': unknown value; use one of dot, line; did you mean 'dot'?",
        ]

    def test_mapping_is_compared_with_nearest_model(self, file: Path) -> None:
        assert self.faults(file, "{ size: 0 }") == [
            "shape.size = 0: Input should be greater than or equal to 1"
        ]
        assert self.faults(file, "{ nam: a }") == [
            "key 'shape.name' is missing; add it",
            "unknown key 'shape.nam'; did you mean 'name'?",
        ]


def test_list_with_invalid_item_has_no_length_fault(file: Path) -> None:
    class Crowd(BaseModel):
        items: tuple[Inner, ...] = Field(min_length=1)

    file.write_text("items: [{ size: 0 }]\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"items\.0\.size = 0") as error:
        YamlSource.read(file).validate(Crowd)
    assert len(error.value.faults) == 1
