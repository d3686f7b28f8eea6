"""Enumerations that may grow within a version of an event.

In a rolling deploy an older service receives members that only a newer one declares. Such a member keeps its value, so
that the dataset has it as it was sent, and services treat it as the fallback of its enumeration. `Declared` limits
configuration and callers to the declared members.
"""

import re
from enum import StrEnum
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

from tipoff_common.words import did_you_mean

# A member becomes part of object names and attributes, hence the limited characters and length.
_MEMBER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


class OpenEnum(StrEnum):
    """A StrEnum that carries members it does not declare."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        """Return a new member for an undeclared name; None, hence an error, for a value that is no name."""
        if not isinstance(value, str) or not _MEMBER.fullmatch(value):
            return None
        # Not registered in the class: arbitrary names of senders must not fill the memory of the process.
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member

    @classmethod
    def fallback(cls) -> Self | None:
        """Return the member that an undeclared one is treated as; None when there is no such member."""
        return None

    @property
    def is_declared(self) -> bool:
        """True when this version declares the member."""
        return self._value_ in type(self)._value2member_map_

    @property
    def effective(self) -> Self:
        """The member to act on: the fallback of the enumeration for an undeclared member, else the member itself."""
        return self if self.is_declared else (self.fallback() or self)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the enumeration as open; producers generate their types from this."""
        described = handler.resolve_ref_schema(handler(schema))
        described.pop("enum", None)
        acted_upon = cls.fallback()
        default = (
            f"; others are treated as {acted_upon.value}"
            if acted_upon
            else "; others are carried as they are"
        )
        described["pattern"] = f"^{_MEMBER.pattern}$"
        described["examples"] = [member.value for member in cls]
        described["description"] = f"{cls.__doc__ or cls.__name__} Known: {', '.join(cls)}{default}."
        return described


def _declared(member: OpenEnum) -> OpenEnum:
    if not member.is_declared:
        suggestion = did_you_mean(member, type(member))
        raise ValueError(
            f"unknown value '{member}'; use one of {', '.join(type(member))}{f'; {suggestion}' if suggestion else ''}"
        )
    return member


class Declared:
    """A limit of an open enumeration's field to the declared members: `Annotated[Priority, Declared]`.

    For configuration files and HTTP bodies, where an unknown member is a mistake.
    """

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(_declared, handler(source))

    @staticmethod
    def __get_pydantic_json_schema__(schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = dict(handler.resolve_ref_schema(handler(schema)))
        for name in ("pattern", "description", "title"):
            described.pop(name, None)
        described["enum"] = described.pop("examples")
        return described
