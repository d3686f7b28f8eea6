"""Objects of the state bucket that hold a model as JSON."""

import logging
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tipoff_common.ports import Objects

log = logging.getLogger(__name__)
Stored = TypeVar("Stored", bound=BaseModel)

_DETAIL = 500
"""Characters of what is wrong that are logged: a body may be wrong in thousands of places."""


def read_stored(model: type[Stored], name: str, body: bytes | None) -> Stored | None:
    """Return what the object `name` holds; None without a body, and, logged, for one that cannot be read.

    Raises nothing: what every service remembers can be found out again, so an object that is damaged, or of another
    version, must not stop the service.
    """
    if body is None:
        return None
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        log.error("what is remembered cannot be read: %s", name, extra={"detail": str(error)[:_DETAIL]})
        return None


def write_stored(objects: Objects, name: str, body: bytes, generation: int | None) -> bool:
    """Write over exactly that generation of an object, None for no object; False when another writer was faster.

    Raises:
        Unavailable
    """
    # Two first writers meet here: create() lets one of them win, and the other reads what it wrote.
    if generation is None:
        return objects.create(name, body, content_type="application/json")
    return objects.replace(name, body, generation=generation)
