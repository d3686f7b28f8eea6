"""SQL as the fleet's dataset takes it: the files are written for the dataset and the zone of the fleet that ships with
Tipoff."""

import re

from tipoff_common.clock import EASTERN, fleet_zone
from tipoff_common.ports import DATASET

_ZONE = f"'{EASTERN.key}'"
_EASTERN_COLUMN = re.compile(r"\b([a-z_]+)_et\b")
"""A column of times of day, such as time_et: Eastern Time's, which another fleet's are not."""


def for_fleet(sql: str, dataset: str) -> str:
    """Return a statement for a dataset of another name, and with the days of this process's fleet."""
    # A literal in place of a parameter: table functions and views, which are stored, have none for it.
    sql = sql.replace(DATASET, dataset)
    if fleet_zone() == EASTERN:
        return sql
    return _EASTERN_COLUMN.sub(r"\1_local", sql.replace(_ZONE, f"'{fleet_zone().key}'"))
