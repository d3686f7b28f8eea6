"""Records whose fields bear the source's names in another spelling: `fieldGoalsMade` becomes `field_goals_made`."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from scrapers.json_document import Node
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Record

R = TypeVar("R", bound=BaseModel)


class CamelRecord(Record):
    """A record read from camelCase keys."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class UpperRecord(Record):
    """A record read from UPPER_CASE keys, as the columns of stats.nba.com's result sets are named."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, populate_by_name=True)


def _flag(value: object) -> object:
    # Texts only: a 1 would be equal to True, and a number here is a changed source.
    if value in ("0", "1"):
        return value == "1"
    if isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is not a flag, which is '0' or '1'")


def _none_if_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


# The sources' "0" and "1".
Flag = Annotated[bool, BeforeValidator(_flag)]

# A text that the sources leave blank when there is none.
Blank = Annotated[str | None, BeforeValidator(_none_if_blank)]


def read_record(model: type[R], node: Node, **given: Any) -> R:
    """Build a `model` from the object's keys and what is known of it otherwise.

    Raises:
        SourceChanged: naming the key that is missing or not as expected.
    """
    try:
        return model.model_validate({**node.fields, **given})
    except ValidationError as error:
        # The first is enough: one record that is odd is set aside whole.
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        # What is there instead helps more than pydantic's text: a renamed key stands in the list.
        if fault["type"] == "missing":
            there = ", ".join(sorted(node.fields))
            raise SourceChanged(f"{node.path} has no key {where!r}; it has {there}") from error
        raise SourceChanged(f"{node.path}.{where} is {fault['input']!r:.80}: {fault['msg']}") from error


def keys_of(*models: type[BaseModel]) -> frozenset[str]:
    """List the source's keys that the models read."""
    return frozenset(field.alias or name for model in models for name, field in model.model_fields.items())
