"""Objects of the state bucket that hold a model as JSON."""

import logging
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tipoff_common.ports import Objects

log = logging.getLogger(__name__)
Stored = TypeVar("Stored", bound=BaseModel)

_DETAIL = 500
"""Characters of the error to log: a body may have thousands of faults."""


def read_stored(model: type[Stored], name: str, body: bytes | None) -> Stored | None:
    """Parse the body of the object `name`; return None without a body, and log and return None for an invalid one.

    Raises nothing: services can rebuild their state, so an object that is damaged, or of another version, must not stop
    a service.
    """
    if body is None:
        return None
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        log.error("stored object cannot be decoded: %s", name, extra={"detail": str(error)[:_DETAIL]})
        return None


def write_stored(objects: Objects, name: str, body: bytes, generation: int | None) -> bool:
    """Overwrite exactly that generation of an object, None for no object; False when another writer was first.

    Raises:
        Unavailable
    """
    # create() lets one of two concurrent first writers win.
    if generation is None:
        return objects.create(name, body, content_type="application/json")
    return objects.replace(name, body, generation=generation)
