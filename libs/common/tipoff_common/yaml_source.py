"""Reader of YAML files that reports faults with file, line, offending value and remedy.

It keeps the document's nodes beside its data, so that a validation error of the data leads to the line to change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from tipoff_common.faults import describe, tag_key
from tipoff_common.words import did_you_mean

M = TypeVar("M", bound=BaseModel)
Location = tuple[int | str, ...]

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""libyaml is ten times as fast, and every start of a service or a command reads the configuration."""


class ConfigurationError(Exception):
    """A configuration file cannot be used; the message lists each fault as `file:line: fault; remedy`."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class ConfigurationNode(BaseModel):
    """A part of a file that people write: unknown keys are errors."""

    # A key that no code reads is a setting without the effect that its author expects.
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class YamlSource:
    """A parsed document and its nodes."""

    path: Path
    data: JsonValue
    root: yaml.Node

    @classmethod
    def read(cls, path: Path) -> "YamlSource":
        """Read a file. Raises ConfigurationError when it is missing, is not YAML, or has a key twice."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                [f"{path}: cannot be read: {error.strerror}; name an existing file"]
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigurationError([f"{path}: not UTF-8: {error}; save it as UTF-8"]) from error
        try:
            # Two passes over the text: the nodes have the lines, the data has the types.
            root = yaml.compose(text, Loader=_LOADER)
            data = yaml.load(text, Loader=_LOADER)  # noqa: S506  # either is a safe one
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigurationError(
                [f"{path}:{line}: not YAML: {error.problem}; correct the syntax"]
            ) from error
        except (yaml.YAMLError, ValueError) as error:  # a control character, or a date such as 2025-02-30
            raise ConfigurationError([f"{path}: not YAML: {error}; correct the value"]) from error
        if root is None:
            raise ConfigurationError([f"{path}:1: the file is empty; see docs/reference for its keys"])
        # First, as any other walk over a circular document would not end.
        if (circle := _circular_line(root)) is not None:
            raise ConfigurationError(
                [f"{path}:{circle}: an alias contains itself; replace it by its content"]
            )
        # YAML silently takes the last of duplicate keys and ignores the others.
        twice = list(_duplicate_keys(root))
        if twice:
            raise ConfigurationError(
                [f"{path}:{line}: key '{key}' is duplicated; keep one" for key, line in twice]
            )
        return cls(path, data, root)

    def line(self, location: Location) -> int:
        """Return the 1-based line of the deepest node on the way to `location`."""
        return self._deepest(location)[1] + 1

    def _deepest(self, location: Location) -> tuple[yaml.Node, int]:
        """Return the deepest node on the way to `location`, and the line of its key. Skips steps that the file does not
        have, such as the kind of a union."""
        node: yaml.Node = self.root
        line = node.start_mark.line
        for step in location:
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == str(step):
                        node, line = value, key.start_mark.line
                        break
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line
        return node, line

    def fault(self, location: Location, message: str) -> str:
        """Format a fault at a location, with file and line."""
        return f"{self.path}:{self.line(location)}: {message}"

    def validate(self, model: type[M]) -> M:
        """Return the document as `model`. Raises ConfigurationError naming file, line, value and remedy."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            found = self._of_likely_kinds(error.errors())
            missing = {item["loc"] for item in found if item["type"] == "missing"}
            faults = [
                self._describe(item, missing)
                for item in found
                if not (item["type"] == "too_short" and _has_fault_below(item["loc"], found))
            ]
            raise ConfigurationError(faults) from error

    def _of_likely_kinds(self, found: Sequence[ErrorDetails]) -> list[ErrorDetails]:
        """Leave out faults of unlikely kinds of a union: pydantic reports those of every kind."""
        kinds: dict[Location, dict[int | str, list[ErrorDetails]]] = {}
        places = [self._trace(item)[1] for item in found]
        for item, place in zip(found, places, strict=True):
            if place is not None:
                own = kinds.setdefault(item["loc"][:place], {})
                own.setdefault(item["loc"][place], []).append(item)
        meant = {at: min(own, key=lambda kind: _unlikeliness(own[kind])) for at, own in kinds.items()}
        return [
            item
            for item, place in zip(found, places, strict=True)
            if place is None or meant[item["loc"][:place]] == item["loc"][place]
        ]

    def _trace(self, item: ErrorDetails) -> tuple[Location, int | None]:
        """Return a fault's location in the document, and the index of the step that names the kind of a union."""
        written: Location = ()
        kind_at: int | None = None
        last = len(item["loc"]) - 1
        for place, step in enumerate(item["loc"]):
            is_missing_key = item["type"] == "missing" and place == last
            if is_missing_key or self._has(written, step):
                written = (*written, step)
            # "[key]" is pydantic's step for a fault of a key itself.
            elif step != "[key]" and kind_at is None:
                kind_at = place
        return written, kind_at

    def _has(self, location: Location, step: int | str) -> bool:
        found = self._at(location)
        return step in found if isinstance(found, dict) else isinstance(found, list) and isinstance(step, int)

    def part(self, model: type[M], location: Location) -> M | None:
        """Return the value at `location` as `model`; None when it has another shape."""
        try:
            return model.model_validate(self._at(location))
        except ValidationError:
            return None

    def entries(self, location: Location) -> list[Location]:
        """List the locations of the entries of the mapping or list at `location`; none when it is neither."""
        found = self._at(location)
        keys: Iterable[int | str] = ()
        if isinstance(found, dict):
            keys = found
        elif isinstance(found, list):
            keys = range(len(found))
        return [(*location, key) for key in keys]

    def _at(self, location: Location) -> JsonValue:
        found = self.data
        for step in location:
            if isinstance(found, dict) and isinstance(step, str):
                found = found.get(step)
            elif isinstance(found, list) and isinstance(step, int) and step < len(found):
                found = found[step]
            else:
                return None
        return found

    def _describe(self, item: ErrorDetails, missing: set[Location]) -> str:
        location, value = self._trace(item)[0], item["input"]
        # pydantic places a fault of a union's discriminator key at the union.
        if (key := tag_key(item)) is not None:
            location = (*location, key)
            value = item["ctx"].get("tag", value)
        name = ".".join(str(step) for step in location)
        if item["type"] == "extra_forbidden":
            # An unknown key beside a missing one is most likely a misspelling of it.
            siblings = [str(other[-1]) for other in missing if other[:-1] == item["loc"][:-1]]
            meant = did_you_mean(str(location[-1]), siblings) or "remove it or correct its spelling"
            return self.fault(location, f"unknown key '{name}'; {meant}")
        if item["type"] in ("missing", "union_tag_not_found"):
            return self.fault(location, f"key '{name}' is missing; add it")
        node, _ = self._deepest(location)
        as_written = isinstance(node, yaml.ScalarNode) and not isinstance(value, str)  # 15:00 is read as 900
        shown = str(node.value) if as_written else repr(value)
        # YAML reads a placeholder in braces without quotes as a mapping.
        if item["type"] == "string_type" and isinstance(value, dict) and set(value.values()) == {None}:
            shown = f"{{{', '.join(map(str, value))}}}"
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        return self.fault(location, f"{name} = {shown}: {describe(item)}")


