"""Tests of the execution of a request: success, no_data or failed for every result of a scraper."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.samples import GAME_DATE, NOON, requested
from tests.unit.runner.bench import Bench, text
from tipoff_common.events import ScrapeRequested
from tipoff_common.identity import content_hash
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome, Success
from tipoff_common.ports import Unavailable
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner.execution import execute
from tipoff_scraper_runner.judgement import MAX_TEXT
from tipoff_scraper_runner.saved_payload import SavedPayload


def asking(**parameters: str) -> ScrapeRequested:
    return requested(parameters={"game_date": GAME_DATE.isoformat(), **parameters})


def failed(bench: Bench, request: ScrapeRequested) -> Failed:
    outcome = bench.execute(request).executed.outcome
    assert isinstance(outcome, Failed)
    return outcome


def records(data: MemoryObjects, path: str | None) -> list[Any]:
    assert path is not None
    written: list[Any] = json.loads(data.bodies[path.removeprefix(f"gs://{data.bucket}/")])["records"]
    return written


class TestSuccess:
    def test_record_count_equals_written_records(self, bench: Bench) -> None:
        """Saved records were logged as no data; an empty success blocked the real data (incidents 7, 8)."""
        executed = bench.execute(asking()).executed
        assert isinstance(executed.outcome, Success)
        assert records(bench.data, executed.outcome.gcs_path) == [{"text": "a"}, {"text": "b"}, {"text": "c"}]
        assert executed.outcome.record_count == executed.data_summary["record_count"] == 3

    def test_parser_summary_cannot_override_record_count(self, bench: Bench) -> None:
        """The scraper's summary must not replace the runner's own values.

        See "Saved records were logged as no data" in docs/explanation/incidents.md.
        """
        summary = bench.execute(asking()).executed.data_summary
        assert summary["record_count"] == 3
        assert summary["source_url"] == "https://lines.example/2025-01-15.txt"
        assert summary["letters"] == 6

    def test_raw_payload_is_stored_unchanged(self, bench: Bench) -> None:
        summary = bench.execute(asking()).executed.data_summary
        name = str(summary["raw_path"]).removeprefix("gs://data/")
        came = b"a\nb\nc\n"
        assert name == f"raw/fixtures/lines/2025-01-15/{content_hash(came)[:16]}.txt"
        assert bench.data.bodies[name] == came

    def test_file_event_has_content_hash_and_count(self, bench: Bench) -> None:
        execution = bench.execute(asking())
        landed = execution.landed
        assert landed is not None
        body = bench.data.bodies[landed.gcs_path.removeprefix("gs://data/")]
        assert (
            landed.content_sha256 == content_hash(body) == execution.executed.data_summary["content_sha256"]
        )
        assert landed.content_sha256[:16] in landed.gcs_path
        assert (landed.record_count, landed.game_date, landed.execution_id) == (3, GAME_DATE, "request-1")

    def test_unchanged_data_is_the_same_file_and_not_reannounced(self, bench: Bench) -> None:
        first = bench.execute(asking())
        again = bench.execute(
            requested(request_id="request-2", attempt=2, parameters=asking().parameters),
            NOON + timedelta(hours=1),
        )
        assert first.landed is not None
        assert isinstance(again.executed.outcome, Success)
        assert again.executed.outcome.gcs_path == first.landed.gcs_path
        assert again.landed is None, "a file is announced by the request that brought it first"
        assert len(bench.data.files) == 2

    def test_execution_has_the_ids_of_its_request(self, bench: Bench) -> None:
        """The execution takes its identity from the request.

        See "Two controllers decided twice" in docs/explanation/incidents.md.
        """
        request = asking()
        executed = bench.execute(request).executed
        assert executed.execution_id == executed.request_id == request.request_id
        for name in ("occurrence_id", "decision_id", "attempt", "workflow", "step", "source", "config_hash"):
            assert getattr(executed, name) == getattr(request, name)
        assert (executed.scraper_name, executed.triggered_at) == (request.scraper, NOON)

    def test_execution_duration_is_not_negative(self, bench: Bench) -> None:
        executed = bench.execute(asking()).executed
        assert executed.completed_at >= executed.triggered_at
        assert 0 <= executed.duration_seconds < 30


class TestNoData:
    def test_unpublished_document_is_no_data_with_reason(self, bench: Bench) -> None:
        execution = bench.execute(asking(raises="not_published"))
        assert execution.executed.outcome == NoData(reason="404: not out yet")
        assert execution.landed is None

    def test_empty_document_with_reason_is_no_data(self, bench: Bench) -> None:
        bench.source = text("empty: none of 9 teams has submitted\n")
        executed = bench.execute(asking()).executed
        assert executed.outcome == NoData(reason="none of 9 teams has submitted")
        assert (executed.data_summary["record_count"], executed.data_summary["reason"]) == (
            0,
            "none of 9 teams has submitted",
        )
        assert [name for name in bench.data.bodies if not name.startswith("raw/")] == []


class TestFailed:
    @pytest.mark.parametrize("kind", FailureKind)
    def test_every_failure_kind_can_be_raised(self, bench: Bench, kind: FailureKind) -> None:
        """Each failure has a kind and a message for an operator.

        See "Blocked was read as not published", "Exhausted retries were logged as no data" and "An error row had no
        error" in docs/explanation/incidents.md.
        """
        outcome = failed(bench, asking(raises=kind.value))
        assert outcome.kind is kind
        assert outcome.message

    def test_unforeseen_error_is_internal_failure(self, bench: Bench) -> None:
        """Exceptions were recorded as empty results.

        See "Exhausted retries were logged as no data" in docs/explanation/incidents.md.
        """
        assert failed(bench, asking(raises="surprise")) == Failed(
            kind=FailureKind.INTERNAL, message="KeyError: 'homeTeam'"
        )

    def test_long_reason_of_source_is_truncated(self, bench: Bench) -> None:
        """The stored payload has the whole text; rows have the beginning only."""
        bench.source = text("empty: " + "x" * 90_000)
        outcome = bench.execute(asking()).executed.outcome
        assert isinstance(outcome, NoData)
        assert len(outcome.reason) < MAX_TEXT + 30
        assert outcome.reason.endswith("xxx... (90000 characters)")

    def test_unexpectedly_empty_document_is_source_changed(self, bench: Bench) -> None:
        """An unexpectedly empty document must not pass for no data."""
        bench.source = text("")
        outcome = failed(bench, asking())
        assert outcome.kind is FailureKind.SOURCE_CHANGED
        assert outcome.message == "0 records; between 2 and 4 are expected"

    @pytest.mark.parametrize(
        ("count", "fits"),
        [(1, False), (2, True), (4, True), (5, False)],
        ids=["below", "least", "most", "above"],
    )
    def test_record_count_outside_assertions_is_source_changed(
        self, bench: Bench, count: int, fits: bool
    ) -> None:
        bench.source = text("line\n" * count)
        outcome = bench.execute(asking()).executed.outcome
        assert isinstance(outcome, Success) == fits
        if isinstance(outcome, Failed):
            assert outcome.kind is FailureKind.SOURCE_CHANGED
            assert str(count) in outcome.message

    @pytest.mark.parametrize(
        ("about", "outcome"),
        [
            (
                "2025-01-14",
                NoData(reason="requested 2025-01-15, but the document is still that of 2025-01-14"),
            ),
            (
                "2024-12-31",
                NoData(reason="requested 2025-01-15, but the document is still that of 2024-12-31"),
            ),
            (
                "2025-01-16",
                Failed(
                    kind=FailureKind.SOURCE_CHANGED,
                    message="requested 2025-01-15, but the document is about 2025-01-16",
                ),
            ),
        ],
    )
    def test_a_document_about_another_day_is_no_success(
        self, bench: Bench, about: str, outcome: Outcome
    ) -> None:
        """Yesterday's report counted as today's.

        See "Yesterday's report counted as today's" in docs/explanation/incidents.md. A document of an earlier day is
        late, which is no failure; a document of a later day is a change of the source.
        """
        bench.source = text(f"about: {about}\na\nb\n")
        execution = bench.execute(asking())
        assert execution.executed.outcome == outcome
        assert execution.landed is None
        assert [name for name in bench.data.bodies if not name.startswith("raw/")] == []

    def test_document_about_requested_day_is_success(self, bench: Bench) -> None:
        bench.source = text("about: 2025-01-15\na\nb\n")
        assert isinstance(bench.execute(asking()).executed.outcome, Success)

    def test_undecodable_payload_is_stored(self, bench: Bench) -> None:
        bench.source = lambda _request: httpx.Response(200, content=b"\xff\xfe")
        executed = bench.execute(asking()).executed
        assert isinstance(executed.outcome, Failed)
        assert executed.outcome.kind is FailureKind.DECODE
        assert (
            bench.data.bodies[str(executed.data_summary["raw_path"]).removeprefix("gs://data/")]
            == b"\xff\xfe"
        )

    @pytest.mark.parametrize(
        ("parameters", "named"),
        [({"game_date": "soon"}, "game_date"), ({}, "game_date"), ({"gamedate": "2025-01-15"}, "gamedate")],
        ids=["malformed", "missing", "misnamed"],
    )
    def test_invalid_parameters_are_named_without_fetch(
        self, bench: Bench, parameters: dict[str, str], named: str
    ) -> None:
        """One date had three names (incident 30)."""
        outcome = failed(bench, requested(parameters=parameters))
        assert outcome.kind is FailureKind.INTERNAL
        assert named in outcome.message
        assert bench.requested_urls == []

    def test_error_without_text_has_its_class_as_message(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An error without a text had an empty message, and a failure without a message is invalid."""
        module = bench.registry["lines"].module
        monkeypatch.setitem(module.FAILURES, "blocked", type(module.FAILURES["blocked"])())
        assert failed(bench, asking(raises="blocked")).message == "Blocked"


