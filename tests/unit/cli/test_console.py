"""How people write dates and instants."""

from datetime import UTC, datetime

import pytest
import typer

from tipoff_cli.console import instant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2025-01-15 13:00", "2025-01-15T18:00"),
        ("2025-01-15T13:00Z", "2025-01-15T13:00"),
        ("2025-03-09 03:30", "2025-03-09T07:30"),
        ("2025-11-02 01:30", "2025-11-02T05:30"),
    ],
    ids=["New York", "with a zone", "after the gap", "the first of two"],
)
def test_a_time_without_a_zone_is_new_yorks(text: str, meant: str) -> None:
    assert instant(text) == datetime.fromisoformat(meant).replace(tzinfo=UTC)


def test_a_time_that_clocks_skip_is_refused_with_its_neighbours() -> None:
    with pytest.raises(typer.BadParameter, match=r"no 02:30 on 2025-03-09 .* write 01:30 or 03:30"):
        instant("2025-03-09 02:30")


@pytest.mark.parametrize("text", ["0001-01-01T00:00Z", "9999-12-31 23:00", "9999-12-31T23:00-05:00"])
def test_a_time_beyond_all_dates_is_refused_with_the_bounds(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="dates are from 1946-11-01 to 2100-01-01"):
        instant(text)


def test_what_is_no_time_is_refused_with_an_example() -> None:
    with pytest.raises(typer.BadParameter, match="'noon' is no time; write"):
        instant("noon")
