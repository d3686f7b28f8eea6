"""Records with the source's field names in snake case: `fieldGoalsMade` becomes `field_goals_made`."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.json_document import Node
from tipoff_scraper_runner.scraper import Record

R = TypeVar("R", bound=BaseModel)


class CamelRecord(Record):
    """A record read from camelCase keys."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class UpperRecord(Record):
    """A record read from UPPER_CASE keys, as the columns of stats.nba.com's result sets are named."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, populate_by_name=True)


def _flag(value: object) -> object:
    # Texts only: 1 equals True in Python, and a number here is a changed source.
    if value in ("0", "1"):
        return value == "1"
    if isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is not a flag; a flag is '0' or '1'")


def _none_if_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


# The sources' "0" and "1".
Flag = Annotated[bool, BeforeValidator(_flag)]

# An optional text; the sources write a blank for none.
Blank = Annotated[str | None, BeforeValidator(_none_if_blank)]


def read_record(model: type[R], node: Node, **values: Any) -> R:
    """Build a `model` from the object's keys and the additional `values`.

    Raises:
        SourceChanged: a key is missing or unexpected; the message names it.
    """
    try:
        return model.model_validate({**node.fields, **values})
    except ValidationError as error:
        # The first fault is enough: an odd record is set aside as a whole.
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        # The list of present keys helps more than pydantic's text: it has a renamed key.
        if fault["type"] == "missing":
            keys = ", ".join(sorted(node.fields))
            raise SourceChanged(f"{node.path} has no key {place!r}; its keys are {keys}") from error
        raise SourceChanged(f"{node.path}.{place} is {fault['input']!r:.80}: {fault['msg']}") from error


def keys_of(*models: type[BaseModel]) -> frozenset[str]:
    """Return the source's keys that the models read."""
    return frozenset(field.alias or name for model in models for name, field in model.model_fields.items())
