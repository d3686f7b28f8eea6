"""Pauses in the dataset: those in force, and those that ended recently."""

from datetime import datetime, timedelta
from typing import Any

from tipoff_common.ports import Warehouse
from tipoff_planning.pauses import LONGEST, RETENTION, Pause, Pauses

# A pause that was ended has two rows. Copies of a row are equal, so ANY_VALUE may pick any of them.
_PAUSES = """
SELECT
  pause_id AS id,
  ANY_VALUE(target) AS target,
  ANY_VALUE(name) AS name,
  MIN(since) AS since,
  MIN(until) AS until,
  MAX(IF(state = 'paused', changed_by, NULL)) AS changed_by,
  ANY_VALUE(why) AS why,
  MIN(IF(state = 'resumed', changed_at, NULL)) AS ended_at
FROM nba_orchestration.pause_events
WHERE changed_at >= @since AND since <= @at AND environment = @environment
GROUP BY pause_id
ORDER BY since, id
"""


def read_pauses(warehouse: Warehouse, environment: str, at: datetime) -> Pauses:
    """Read the pauses that had begun by an instant and still matter to a decision at that instant.

    Raises Unavailable.
    """
    rows = warehouse.query(
        _PAUSES,
        {
            # Up to RETENTION after its end, as in the controller: a pause also excuses windows that closed during it.
            "since": at - LONGEST - RETENTION - timedelta(days=1),
            "at": at,
            "environment": environment,
        },
    )
    return Pauses(items=tuple(_pause(row) for row in rows))


def _pause(row: dict[str, Any]) -> Pause:
    # Only the end of the pause was logged, which names the person who ended it and not the one who paused.
    by = row["changed_by"] or "an unknown person"
    return Pause.model_validate({**{key: row[key] for key in row if key != "changed_by"}, "by": by})
