"""Tests of findings: oddities of a document in data_summary, bounded, for every outcome."""

import unicodedata
from datetime import timedelta
from typing import Any

import pytest

from tests.support.samples import GAME_DATE, requested
from tests.support.scrapers import spec
from tests.unit.runner.stub_scraper import Row, run
from tipoff_common.events import Source
from tipoff_common.outcomes import Failed, FailureKind, NoData, Success
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner.findings import EXAMPLE_CHARACTERS, EXAMPLES, findings
from tipoff_scraper_runner.scraper import Parsed


def parsed(**more: Any) -> Any:
    return lambda _payload, _parameters: Parsed(**{"records": [Row()], **more})


def test_set_aside_and_contradictions_are_counted_with_examples() -> None:
    executed = run(parse=parsed(set_aside=["games[3] is null"], contradictions=["final at 0:0"])).executed

    assert isinstance(executed.outcome, Success)
    assert executed.data_summary["set_aside"] == {"count": 1, "examples": ["games[3] is null"]}
    assert executed.data_summary["contradictions"] == {"count": 1, "examples": ["final at 0:0"]}


def test_document_without_oddities_has_no_findings() -> None:
    assert {"set_aside", "contradictions", "games_listed"}.isdisjoint(run().executed.data_summary)


def test_finding_examples_are_bounded_in_number_and_length() -> None:
    output: Any = run(parse=parsed(set_aside=["x" * 9_000] * 1_200)).executed.data_summary["set_aside"]

    assert (output["count"], len(output["examples"])) == (1_200, EXAMPLES)
    assert all(len(example) <= EXAMPLE_CHARACTERS + 3 for example in output["examples"])


def test_no_data_records_contradictions() -> None:
    executed = run(
        parse=parsed(records=[], empty_reason="not complete", contradictions=["0 minutes"])
    ).executed

    assert isinstance(executed.outcome, NoData)
    assert executed.data_summary["contradictions"] == {"count": 1, "examples": ["0 minutes"]}


def test_a_suspect_document_is_kept_and_not_announced() -> None:
    """The payload of a frozen schedule is kept for analysis, and no file of records is written."""
    data = MemoryObjects("data")
    execution = run(parse=parsed(suspect="frozen", summary={"season": "2025-26"}), data=data)

    outcome = execution.executed.outcome
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.message) == (FailureKind.SOURCE_CHANGED, "frozen")
    assert execution.executed.data_summary["season"] == "2025-26"
    assert execution.landed is None
    assert [name.split("/")[0] for name in data.bodies] == ["raw"]


@pytest.mark.parametrize(("days", "is_reported"), [(0, True), (-1, False), (1, False)])
def test_slate_of_another_day_is_not_recorded(days: int, is_reported: bool) -> None:
    """Yesterday's scoreboard, if still served, would contradict today's calendar."""
    about = GAME_DATE + timedelta(days=days)
    executed = run(parse=parsed(about=about, slate={"A@B": None})).executed

    assert ("slate" in executed.data_summary) == is_reported


@pytest.mark.parametrize("days", [-1, 1])
def test_suspect_document_of_another_day_is_source_changed(days: int) -> None:
    outcome = run(parse=parsed(suspect="frozen", about=GAME_DATE + timedelta(days=days))).executed.outcome

    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.SOURCE_CHANGED


def test_empty_suspect_document_is_a_failure() -> None:
    outcome = run(parse=parsed(records=[], empty_reason="no games", suspect="frozen")).executed.outcome

    assert isinstance(outcome, Failed)


@pytest.mark.parametrize(
    ("source", "needs_games", "listed", "contradicts"),
    [
        (Source.CONTROLLER, True, 0, True),
        (Source.CONTROLLER, True, 3, False),
        (Source.CONTROLLER, True, None, False),
        (Source.CONTROLLER, False, 0, False),
        (Source.MANUAL, True, 0, False),
    ],
)
def test_document_without_games_contradicts_calendar_with_games(
    source: Source, needs_games: bool, listed: int | None, contradicts: bool
) -> None:
    """The controller requests such a source on game days only; a manual run may request any day."""
    request = requested(source=source)
    result: Any = findings(Parsed(records=[], games_listed=listed), request, spec(needs_games=needs_games))

    assert ("contradictions" in result) == contradicts
    assert result.get("games_listed") == listed
    if contradicts:
        assert result["contradictions"]["examples"] == [
            f"the document lists no games on {GAME_DATE}, but the calendar has games on that day"
        ]


def test_record_text_is_normalised_to_nfc() -> None:
    apart = unicodedata.normalize("NFD", "Nikola Joki\u0107")

    assert Row(text=apart).text == "Nikola Joki\u0107" != apart
