"""The pauses as the dataset has them: those that stand, and those that were over lately."""

from datetime import datetime, timedelta
from typing import Any

from tipoff_common.ports import Warehouse
from tipoff_planning.pauses import KEPT, LONGEST, Pause, Pauses

# Of a pause that was begun and ended, both rows. Copies of a row are alike, so any of them will do.
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
    """Read the pauses that had begun by an instant, as far as a decision at that instant heeds them.

    Raises Unavailable.
    """
    rows = warehouse.query(
        _PAUSES,
        {
            # A week after its end, as long as the controller remembers it: windows that closed meanwhile are excused.
            "since": at - LONGEST - KEPT - timedelta(days=1),
            "at": at,
            "environment": environment,
        },
    )
    return Pauses(items=tuple(_pause(row) for row in rows))


def _pause(row: dict[str, Any]) -> Pause:
    # Only its end was logged, and that names who ended it.
    by = row["changed_by"] or "somebody"
    return Pause.model_validate({**{key: row[key] for key in row if key != "changed_by"}, "by": by})
