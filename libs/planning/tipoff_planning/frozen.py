"""The base of values that the planning core hands around and writes down."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value that never changes; two of the same content are equal."""

    # A newer version may add fields; in a rolling deployment this one must still read what that one wrote.
    model_config = ConfigDict(frozen=True, extra="ignore")