def test_only_declared_parameters_are_logged(bench: Bench) -> None:
    executed = bench.execute(asking(raises="blocked", api_key="secret")).executed
    assert executed.opts == {"game_date": "2025-01-15", "raises": "blocked"}
    assert isinstance(executed.outcome, Failed)
    assert "secret" not in executed.outcome.message


@pytest.mark.parametrize(("failures", "status"), [(1, Success), (2, Success), (3, Failed)])
def test_transport_retries_are_counted_in_the_execution(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, failures: int, status: type
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)
    answers = iter([httpx.Response(503)] * failures + [httpx.Response(200, text="a\nb\n")])
    bench.source = lambda _request: next(answers)
    executed = bench.execute(asking()).executed
    assert type(executed.outcome) is status
    assert executed.retry_count == min(failures, 2)
    assert executed.attempt == 1


def test_payload_write_outage_raises_unavailable(bench: Bench) -> None:
    """Pub/Sub delivers the request again."""
    bench.data.down = True
    with pytest.raises(Unavailable):
        bench.execute(asking())


def test_records_write_outage_raises_unavailable(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    module, parse = bench.registry["lines"].module, bench.registry["lines"].module.parse

    def parse_during_an_outage(payload: bytes, parameters: Any) -> Any:
        bench.data.down = True
        return parse(payload, parameters)

    monkeypatch.setattr(module, "parse", parse_during_an_outage)
    with pytest.raises(Unavailable):
        bench.execute(asking())


class TestWithoutABucket:
    def run(self, bench: Bench, saved: SavedPayload | None) -> Any:
        return execute(
            asking(),
            bench.registry["lines"],
            environment="local",
            now=NOON,
            open_http=bench.open_http,
            data=None,
            saved=saved,
        )

    def test_a_dry_run_fetches_and_writes_nothing(self, bench: Bench) -> None:
        execution = self.run(bench, None)
        assert execution.executed.outcome == Success(record_count=3, gcs_path=None)
        assert (execution.landed, bench.data.bodies, len(bench.requested_urls)) == (None, {}, 1)

    def test_saved_payload_is_parsed_without_fetch(self, bench: Bench) -> None:
        execution = self.run(bench, SavedPayload(b"a\nb\n", dated=True))
        assert execution.executed.outcome == Success(record_count=2, gcs_path=None)
        assert bench.requested_urls == []

    def test_undated_saved_payload_takes_day_of_its_document(self, bench: Bench) -> None:
        executed = self.run(bench, SavedPayload(b"about: 2025-01-14\na\nb\n", dated=False)).executed
        assert isinstance(executed.outcome, Success)
        assert executed.game_date.isoformat() == executed.opts["game_date"] == "2025-01-14"

    @pytest.mark.parametrize(("about", "kind"), [("2025-01-14", NoData), ("2025-01-16", Failed)])
    def test_saved_payload_of_another_day_is_no_success(
        self, bench: Bench, about: str, kind: type[Outcome]
    ) -> None:
        executed = self.run(bench, SavedPayload(f"about: {about}\na\nb\n".encode(), dated=True)).executed
        assert isinstance(executed.outcome, kind)
