"""The base model of the planning core's values, in memory and in storage."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable value; two values with the same content are equal."""

    # In a rolling deployment this version must read values of a newer one, which may have added fields.
    model_config = ConfigDict(frozen=True, extra="ignore")
