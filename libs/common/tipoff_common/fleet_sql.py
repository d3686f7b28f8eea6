"""Adaptation of SQL to the fleet's dataset and zone; the files name those of the fleet that ships with Tipoff."""

import re

from tipoff_common.clock import EASTERN, fleet_zone
from tipoff_common.ports import DATASET

_ZONE = f"'{EASTERN.key}'"
_EASTERN_COLUMN = re.compile(r"\b([a-z_]+)_et\b")
"""A column of times of day in Eastern Time, such as time_et; other fleets have other zones."""


def for_fleet(sql: str, dataset: str) -> str:
    """Return a statement with the dataset's name and the zone of this process's fleet."""
    # Replace literals: stored table functions and views cannot take the zone as a parameter.
    sql = sql.replace(DATASET, dataset)
    if fleet_zone() == EASTERN:
        return sql
    return _EASTERN_COLUMN.sub(r"\1_local", sql.replace(_ZONE, f"'{fleet_zone().key}'"))