def _unlikeliness(found: Sequence[ErrorDetails]) -> tuple[int, int, int]:
    """Rate how badly a kind of a union fits: by faults of its shape, by all faults, and by how few are typos."""
    other_shape = sum(
        item["type"].endswith("_type")
        or (item["type"] == "literal_error" and isinstance(item["input"], dict | list))
        for item in found
    )
    missing = [str(item["loc"][-1]) for item in found if item["type"] == "missing"]
    unknown = [str(item["loc"][-1]) for item in found if item["type"] == "extra_forbidden"]
    return other_shape, len(found), -sum(bool(did_you_mean(key, missing)) for key in unknown)


def _has_fault_below(location: Location, found: Sequence[ErrorDetails]) -> bool:
    """Return whether other faults lie below `location`: pydantic counts only the entries that it did not refuse."""
    return any(item["loc"][: len(location)] == location != item["loc"] for item in found)


def _circular_line(node: yaml.Node, above: tuple[yaml.Node, ...] = ()) -> int | None:
    """Return the line of a node that contains itself."""
    if node in above:
        return node.start_mark.line + 1
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        children = [value for _, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    return next(
        (line for child in children if (line := _circular_line(child, (*above, node))) is not None), None
    )


def _duplicate_keys(node: yaml.Node) -> Iterable[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.value, key.start_mark.line + 1
            seen.add(key.value)
            yield from _duplicate_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _duplicate_keys(child)
