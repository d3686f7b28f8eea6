"""Tests of the fan-out values that a success gives to later steps."""

import pytest
from pydantic import ValidationError

from tests.support.scrapers import spec
from tests.unit.runner.stub_scraper import Row, run
from tipoff_common.outcomes import Failed, FailureKind, NoData, Success
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, ScrapeParameters

EVENTS = {"event_id": ("b", "a")}


def parse(_payload: bytes, _parameters: ScrapeParameters) -> Parsed:
    return Parsed(records=[Row()], fan_out=EVENTS)


def parse_nothing(_payload: bytes, _parameters: ScrapeParameters) -> Parsed:
    return Parsed(records=[], empty_reason="none yet", fan_out={"event_id": ()})


def test_fan_out_values_keep_the_scrapers_order() -> None:
    executed = run(parse=parse, fan_out_keys=["event_id"]).executed

    assert isinstance(executed.outcome, Success)
    assert executed.fan_out_keys == EVENTS


@pytest.mark.parametrize(
    ("declared", "named"),
    [
        ([], "declares nothing; make them equal"),
        (["game_id"], "declares game_id"),
        (["event_id", "x"], 'event_id, x; make them equal: parse returns Parsed(..., fan_out={"x": (...)})'),
    ],
)
def test_fan_out_keys_unlike_declaration_are_internal_failure(declared: list[str], named: str) -> None:
    executed = run(parse=parse, fan_out_keys=declared).executed

    assert isinstance(executed.outcome, Failed)
    assert executed.outcome.kind is FailureKind.INTERNAL
    assert "fans out over event_id" in executed.outcome.message
    assert named in executed.outcome.message
    assert executed.fan_out_keys == {}


def test_missing_fan_out_key_is_an_internal_failure() -> None:
    outcome = run(fan_out_keys=["event_id"]).executed.outcome

    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.INTERNAL
    assert "sample fans out over nothing" in outcome.message
    assert 'parse returns Parsed(..., fan_out={"event_id": (...)})' in outcome.message, (
        "how to give the values"
    )


def test_no_data_has_no_fan_out() -> None:
    executed = run(parse=parse_nothing, fan_out_keys=["event_id"]).executed

    assert executed.outcome == NoData(reason="none yet")
    assert executed.fan_out_keys == {}


def test_fan_out_key_must_be_a_parameter_name() -> None:
    with pytest.raises(ValidationError):
        spec(fan_out_keys=["Event-Id"])


def test_notes_of_failed_run_are_recorded() -> None:
    def fetch(_parameters: ScrapeParameters, http: Http) -> Payload:
        http.note("quota", {"used": 5})
        raise SourceChanged("moved")

    executed = run(fetch).executed

    assert isinstance(executed.outcome, Failed)
    assert executed.data_summary["quota"] == {"used": 5}
