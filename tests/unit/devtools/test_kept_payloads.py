"""Tests of the reparse of kept payloads with a changed parser."""

from datetime import timedelta

import pytest

from tests.support.samples import GAME_DATE, NOON, requested
from tests.support.scrapers import FLEET
from tests.unit.runner.bench import Bench, text
from tipoff_common.events import FileLanded, ScrapeExecuted, Source
from tipoff_common.outcomes import Failed, NoData, Success
from tipoff_common.testing import MemoryObjects, RecordingBus
from tipoff_dev.fleet.kept_payloads import RecordsDiff, Reparsed, reparse
from tipoff_scraper_runner.registry import load_registry
from tipoff_scraper_runner.scraper import Parsed

LATER = NOON + timedelta(days=1)


@pytest.fixture
def bench() -> Bench:
    data = MemoryObjects("data")
    return Bench(load_registry(FLEET), bus=RecordingBus(), state=MemoryObjects("state"), data=data)


@pytest.fixture
def scraped(bench: Bench) -> Bench:
    """Return a bench with two kept payloads of one day and an empty bus."""
    for number, content in enumerate(("a\nb\n", "a\nb\nc\n")):
        bench.source = text(content)
        request = requested(request_id=f"request-{number}", parameters={"game_date": "2025-01-15"})
        bench.run(request, NOON + timedelta(hours=number))
    bench.bus.published.clear()
    bench.requested_urls.clear()
    return bench


def again(bench: Bench) -> list[Reparsed]:
    return list(reparse(bench.registry["lines"], GAME_DATE, bench.deps(), triggered_by="test", now=LATER))


def mend(bench: Bench, monkeypatch: pytest.MonkeyPatch, letter: str = "c") -> None:
    """Change the parser so that it leaves out a record."""
    module = bench.registry["lines"].module
    parse = module.parse

    def mended(payload: bytes, parameters: object) -> Parsed:
        parsed = parse(payload, parameters)
        kept = [record for record in parsed.records if record.text != letter]
        return Parsed(kept, parsed.summary, parsed.empty_reason, parsed.about)

    monkeypatch.setattr(module, "parse", mended)


def test_the_same_parser_changes_nothing_and_fetches_nothing(scraped: Bench) -> None:
    before = scraped.data.files
    first, second = again(scraped)
    assert (first.changed, second.changed) == (None, None)
    assert (first.announced, second.announced) == (False, False)
    assert scraped.data.files == before
    assert scraped.requested_urls == []
    assert scraped.bus.of(FileLanded) == []


def test_each_payload_is_an_execution_of_its_own_logged_as_local(scraped: Bench) -> None:
    again(scraped)
    executed = scraped.bus.of(ScrapeExecuted)
    assert [one.source for one in executed] == [Source.LOCAL, Source.LOCAL]
    assert [one.outcome.record_count for one in executed] == [2, 3]
    assert all(one.data_summary["parsed_again"] for one in executed)
    assert len({one.execution_id for one in executed}) == 2
    assert all(one.data_summary["raw_path"].startswith("gs://data/raw/fixtures/lines/") for one in executed)


def test_records_of_a_fixed_parser_land_and_are_announced(
    scraped: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend(scraped, monkeypatch, "b")
    _, second = again(scraped)
    assert isinstance(second.executed.outcome, Success)
    assert second.changed == RecordsDiff(str(second.executed.outcome.gcs_path), added=0, removed=1)
    assert second.announced
    landed = scraped.bus.of(FileLanded)
    assert [file.gcs_path for file in landed] == [second.executed.outcome.gcs_path]


def test_second_reparse_changes_nothing(scraped: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    mend(scraped, monkeypatch, "c")
    again(scraped)
    scraped.bus.published.clear()
    assert [(one.changed, one.announced) for one in again(scraped)] == [(None, False), (None, False)]


def test_reparsed_records_keep_their_fetch_time(scraped: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest calendar is the last one fetched, not the last one parsed."""
    mend(scraped, monkeypatch, "b")
    again(scraped)
    records = [name for name in scraped.data.files if not name.startswith("raw/")]
    assert {scraped.data.metadata[name]["fetched-at"] for name in records} == {
        NOON.isoformat(),
        (NOON + timedelta(hours=1)).isoformat(),
    }


def test_failing_parser_is_reported_and_removes_no_file(
    scraped: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_payload: bytes, _parameters: object) -> Parsed:
        return Parsed([])

    monkeypatch.setattr(scraped.registry["lines"].module, "parse", broken)
    before = scraped.data.files
    first, _ = again(scraped)
    assert isinstance(first.executed.outcome, Failed)
    assert first.changed is not None
    assert (first.changed.added, first.changed.removed) == (0, 2)
    assert scraped.data.files == before


def test_payload_without_data_has_no_difference(bench: Bench) -> None:
    bench.source = text("empty: no line yet\n")
    bench.run(requested(parameters={"game_date": "2025-01-15"}), NOON)
    (only,) = again(bench)
    assert only.executed.outcome == NoData(reason="no line yet")
    assert only.changed is None


def test_payloads_of_another_day_are_not_reparsed(scraped: Bench) -> None:
    other = GAME_DATE + timedelta(days=1)
    assert list(reparse(scraped.registry["lines"], other, scraped.deps(), triggered_by="t", now=LATER)) == []
