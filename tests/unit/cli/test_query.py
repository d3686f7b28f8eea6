"""Tests of `tipoff query`: the display of rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tipoff_cli.commands.query import _seen_group, alike_in_a_row

NOON = datetime(2025, 1, 15, 17, tzinfo=UTC)


def row(
    minute: int, status: str = "no_data", seconds: float = 0.1, reason: str | None = "404"
) -> dict[str, Any]:
    return {
        "triggered_at": NOON + timedelta(minutes=minute),
        "status": status,
        "duration_seconds": seconds,
        "reason": reason,
    }


def test_consecutive_similar_rows_are_merged_with_range() -> None:
    rows = [row(9, "success", reason=None), row(6, seconds=0.2), row(3), row(0)]
    newest, others = alike_in_a_row(rows)
    assert _seen_group(newest) == ["2025-01-15 12:09:00", "success", "0.1", "-"]
    assert _seen_group(others) == [
        "2025-01-15 12:00:00 to 2025-01-15 12:06:00, 3 times",
        "no_data",
        "0.1 to 0.2",
        "404",
    ]


def test_separated_or_undated_rows_are_not_merged() -> None:
    assert len(alike_in_a_row([row(3), row(2, reason="no rows"), row(1)])) == 3
    assert len(alike_in_a_row([{"status": "no_data"}, {"status": "no_data"}])) == 2
    assert len(alike_in_a_row([{"begun": NOON, "ended": None}, {"begun": None, "ended": NOON}])) == 2
