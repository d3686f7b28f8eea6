"""SQL as the fleet's dataset takes it: the files are written for the dataset and the zone of the fleet that ships with
Tipoff."""

from tipoff_common.clock import EASTERN, fleet_zone
from tipoff_common.ports import DATASET

_ZONE = f"'{EASTERN.key}'"


def for_fleet(sql: str, dataset: str) -> str:
    """Return a statement for a dataset of another name, and with the days of this process's fleet."""
    # A literal in place of a parameter: table functions and views, which are stored, have none for it.
    return sql.replace(DATASET, dataset).replace(_ZONE, f"'{fleet_zone().key}'")
