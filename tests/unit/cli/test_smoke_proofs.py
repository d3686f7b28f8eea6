"""Tests of the smoke test's proofs: published events and verdicts on their rows."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.samples import NOON
from tipoff_cli.checkout import WORKFLOWS, find_fleet
from tipoff_cli.commands.smoke.proofs import Proven, draft_proofs, prove, scraper_to_prove
from tipoff_common.catalog import load_catalog
from tipoff_common.events import ScrapeRequested, TickFired
from tipoff_common.ports import Parameter
from tipoff_common.publisher import Publisher
from tipoff_common.testing import RecordingBus
from tipoff_dev.fleet.repository import init_fleet
from tipoff_planning.loading import load_workflows

FLEET = Path(__file__).parents[3] / "services/scraper-runner/scrapers"
SCRAPER = "nbac_schedule"
GOOD = {"status": "success", "error_type": None, "error_message": None}


def test_smoke_scraper_is_calendar_or_first_with_date_only(tmp_path: Path) -> None:
    assert scraper_to_prove(load_workflows(WORKFLOWS, load_catalog(FLEET))) == SCRAPER
    init_fleet(tmp_path / "rivers", None, "UTC")
    own = find_fleet(tmp_path / "rivers")
    assert scraper_to_prove(load_workflows(own.workflows, load_catalog(own.scrapers))) == "rivers_items"


class Answers:
    """A warehouse that returns the execution row after `after` queries, or never for None."""

    def __init__(self, scrape: Mapping[str, Any], after: int | None = 0) -> None:
        self._scrape, self._after, self.queries = scrape, after, 0

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:  # noqa: ARG002
        self.queries += 1
        if "scraper_execution_log" not in sql:
            return [{"action": "SKIP"}]
        late = self._after is None or self.queries < self._after
        return [] if late else [dict(self._scrape)]


def run(answers: Answers, timeout: float = 5.0) -> tuple[list[Proven], RecordingBus]:
    bus, now = RecordingBus(), [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    clock: Callable[[], float] = lambda: now[0]  # noqa: E731
    proofs = draft_proofs(SCRAPER, "dev", NOON)
    results = prove(
        proofs,
        Publisher("smoke", bus),
        answers,  # type: ignore[arg-type]  # only asked
        timeout,
        clock=clock,
        sleep=sleep,
    )
    return list(results), bus


def test_smoke_events_have_no_event_time_and_new_request_ids() -> None:
    """No event time, which only replays have; ticks with a cadence of their own; a request with a new id."""
    ticks = [
        proof.event for proof in draft_proofs(SCRAPER, "dev", NOON) if isinstance(proof.event, TickFired)
    ]
    assert [(tick.cadence_minutes, tick.event_time) for tick in ticks] == [(1, None), (1, None)]
    first, second = (draft_proofs(SCRAPER, "dev", NOON)[2].event for _ in range(2))
    assert isinstance(first, ScrapeRequested)
    assert isinstance(second, ScrapeRequested)
    assert first.request_id != second.request_id


def test_smoke_scraper_takes_only_game_date() -> None:
    spec = load_catalog(FLEET)[SCRAPER]
    assert set(spec.parameters) == {"game_date"}


def test_rows_are_searched_from_tick_minute_despite_clock_skew() -> None:
    since = draft_proofs(SCRAPER, "dev", NOON)[0].parameters["since"]
    assert since == NOON - timedelta(minutes=1)
    assert draft_proofs(SCRAPER, "dev", NOON + timedelta(seconds=6))[0].parameters["since"] == NOON


def test_late_row_is_awaited() -> None:
    results, bus = run(Answers(GOOD, after=7))
    assert [result.fault for result in results] == [None, None, None]
    assert results[2].seconds > results[0].seconds
    assert len(bus.published) == 3


def test_absent_row_is_reported_after_timeout() -> None:
    results, _ = run(Answers(GOOD, after=None), timeout=3.0)
    assert [result.fault for result in results] == [None, None, "no row within 3 s"]


@pytest.mark.parametrize(("kind", "at_fault"), [("internal", True), ("blocked", False), ("http", False)])
def test_smoke_test_fails_for_internal_errors_only(kind: str, at_fault: bool) -> None:
    """The wrong image answered for three days (incident 26)."""
    row = {"status": "failed", "error_type": kind, "error_message": "no scraper"}
    results, _ = run(Answers(row))
    assert bool(results[2].fault) is at_fault


def test_event_without_row_is_republished_each_minute() -> None:
    """Pub/Sub redelivers a refused message only after minutes of back-off."""
    results, bus = run(Answers(GOOD, after=None), timeout=150.0)
    assert [result.fault for result in results] == [None, None, "no row within 150 s"]
    again = [envelope.payload for envelope in bus.published[3:]]
    assert len(again) == 2
    assert {type(event) for event in again} == {ScrapeRequested}
    assert len({event.request_id for event in again if isinstance(event, ScrapeRequested)}) == 1
