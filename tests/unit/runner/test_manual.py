"""Tests of manual requests."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError, model_validator

from tests.support.samples import GAME_DATE, NOON
from tipoff_common.events import ScrapeRequested, Source
from tipoff_scraper_runner.manual import ManualExecution, UnusableParameters, manual_request
from tipoff_scraper_runner.registry import Registry
from tipoff_scraper_runner.scraper import ScrapeParameters

DAY = {"game_date": "2025-01-15"}


def request(registry: Registry, parameters: Mapping[str, str], key: str | None = None) -> ScrapeRequested:
    return manual_request(
        registry["lines"],
        parameters,
        source=Source.CLOUD_RUN,
        triggered_by="ann@example.com",
        now=NOON,
        idempotency_key=key,
    )


def test_manual_request_has_scraper_parameters_and_caller(registry: Registry) -> None:
    made = request(registry, {**DAY, "raises": "blocked"})
    assert (made.scraper, made.workflow, made.attempt) == ("lines", "MANUAL", 1)
    assert (made.game_date, made.parameters) == (GAME_DATE, {**DAY, "raises": "blocked"})
    assert (made.source, made.triggered_by, made.requested_at) == (Source.CLOUD_RUN, "ann@example.com", NOON)
    assert made.event_time is None


def test_same_idempotency_key_gives_same_request_id(registry: Registry) -> None:
    """Redelivery multiplied the rows (incident 16)."""
    first, again, other = (request(registry, DAY, key).request_id for key in ("k1", "k1", "k2"))
    assert first == again != other


def test_requests_without_idempotency_key_have_distinct_ids(registry: Registry) -> None:
    assert request(registry, DAY).request_id != request(registry, DAY).request_id


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "game_date: Field required"),
        ({"game_date": "soon"}, "game_date: "),
        ({**DAY, "gamedate": "2025-01-15"}, "gamedate: Extra inputs are not permitted"),
    ],
)
def test_invalid_parameters_are_named_with_known_parameters(
    registry: Registry, parameters: Mapping[str, str], named: str
) -> None:
    """See "One date had three names" in docs/explanation/incidents.md."""
    with pytest.raises(UnusableParameters) as error:
        request(registry, parameters)
    (fault,) = error.value.faults
    assert fault.startswith(named)
    assert "(known: game_date, raises)" in fault


def test_fault_across_parameters_is_a_single_message(registry: Registry) -> None:
    class Paired(ScrapeParameters):
        raises: str | None = None

        @model_validator(mode="after")
        def _together(self) -> "Paired":
            raise ValueError("hour and period: give both or neither")

    scraper = replace(registry["lines"], module=cast("Any", SimpleNamespace(Parameters=Paired)))
    with pytest.raises(UnusableParameters) as error:
        manual_request(scraper, DAY, source=Source.LOCAL, triggered_by="ann", now=NOON)
    assert error.value.faults == [
        "parameters: hour and period: give both or neither (known: game_date, raises)"
    ]


def test_caller_may_not_set_the_source() -> None:
    with pytest.raises(ValidationError, match="source"):
        ManualExecution.model_validate({"game_date": "2025-01-15", "source": "CONTROLLER"})


def test_second_game_date_in_parameters_is_refused() -> None:
    with pytest.raises(ValidationError, match="move game_date out of parameters"):
        ManualExecution(game_date=GAME_DATE, parameters={"game_date": "2025-01-16"})


@pytest.mark.parametrize("day", ["0001-01-01", "1850-01-15", "9999-12-31"])
def test_out_of_range_game_date_is_refused(day: str) -> None:
    with pytest.raises(ValidationError, match="game_date"):
        ManualExecution.model_validate({"game_date": day})
