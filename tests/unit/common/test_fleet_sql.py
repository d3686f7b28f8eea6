"""Tests of SQL for other fleets: shipped SQL with the dataset and zone of a fleet."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

import pytest

from tipoff_common.clock import ZONE_VARIABLE, business_date, fleet_zone, local_instant, zone_name
from tipoff_common.fleet_sql import for_fleet
from tipoff_common.yaml_source import ConfigurationError

SQL = "SELECT DATE(@as_of, 'America/New_York') FROM nba_orchestration.executions(@first, @last)"


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the test in the process of a fleet in Tokyo."""
    monkeypatch.setenv(ZONE_VARIABLE, "Asia/Tokyo")
    fleet_zone.cache_clear()
    yield
    fleet_zone.cache_clear()


def test_sql_for_shipped_fleet_is_unchanged() -> None:
    assert for_fleet(SQL, "nba_orchestration") == SQL
    assert zone_name() == "New York"


@pytest.mark.usefixtures("tokyo")
def test_sql_for_another_fleet_uses_its_zone_and_dataset() -> None:
    expected = "SELECT DATE(@as_of, 'Asia/Tokyo') FROM rivers_orchestration.executions(@first, @last)"
    assert for_fleet(SQL, "rivers_orchestration") == expected
    assert (
        for_fleet("SELECT 1 AS next_check_et -- found_et", "x")
        == "SELECT 1 AS next_check_local -- found_local"
    )
    assert zone_name() == "Tokyo"
    assert business_date(datetime(2025, 1, 15, 16, tzinfo=UTC)) == date(2025, 1, 16)
    assert local_instant(date(2025, 1, 16), time(5)) == datetime(2025, 1, 15, 20, tzinfo=UTC)


def test_unknown_zone_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ZONE_VARIABLE, "Asia/Tokio")
    fleet_zone.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=r"TIPOFF_TIMEZONE, .*'Asia/Tokio' is not a known zone"):
            fleet_zone()
    finally:
        fleet_zone.cache_clear()
